/* fat_reserve.c - room for the longer reserved area of FAT volumes.
 *
 * Two ways, in the layout that im_solve has left:
 *
 *	back	the volume begins sooner, in free space before it; only its reserved sectors move
 *	insert	what lies behind the reserved sectors moves right, into the unused end of the partition, into a
 *		gap behind it, or into growth of the image
 *
 * Nobody else gives way. A volume that stands still takes the first way that fits, but does not write over bytes
 * of the gap that are not zero while there is another. One that moves anyway has its alignment from im_solve, and
 * keeps it by the second.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "plan/plan.h"

/* One volume, and the two ways for it. */
struct job {
	const struct im_volume *v;
	uint64_t start, size;		/* in the solved layout */
	uint64_t before, behind;	/* free bytes on both sides there */
	uint64_t slack;			/* bytes of the partition behind the volume */
	bool is_bound;			/* its boot code knows where it begins from a field that nobody keeps true */
	struct im_reserve back, insert;
	struct im_way way_back, way_insert;
};

static uint64_t end_of_disk(const struct im_layout *l)
{
	if (l->may_grow)
		return UINT64_MAX;
	return l->disk_size > l->tail ? l->disk_size - l->tail : 0;
}

/* Take [start, start+size) out of the room around `at`. */
static void narrow(uint64_t at, uint64_t start, uint64_t size, uint64_t *low, uint64_t *high)
{
	if (start < at)
		*low = im_max(*low, start + size);
	else
		*high = im_min(*high, start);
}

/* A logical partition lies among the EBRs, inside of its extended one. */
static void stay_inside(const struct im_plan_context *ctx, const struct im_layout *l, const struct job *job, uint64_t *low,
			uint64_t *high)
{
	const struct im_scan *scan = ctx->scan;

	for (size_t i = 0; i < scan->volumes.n; i++) {
		const struct im_volume *o = &scan->volumes.v[i];

		if (!o->is_extended || job->v->start < o->start || job->v->start >= o->start + o->size)
			continue;
		*low = im_layout_moved(l, o->start);
		*high = *low + o->size;
	}
	for (size_t i = 0; i < scan->mbr.ebrs.n; i++)
		narrow(job->start, im_layout_moved(l, scan->mbr.ebrs.v[i].off), scan->sector_size, low, high);
}

/* The free bytes before and behind the volume where the layout puts it. */
static void find_room(const struct im_plan_context *ctx, const struct im_layout *l, struct job *job)
{
	const struct im_scan *scan = ctx->scan;
	uint64_t low = l->floor, high = end_of_disk(l);

	if (job->v->is_logical)
		stay_inside(ctx, l, job, &low, &high);
	for (size_t i = 0; i < scan->volumes.n; i++) {
		const struct im_volume *o = &scan->volumes.v[i];

		if (o == job->v || (job->v->is_logical ? o->is_extended : o->is_logical))
			continue;
		narrow(job->start, im_layout_start(l, o->start), im_layout_size(l, o->start, o->size), &low, &high);
	}
	/* in a hybrid MBR, protective entries end where a mirrored partition begins, or begin where one ends */
	for (size_t i = 0; scan->table == IM_TABLE_GPT && scan->mbr.is_hybrid && i < scan->mbr.parts.n; i++) {
		const struct im_mbr_part *p = &scan->mbr.parts.v[i];

		if (p->type == IM_MBR_TYPE_GPT && (p->start + p->size <= job->start || p->start >= job->start + job->size))
			narrow(job->start, p->start, p->size, &low, &high);
	}
	job->before = job->start > low ? job->start - low : 0;
	job->behind = high > job->start + job->size ? high - job->start - job->size : 0;
}

/* What the reserved area must get: up to byte 8192, in whole sectors of the volume and of the disk. */
static int measure(const struct im_plan_context *ctx, const struct im_layout *l, size_t volume, struct job *job,
		   struct im_error *err)
{
	const struct im_volume *v = &ctx->scan->volumes.v[volume];
	struct im_fat_geometry g;
	struct im_bpb bpb;
	uint64_t add;
	int got = im_scan_fat(v, ctx->dev, &g, err);

