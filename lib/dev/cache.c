/* cache.c - a small read cache, so that many readers may look at the same few blocks.
 *
 * Every reader of a file system reads its own superblock; most of them lie in the same first kilobytes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dev/dev.h"

#define BLOCK 512u
#define SLOTS 512

struct slot {
	bool is_used;
	uint64_t block;
	uint8_t bytes[BLOCK];
};

struct cache {
	struct im_dev dev;
	struct im_dev *next;
	struct slot slots[SLOTS];
};

static int read_block(struct cache *c, uint64_t block, struct slot **out, struct im_error *err)
{
	struct slot *s = &c->slots[block % SLOTS];
	uint64_t off = block * BLOCK;

	*out = s;
	if (s->is_used && s->block == block)
		return 0;
	s->is_used = false;
	if (im_dev_read(c->next, off, s->bytes, (size_t)im_min(BLOCK, c->dev.size - off), err) < 0)
		return -1;
	s->is_used = true;
	s->block = block;
	return 0;
}

static int cache_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	struct cache *c = (struct cache *)dev;
	uint8_t *p = buf;

	if (len > 4 * BLOCK)
		return im_dev_read(c->next, off, buf, len, err);
	while (len) {
		size_t skip = (size_t)(off % BLOCK), n = (size_t)im_min(BLOCK - skip, len);
		struct slot *s;

		if (read_block(c, off / BLOCK, &s, err) < 0)
			return -1;
		memcpy(p, s->bytes + skip, n);
		p += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int cache_extent(struct im_dev *dev, uint64_t off, uint64_t len, struct im_extent *out, struct im_error *err)
{
	return im_dev_extent(((struct cache *)dev)->next, off, len, out, err);
}

static void cache_close(struct im_dev *dev)
{
	free(dev);
}

static const struct im_dev_ops cache_ops = {
	.read = cache_read,
	.extent = cache_extent,
	.close = cache_close,
};

struct im_dev *im_dev_cache(struct im_dev *next, struct im_error *err)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (!c) {
		im_error_nomem(err);
		return NULL;
	}
	c->dev = *next;
	c->dev.ops = &cache_ops;
	c->dev.is_read_only = true;
	c->next = next;
	return &c->dev;
}
