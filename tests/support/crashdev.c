/* crashdev.c - a device with a volatile cache; see crashdev.h. */
#include "crashdev.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/vec.h"

enum kind { WRITE, RESIZE, INSERT, COLLAPSE };

struct pending {
	enum kind kind;
	uint64_t off, len;	/* RESIZE: off is the new size */
	uint8_t *data;
};

/* The host's block of each BLOCK bytes, 0 for a hole. */
#define BLOCK 512
#define UNIT_MAX 4096

struct state {
	uint8_t *bytes;
	uint32_t *blocks;
	uint64_t size, cap;	/* cap is a multiple of UNIT_MAX */
	uint32_t unit;		/* in which the host gives and takes storage; 0: BLOCK */
};

struct crash {
	struct im_dev dev;
	struct im_power *power;
	struct state now, durable;
	bool is_stale;		/* now holds what a failed flush lost */
	IM_VEC(struct pending) queue;
};

uint64_t im_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t blocks_of(uint64_t len)
{
	return (len + BLOCK - 1) / BLOCK;
}

/* Blocks that a size may have, those of the unit that it ends in included. */
static uint64_t all_blocks_of(uint64_t size)
{
	return (size + UNIT_MAX - 1) / UNIT_MAX * UNIT_MAX / BLOCK;
}

static uint64_t round_to_unit(const struct state *s, uint64_t size)
{
	uint64_t unit = s->unit ? s->unit : BLOCK;

	return (size + unit - 1) / unit * unit;
}

static void state_resize(struct state *s, uint64_t size)
{
	/* a unit of which some is left stays whole */
	uint64_t kept = round_to_unit(s, im_min(size, s->size)) / BLOCK;

	if (size > s->cap) {
		s->cap = all_blocks_of(size) * BLOCK;
		s->bytes = realloc(s->bytes, s->cap);
		s->blocks = realloc(s->blocks, s->cap / BLOCK * sizeof(*s->blocks));
		if (!s->bytes || !s->blocks)
			abort();
	}
	if (size > s->size && s->bytes)
		memset(s->bytes + s->size, 0, size - s->size);
	for (uint64_t i = kept; i < s->cap / BLOCK; i++)
		s->blocks[i] = 0;
	s->size = size;
}

/* Bytes were written: what was a hole there is one no more. */
static void state_allocate(struct state *s, uint64_t off, uint64_t len)
{
	static uint32_t last;

	for (uint64_t i = off / BLOCK; len && i < blocks_of(off + len); i++)
		if (!s->blocks[i])
			s->blocks[i] = ++last;
}

/* Move the blocks of [from, end) to `to`; what they leave is a hole. */
static void state_move(struct state *s, uint64_t to, uint64_t from, uint64_t end)
{
	uint64_t n = round_to_unit(s, end) - from, gap = to > from ? to - from : from - to, len = im_min(gap, n);
	uint64_t hole = to > from ? from : from + n - len;

	memmove(s->bytes + to, s->bytes + from, n);
	memmove(s->blocks + to / BLOCK, s->blocks + from / BLOCK, n / BLOCK * sizeof(*s->blocks));
	memset(s->bytes + hole, 0, len);
	memset(s->blocks + hole / BLOCK, 0, len / BLOCK * sizeof(*s->blocks));
}

/* The insertion, as far as everything behind byte x. */
static void state_insert(struct state *s, uint64_t off, uint64_t len, uint64_t x)
{
	uint64_t end = s->size;

	x = im_max(off, x);
	state_resize(s, end + len);
	if (x < end)
		state_move(s, x + len, x, end);
}

/* The removal: the range is a hole up to punched; what follows has moved up to byte x, all of it at UINT64_MAX. */
static void state_collapse(struct state *s, uint64_t off, uint64_t len, uint64_t punched, uint64_t x)
{
	uint64_t end = x == UINT64_MAX ? s->size : im_min(s->size, im_max(off + len, x));

	for (uint64_t i = off / BLOCK; i < (off + im_min(punched, len)) / BLOCK; i++) {
		memset(s->bytes + i * BLOCK, 0, BLOCK);
		s->blocks[i] = 0;
	}
	if (punched >= len && end > off + len)
		state_move(s, off, off + len, end);
	if (x == UINT64_MAX)
		state_resize(s, s->size - len);
}

