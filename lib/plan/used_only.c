/* used_only.c - --used-only: what a file system says is free need not move, and is not kept for undo.
 *
 * In the map such a piece of a move becomes zeros, and the old bytes go into plan->dropped. Whole pieces of a move alone: what
 * the plan writes for another reason stays. Free is what free.h reads of the old volume, through the recorder, so that a plan
 * does not fit an image whose bitmaps have changed since.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "fmt/free.h"
#include "plan/plan.h"
#include "scan/shadows.h"

/* The map takes at most IM_MAP_SEGMENTS_MAX pieces; each hole in a move makes two more. */
static bool has_room(const struct im_map *map)
{
	return map->segs.n + 64 < IM_MAP_SEGMENTS_MAX;
}

static int drop(struct im_plan *plan, uint64_t new_start, uint64_t old_start, uint64_t len, struct im_error *err)
{
	struct im_range *r = im_vec_push(&plan->dropped, err);

	if (!r)
		return -1;
	*r = (struct im_range){ old_start, len };
	return im_map_zero(&plan->map, new_start, len, _("free space, which is not moved (--used-only)"), err);
}

/* Old bytes [start, start+len) are free: wherever the map moves them, it does so no more. *sum grows by what that is. */
static int drop_range(struct im_plan *plan, uint64_t start, uint64_t len, uint64_t *sum, struct im_error *err)
{
	for (size_t i = 0; i < plan->map.segs.n && has_room(&plan->map); i++) {
		const struct im_segment *s = &plan->map.segs.v[i];
		uint64_t from = im_max(s->from, start), end = im_min(s->from + s->len, start + len);

		if (s->kind != IM_FROM || end < from + IM_FREE_LEAST)
			continue;
		if (drop(plan, s->start + (from - s->from), from, end - from, err) < 0)
			return -1;
		*sum += end - from;
	}
	return 0;
}

static bool is_moved(const struct im_map *map, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];

		if (s->kind == IM_FROM && s->from < end && s->from + s->len > start)
			return true;
	}
	return false;
}

/* As im_free_find, of a volume that is one thing and sound. */
static int find_free(struct im_plan_context *ctx, const struct im_volume *v, struct im_free *free, struct im_error *err)
{
	struct im_dev *window;
	bool any = false;
	int rc;

	*free = (struct im_free){ .why = _("it is not clear what it holds") };
	if (v->n_formats != 1 || v->state != IM_FOUND)
		return IM_ABSENT;
	window = im_dev_window(ctx->dev, v->start, v->size, err);
	/* what the volume knows to be free, a snapshot may have in use */
	rc = window ? im_shadows_any(window, v, &any, err) : -1;
	free->why = _("it has shadow copies, which may have in use what it says is free");
	if (rc == 0)
		rc = any ? IM_ABSENT : im_free_find(window, &v->info[0], free, err);
	im_dev_close(window);
	return rc;
}

static int drop_of_volume(struct im_plan_context *ctx, const struct im_volume *v, struct im_error *err)
{
	struct im_free free;
	uint64_t sum = 0;
	char title[160];
	int rc = find_free(ctx, v, &free, err);

	if (rc < 0)
		return -1;
	im_volume_title(v, title, sizeof(title));
	if (rc != IM_FOUND)
		return im_plan_note(ctx->plan, err, "all of the %s at byte %" PRIu64 " is moved, free space too: %s", title, v->start, free.why);
	rc = 0;
	for (size_t i = 0; i < free.list.n && rc == 0; i++)
		rc = drop_range(ctx->plan, v->start + free.list.v[i].off, free.list.v[i].len, &sum, err);
	im_free_done(&free);
	if (rc == 0 && sum)
		rc = im_plan_note(ctx->plan, err, "%" PRIu64 " bytes of free space of the %s at byte %" PRIu64 " are not moved, and not kept: undo"
				  " brings zeros back there, not what was there", sum, title, v->start);
	return rc;
}

static int by_start(const void *a, const void *b)
{
	const struct im_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

int im_plan_drop_free(struct im_plan_context *ctx, struct im_error *err)
{
	const struct im_plan_options *o = ctx->options;
	struct im_plan *plan = ctx->plan;
	bool whole = false;

	if (!o->used_only || im_map_is_identity(&plan->map))
		return 0;
	if (o->moves_whole && o->moves_whole(o->cost_arg, &plan->map, &whole, err) < 0)
		return -1;
	if (whole)
		return im_plan_note(plan, err, "--used-only changes nothing: whole blocks move here without being read");
	for (size_t i = 0; i < ctx->scan->volumes.n; i++) {
		const struct im_volume *v = &ctx->scan->volumes.v[i];

		if (!v->is_extended && is_moved(&plan->map, v->start, v->start + v->size) && drop_of_volume(ctx, v, err) < 0)
			return -1;
	}
	if (plan->dropped.n)
		qsort(plan->dropped.v, plan->dropped.n, sizeof(*plan->dropped.v), by_start);
	return 0;
}
