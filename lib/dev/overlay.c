/* overlay.c - a device that keeps what is written to it in memory and never passes it on.
 *
 * Blocks of 512 bytes are kept in a hash table; a read takes the rest from the device below.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/vec.h"
#include "dev/dev.h"

#define BUCKETS 4096u

struct block {
	uint64_t number;
	size_t next;		/* index of the next one in the bucket, plus 1; 0: none */
	uint8_t bytes[IM_OVERLAY_BLOCK];
};

struct overlay {
	struct im_dev dev;
	struct im_dev *next;
	size_t buckets[BUCKETS];	/* index of the first block, plus 1 */
	IM_VEC(struct block) blocks;
};

static struct block *find(struct overlay *o, uint64_t number)
{
	for (size_t i = o->buckets[number % BUCKETS]; i; i = o->blocks.v[i - 1].next)
		if (o->blocks.v[i - 1].number == number)
			return &o->blocks.v[i - 1];
	return NULL;
}

static size_t block_len(const struct overlay *o, uint64_t number)
{
	return (size_t)im_min(IM_OVERLAY_BLOCK, o->dev.size - number * IM_OVERLAY_BLOCK);
}

/* The block, with the content from below when it is a new one. */
static struct block *own(struct overlay *o, uint64_t number, struct im_error *err)
{
	struct block *b = find(o, number);
	uint8_t bytes[IM_OVERLAY_BLOCK] = { 0 };

	if (b)
		return b;
	if (im_dev_read(o->next, number * IM_OVERLAY_BLOCK, bytes, block_len(o, number), err) < 0)
		return NULL;
	b = im_vec_push(&o->blocks, err);
	if (!b)
		return NULL;
	b->number = number;
	memcpy(b->bytes, bytes, sizeof(bytes));
	b->next = o->buckets[number % BUCKETS];
	o->buckets[number % BUCKETS] = o->blocks.n;
	return b;
}

static int overlay_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	struct overlay *o = (struct overlay *)dev;
	uint8_t *p = buf;

	if (im_dev_read(o->next, off, buf, len, err) < 0)
		return -1;
	if (!o->blocks.n)
		return 0;
	for (uint64_t at = off; at < off + len;) {
		size_t skip = (size_t)(at % IM_OVERLAY_BLOCK), n = (size_t)im_min(IM_OVERLAY_BLOCK - skip, off + len - at);
		const struct block *b = find(o, at / IM_OVERLAY_BLOCK);

		if (b)
			memcpy(p + (at - off), b->bytes + skip, n);
		at += n;
	}
	return 0;
}

static int overlay_write(struct im_dev *dev, uint64_t off, const void *buf, size_t len, struct im_error *err)
{
	struct overlay *o = (struct overlay *)dev;
	const uint8_t *p = buf;

	while (len) {
		size_t skip = (size_t)(off % IM_OVERLAY_BLOCK), n = (size_t)im_min(IM_OVERLAY_BLOCK - skip, len);
		struct block *b = own(o, off / IM_OVERLAY_BLOCK, err);

		if (!b)
			return -1;
		memcpy(b->bytes + skip, p, n);
		off += n;
		p += n;
		len -= n;
	}
	return 0;
}

static int overlay_flush(struct im_dev *dev, struct im_error *err)
{
	(void)dev, (void)err;
	return 0;
}

static void overlay_close(struct im_dev *dev)
{
	im_vec_free(&((struct overlay *)dev)->blocks);
	free(dev);
}

static const struct im_dev_ops overlay_ops = {
	.read = overlay_read,
	.write = overlay_write,
	.flush = overlay_flush,
	.close = overlay_close,
};

struct im_dev *im_dev_overlay(struct im_dev *next, struct im_error *err)
{
	struct overlay *o = calloc(1, sizeof(*o));

	if (!o) {
		im_error_nomem(err);
		return NULL;
	}
	o->dev = (struct im_dev){
		.ops = &overlay_ops, .size = next->size, .sector_size = next->sector_size, .watch = next->watch, .is_filter = true,
	};
	o->next = next;
	return &o->dev;
}

static int by_number(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

/* Does the block say what the device below says anyway? */
static bool is_as_below(struct overlay *o, const struct block *b)
{
	uint8_t bytes[IM_OVERLAY_BLOCK];
	size_t len = block_len(o, b->number);

	return im_dev_read(o->next, b->number * IM_OVERLAY_BLOCK, bytes, len, NULL) == 0 && memcmp(bytes, b->bytes, len) == 0;
}

void im_dev_overlay_settle(struct im_dev *overlay)
{
	struct overlay *o = (struct overlay *)overlay;
	size_t kept = 0;

	for (size_t i = 0; i < o->blocks.n; i++)
		if (!is_as_below(o, &o->blocks.v[i]))
			o->blocks.v[kept++] = o->blocks.v[i];
	o->blocks.n = kept;
	if (o->blocks.n)
		qsort(o->blocks.v, o->blocks.n, sizeof(*o->blocks.v), by_number);
	memset(o->buckets, 0, sizeof(o->buckets));
	for (size_t i = 0; i < o->blocks.n; i++) {
		struct block *b = &o->blocks.v[i];

		b->next = o->buckets[b->number % BUCKETS];
		o->buckets[b->number % BUCKETS] = i + 1;
	}
}

const uint8_t *im_dev_overlay_block(struct im_dev *overlay, size_t i, uint64_t *off)
{
	struct overlay *o = (struct overlay *)overlay;

	if (i >= o->blocks.n)
		return NULL;
	*off = o->blocks.v[i].number * IM_OVERLAY_BLOCK;
	return o->blocks.v[i].bytes;
}
