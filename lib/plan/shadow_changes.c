/* shadow_changes.c - the blocks of a volume that the map changes. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "plan/shadow_keeper.h"

int im_shadow_blocks_add(im_shadow_blocks *blocks, uint64_t off, struct im_error *err)
{
	uint64_t *n;

	if (blocks->n && blocks->v[blocks->n - 1] == off)
		return 0;
	n = im_vec_push(blocks, err);
	if (!n)
		return -1;
	*n = off;
	return 0;
}

struct im_dev *im_shadow_new_volume(const struct im_shadow_keeper *k, struct im_dev **view, struct im_error *err)
{
	struct im_dev *window;

	*view = im_map_view(k->ctx->map, k->ctx->dev, err);
	window = *view ? im_dev_window(*view, k->start, k->vol->size, err) : NULL;
	if (!window)
		im_dev_close(*view);
	return window;
}

/* A block without the header of the shadow copies, and with zeros behind the end of the volume. */
static int read_block(struct im_dev *vol, uint64_t off, uint8_t *block, struct im_error *err)
{
	size_t n = (size_t)im_min(IM_VSS_BLOCK, vol->size - off);

	memset(block + n, 0, IM_VSS_BLOCK - n);
	if (im_dev_read(vol, off, block, n, err) < 0)
		return -1;
	if (!off)
		memset(block + IM_VSS_HEADER, 0, IM_VSS_HEADER_SIZE);
	return 0;
}

int im_shadow_block_differs(struct im_dev *a, struct im_dev *b, uint64_t off, uint8_t *two, struct im_error *err)
{
	if (read_block(a, off, two, err) < 0 || read_block(b, off, two + IM_VSS_BLOCK, err) < 0)
		return -1;
	return memcmp(two, two + IM_VSS_BLOCK, IM_VSS_BLOCK) != 0;
}

/* Is this segment what the volume has there already? */
static bool moves_with(const struct im_shadow_keeper *k, const struct im_segment *s)
{
	uint64_t from = s->kind == IM_KEEP ? s->start : s->from;

	return (s->kind == IM_KEEP || s->kind == IM_FROM) && from - k->v->start == s->start - k->start;
}

/* Look at the blocks of a segment, from *next on, where those before it have ended. */
static int look_at_segment(struct im_shadow_keeper *k, struct im_dev *new, const struct im_segment *s, uint64_t *next, uint8_t *two,
			   struct im_error *err)
{
	uint64_t from = im_max(s->start, k->start), end = im_min(s->start + s->len, k->start + k->vol->size);

	if (from >= end || moves_with(k, s))
		return 0;
	*next = im_max(*next, (from - k->start) / IM_VSS_BLOCK * IM_VSS_BLOCK);
	for (; *next < end - k->start; *next += IM_VSS_BLOCK) {
		int differs = im_shadow_block_differs(k->vol, new, *next, two, err);

		if (differs < 0 || (differs && im_shadow_blocks_add(&k->changed, *next, err) < 0))
			return -1;
	}
	return 0;
}

int im_shadow_find_changed(struct im_shadow_keeper *k, struct im_error *err)
{
	const struct im_map *map = k->ctx->map;
	struct im_dev *view, *new = im_shadow_new_volume(k, &view, err);
	uint64_t next = 0;
	uint8_t *two;
	int rc;

	if (!new)
		return -1;
	two = malloc(2 * IM_VSS_BLOCK);
	rc = two ? 0 : im_error_nomem(err);
	for (size_t i = 0; rc == 0 && i < map->segs.n; i++)
		rc = look_at_segment(k, new, &map->segs.v[i], &next, two, err);
	free(two);
	im_dev_close(new);
	im_dev_close(view);
	return rc;
}
