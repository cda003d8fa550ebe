/* volume_map.c - what volumes record about their own position, after the move. */
#include <string.h>

#include "base/bytes.h"
#include "fmt/fat.h"
#include "plan/inside.h"

/* Is this finding on this volume, and to be repaired? */
static bool wanted(const struct im_plan_context *ctx, const struct im_volume *v, const char *id)
{
	for (size_t i = 0; i < ctx->scan->findings.n; i++) {
		const struct im_finding *f = &ctx->scan->findings.v[i];

		if (f->partition == v->number && f->is_fixable && strcmp(f->id, id) == 0 &&
		    im_plan_wants(ctx->options, f))
			return true;
	}
	return false;
}

static int put_edits(struct im_plan_context *ctx, const struct im_fs_edits *edits, uint64_t start, struct im_error *err)
{
	char reason[400];

	for (size_t i = 0; i < edits->list.n; i++) {
		const struct im_fs_edit *e = &edits->list.v[i];

		im_join_reasons(ctx->map, start + e->off, e->reason, reason, sizeof(reason));
		if (im_map_literal(ctx, start + e->off, e->data, e->len, reason, err) < 0)
			return -1;
	}
	return 0;
}

/* The edits of one volume that moves, or that is repaired where it is; they come on top of what the map gives
 * at its new place already. */
static int edits_of(struct im_plan_context *ctx, const struct im_volume *v, uint64_t new_start,
		    struct im_fs_edits *edits, struct im_error *err)
{
	uint64_t base = v->is_logical ? ctx->scan->mbr.parts.v[v->entry].base : 0;
	const struct im_fs_info *info = &v->info[0];
	bool moves = new_start != v->start;
	struct im_dev *view = im_map_view(ctx->map, ctx->dev, err);
	struct im_dev *window = view ? im_dev_window(view, new_start, v->there, err) : NULL;
	const struct im_reserve *reserve = im_layout_reserve(ctx->layout, v->start);
	int rc = 0;

	if (!window) {
		im_dev_close(view);
		return -1;
	}
	if (reserve) {
		uint64_t hidden = info->hidden;

		/* a bare volume that stays keeps what it records */
		if (v->number || moves)
			hidden = im_hidden_wanted(v, info, v->start, base, new_start, im_layout_moved(ctx->layout, base));
		rc = im_fat_reserve(window, info, (uint32_t)(reserve->add / reserve->sector), hidden, edits, err);
	} else if (v->fs[0]->relocate && info->has_hidden && (moves || wanted(ctx, v, "hidden-sectors-mismatch"))) {
		uint64_t hidden = im_hidden_wanted(v, info, v->start, base, new_start,
						   im_layout_moved(ctx->layout, base));

		rc = v->fs[0]->relocate(window, info, hidden, edits, err);
	} else if (v->fs[0]->refresh_backup && info->backup_stale && (moves || wanted(ctx, v, "backup-boot-stale"))) {
		rc = v->fs[0]->refresh_backup(window, info, edits, err);
	}
	im_dev_close(window);
	im_dev_close(view);
	return rc;
}

/* Content that must not be moved, or that nobody can move without guessing. */
static int check_movable(const struct im_volume *v, struct im_error *err)
{
	char title[160];

	im_volume_title(v, title, sizeof(title));
	if (v->n_formats > 1)
		return im_error_at(err, IM_EREFUSED, v->start, "partition %d holds %s file systems, each valid; which one's"
				   " records should follow the move is not for imgmend to guess", v->number, title);
	for (int i = 0; i < v->n_formats; i++)
		if (v->info[i].is_pinned)
			return im_error_at(err, IM_EREFUSED, v->start, "partition %d (%s) belongs to a set of disks that knows it"
					   " by its position; it must not be moved", v->number, title);
	return 0;
}

static int one_volume(struct im_plan_context *ctx, size_t i, struct im_error *err)
{
	const struct im_volume *v = &ctx->scan->volumes.v[i];
	uint64_t new_start = im_layout_start(ctx->layout, v->start);
	struct im_fs_edits edits = { 0 };
	int rc;

	if (v->is_extended || (new_start != v->start && check_movable(v, err) < 0))
		return v->is_extended ? 0 : -1;
	if (!v->n_formats)
		return 0;
	if (v->state != IM_FOUND) {
		if (new_start == v->start || !ctx->plan)
			return 0;
		return im_plan_note(ctx->plan, err, "the %s file system of partition %d is damaged: it moves as it is, its"
				    " boot sector is not edited", v->info[0].name, v->number);
	}
	rc = im_inside_lay(ctx, i, new_start, err);
	if (rc == 0)
		rc = edits_of(ctx, v, new_start, &edits, err);
	if (rc == 0)
		rc = put_edits(ctx, &edits, new_start, err);
	im_fs_edits_free(&edits);
	return rc;
}

int im_map_volumes(struct im_plan_context *ctx, struct im_error *err)
{
	for (size_t i = 0; i < ctx->scan->volumes.n; i++)
		if (one_volume(ctx, i, err) < 0)
			return -1;
	return 0;
}