	if (got < 0 || im_dev_read(ctx->dev, v->start, &bpb, sizeof(bpb), err) < 0)
		return -1;
	*job = (struct job){ .v = v, .start = im_layout_moved(l, v->start), .size = im_layout_old_size(l, v) };
	if (!got || g.reserved >= IM_RESERVED || g.size > job->size ||
	    !im_round_up(IM_RESERVED - g.reserved, im_max(g.sector, ctx->scan->sector_size), &add))
		return im_error_at(err, IM_EREFUSED, v->start, "the counts in the boot sector of the FAT volume at byte %" PRIu64
				   " do not fit its place, so its reserved area is left alone; check it with fsck.fat", v->start);
	job->slack = job->size - g.size;
	/* DOS before 4.0 has two bytes there, which are not known for hidden sectors */
	job->is_bound = !g.has_hidden && im_fat_code_of(&bpb) != IM_FAT_CODE_NONE;
	job->back = (struct im_reserve){
		.volume = volume, .start = v->start, .head = g.reserved, .length = g.size, .add = add, .sector = g.sector,
		.is_back = true,
	};
	job->insert = job->back;
	job->insert.is_back = false;
	find_room(ctx, l, job);
	return 0;
}

/* By how much the partition must grow, its end on a cylinder border where the table's ends are and there is room. */
static uint64_t growth_of(const struct im_plan_context *ctx, const struct im_layout *l, const struct job *job)
{
	uint64_t end = job->start + job->size, grow, border;

	if (job->insert.add <= job->slack)
		return 0;
	if (!im_round_up(job->insert.add - job->slack, ctx->scan->sector_size, &grow))
		return UINT64_MAX;
	if (l->cylinder && !job->v->is_logical && im_round_up(end + grow, l->cylinder, &border) &&
	    border - end <= job->behind)
		return border - end;
	return grow;
}

static void judge_ways(const struct im_plan_context *ctx, const struct im_layout *l, struct job *job)
{
	uint64_t grow = job->insert.grow = growth_of(ctx, l, job), end = job->start + job->size;

	job->way_back = (struct im_way){
		.name = "back", .align = im_alignment_of(job->start - im_min(job->start, job->back.add)),
		.bytes_moved = job->back.head, .is_feasible = job->before >= job->back.add && !job->is_bound,
	};
	if (!job->way_back.is_feasible)
		job->way_back.missing = job->start < l->floor || job->is_bound ? UINT64_MAX : job->back.add - job->before;
	job->way_insert = (struct im_way){
		.name = "insert", .align = im_alignment_of(job->start), .bytes_moved = job->insert.length - job->insert.head,
		.is_feasible = job->behind >= grow,
	};
	if (!job->way_insert.is_feasible)
		job->way_insert.missing = grow - job->behind;
	else if (end + grow + l->tail > l->new_size && grow)
		job->way_insert.growth = end + grow + l->tail - l->new_size;
}

/* Put the reserve into the layout. */
static int apply(struct im_layout *l, const struct im_reserve *s, const struct im_way *w, struct im_error *err)
{
	struct im_reserve *n = im_vec_push(&l->reserves, err);

	if (!n)
		return -1;
	*n = *s;
	l->new_size += w->growth;
	return 0;
}

/* Append the way to the plan's list, with the journal that the layout with it needs. */
static int note_way(struct im_plan *plan, struct im_plan_context *ctx, struct im_layout *l, const struct im_reserve *s,
		    struct im_way *w, im_cost_fn *cost, struct im_error *err)
{
	struct im_way *n = im_vec_push(&plan->ways, err);
	int rc;

	if (!n)
		return -1;
	*n = *w;
	if (!w->is_feasible)
		return 0;
	if (apply(l, s, w, err) < 0)
		return -1;
	rc = cost(ctx, l, &n->journal_bytes, err);
	l->reserves.n--;
	l->new_size -= w->growth;
	return rc;
}

/* 1 when the bytes that the way back writes over are zero; 0; -1. */
static int gap_is_empty(const struct im_plan_context *ctx, const struct job *job, struct im_error *err)
{
	uint8_t gap[IM_RESERVED];	/* no reserved area lacks more, in sectors of 512 to 4096 bytes */

	if (job->back.add > sizeof(gap))
		return 0;
	if (im_dev_read(ctx->dev, job->start - job->back.add, gap, job->back.add, err) < 0)
		return -1;
	return im_is_zero(gap, job->back.add);
}

/* 1: back; 0: insert; -1. At least one of them is feasible. */
static int choose(const struct im_plan_context *ctx, const struct job *job, struct im_error *err)
{
	if (!job->way_back.is_feasible || !job->way_insert.is_feasible)
		return job->way_back.is_feasible;
	return job->start == job->v->start ? gap_is_empty(ctx, job, err) : 0;
}