static void state_copy(struct state *to, const struct state *from)
{
	to->unit = from->unit;
	state_resize(to, from->size);
	if (!from->size)
		return;
	memcpy(to->bytes, from->bytes, from->size);
	memcpy(to->blocks, from->blocks, all_blocks_of(from->size) * sizeof(*to->blocks));
}

static void queue_clear(struct crash *c)
{
	for (size_t i = 0; i < c->queue.n; i++)
		free(c->queue.v[i].data);
	c->queue.n = 0;
}

/* Write p to what survives, perhaps only some of its sectors, perhaps only part of one. */
static void survive_write(struct crash *c, const struct pending *p, bool torn)
{
	uint64_t ss = c->dev.sector_size;

	for (uint64_t done = 0; done < p->len;) {
		uint64_t off = p->off + done, n = im_min(ss - off % ss, p->len - done), keep = n, skip = 0;

		if (torn && im_random(&c->power->seed) % 2)
			keep = c->power->tear_sectors && im_random(&c->power->seed) % 2 ?
				im_random(&c->power->seed) % (n + 1) : 0;
		if (torn && im_random(&c->power->seed) % 2)
			skip = n - keep;	/* the end of the sector survives instead of its start */
		if (keep && off + skip + keep <= c->durable.size) {
			memcpy(c->durable.bytes + off + skip, p->data + done + skip, keep);
			state_allocate(&c->durable, off + skip, keep);
		}
		done += n;
	}
}

/* A move of blocks survives whole, or up to some unit of it. */
static void survive_shift(struct crash *c, const struct pending *p, bool torn)
{
	uint64_t unit = c->dev.shift_unit, x = p->off + im_random(&c->power->seed) % (c->durable.size + 1 - p->off) / unit * unit;

	if (p->kind == INSERT)
		state_insert(&c->durable, p->off, p->len, torn ? x : p->off);
	else if (torn && im_random(&c->power->seed) % 3 == 0)
		state_collapse(&c->durable, p->off, p->len, im_random(&c->power->seed) % p->len / unit * unit, p->off);
	else
		state_collapse(&c->durable, p->off, p->len, p->len, torn ? x : UINT64_MAX);
}

static void power_cut(struct crash *c)
{
	struct im_power *pw = c->power;
	size_t prefix = c->queue.n ? im_random(&pw->seed) % (c->queue.n + 1) : 0;

	for (size_t i = 0; i < c->queue.n; i++) {
		const struct pending *p = &c->queue.v[i];
		bool keep = pw->mode == IM_CUT_ALL || (pw->mode == IM_CUT_PREFIX && i < prefix) ||
			    (pw->mode == IM_CUT_RANDOM && im_random(&pw->seed) % 2);
		bool torn = pw->mode == IM_CUT_RANDOM || (pw->mode == IM_CUT_PREFIX && i == prefix);

		if (!keep && !(torn && pw->mode == IM_CUT_PREFIX))
			continue;
		if (p->kind == RESIZE)
			state_resize(&c->durable, p->off);
		else if (p->kind == WRITE)
			survive_write(c, p, torn);
		else
			survive_shift(c, p, torn);
	}
}

/* Count one operation; fails once the power is off. */
static int tick(struct crash *c, struct im_error *err)
{
	struct im_power *pw = c->power;

	if (!pw->is_off && pw->clock++ >= pw->cut_at)
		pw->is_off = true;
	return pw->is_off ? im_error_set(err, IM_EIO, "power is off") : 0;
}

/* Is this the operation that fails? */
static bool is_fault(struct crash *c)
{
	return ++c->power->ops == c->power->fail_at && !c->power->is_off;
}

static int fault(struct crash *c, struct im_error *err)
{
	im_error_set(err, c->power->fault == IM_FAULT_ENOSPC ? IM_ENOSPC : IM_EIO, "a fault was injected");
	return -1;
}

static int crash_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	struct crash *c = (struct crash *)dev;

	if (c->power->is_off)
		return im_error_set(err, IM_EIO, "power is off");
	if (is_fault(c))
		return fault(c, err);
	memcpy(buf, c->now.bytes + off, len);
	return 0;
}

