/* plan.c - the order of planning: what is wanted, may it be done, where to, what that changes, who agrees. */
#include "plan/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/words.h"
#include "fmt/label.h"
#include "plan/boot.h"
#include "plan/fingerprint.h"
#include "plan/inside.h"
#include "plan/shadow_keep.h"
#include "plan/windows.h"

/* A name in --only that is none must not silently repair nothing. */
static int check_only(const char *only, struct im_error *err)
{
	size_t n;

	for (const char *p = only; p && *p; p += n + (p[n] == ',')) {
		bool known = false;

		n = strcspn(p, ",");
		for (int i = 0; im_finding_ids[i]; i++)
			known |= strlen(im_finding_ids[i]) == n && strncmp(im_finding_ids[i], p, n) == 0;
		if (!known)
			return im_error_set(err, IM_EUSAGE, "there is no finding \"%.*s\"; imgmend-scan(8) lists them", (int)n, p);
	}
	return 0;
}

bool im_plan_wants(const struct im_plan_options *options, const struct im_finding *f)
{
	return options->only ? im_words_have(options->only, f->id) : f->severity == IM_ERROR;
}

/* May anything on this disk be rewritten at all? */
static int check_disk(const struct im_scan *scan, struct im_error *err)
{
	for (size_t i = 0; i < scan->findings.n; i++)
		if (strcmp(scan->findings.v[i].id, "other-sector-size") == 0)
			return im_error_set(err, IM_EREFUSED, "%s", scan->findings.v[i].message);
	if (scan->is_fenced)
		return im_error_set(err, IM_EREFUSED, "a repair of this image was begun and has not ended; finish it with"
				    " `imgmend resume` or take it back with `imgmend undo`");
	if (scan->container)
		return im_error_set(err, IM_EREFUSED, "this is a fixed %s file: its footer must stay at its end, so it is not"
				    " repaired as a raw image; convert it (`qemu-img convert -O raw`), repair that, and"
				    " convert it back", im_container_title(scan->container));
	if (scan->is_isohybrid)
		return im_error_set(err, IM_EREFUSED, "this is an isohybrid image: table and boot code know the ISO 9660 file"
				    " system by absolute sector, so nothing in it can be moved");
	if (scan->is_ambivalent)
		return im_error_set(err, IM_EREFUSED, "the disk has both a valid partition table and a valid %s volume over the"
				    " whole of it; erase the one that does not count (`wipefs`) and try again",
				    scan->whole.info[0].name);
	if (scan->is_ldm)
		return im_error_set(err, IM_EREFUSED, "this is a dynamic disk (LDM): its own database knows every position, and"
				    " no tool can edit it");
	if (scan->table == IM_TABLE_GPT && scan->gpt.primary.state != IM_FOUND && scan->gpt.backup.state != IM_FOUND)
		return im_error_set(err, IM_EREFUSED, "neither copy of the GPT is valid; restore it first (`gdisk`)");
	if (scan->sector_size && scan->size % scan->sector_size && scan->table == IM_TABLE_GPT)
		return im_error_set(err, IM_EREFUSED, "the image is %" PRIu64 " bytes long, not a multiple of its %u-byte sectors:"
				    " it is cut off", scan->size, scan->sector_size);
	return 0;
}

/* What the findings that are to be repaired ask for. */
struct wish {
	bool any;
	const struct im_finding *first_unfixable;
};

static struct wish wish_of(const struct im_scan *scan, const struct im_plan_options *options)
{
	struct wish w = { .any = options->add_table != IM_ADD_NONE };

	for (size_t i = 0; i < scan->findings.n; i++) {
		const struct im_finding *f = &scan->findings.v[i];

		if (!im_plan_wants(options, f))
			continue;
		w.any = true;
		if (!f->is_fixable && !w.first_unfixable)
			w.first_unfixable = f;
	}
	return w;
}

static bool gpt_wanted(const struct im_plan_context *ctx)
{
	for (size_t i = 0; i < ctx->scan->findings.n; i++) {
		const struct im_finding *f = &ctx->scan->findings.v[i];

		if (strncmp(f->id, "gpt-", 4) == 0 && f->is_fixable && im_plan_wants(ctx->options, f))
			return true;
	}
	return false;
}

static bool layout_changes(const struct im_layout *l)
{
	return im_layout_moves(l) || l->new_size != l->disk_size || l->reserves.n;
}

/* The map of a layout. */
static int build_map(struct im_plan_context *ctx, struct im_error *err)
{
	const struct im_layout *l = ctx->layout;
	bool gpt = ctx->scan->table == IM_TABLE_GPT && (layout_changes(l) || gpt_wanted(ctx));
	bool dos = ctx->scan->table == IM_TABLE_DOS && layout_changes(l);

	if (ctx->plan && (gpt || dos || l->add_table) && im_plan_guard(ctx, err) < 0)
		return -1;
	if (im_map_init(ctx->map, l->disk_size, l->new_size, err) < 0)
		return -1;
	if ((gpt && im_map_vacate_gpt(ctx, err) < 0) || im_map_moves(ctx, err) < 0 ||
	    im_map_reserves(ctx, err) < 0 || im_map_volumes(ctx, err) < 0 ||
	    (ctx->plan && im_map_windows(ctx, err) < 0) ||
	    (dos && im_map_mbr(ctx, err) < 0) || (gpt && im_map_gpt(ctx, err) < 0) ||
	    (l->add_table && im_map_new_table(ctx, err) < 0) ||
	    /* all that changes inside volumes is laid before what snapshots need of it */
	    (ctx->plan && (im_map_boot(ctx, err) < 0 || im_shadow_keep(ctx, err) < 0))) {
		im_map_free(ctx->map);
		return -1;
	}
	return 0;
}