static int nothing_fits(const struct job *job, const struct im_layout *l, struct im_error *err)
{
	char before[160];

	im_say(before, sizeof(before), job->way_back.missing == UINT64_MAX ? N_("it has nowhere to begin sooner") :
	       N_("%" PRIu64 " bytes are missing before it"), job->way_back.missing);
	return im_error_at(err, IM_EREFUSED, job->v->start, "there is no room for %" PRIu64 " more bytes of reserved sectors in"
			   " the FAT volume at byte %" PRIu64 ": %s, and %" PRIu64 " bytes are missing behind it%s; make room next to"
			   " it, or leave it as it is: it is only a warning", job->back.add, job->start, before,
			   job->way_insert.missing, l->may_grow ? "" : _(", as the image may not grow"));
}

/* Code in the boot sector that knows sectors by number would find other ones there. */
static int check_code(struct im_plan *plan, const struct im_plan_context *ctx, const struct im_volume *v,
		      struct im_error *err)
{
	bool allowed = ctx->options->allow_boot_code, is_syslinux;
	enum im_fat_code code;
	struct im_bpb bpb;

	if (im_dev_read(ctx->dev, v->start, &bpb, sizeof(bpb), err) < 0)
		return -1;
	code = im_fat_code_of(&bpb);
	if (code == IM_FAT_CODE_NONE || code == IM_FAT_CODE_BPB)
		return 0;
	is_syslinux = code == IM_FAT_CODE_SYSLINUX;
	if (!allowed)
		return im_error_at(err, IM_EREFUSED, v->start, "the boot sector of the FAT volume at byte %" PRIu64 " holds %s; with"
				   " more reserved sectors it would not boot any more; allow it with"
				   " --allow=unknown-boot-code and %s afterwards", v->start, is_syslinux ?
				   _("SYSLINUX, which knows its next stage by sector number") :
				   _("boot code that imgmend does not know and that may address fixed sectors of the volume"),
				   is_syslinux ? _("install syslinux again") : _("install the boot loader again"));
	return im_plan_note(plan, err, "the boot sector of the FAT volume at byte %" PRIu64 " holds %s: %s must be installed"
			    " again", v->start, is_syslinux ? _("SYSLINUX, which knows its next stage by sector number") :
			    _("boot code that imgmend does not know"), is_syslinux ? "syslinux" : _("the boot loader"));
}

/* The partition's new size, which the list of partitions gives without the old one. */
static int note_size(struct im_plan *plan, const struct im_layout *l, const struct job *job, struct im_error *err)
{
	uint64_t size = im_layout_size(l, job->v->start, job->size);

	if (!job->v->number || size == job->size)
		return 0;
	return im_plan_note(plan, err, "partition %d grows from %" PRIu64 " to %" PRIu64 " bytes, to hold its longer"
			    " reserved area", job->v->number, job->size, size);
}

static int one_volume(struct im_plan *plan, struct im_plan_context *ctx, struct im_layout *l, size_t volume,
		      im_cost_fn *cost, struct im_error *err)
{
	struct im_way *ways;
	struct job job;
	int back;

	if (measure(ctx, l, volume, &job, err) < 0 || check_code(plan, ctx, job.v, err) < 0)
		return -1;
	judge_ways(ctx, l, &job);
	if (note_way(plan, ctx, l, &job.back, &job.way_back, cost, err) < 0 ||
	    note_way(plan, ctx, l, &job.insert, &job.way_insert, cost, err) < 0)
		return -1;
	if (!job.way_back.is_feasible && !job.way_insert.is_feasible)
		return nothing_fits(&job, l, err);
	back = choose(ctx, &job, err);
	if (back < 0)
		return -1;
	ways = &plan->ways.v[plan->ways.n - 2];
	ways[back ? 0 : 1].is_chosen = true;
	if (apply(l, back ? &job.back : &job.insert, back ? &job.way_back : &job.way_insert, err) < 0)
		return -1;
	return note_size(plan, l, &job, err);
}

int im_fat_reserve_plan(struct im_plan *plan, struct im_plan_context *ctx, struct im_layout *l, im_cost_fn *cost,
			struct im_error *err)
{
	const struct im_scan *scan = ctx->scan;

	for (size_t i = 0; i < scan->volumes.n; i++)
		for (size_t k = 0; k < scan->findings.n; k++) {
			const struct im_finding *f = &scan->findings.v[k];

			if (f->partition != scan->volumes.v[i].number || strcmp(f->id, "fat-reserved-short") != 0 ||
			    !f->is_fixable || !im_plan_wants(ctx->options, f))
				continue;
			if (one_volume(plan, ctx, l, i, cost, err) < 0)
				return -1;
		}
	return 0;
}
