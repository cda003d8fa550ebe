/* cache.c - a small read cache, so that many readers may look at the same few places.
 *
 * Every reader of a file system reads its own superblock, and most of them lie in the first 84 KiB: those are read in
 * parts, each when it is first asked for. A part or block that cannot be read in whole is not kept: what was asked for
 * may be in what can be.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dev/dev.h"

#define BLOCK 4096u
#define SLOTS 61		/* a prime: superblocks lie at round distances from each other */
#define PARTS 3
#define HEAD (84u << 10)

/* Bytes where the parts of the head begin, and the last one ends. Each is short of IM_DIRECT_MIN: the page cache may have it. The
 * third has what stands 64 KiB into a volume, be it the disk or one that begins in its first sectors. */
static const uint32_t borders[PARTS + 1] = { 0, 44 << 10, 60 << 10, HEAD };

struct cache {
	struct im_dev dev;
	struct im_dev *next;
	uint64_t block[SLOTS];		/* what is in each, UINT64_MAX: nothing */
	enum { UNREAD, KEPT, FAILED } parts[PARTS];
	uint8_t bytes[SLOTS][BLOCK];
	uint8_t head[HEAD];
};

/* Is that part of the head in memory? It is read once: each attempt on a bad sector may take a disk seconds. */
static bool has_part(struct cache *c, size_t i)
{
	uint64_t start = borders[i], end = im_min(borders[i + 1], c->dev.size);

	if (c->parts[i] == UNREAD)
		c->parts[i] = im_dev_read(c->next, start, c->head + start, (size_t)(end - start), NULL) < 0 ? FAILED : KEPT;
	return c->parts[i] == KEPT;
}

static const uint8_t *in_head(struct cache *c, uint64_t off, size_t *len)
{
	size_t i = 0;

	while (off >= borders[i + 1])
		i++;
	*len = (size_t)im_min(*len, borders[i + 1] - off);
	return has_part(c, i) ? c->head + off : NULL;
}

static bool has_block(struct cache *c, size_t slot, uint64_t block)
{
	uint64_t start = block * BLOCK;

	if (c->block[slot] == block)
		return true;
	c->block[slot] = UINT64_MAX;
	if (im_dev_read(c->next, start, c->bytes[slot], (size_t)im_min(BLOCK, c->dev.size - start), NULL) < 0)
		return false;
	c->block[slot] = block;
	return true;
}

/* The bytes from off on, *len of them or less, as they are kept; NULL where they cannot be. */
static const uint8_t *kept(struct cache *c, uint64_t off, size_t *len)
{
	size_t slot = off / BLOCK % SLOTS;

	if (off < HEAD)
		return in_head(c, off, len);
	*len = (size_t)im_min(*len, BLOCK - off % BLOCK);
	return has_block(c, slot, off / BLOCK) ? c->bytes[slot] + off % BLOCK : NULL;
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
	memset(c->parts, 0, sizeof(c->parts));
	for (size_t i = 0; i < SLOTS; i++)
		c->block[i] = UINT64_MAX;
	return &c->dev;
}
