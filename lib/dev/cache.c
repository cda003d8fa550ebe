/* cache.c - a small read cache, so that many readers may look at the same few places.
 *
 * Every reader of a file system reads its own superblock, and most of them lie in the same first kilobytes: those are
 * read at once. A block that cannot be read in whole is not kept: what was asked for may be in the part that can be.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dev/dev.h"

#define BLOCK 4096u
#define HEAD (5 * BLOCK)
#define SLOTS 23		/* a prime: superblocks lie at round distances from each other */

struct cache {
	struct im_dev dev;
	struct im_dev *next;
	uint64_t block[SLOTS];		/* what is in each, UINT64_MAX: nothing */
	uint64_t head_len;		/* 0: not read yet */
	uint8_t bytes[SLOTS][BLOCK];
	uint8_t head[HEAD];
};

/* The bytes from off on, *len of them or less, as they are kept; NULL where they cannot be. */
static const uint8_t *kept(struct cache *c, uint64_t off, size_t *len)
{
	uint64_t block = off / BLOCK, there;
	size_t slot = block % SLOTS;

	if (off < HEAD) {
		there = im_min(HEAD, c->dev.size);
		if (!c->head_len && im_dev_read(c->next, 0, c->head, there, NULL) == 0)
			c->head_len = there;
		*len = (size_t)im_min(*len, HEAD - off);
		return c->head_len ? c->head + off : NULL;
	}
	*len = (size_t)im_min(*len, BLOCK - off % BLOCK);
	if (c->block[slot] != block) {
		c->block[slot] = UINT64_MAX;
		if (im_dev_read(c->next, block * BLOCK, c->bytes[slot], (size_t)im_min(BLOCK, c->dev.size - block * BLOCK), NULL) < 0)
			return NULL;
		c->block[slot] = block;
	}
	return c->bytes[slot] + off % BLOCK;
}

static int cache_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	struct cache *c = (struct cache *)dev;
	uint8_t *p = buf;

	if (len > 4 * BLOCK)
		return im_dev_read(c->next, off, buf, len, err);
	while (len) {
		size_t n = len;
		const uint8_t *bytes = kept(c, off, &n);

		if (bytes)
			memcpy(p, bytes, n);
		else if (im_dev_read(c->next, off, p, n, err) < 0)
			return -1;
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
	struct cache *c = malloc(sizeof(*c));	/* what is kept need not be zeroed first */

	if (!c) {
		im_error_nomem(err);
		return NULL;
	}
	c->dev = *next;
	c->dev.ops = &cache_ops;
	c->dev.is_read_only = c->dev.is_filter = true;
	c->next = next;
	c->head_len = 0;
	for (size_t i = 0; i < SLOTS; i++)
		c->block[i] = UINT64_MAX;
	return &c->dev;
}
