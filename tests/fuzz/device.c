/* device.c - sparse devices of the fuzz targets, and inputs taken apart into them. */
#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"

#define PAGE 4096u
#define BUCKETS 512u

struct page {
	struct page *next;
	uint64_t number;
	uint8_t bytes[PAGE];
};

struct sparse {
	struct im_dev dev;
	struct page *buckets[BUCKETS];
	uint64_t size_max, writes;
	fuzz_guard guard;
	void *arg;
};

static struct page *find(const struct sparse *s, uint64_t number)
{
	struct page *p = s->buckets[number % BUCKETS];

	while (p && p->number != number)
		p = p->next;
	return p;
}

static struct page *own(struct sparse *s, uint64_t number)
{
	struct page *p = find(s, number);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		abort();
	p->number = number;
	p->next = s->buckets[number % BUCKETS];
	s->buckets[number % BUCKETS] = p;
	return p;
}

static int sparse_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	uint8_t *out = buf;

	(void)err;
	while (len) {
		size_t skip = (size_t)(off % PAGE), n = (size_t)im_min(PAGE - skip, len);
		const struct page *p = find((struct sparse *)dev, off / PAGE);

		if (p)
			memcpy(out, p->bytes + skip, n);
		else
			memset(out, 0, n);
		out += n;
		off += n;
		len -= n;
	}
	return 0;
}

static void look(struct sparse *s, uint64_t off, uint64_t len)
{
	s->writes++;
	if (s->guard)
		s->guard(s->arg, &s->dev, off, len);
}

static void put(struct sparse *s, uint64_t off, const uint8_t *in, size_t len)
{
	while (len) {
		size_t skip = (size_t)(off % PAGE), n = (size_t)im_min(PAGE - skip, len);

		if (find(s, off / PAGE) || !im_is_zero(in, n))
			memcpy(own(s, off / PAGE)->bytes + skip, in, n);
		in += n;
		off += n;
		len -= n;
	}
}

static int sparse_write(struct im_dev *dev, uint64_t off, const void *buf, size_t len, struct im_error *err)
{
	(void)err;
	look((struct sparse *)dev, off, len);
	put((struct sparse *)dev, off, buf, len);
	return 0;
}

/* Zero what there is of [off, end), page by page of those that exist. */
static void clear(struct sparse *s, uint64_t off, uint64_t end)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct page *p = s->buckets[i]; p; p = p->next) {
			uint64_t from = im_max(off, p->number * PAGE), to = im_min(end, (p->number + 1) * PAGE);

			if (from < to)
				memset(p->bytes + from % PAGE, 0, to - from);
		}
	}
}

static int sparse_zero(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err)
{
	(void)err;
	look((struct sparse *)dev, off, len);
	clear((struct sparse *)dev, off, off + len);
	return 0;
}

static int sparse_resize(struct im_dev *dev, uint64_t size, struct im_error *err)
{
	struct sparse *s = (struct sparse *)dev;

	if (size > s->size_max)
		return im_error_set(err, IM_ENOSPC, "the sparse device does not grow that far");
	look(s, size, 0);
	if (size < dev->size)
		clear(s, size, dev->size);
	dev->size = size;
	return 0;
}

static int sparse_extent(struct im_dev *dev, uint64_t off, uint64_t len, struct im_extent *out, struct im_error *err)
{
	(void)err;
	out->is_zero = !find((struct sparse *)dev, off / PAGE);
	out->len = im_min(len, PAGE - off % PAGE);
	/* a few steps are enough to see long extents */
	for (int i = 0; i < 64 && out->len < len && !find((struct sparse *)dev, (off + out->len) / PAGE) == out->is_zero; i++)
		out->len = im_min(len, out->len + PAGE);
	return 0;
}

static void sparse_close(struct im_dev *dev)
{
	struct sparse *s = (struct sparse *)dev;

	for (size_t i = 0; i < BUCKETS; i++) {
		while (s->buckets[i]) {
			struct page *next = s->buckets[i]->next;

			free(s->buckets[i]);
			s->buckets[i] = next;
		}
	}
	free(s);
}

