/* mem.c - a device in memory. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dev/dev.h"

struct mem {
	struct im_dev dev;
	uint8_t *bytes;
};

static int mem_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	(void)err;
	memcpy(buf, ((struct mem *)dev)->bytes + off, len);
	return 0;
}

static int mem_write(struct im_dev *dev, uint64_t off, const void *buf, size_t len, struct im_error *err)
{
	(void)err;
	memcpy(((struct mem *)dev)->bytes + off, buf, len);
	return 0;
}

static int mem_zero(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err)
{
	(void)err;
	memset(((struct mem *)dev)->bytes + off, 0, len);
	return 0;
}

static int mem_resize(struct im_dev *dev, uint64_t size, struct im_error *err)
{
	struct mem *m = (struct mem *)dev;
	uint8_t *grown = size > SIZE_MAX ? NULL : realloc(m->bytes, size ? size : 1);

	if (!grown)
		return im_error_nomem(err);
	if (size > dev->size)
		memset(grown + dev->size, 0, size - dev->size);
	m->bytes = grown;
	dev->size = size;
	return 0;
}

static void mem_close(struct im_dev *dev)
{
	free(((struct mem *)dev)->bytes);
	free(dev);
}

static const struct im_dev_ops mem_ops = {
	.read = mem_read,
	.write = mem_write,
	.zero = mem_zero,
	.resize = mem_resize,
	.close = mem_close,
};

struct im_dev *im_dev_mem(uint64_t size, uint32_t sector_size, struct im_error *err)
{
	struct mem *m = calloc(1, sizeof(*m));

	if (m && size <= SIZE_MAX)
		m->bytes = calloc(1, size ? size : 1);
	if (!m || !m->bytes) {
		free(m);
		im_error_nomem(err);
		return NULL;
	}
	m->dev = (struct im_dev){ .ops = &mem_ops, .size = size, .sector_size = sector_size };
	return &m->dev;
}

uint8_t *im_dev_mem_bytes(struct im_dev *dev)
{
	return ((struct mem *)dev)->bytes;
}
