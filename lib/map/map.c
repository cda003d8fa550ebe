/* map.c - building image maps by painting one segment over the others. */
#include "map/map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void segment_free(struct im_segment *s)
{
	free(s->data);
	free(s->reason);
}

void im_map_free(struct im_map *map)
{
	for (size_t i = 0; i < map->segs.n; i++)
		segment_free(&map->segs.v[i]);
	im_vec_free(&map->segs);
}

/* Append a copy of the part [start, start+len) of s. */
static int append_part(struct im_map *out, const struct im_segment *s, uint64_t start, uint64_t len,
		       struct im_error *err)
{
	struct im_segment *n;
	uint64_t skip = start - s->start;

	if (!len)
		return 0;
	n = im_vec_push(&out->segs, err);
	if (!n)
		return -1;
	*n = (struct im_segment){ .start = start, .len = len, .kind = s->kind, .fill = s->fill };
	if (s->kind == IM_FROM)
		n->from = s->from + skip;
	if (s->kind == IM_BYTES) {
		n->data = malloc(len);
		if (!n->data)
			return im_error_nomem(err);
		memcpy(n->data, s->data + skip, len);
	}
	if (s->reason) {
		n->reason = strdup(s->reason);
		if (!n->reason)
			return im_error_nomem(err);
	}
	return 0;
}

/* Replace what the map says about the range of `top` (borrowed) by top. */
static int paint(struct im_map *map, const struct im_segment *top, struct im_error *err)
{
	struct im_map next = { .old_size = map->old_size, .new_size = map->new_size };
	uint64_t end = top->start + top->len;
	bool done = false;

	if (!top->len)
		return 0;
	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];
		uint64_t s_end = s->start + s->len;

		if (append_part(&next, s, s->start, s->start < top->start ? im_min(s_end, top->start) - s->start : 0,
				err) < 0)
			goto fail;
		if (!done && s_end > top->start) {
			if (append_part(&next, top, top->start, top->len, err) < 0)
				goto fail;
			done = true;
		}
		if (s_end > end) {
			uint64_t from = im_max(s->start, end);

			if (append_part(&next, s, from, s_end - from, err) < 0)
				goto fail;
		}
	}
	im_map_free(map);
	*map = next;
	return 0;
fail:
	im_map_free(&next);
	return -1;
}

int im_map_init(struct im_map *map, uint64_t old_size, uint64_t new_size, struct im_error *err)
{
	struct im_segment *s;

	*map = (struct im_map){ .old_size = old_size, .new_size = new_size };
	if (im_min(old_size, new_size)) {
		s = im_vec_push(&map->segs, err);
		if (!s)
			return -1;
		*s = (struct im_segment){ .len = im_min(old_size, new_size), .kind = IM_KEEP };
	}
	if (new_size > old_size) {
		s = im_vec_push(&map->segs, err);
		if (!s)
			return -1;
		*s = (struct im_segment){ .start = old_size, .len = new_size - old_size, .kind = IM_ZERO };
		s->reason = strdup(_("the image grows"));
		if (!s->reason)
			return im_error_nomem(err);
	}
	return 0;
}

static int check_inside(const struct im_map *map, uint64_t start, uint64_t len, struct im_error *err)
{
	uint64_t end;

	if (im_add(start, len, &end) && end <= map->new_size)
		return 0;
	return im_error_at(err, IM_EUSAGE, start, "a segment of %" PRIu64 " bytes at byte %" PRIu64
			   " passes the end of the corrected image (%" PRIu64 ")", len, start, map->new_size);
}

int im_map_from(struct im_map *map, uint64_t start, uint64_t len, uint64_t from, const char *reason,
		struct im_error *err)
{
	struct im_segment top = { .start = start, .len = len, .kind = IM_FROM, .from = from, .reason = (char *)reason };
	uint64_t end;

	if (check_inside(map, start, len, err) < 0)
		return -1;
	if (!im_add(from, len, &end) || end > map->old_size)
		return im_error_at(err, IM_EUSAGE, from, "the source of a segment passes the end of the image");
	if (from == start)
		top = (struct im_segment){ .start = start, .len = len, .kind = IM_KEEP };
	return paint(map, &top, err);
}

int im_map_bytes(struct im_map *map, uint64_t start, const void *data, uint64_t len, const char *reason,
		 struct im_error *err)
{
	struct im_segment top = { .start = start, .len = len, .kind = IM_BYTES, .data = (uint8_t *)data,
				  .reason = (char *)reason };

	return check_inside(map, start, len, err) < 0 ? -1 : paint(map, &top, err);
}

int im_map_zero(struct im_map *map, uint64_t start, uint64_t len, const char *reason, struct im_error *err)
{
	struct im_segment top = { .start = start, .len = len, .kind = IM_ZERO, .reason = (char *)reason };

	return check_inside(map, start, len, err) < 0 ? -1 : paint(map, &top, err);
}

int im_map_fill(struct im_map *map, uint64_t start, uint64_t len, uint8_t byte, const char *reason,
		struct im_error *err)
{
	struct im_segment top = { .start = start, .len = len, .kind = IM_FILL, .fill = byte, .reason = (char *)reason };

	return check_inside(map, start, len, err) < 0 ? -1 : paint(map, &top, err);
}

size_t im_map_find(const struct im_map *map, uint64_t off)
{
	size_t lo = 0, hi = map->segs.n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (map->segs.v[mid].start <= off)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static int by_start(const void *a, const void *b)
{
	const struct im_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

int im_map_doubles(const struct im_map *map, bool *yes, struct im_error *err)
{
	struct im_range *v = calloc(map->segs.n + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return im_error_nomem(err);
	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];

		if (s->kind == IM_KEEP || s->kind == IM_FROM)
			v[n++] = (struct im_range){ s->kind == IM_KEEP ? s->start : s->from, s->len };
	}
	qsort(v, n, sizeof(*v), by_start);
	*yes = false;
	for (size_t i = 1; i < n; i++)
		*yes |= v[i].start < v[i - 1].start + v[i - 1].len;
	free(v);
	return 0;
}

bool im_map_is_identity(const struct im_map *map)
{
	for (size_t i = 0; i < map->segs.n; i++)
		if (map->segs.v[i].kind != IM_KEEP)
			return false;
	return map->old_size == map->new_size;
}

int im_map_check(const struct im_map *map, struct im_error *err)
{
	uint64_t at = 0, end;

	if (map->segs.n > IM_MAP_SEGMENTS_MAX)
		return im_error_set(err, IM_EREFUSED, "the map has more than %d segments", IM_MAP_SEGMENTS_MAX);
	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];

		if (s->start != at || !s->len || !im_add(s->start, s->len, &at) || at > map->new_size)
			return im_error_at(err, IM_EFORMAT, s->start, "segment %zu of the map leaves a gap, overlaps"
					   " or passes the end", i);
		if (s->kind == IM_KEEP && at > map->old_size)
			return im_error_at(err, IM_EFORMAT, s->start, "segment %zu keeps bytes past the old end", i);
		if (s->kind == IM_FROM && (s->from == s->start || !im_add(s->from, s->len, &end) || end > map->old_size))
			return im_error_at(err, IM_EFORMAT, s->start, "the source of segment %zu passes the old end, or is its own place", i);
		if (s->kind > IM_FILL || (s->kind == IM_BYTES && !s->data))
			return im_error_at(err, IM_EFORMAT, s->start, "segment %zu has no meaning", i);
	}
	if (at != map->new_size)
		return im_error_at(err, IM_EFORMAT, at, "the map ends at byte %" PRIu64 " of %" PRIu64, at,
				   map->new_size);
	return 0;
}
