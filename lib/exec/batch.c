/* batch.c - the content of one batch: read it from where it is, check it, put it in place. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "exec/ahead.h"

int im_batch_alloc(struct im_batch *b, const struct im_program *prog, struct im_error *err)
{
	*b = (struct im_batch){ .index = IM_NO_BATCH };
	/* page-aligned: the content goes to the journal and to the image as it is */
	b->content = aligned_alloc(4096, (im_max(prog->params.buffer, 4096) + 4095) / 4096 * 4096);
	return b->content ? 0 : im_error_nomem(err);
}

void im_batch_free(struct im_batch *b)
{
	free(b->content);
	b->content = NULL;
}

/* Forward a cut range is left alone; backward nothing beyond the old end comes back. */
static uint64_t written_len(const struct im_program *prog, enum im_direction dir, const struct im_op *op)
{
	if (dir == IM_FORWARD)
		return op->kind == IM_OP_CUT ? 0 : op->len;
	return op->dst >= prog->old_size ? 0 : im_min(op->len, prog->old_size - op->dst);
}

/* Is all of the batch one piece of the image? Then where. */
static void note_source(const struct im_program *prog, enum im_direction dir, struct im_batch *b)
{
	const struct im_op *op = &b->ops[0];
	const struct im_origin *o;

	b->is_read = false;
	if (b->n_ops != 1)
		return;
	if (dir == IM_FORWARD) {
		b->is_read = op->kind == IM_OP_COPY;
		b->from = op->src;
		return;
	}
	o = im_program_origin(prog, op->dst);
	b->is_read = o->is_carried && op->dst + op->len <= o->old + o->len;
	b->from = o->at + (op->dst - o->old);
}

void im_batch_plan(struct im_exec *x, enum im_direction dir, uint64_t index, struct im_batch *b)
{
	const struct im_program *prog = &x->journal.prog;
	size_t n = im_program_batch(prog, index, b->ops, &b->journalled);

	b->index = index;
	b->n_ops = 0;
	b->len = b->slot_at = 0;
	for (size_t i = 0; i < n; i++) {
		struct im_op op = b->ops[i];

		op.len = written_len(prog, dir, &op);
		if (!op.len)
			continue;
		b->ops[b->n_ops++] = op;
		b->len += op.len;
	}
	note_source(prog, dir, b);
}

uint64_t im_batch_behind(enum im_direction dir, uint64_t index)
{
	return dir == IM_FORWARD ? index + 1 : index;
}

/* Is [off, off+len) of the image known to be zero? Devices that cannot tell say no. What lies past the
 * end now is zero once the image has grown. */
static int known_zero(struct im_dev *dev, uint64_t off, uint64_t len, bool *zero, struct im_error *err)
{
	*zero = true;
	len = off < dev->size ? im_min(len, dev->size - off) : 0;
	while (len && *zero) {
		struct im_extent ext;

		if (im_dev_extent(dev, off, len, &ext, err) < 0)
			return -1;
		*zero = ext.is_zero;
		off += ext.len;
		len -= ext.len;
	}
	return 0;
}

/* The same of old bytes, wherever they are now. */
static int known_zero_old(struct im_exec *x, uint64_t old, uint64_t len, bool *zero, struct im_error *err)
{
	*zero = true;
	while (len && *zero) {
		const struct im_origin *o = im_program_origin(&x->journal.prog, old);
		uint64_t n = im_min(len, o->old + o->len - old);

		*zero = o->is_carried;
		if (o->is_carried && known_zero(x->image, o->at + (old - o->old), n, zero, err) < 0)
			return -1;
		old += n;
		len -= n;
	}
	return 0;
}

static int op_changes(struct im_exec *x, enum im_direction dir, const struct im_op *op, bool *changes,
		      struct im_error *err)
{
	bool zero;

	*changes = true;
	if (dir == IM_BACKWARD) {
		if (known_zero_old(x, op->dst, op->len, &zero, err) < 0)
			return -1;
	} else if (op->kind == IM_OP_COPY) {
		if (known_zero(x->image, op->src, op->len, &zero, err) < 0)
			return -1;
	} else {
		zero = op->kind == IM_OP_ZERO;
	}
	if (!zero)
		return 0;
	if (known_zero(x->image, op->dst, op->len, &zero, err) < 0)
		return -1;
	*changes = !zero;
	return 0;
}

