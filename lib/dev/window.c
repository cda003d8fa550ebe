/* window.c - a part of a device as a read-only device of its own. */
#include <stdlib.h>

#include "base/bytes.h"
#include "dev/dev.h"

struct window {
	struct im_dev dev;
	struct im_dev *next;
	uint64_t start;
};

static int window_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	struct window *w = (struct window *)dev;

	return im_dev_read(w->next, w->start + off, buf, len, err);
}

static int window_extent(struct im_dev *dev, uint64_t off, uint64_t len, struct im_extent *out, struct im_error *err)
{
	struct window *w = (struct window *)dev;

	return im_dev_extent(w->next, w->start + off, len, out, err);
}

static void window_close(struct im_dev *dev)
{
	free(dev);
}

static const struct im_dev_ops window_ops = {
	.read = window_read,
	.extent = window_extent,
	.close = window_close,
};

struct im_dev *im_dev_window(struct im_dev *next, uint64_t start, uint64_t len, struct im_error *err)
{
	struct window *w = calloc(1, sizeof(*w));

	if (!w) {
		im_error_nomem(err);
		return NULL;
	}
	start = im_min(start, next->size);
	w->dev = (struct im_dev){
		.ops = &window_ops,
		.size = im_min(len, next->size - start),
		.sector_size = next->sector_size,
		.is_read_only = true,
		.watch = next->watch,
		.is_filter = true,
	};
	w->next = next;
	w->start = start;
	return &w->dev;
}