static int enqueue(struct crash *c, struct pending p, struct im_error *err)
{
	struct pending *n;

	/* what comes after the cut never reaches the cache */
	if (c->power->is_off) {
		free(p.data);
		return tick(c, err);
	}
	n = im_vec_push(&c->queue, err);
	if (!n)
		abort();
	*n = p;
	/* the operation that meets the cut is in the queue: it may survive in part */
	return tick(c, err);
}

static int crash_write(struct im_dev *dev, uint64_t off, const void *buf, size_t len, struct im_error *err)
{
	struct crash *c = (struct crash *)dev;
	struct pending p = { .off = off, .len = len, .data = malloc(len ? len : 1) };
	bool fails = is_fault(c);

	if (!p.data)
		abort();
	if (fails)
		p.len = len = c->power->fault == IM_FAULT_HALF ? len / 2 : 0;
	memcpy(p.data, buf, len);
	if (!c->power->is_off) {
		memcpy(c->now.bytes + off, buf, len);
		state_allocate(&c->now, off, len);
	}
	if (enqueue(c, p, err) < 0)
		return -1;
	return fails ? fault(c, err) : 0;
}

/* Blocks that are shared are, for what a cut does to them, bytes that are written. */
static int crash_share(struct im_dev *dev, uint64_t off, struct im_dev *from, uint64_t from_off, uint64_t len,
		       struct im_error *err)
{
	return crash_write(dev, off, ((struct crash *)from)->now.bytes + from_off, len, err);
}

static int crash_zero(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err)
{
	uint8_t *zeros = calloc(1, len);
	int rc = crash_write(dev, off, zeros, len, err);

	free(zeros);
	return rc;
}

/* Everything in the queue is durable now. */
static void flush_queue(struct crash *c)
{
	for (size_t i = 0; i < c->queue.n; i++) {
		const struct pending *p = &c->queue.v[i];

		if (p->kind == RESIZE)
			state_resize(&c->durable, p->off);
		else if (p->kind == INSERT)
			state_insert(&c->durable, p->off, p->len, p->off);
		else if (p->kind == COLLAPSE)
			state_collapse(&c->durable, p->off, p->len, p->len, UINT64_MAX);
		else if (p->len && p->off + p->len <= c->durable.size)	/* else an earlier flush lost the growth */
			memcpy(c->durable.bytes + p->off, p->data, p->len);
	}
	queue_clear(c);
	if (!c->is_stale && c->durable.size == c->now.size && c->now.size)
		memcpy(c->durable.blocks, c->now.blocks, all_blocks_of(c->now.size) * sizeof(*c->now.blocks));
}

/* Only clean pages can be dropped. */
static void crash_forget(struct im_dev *dev)
{
	struct crash *c = (struct crash *)dev;

	if (!c->is_stale || c->queue.n)
		return;
	state_copy(&c->now, &c->durable);
	dev->size = c->now.size;
	c->is_stale = false;
}

static int crash_flush(struct im_dev *dev, struct im_error *err)
{
	struct crash *c = (struct crash *)dev;

	if (tick(c, err) < 0)
		return -1;
	if (is_fault(c)) {
		/* some of it may have got through */
		c->power->mode = IM_CUT_RANDOM;
		power_cut(c);
		queue_clear(c);
		c->is_stale = true;
		return fault(c, err);
	}
	/* what an earlier flush lost is not made durable by this one */
	flush_queue(c);
	return 0;
}

static int crash_resize(struct im_dev *dev, uint64_t size, struct im_error *err)
{
	struct crash *c = (struct crash *)dev;

	c->now.unit = c->durable.unit = dev->shift_unit;
	if (is_fault(c))
		return fault(c, err);
	if (!c->power->is_off) {
		state_resize(&c->now, size);
		dev->size = size;
	}
	return enqueue(c, (struct pending){ .kind = RESIZE, .off = size }, err);
}

/* A fault in the middle: it is done up to some block, which is durable and shows. */
static int half_shift(struct crash *c, const struct pending *p, struct im_error *err)
{
	flush_queue(c);
	survive_shift(c, p, true);
	state_copy(&c->now, &c->durable);
	c->dev.size = c->now.size;
	return fault(c, err);
}

