/* mapio.c - the file form of an image map (record PLAN of a journal).
 *
 *	old size u64, new size u64, number of segments u64, then for each segment
 *	length u64, from u64 (FILL: the byte), kind u32, length of the reason u32, the reason, the data of BYTES
 *
 * Starts are not stored: segments lie end to end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "map/map.h"

#define HEAD 24
#define SEG_HEAD 24
#define REASON_MAX 4096

static size_t encoded_size(const struct im_map *map)
{
	size_t n = HEAD;

	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];

		n += SEG_HEAD + (s->reason ? strlen(s->reason) : 0) + (s->kind == IM_BYTES ? s->len : 0);
	}
	return n;
}

int im_map_encode(const struct im_map *map, uint8_t **out, size_t *len, struct im_error *err)
{
	uint8_t *p = malloc(encoded_size(map));

	if (!p)
		return im_error_nomem(err);
	*out = p;
	*len = encoded_size(map);
	im_put64(p, map->old_size);
	im_put64(p + 8, map->new_size);
	im_put64(p + 16, map->segs.n);
	p += HEAD;
	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];
		size_t reason = s->reason ? strlen(s->reason) : 0;

		im_put64(p, s->len);
		im_put64(p + 8, s->kind == IM_FILL ? s->fill : s->from);
		im_put32(p + 16, s->kind);
		im_put32(p + 20, (uint32_t)reason);
		p += SEG_HEAD;
		if (reason)
			memcpy(p, s->reason, reason);
		p += reason;
		if (s->kind == IM_BYTES) {
			memcpy(p, s->data, s->len);
			p += s->len;
		}
	}
	return 0;
}

static int cut_short(struct im_error *err)
{
	return im_error_set(err, IM_EFORMAT, "the recorded map is cut short or malformed");
}

/* One segment from *p, of which *left bytes are there; it starts at `start` of the image. */
static int decode_segment(struct im_map *map, uint64_t start, const uint8_t **p, size_t *left, struct im_error *err)
{
	struct im_segment *s;
	uint32_t reason;
	uint64_t data;

	if (*left < SEG_HEAD)
		return cut_short(err);
	s = im_vec_push(&map->segs, err);
	if (!s)
		return -1;
	s->start = start;
	s->len = im_get64(*p);
	s->from = im_get64(*p + 8);
	if (im_get32(*p + 16) > IM_FILL)
		return cut_short(err);
	s->kind = (enum im_kind)im_get32(*p + 16);
	if (s->kind == IM_FILL) {
		if (s->from > UINT8_MAX)
			return cut_short(err);
		s->fill = (uint8_t)s->from;
		s->from = 0;
	}
	reason = im_get32(*p + 20);
	data = s->kind == IM_BYTES ? s->len : 0;
	*p += SEG_HEAD;
	*left -= SEG_HEAD;
	if (reason > REASON_MAX || reason > *left || data > *left - reason)
		return cut_short(err);
	if (reason) {
		s->reason = strndup((const char *)*p, reason);
		if (!s->reason)
			return im_error_nomem(err);
	}
	if (data) {
		s->data = malloc(data);
		if (!s->data)
			return im_error_nomem(err);
		memcpy(s->data, *p + reason, data);
	}
	*p += reason + data;
	*left -= reason + data;
	return 0;
}

int im_map_decode(struct im_map *map, const uint8_t *p, size_t len, struct im_error *err)
{
	uint64_t count, start = 0;

	*map = (struct im_map){ 0 };
	if (len < HEAD)
		return cut_short(err);
	map->old_size = im_get64(p);
	map->new_size = im_get64(p + 8);
	count = im_get64(p + 16);
	p += HEAD;
	len -= HEAD;
	if (count > IM_MAP_SEGMENTS_MAX)
		return cut_short(err);
	for (uint64_t i = 0; i < count; i++) {
		if (decode_segment(map, start, &p, &len, err) < 0 ||
		    (!im_add(start, map->segs.v[i].len, &start) && cut_short(err)))
			goto fail;
	}
	if (len) {
		cut_short(err);
		goto fail;
	}
	if (im_map_check(map, err) < 0)
		goto fail;
	return 0;
fail:
	im_map_free(map);
	return im_error_prefix(err, "plan");
}

int im_map_copy(struct im_map *to, const struct im_map *from, struct im_error *err)
{
	uint8_t *p = NULL;
	size_t len = 0;
	int rc;

	if (im_map_encode(from, &p, &len, err) < 0)
		return -1;
	rc = im_map_decode(to, p, len, err);
	free(p);
	return rc;
}
