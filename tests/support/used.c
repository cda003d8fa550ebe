/* used.c - a repaired image that somebody has worked with, and what taking the repair back makes of it: a byte that moved comes back as
 * it is now, one that only the journal has as it was. Goes by the map alone. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "scene.h"

void scene_use(struct scene *s, uint64_t *seed)
{
	uint64_t size = s->map.new_size;
	uint8_t *now = im_crash_bytes(s->image);

	for (int i = 0; i < 40; i++) {
		uint64_t off = s->sector_size + im_random(seed) % (size - s->sector_size + 1);

		for (uint64_t n = im_random(seed) % 64; n && off < size; n--)
			now[off++] = (uint8_t)im_random(seed);
	}
	im_crash_settle(s->image);
	free(s->used);
	s->used = malloc(size);
	if (!s->used)
		abort();
	memcpy(s->used, now, size);
}

/* Where old byte `off` is in the image at or behind place `from`; UINT64_MAX: nowhere. */
static uint64_t place_of(const struct scene *s, uint64_t off, uint64_t from)
{
	for (size_t i = 0; i < s->map.segs.n; i++) {
		const struct im_segment *seg = &s->map.segs.v[i];
		uint64_t old = seg->kind == IM_KEEP ? seg->start : seg->from, at = seg->start + (off - old);

		if ((seg->kind == IM_KEEP || seg->kind == IM_FROM) && off >= old && off - old < seg->len && at >= from)
			return at;
	}
	return UINT64_MAX;
}

static bool stays(const struct scene *s, uint64_t off)
{
	for (size_t i = 0; i < s->map.segs.n; i++)
		if (s->map.segs.v[i].kind == IM_KEEP && im_is_in(s->map.segs.v[i].start, s->map.segs.v[i].len, off, &(uint64_t){ 1 }))
			return true;
	return false;
}

/* May `byte` stand at old byte off? Where that is in several places, the one where it was already counts, else any of them will
 * do. Nobody has written to sector 0. */
static bool may_be(const struct scene *s, uint64_t off, uint8_t byte)
{
	uint64_t at = place_of(s, off, s->sector_size);
	bool dropped = false;

	if (stays(s, off))
		return byte == (off < s->sector_size ? s->old : s->used)[off];
	if (at == UINT64_MAX) {
		for (size_t i = 0; i < s->n_dropped; i++)
			dropped |= off >= s->dropped[i].start && off - s->dropped[i].start < s->dropped[i].len;
		return byte == s->old[off] || (dropped && !byte);
	}
	for (; at != UINT64_MAX; at = place_of(s, off, at + 1))
		if (byte == s->used[at])
			return true;
	return false;
}

bool scene_is_taken_back(struct scene *s)
{
	const uint8_t *now = im_crash_bytes(s->image);

	if (!s->used)
		return scene_image_is(s, s->old, s->map.old_size);
	if (s->image->size != s->map.old_size)
		return false;
	for (uint64_t i = 0; i < s->map.old_size; i++)
		if (!may_be(s, i, now[i]))
			return false;
	return true;
}