static int crash_shift(struct im_dev *dev, struct pending p, struct im_error *err)
{
	struct crash *c = (struct crash *)dev;

	c->now.unit = c->durable.unit = dev->shift_unit;
	if (is_fault(c))
		return c->power->fault == IM_FAULT_HALF ? half_shift(c, &p, err) : fault(c, err);
	if (!c->power->is_off) {
		if (p.kind == INSERT)
			state_insert(&c->now, p.off, p.len, p.off);
		else
			state_collapse(&c->now, p.off, p.len, p.len, UINT64_MAX);
		dev->size = c->now.size;
	}
	return enqueue(c, p, err);
}

static int crash_insert(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err)
{
	return crash_shift(dev, (struct pending){ .kind = INSERT, .off = off, .len = len }, err);
}

/* As hosts have it: a removal up to the end is a matter of the size. */
static int crash_collapse(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err)
{
	return off + len >= dev->size ? 1 : crash_shift(dev, (struct pending){ .kind = COLLAPSE, .off = off, .len = len }, err);
}

static int crash_physical(struct im_dev *dev, struct im_physicals *out, struct im_error *err)
{
	struct crash *c = (struct crash *)dev;

	if (is_fault(c))
		return fault(c, err);
	for (uint64_t i = 0; i < all_blocks_of(dev->size); i++)
		if (out && c->now.blocks[i] && im_physicals_add(out, (struct im_physical){ i * BLOCK, BLOCK,
							 (uint64_t)c->now.blocks[i] * BLOCK }, err) < 0)
			return -1;
	return 0;
}

static int crash_extent(struct im_dev *dev, uint64_t off, uint64_t len, struct im_extent *out, struct im_error *err)
{
	struct crash *c = (struct crash *)dev;
	uint64_t n = 0;
	bool zero = false;

	if (is_fault(c))
		return fault(c, err);
	/* sectors of zeros are holes, as on a host that finds them */
	while (n < len) {
		uint64_t piece = im_min(512 - (off + n) % 512, len - n);
		bool z = im_is_zero(c->now.bytes + off + n, piece);

		if (n && z != zero)
			break;
		zero = z;
		n += piece;
	}
	/* not every host finds every hole */
	*out = (struct im_extent){ .len = n, .is_zero = zero && (off / 512 + c->power->seed) % 3 };
	return 0;
}

static void crash_close(struct im_dev *dev)
{
	struct crash *c = (struct crash *)dev;

	queue_clear(c);
	im_vec_free(&c->queue);
	free(c->now.bytes);
	free(c->now.blocks);
	free(c->durable.bytes);
	free(c->durable.blocks);
	free(c);
}

static const struct im_dev_ops crash_ops = {
	.read = crash_read, .write = crash_write, .zero = crash_zero, .flush = crash_flush,
	.resize = crash_resize, .forget = crash_forget, .share = crash_share,
	.insert = crash_insert, .collapse = crash_collapse, .physical = crash_physical, .extent = crash_extent, .close = crash_close,
};

struct im_dev *im_crash_new(struct im_power *power, uint64_t size, uint32_t sector_size)
{
	struct crash *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	c->dev = (struct im_dev){ .ops = &crash_ops, .size = size, .sector_size = sector_size };
	c->power = power;
	state_resize(&c->now, size);
	state_resize(&c->durable, size);
	return &c->dev;
}

void im_crash_reboot(struct im_dev *dev)
{
	struct crash *c = (struct crash *)dev;

	if (!c->power->is_off)
		return;
	power_cut(c);
	queue_clear(c);
	state_copy(&c->now, &c->durable);
	dev->size = c->now.size;
	c->is_stale = false;
}

uint8_t *im_crash_bytes(struct im_dev *dev)
{
	return ((struct crash *)dev)->now.bytes;
}

void im_crash_settle(struct im_dev *dev)
{
	struct crash *c = (struct crash *)dev;

	queue_clear(c);
	/* zeros that stand there from the start are holes */
	for (uint64_t off = 0; off < c->now.size; off += BLOCK)
		if (!im_is_zero(c->now.bytes + off, im_min(BLOCK, c->now.size - off)))
			state_allocate(&c->now, off, 1);
	state_copy(&c->durable, &c->now);
}
