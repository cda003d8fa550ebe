/* view.c - the corrected image as a device: renders the map over the old image. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "map/map.h"

struct view {
	struct im_dev dev;
	struct im_dev *old;
	const struct im_map *map;
};

static int read_segment(struct view *v, const struct im_segment *s, uint64_t off, uint8_t *p, size_t len,
			struct im_error *err)
{
	uint64_t skip = off - s->start;

	switch (s->kind) {
	case IM_KEEP:
		return im_dev_read(v->old, off, p, len, err);
	case IM_FROM:
		return im_dev_read(v->old, s->from + skip, p, len, err);
	case IM_BYTES:
		memcpy(p, s->data + skip, len);
		return 0;
	case IM_ZERO:
		memset(p, 0, len);
		return 0;
	case IM_FILL:
		memset(p, s->fill, len);
		return 0;
	}
	return im_error_set(err, IM_EFORMAT, "a segment of the map has no meaning");
}

static int view_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	struct view *v = (struct view *)dev;
	uint8_t *p = buf;

	for (size_t i = im_map_find(v->map, off); len; i++) {
		const struct im_segment *s = &v->map->segs.v[i];
		size_t n = (size_t)im_min(len, s->start + s->len - off);

		if (read_segment(v, s, off, p, n, err) < 0)
			return -1;
		off += n;
		p += n;
		len -= n;
	}
	return 0;
}

static int view_extent(struct im_dev *dev, uint64_t off, uint64_t len, struct im_extent *out, struct im_error *err)
{
	struct view *v = (struct view *)dev;
	const struct im_segment *s = &v->map->segs.v[im_map_find(v->map, off)];
	uint64_t n = im_min(len, s->start + s->len - off);

	*out = (struct im_extent){ .len = n, .is_zero = s->kind == IM_ZERO };
	if (s->kind == IM_KEEP)
		return im_dev_extent(v->old, off, n, out, err);
	if (s->kind == IM_FROM)
		return im_dev_extent(v->old, s->from + (off - s->start), n, out, err);
	return 0;
}

static void view_close(struct im_dev *dev)
{
	free(dev);
}

static const struct im_dev_ops view_ops = {
	.read = view_read,
	.extent = view_extent,
	.close = view_close,
};

struct im_dev *im_map_view(const struct im_map *map, struct im_dev *old, struct im_error *err)
{
	struct view *v = calloc(1, sizeof(*v));

	if (!v) {
		im_error_nomem(err);
		return NULL;
	}
	v->dev = (struct im_dev){
		.ops = &view_ops,
		.size = map->new_size,
		.sector_size = old->sector_size,
		.is_read_only = true,
		.watch = old->watch,
	};
	v->old = old;
	v->map = map;
	return &v->dev;
}
