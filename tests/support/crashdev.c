/* crashdev.c - a device with a volatile cache; see crashdev.h. */
#include "crashdev.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/vec.h"

struct pending {
	bool is_resize;
	uint64_t off, len;	/* resize: off is the new size */
	uint8_t *data;
};

struct state {
	uint8_t *bytes;
	uint64_t size, cap;
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

static void state_resize(struct state *s, uint64_t size)
{
	if (size > s->cap) {
		s->bytes = realloc(s->bytes, size);
		if (!s->bytes)
			abort();
		s->cap = size;
	}
	if (size > s->size && s->bytes)
		memset(s->bytes + s->size, 0, size - s->size);
	s->size = size;
}

static void state_copy(struct state *to, const struct state *from)
{
	state_resize(to, from->size);
	if (from->size)
		memcpy(to->bytes, from->bytes, from->size);
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
		if (keep && off + skip + keep <= c->durable.size)
			memcpy(c->durable.bytes + off + skip, p->data + done + skip, keep);
		done += n;
	}
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
		if (p->is_resize)
			state_resize(&c->durable, p->off);
		else
			survive_write(c, p, torn);
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
	struct pending *n = im_vec_push(&c->queue, err);

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
	if (!c->power->is_off)
		memcpy(c->now.bytes + off, buf, len);
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

		if (p->is_resize)
			state_resize(&c->durable, p->off);
		else if (p->len && p->off + p->len <= c->durable.size)	/* else an earlier flush lost the growth */
			memcpy(c->durable.bytes + p->off, p->data, p->len);
	}
	queue_clear(c);
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

	if (is_fault(c))
		return fault(c, err);
	if (!c->power->is_off) {
		state_resize(&c->now, size);
		dev->size = size;
	}
	return enqueue(c, (struct pending){ .is_resize = true, .off = size }, err);
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
	free(c->durable.bytes);
	free(c);
}

static const struct im_dev_ops crash_ops = {
	.read = crash_read, .write = crash_write, .zero = crash_zero, .flush = crash_flush,
	.resize = crash_resize, .forget = crash_forget, .share = crash_share, .extent = crash_extent, .close = crash_close,
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
	state_copy(&c->durable, &c->now);
}
