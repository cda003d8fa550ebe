/* moves.c - the layout's moves as segments of the map, and literals where they differ. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "plan/plan.h"

#define UNIT 512	/* grain of literals */

static void name_of(const struct im_unit *u, char out[80])
{
	im_say(out, 80, !u->number ? N_("the volume") : u->is_extended ? N_("extended partition %d") : N_("partition %d"), u->number);
}

int im_map_moves(struct im_plan_context *ctx, struct im_error *err)
{
	const struct im_layout *l = ctx->layout;
	char name[80], reason[240];

	/* what is left behind reads as zeros, so that no stale file system stays in a gap … */
	for (size_t i = 0; i < l->units.n; i++) {
		const struct im_unit *u = &l->units.v[i];

		if (u->new_start == u->start)
			continue;
		name_of(u, name);
		im_say(reason, sizeof(reason), "%s has left this place", name);
		if (im_map_zero(ctx->map, u->start, u->size, reason, err) < 0)
			return -1;
	}
	/* … where nothing else comes to lie */
	for (size_t i = 0; i < l->units.n; i++) {
		const struct im_unit *u = &l->units.v[i];
		bool right = u->new_start > u->start;

		if (u->new_start == u->start)
			continue;
		name_of(u, name);
		im_say(reason, sizeof(reason), right ? N_("%s moves right by %" PRIu64 " bytes") :
		       N_("%s moves left by %" PRIu64 " bytes"), name,
		       right ? u->new_start - u->start : u->start - u->new_start);
		if (im_map_from(ctx->map, u->new_start, u->size, u->start, reason, err) < 0)
			return -1;
	}
	return 0;
}

int im_map_literal(struct im_plan_context *ctx, uint64_t off, const uint8_t *data, uint64_t len, const char *reason,
		   struct im_error *err)
{
	struct im_dev *view = im_map_view(ctx->map, ctx->dev, err);
	uint8_t *now = malloc(len ? len : 1);
	uint64_t from = 0;
	int rc = -1;

	if (!view || !now) {
		im_error_nomem(err);
		goto out;
	}
	if (im_dev_read(view, off, now, len, err) < 0)
		goto out;
	/* runs of units that differ */
	while (from < len) {
		uint64_t end = from, n;

		while (end < len && (n = im_min(UNIT, len - end), memcmp(now + end, data + end, n) != 0))
			end += n;
		if (end > from && im_map_bytes(ctx->map, off + from, data + from, end - from, reason, err) < 0)
			goto out;
		from = end + UNIT;
	}
	rc = 0;
out:
	im_dev_close(view);
	free(now);
	return rc;
}

void im_join_reasons(const struct im_map *map, uint64_t off, const char *reason, char *out, size_t size)
{
	const struct im_segment *s = &map->segs.v[im_map_find(map, off)];

	if (s->kind == IM_BYTES && s->reason && strstr(s->reason, reason) == NULL)
		snprintf(out, size, "%s; %s", s->reason, reason);
	else
		snprintf(out, size, "%s", reason);
}

int im_map_patch(struct im_plan_context *ctx, uint64_t off, const void *bytes, size_t len, const char *reason, struct im_error *err)
{
	uint64_t in = off % UNIT, size = (in + len + UNIT - 1) / UNIT * UNIT;
	struct im_dev *view = im_map_view(ctx->map, ctx->dev, err);
	uint8_t *sectors = malloc(size);
	char all[400];
	int rc = !view ? -1 : sectors ? im_dev_read(view, off - in, sectors, size, err) : im_error_nomem(err);

	im_dev_close(view);
	if (rc == 0) {
		memcpy(sectors + in, bytes, len);
		im_join_reasons(ctx->map, off - in, reason, all, sizeof(all));
		rc = im_map_literal(ctx, off - in, sectors, size, all, err);
	}
	free(sectors);
	return rc;
}
