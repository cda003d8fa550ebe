/* growth.c - by how much a container's file may grow in a repair: what was a hole and gets data. */
#include <string.h>

#include "api/api.h"
#include "base/bytes.h"

/* Is it zero at off, and how far does that answer go, len at most? Past the end everything is. */
static int ask(struct im_dev *dev, uint64_t off, uint64_t len, struct im_extent *ext, struct im_error *err)
{
	*ext = (struct im_extent){ .len = len, .is_zero = true };
	if (off >= dev->size)
		return 0;
	return im_dev_extent(dev, off, im_min(len, dev->size - off), ext, err);
}

static int add_segment(struct im_dev *image, const struct im_segment *s, uint64_t *bytes, struct im_error *err)
{
	for (uint64_t done = 0, n; done < s->len; done += n) {
		struct im_extent there, source = { .len = s->len, .is_zero = false };

		if (ask(image, s->start + done, s->len - done, &there, err) < 0)
			return -1;
		if (s->kind == IM_FROM && ask(image, s->from + done, there.len, &source, err) < 0)
			return -1;
		n = im_min(im_min(there.len, source.len), s->len - done);
		if (there.is_zero && !source.is_zero)
			*bytes += n;
	}
	return 0;
}

int im_api_growth(struct im_dev *image, const struct im_map *map, uint64_t *bytes, struct im_error *err)
{
	/* of which qemu cannot tell holes */
	bool is_dark = image->container && strcmp(image->container, "vhdx") == 0;

	*bytes = 0;
	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];

		if (s->kind == IM_KEEP || s->kind == IM_ZERO)
			continue;
		if (is_dark)
			*bytes += s->len;
		else if (add_segment(image, s, bytes, err) < 0)
			return -1;
	}
	return 0;
}