/* Cost one way: build its map and ask the floor above. */
static int cost_of(void *arg, const struct im_layout *layout, uint64_t *journal_bytes, struct im_error *err)
{
	struct im_plan_context ctx = *(struct im_plan_context *)arg;
	struct im_map map = { 0 };
	int rc;

	if (!ctx.options->cost)
		return 0;
	ctx.layout = layout;
	ctx.map = &map;
	ctx.plan = NULL;
	if (build_map(&ctx, err) < 0)
		return -1;
	rc = ctx.options->cost(ctx.options->cost_arg, &map, journal_bytes, err);
	im_map_free(&map);
	return rc;
}

static bool has_fault(const struct im_layout *l)
{
	for (size_t i = 0; i < l->units.n; i++)
		if (l->units.v[i].is_fault)
			return true;
	return false;
}

/* Nothing moves: edits alone. */
static int only_edits(struct im_plan *plan, struct im_plan_context *ctx, struct im_error *err)
{
	struct im_way *w = im_vec_push(&plan->ways, err);

	if (!w)
		return -1;
	*w = (struct im_way){ .name = "edit", .is_feasible = true, .is_chosen = true,
			      .bytes_moved = im_insides_moved(ctx->insides) };
	return cost_of(ctx, ctx->layout, &w->journal_bytes, err);
}

/* The report's list of partitions, and the sums. */
static int summarise(struct im_plan *plan, const struct im_plan_context *ctx, struct im_error *err)
{
	for (size_t i = 0; i < ctx->scan->volumes.n; i++) {
		const struct im_volume *v = &ctx->scan->volumes.v[i];
		struct im_plan_partition *p = im_vec_push(&plan->partitions, err);

		if (!p)
			return -1;
		*p = (struct im_plan_partition){
			.number = v->number ? v->number : ctx->layout->units.v[0].number,
			.old_start = v->start, .new_start = im_layout_start(ctx->layout, v->start),
			.size = im_layout_size(ctx->layout, v->start, im_layout_old_size(ctx->layout, v)),
			.is_extended = v->is_extended,
		};
	}
	for (size_t i = 0; i < plan->map.segs.n; i++) {
		const struct im_segment *s = &plan->map.segs.v[i];

		plan->bytes_moved += s->kind == IM_FROM ? s->len : 0;
		plan->literal_bytes += s->kind == IM_BYTES || s->kind == IM_FILL ? s->len : 0;
	}
	return 0;
}

static int make(struct im_plan *plan, struct im_plan_context *ctx, struct im_layout *layout, struct im_dev *raw,
		struct im_error *err)
{
	uint64_t align = ctx->options->align ? ctx->options->align : IM_ALIGN_DEFAULT;

	if (align % ctx->scan->sector_size)
		return im_error_set(err, IM_EUSAGE, "the alignment of %" PRIu64 " bytes is not a multiple of the %u-byte sectors",
				    align, ctx->scan->sector_size);
	if ((has_fault(layout) && im_solve(plan, layout, align, cost_of, ctx, err) < 0) ||
	    im_fat_reserve_plan(plan, ctx, layout, cost_of, err) < 0 || (!plan->ways.n && only_edits(plan, ctx, err) < 0))
		return -1;
	ctx->plan = plan;
	if (build_map(ctx, err) < 0)
		return -1;
	if (im_plan_drop_free(ctx, err) < 0 || im_boot_prove(ctx, err) < 0 || im_map_check(&plan->map, err) < 0 || summarise(plan, ctx, err) < 0 || im_plan_notes(ctx, err) < 0)
		return -1;
	if (im_map_is_identity(&plan->map))
		return 0;
	return im_plan_witnesses(ctx, raw, err);
}

int im_plan_make(struct im_plan *plan, const struct im_scan *scan, struct im_dev *recorder, struct im_dev *raw,
		 const struct im_plan_options *options, struct im_error *err)
{
	struct im_layout layout = { 0 };
	struct im_insides insides = { 0 };
	struct im_plan_context ctx = {
		.scan = scan, .options = options, .layout = &layout, .dev = recorder, .map = &plan->map,
		.insides = &insides,
	};
	struct wish wish = wish_of(scan, options);
	int rc = -1;

	*plan = (struct im_plan){ .sector_size = scan->sector_size };
	if (check_only(options->only, err) < 0)
		return -1;
	if (!wish.any && !scan->is_fenced) {
		rc = im_map_init(&plan->map, scan->size, scan->size, err);
		goto out;
	}
	if (check_disk(scan, err) < 0)
		return -1;
	if (im_layout_of(&layout, scan, options, options->to_copy || (raw->ops->resize && !raw->is_block), err) < 0)
		goto out;
	if (wish.first_unfixable)
		im_error_at(err, IM_EREFUSED, wish.first_unfixable->start, "this cannot be repaired: %s",
			    wish.first_unfixable->message);
	else if (im_insides_make(&insides, scan, recorder, options, err) == 0)
		rc = make(plan, &ctx, &layout, raw, err);
out:
	im_insides_free(&insides);
	im_layout_free(&layout);
	if (rc == 0)
		rc = im_plan_take_fingerprint(plan, recorder, raw, err);
	if (rc < 0)
		im_plan_free(plan);
	return rc;
}

void im_plan_free(struct im_plan *plan)
{
	im_map_free(&plan->map);
	im_vec_free(&plan->partitions);
	im_vec_free(&plan->ways);
	im_notes_free(&plan->notes);
	im_opinions_free(&plan->opinions);
	im_vec_free(&plan->findings);
	im_vec_free(&plan->read);
	im_vec_free(&plan->dropped);
}
