/* reserve_map.c - FAT volumes with a longer reserved area: where they come to lie, and their segments of the map.
 *
 * It is laid over what the layout moves. Either the old reserved sectors go to a new, sooner start, and
 * nothing behind them moves further; or everything behind them moves right within the room that the solved
 * layout leaves. In both cases the new reserved sectors, behind the old ones, become zero.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"
#include "plan/plan.h"

const struct im_reserve *im_layout_reserve(const struct im_layout *l, uint64_t start)
{
	for (size_t i = 0; i < l->reserves.n; i++)
		if (l->reserves.v[i].start == start)
			return &l->reserves.v[i];
	return NULL;
}

uint64_t im_layout_start(const struct im_layout *l, uint64_t start)
{
	const struct im_reserve *s = im_layout_reserve(l, start);

	return im_layout_moved(l, start) - (s && s->is_back ? s->add : 0);
}

uint64_t im_layout_size(const struct im_layout *l, uint64_t start, uint64_t size)
{
	const struct im_reserve *s = im_layout_reserve(l, start);

	return size + (!s ? 0 : s->is_back ? s->add : s->grow);
}

uint64_t im_layout_old_size(const struct im_layout *l, const struct im_volume *v)
{
	return v->number ? v->size : l->units.v[0].size;
}

static int map_reserve(struct im_plan_context *ctx, const struct im_reserve *s, struct im_error *err)
{
	int number = ctx->scan->volumes.v[s->volume].number;
	uint64_t start = im_layout_start(ctx->layout, s->start);
	char name[80], reason[240];

	im_say(name, sizeof(name), number ? N_("partition %d") : N_("the volume"), number);
	if (s->is_back) {
		im_say(reason, sizeof(reason), "the reserved sectors of %s begin %" PRIu64 " bytes sooner", name, s->add);
		if (im_map_from(ctx->map, start, s->head, s->start, reason, err) < 0)
			return -1;
	} else {
		im_say(reason, sizeof(reason), "what lies behind the reserved sectors of %s moves right by %" PRIu64
		       " bytes", name, start + s->add - s->start);
		if (im_map_from(ctx->map, start + s->head + s->add, s->length - s->head, s->start + s->head, reason, err) < 0)
			return -1;
	}
	im_say(reason, sizeof(reason), im_plural(s->add / s->sector, "%s gets %" PRIu64 " more reserved sector",
						   "%s gets %" PRIu64 " more reserved sectors"), name, s->add / s->sector);
	return im_map_zero(ctx->map, start + s->head, s->add, reason, err);
}

int im_map_reserves(struct im_plan_context *ctx, struct im_error *err)
{
	for (size_t i = 0; i < ctx->layout->reserves.n; i++)
		if (map_reserve(ctx, &ctx->layout->reserves.v[i], err) < 0)
			return -1;
	return 0;
}