int im_batch_next(struct im_exec *x, enum im_direction dir, uint64_t from, uint64_t *next, struct im_error *err)
{
	struct im_batch b = { 0 };
	bool changes = false;

	*next = IM_NO_BATCH;
	for (; dir == IM_FORWARD ? from < x->journal.prog.n_batches : from > 0; from += dir == IM_FORWARD ? 1 : -1) {
		uint64_t index = dir == IM_FORWARD ? from : from - 1;

		im_batch_plan(x, dir, index, &b);
		changes = false;
		for (size_t i = 0; i < b.n_ops && !changes; i++)
			if (op_changes(x, dir, &b.ops[i], &changes, err) < 0)
				return -1;
		if (changes) {
			*next = index;
			return 0;
		}
	}
	return 0;
}

/* Read image bytes, but not the holes. What lies past the end is zero once the image has grown. */
static int read_sparse(struct im_dev *dev, uint64_t off, uint8_t *p, uint64_t len, struct im_error *err)
{
	uint64_t there = off < dev->size ? im_min(len, dev->size - off) : 0;

	memset(p + there, 0, len - there);
	len = there;
	while (len) {
		struct im_extent ext;

		if (im_dev_extent(dev, off, len, &ext, err) < 0)
			return -1;
		if (ext.is_zero)
			memset(p, 0, ext.len);
		else if (im_dev_read(dev, off, p, ext.len, err) < 0)
			return -1;
		off += ext.len;
		p += ext.len;
		len -= ext.len;
	}
	return 0;
}

int im_batch_read_image(struct im_exec *x, uint64_t off, uint8_t *p, uint64_t len, struct im_error *err)
{
	return read_sparse(x->image, off, p, len, err);
}

static int read_old(struct im_exec *x, uint64_t old, uint8_t *p, uint64_t len, struct im_error *err)
{
	while (len) {
		const struct im_origin *o = im_program_origin(&x->journal.prog, old);
		uint64_t n = im_min(len, o->old + o->len - old);

		if ((o->is_carried ? read_sparse(x->image, o->at + (old - o->old), p, n, err) :
				     im_journal_read_saved(&x->journal, old, p, n, err)) < 0)
			return -1;
		old += n;
		p += n;
		len -= n;
	}
	return 0;
}

static int load_op(struct im_exec *x, enum im_direction dir, const struct im_op *op, uint8_t *p, struct im_error *err)
{
	if (dir == IM_BACKWARD)
		return read_old(x, op->dst, p, op->len, err);
	switch (op->kind) {
	case IM_OP_COPY:
		return read_sparse(x->image, op->src, p, op->len, err);
	case IM_OP_OLD:
		return im_journal_read_saved(&x->journal, op->src, p, op->len, err);
	case IM_OP_LITERAL:
		memcpy(p, op->data, op->len);
		return 0;
	case IM_OP_FILL:
		memset(p, op->fill, op->len);
		return 0;
	case IM_OP_ZERO:
	case IM_OP_CUT:
		memset(p, 0, op->len);
		return 0;
	}
	return im_error_set(err, IM_EFORMAT, "a step of the plan has no meaning");
}

int im_batch_load(struct im_exec *x, enum im_direction dir, uint64_t index, struct im_batch *b, struct im_error *err)
{
	uint8_t *p = b->content;

	im_batch_plan(x, dir, index, b);
	for (size_t i = 0; i < b->n_ops; i++) {
		if (load_op(x, dir, &b->ops[i], p, err) < 0)
			return -1;
		p += b->ops[i].len;
	}
	b->crc = im_crc32c(0, b->content, b->len);
	return 0;
}

#define LOOK (1u << 20)

struct look {
	struct im_exec *x;
	const struct im_piece *const *held;
	size_t n_held;
	uint8_t *buf;		/* LOOK bytes */
};