static const struct im_dev_ops sparse_ops = {
	.read = sparse_read,
	.write = sparse_write,
	.zero = sparse_zero,
	.resize = sparse_resize,
	.extent = sparse_extent,
	.close = sparse_close,
};

struct im_dev *fuzz_dev(uint64_t size, uint64_t size_max)
{
	struct sparse *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->dev = (struct im_dev){ .ops = &sparse_ops, .size = size, .sector_size = 512 };
	s->size_max = size_max;
	return &s->dev;
}

void fuzz_dev_guard(struct im_dev *dev, fuzz_guard guard, void *arg)
{
	((struct sparse *)dev)->guard = guard;
	((struct sparse *)dev)->arg = arg;
}

uint64_t fuzz_dev_writes(const struct im_dev *dev)
{
	return ((const struct sparse *)dev)->writes;
}

struct im_dev *fuzz_dev_copy(struct im_dev *dev, uint64_t size_max)
{
	const struct sparse *s = (const struct sparse *)dev;
	struct im_dev *copy = fuzz_dev(dev->size, size_max);

	copy->sector_size = dev->sector_size;
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct page *p = s->buckets[i]; p; p = p->next)
			memcpy(own((struct sparse *)copy, p->number)->bytes, p->bytes, PAGE);
	return copy;
}

/* The first byte of a page of s in which `other` differs. */
static uint64_t differ_in(const struct sparse *s, struct im_dev *other)
{
	uint64_t first = UINT64_MAX;
	uint8_t bytes[PAGE];

	for (size_t i = 0; i < BUCKETS; i++) {
		for (const struct page *p = s->buckets[i]; p; p = p->next) {
			sparse_read(other, p->number * PAGE, bytes, PAGE, NULL);
			for (size_t k = 0; k < PAGE; k++)
				if (bytes[k] != p->bytes[k] && p->number * PAGE + k < s->dev.size)
					first = im_min(first, p->number * PAGE + k);
		}
	}
	return first;
}

uint64_t fuzz_dev_differ(struct im_dev *a, struct im_dev *b)
{
	return im_min(differ_in((const struct sparse *)a, b), differ_in((const struct sparse *)b, a));
}

static uint32_t get24(const uint8_t *p)
{
	return im_get16(p) | (uint32_t)p[2] << 16;
}

static void put_chunks(const uint8_t *p, size_t left, struct im_dev *dev[2])
{
	for (int i = 0; i < FUZZ_CHUNKS_MAX && left > FUZZ_CHUNK; i++) {
		uint64_t off = (uint64_t)(im_get32(p) & 0x7fffffff) * FUZZ_UNIT;
		struct im_dev *to = dev[im_get32(p) >> 31];
		size_t len = im_get16(p + 4);

		p += FUZZ_CHUNK;
		left -= FUZZ_CHUNK;
		len = (size_t)im_min(len, left);
		if (to && off < to->size)
			put((struct sparse *)to, off, p, (size_t)im_min(len, to->size - off));
		p += len;
		left -= len;
	}
}

bool fuzz_devices(const uint8_t *data, size_t size, uint64_t size_max, bool two, struct fuzz_head *head,
		  struct im_dev *dev[2])
{
	if (size < FUZZ_HEAD)
		return false;
	*head = (struct fuzz_head){ .flags = data[0], .number = im_get32(data + 12) };
	memcpy(head->option, data + 1, 3);
	for (int i = 0; i < 2; i++) {
		head->size[i] = (uint64_t)get24(data + 4 + 4 * i) * 512 + data[7 + 4 * i] * 2u;
		if (head->size[i] > size_max)
			head->size[i] %= size_max;
		dev[i] = i && !two ? NULL : fuzz_dev(head->size[i], size_max);
	}
	put_chunks(data + FUZZ_HEAD, size - FUZZ_HEAD, dev);
	return true;
}