/* Does h hold image byte off? Else *len ends where it begins to. */
static bool holds(const struct im_batch *h, uint64_t off, uint64_t *len)
{
	if (!h->is_read || off >= h->from + h->len || off + *len <= h->from)
		return false;
	if (off < h->from) {
		*len = h->from - off;
		return false;
	}
	*len = im_min(*len, h->from + h->len - off);
	return true;
}

/* Bytes of the image from off on, *len of them, or less: in a held batch, or read into the buffer. */
static int look_at(const struct look *l, uint64_t off, uint64_t *len, const uint8_t **p, struct im_error *err)
{
	*len = im_min(*len, LOOK);
	for (size_t i = 0; i < l->n_held; i++)
		for (size_t k = 0; k < l->held[i]->n; k++) {
			const struct im_batch *h = &l->held[i]->batches[k];

			if (!holds(h, off, len))
				continue;
			*p = h->content + (off - h->from);
			return 0;
		}
	*p = l->buf;
	return read_sparse(l->x->image, off, l->buf, *len, err);
}

/* CRC-32C of the destinations, and whether they hold the content already; with same NULL no content need be loaded. */
static int look(struct look *l, const struct im_batch *b, uint32_t *crc, bool *same, struct im_error *err)
{
	const uint8_t *content = b->content;
	int rc = 0;

	*crc = 0;
	if (same)
		*same = true;
	l->buf = malloc(LOOK);
	if (!l->buf)
		return im_error_nomem(err);
	for (size_t i = 0; i < b->n_ops && rc == 0; i++)
		for (uint64_t done = 0, n; done < b->ops[i].len && rc == 0; done += n, content += n) {
			const uint8_t *p;

			n = b->ops[i].len - done;
			rc = look_at(l, b->ops[i].dst + done, &n, &p, err);
			if (rc < 0)
				break;
			*crc = im_crc32c(*crc, p, n);
			if (same && *same)
				*same = memcmp(p, content, n) == 0;
		}
	free(l->buf);
	return rc;
}

int im_batch_dst_crc(struct im_exec *x, const struct im_batch *b, uint32_t *crc, struct im_error *err)
{
	struct look l = { .x = x };

	return look(&l, b, crc, NULL, err);
}

int im_batch_look_under(struct im_exec *x, struct im_batch *b, const struct im_piece *const *held, size_t n_held, bool *same,
			struct im_error *err)
{
	struct look l = { .x = x, .held = held, .n_held = n_held };

	return look(&l, b, &b->crc_under, same, err);
}

/* Sharing makes no holes: blocks of zeros would become real ones. */
static bool has_zero_blocks(const struct im_batch *b, uint32_t unit)
{
	for (uint64_t off = 0; off < b->len; off += unit)
		if (im_is_zero(b->content + off, (size_t)im_min(unit, b->len - off)))
			return true;
	return false;
}

/* Have the image share the blocks of the batch's content in the journal. *done: bytes of it that were, whole blocks. */
static int share(struct im_exec *x, const struct im_batch *b, uint64_t *done, struct im_error *err)
{
	uint32_t unit = x->image->share_unit;
	int rc;

	*done = 0;
	if (!b->slot_at || b->n_ops != 1 || !unit || x->journal.prog.params.no_share || b->len < unit || has_zero_blocks(b, unit))
		return 0;
	rc = im_dev_share(x->image, b->ops[0].dst, x->journal.dev, b->slot_at, b->len - b->len % unit, err);
	if (rc == 0)
		*done = b->len - b->len % unit;
	return rc < 0 ? -1 : 0;
}

int im_batch_write(struct im_exec *x, const struct im_batch *b, struct im_error *err)
{
	const uint8_t *p = b->content;
	uint64_t done;

	if (share(x, b, &done, err) < 0)
		return -1;
	if (done)
		return im_dev_write_sparse(x->image, b->ops[0].dst + done, p + done, b->len - done, err);
	for (size_t i = 0; i < b->n_ops; i++) {
		if (im_dev_write_sparse(x->image, b->ops[i].dst, p, b->ops[i].len, err) < 0)
			return -1;
		p += b->ops[i].len;
	}
	return 0;
}
