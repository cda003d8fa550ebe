/* batch.c - the content of one batch: read it from where it is, put it in place. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/pages.h"
#include "exec/ahead.h"

int im_batch_alloc(struct im_batch *b, const struct im_program *prog, struct im_error *err)
{
	*b = (struct im_batch){ .index = IM_NO_BATCH };
	/* page-aligned: the content goes to the journal and to the image as it is */
	b->content = im_pages(prog->params.buffer);
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
	b->wave = 0;
	for (size_t i = 0; i < n; i++) {
		struct im_op op = b->ops[i];

		op.len = written_len(prog, dir, &op);
		if (!op.len)
			continue;
		b->ops[b->n_ops++] = op;
		b->len += op.len;
	}
	b->data_off = 0;
	b->data_len = b->len;
	note_source(prog, dir, b);
}

uint64_t im_batch_behind(enum im_direction dir, uint64_t index)
{
	return dir == IM_FORWARD ? index + 1 : index;
}

int im_known_extent(struct im_dev *dev, uint64_t off, uint64_t len, struct im_extent *ext, struct im_error *err)
{
	*ext = (struct im_extent){ .len = len, .is_zero = true };
	return off < dev->size ? im_dev_extent(dev, off, im_min(len, dev->size - off), ext, err) : 0;
}

int im_known_zero(struct im_dev *dev, uint64_t off, uint64_t len, bool *zero, struct im_error *err)
{
	struct im_extent ext;

	for (*zero = true; len && *zero; off += ext.len, len -= ext.len) {
		if (im_known_extent(dev, off, len, &ext, err) < 0)
			return -1;
		*zero = ext.is_zero;
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
		if (o->is_carried && im_known_zero(x->image, o->at + (old - o->old), n, zero, err) < 0)
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
		if (im_known_zero(x->image, op->src, op->len, &zero, err) < 0)
			return -1;
	} else {
		zero = op->kind == IM_OP_ZERO;
	}
	if (!zero)
		return 0;
	if (im_known_zero(x->image, op->dst, op->len, &zero, err) < 0)
		return -1;
	*changes = !zero;
	return 0;
}

/* Do batches [first, first+n) change nothing? Of several that are no pieces of one op it is not known. */
static int are_idle(struct im_exec *x, enum im_direction dir, uint64_t first, uint64_t n, bool *idle, struct im_error *err)
{
	struct im_op ops[IM_BATCH_OPS];
	bool changes = false, journalled;
	size_t n_ops = n > 1 ? im_program_span(&x->journal.prog, first, n, ops) :
			       im_program_batch(&x->journal.prog, first, ops, &journalled);

	*idle = false;
	if (!n_ops)
		return 0;
	for (size_t i = 0; i < n_ops && !changes; i++) {
		ops[i].len = written_len(&x->journal.prog, dir, &ops[i]);
		if (ops[i].len && op_changes(x, dir, &ops[i], &changes, err) < 0)
			return -1;
	}
	*idle = !changes;
	return 0;
}

int im_batch_next(struct im_exec *x, enum im_direction dir, uint64_t from, uint64_t *next, struct im_error *err)
{
	uint64_t left = dir == IM_FORWARD ? x->journal.prog.n_batches - from : from, n = 1;
	bool grows = true, idle;

	*next = IM_NO_BATCH;
	/* more and more at once, until one of them changes something; then half as many, until that is found */
	while (left) {
		uint64_t first;

		n = im_min(n, left);
		first = dir == IM_FORWARD ? from : from - n;
		if (are_idle(x, dir, first, n, &idle, err) < 0)
			return -1;
		if (!idle && n == 1) {
			*next = first;
			return 0;
		}
		if (idle) {
			from = dir == IM_FORWARD ? from + n : from - n;
			left -= n;
		}
		grows = idle && (grows || n == 1);
		n = grows ? 2 * n : im_max(n / 2, 1);
	}
	return 0;
}

/* Read image bytes, but not the holes. */
static int read_sparse(struct im_dev *dev, uint64_t off, uint8_t *p, uint64_t len, struct im_error *err)
{
	struct im_extent ext;

	for (; len; off += ext.len, p += ext.len, len -= ext.len) {
		if (im_known_extent(dev, off, len, &ext, err) < 0)
			return -1;
		if (ext.is_zero)
			memset(p, 0, ext.len);
		else if (im_dev_read(dev, off, p, ext.len, err) < 0)
			return -1;
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

/* What is known to be zero at both ends of the content; whole blocks of the destination, so that none is written in two. */
int im_batch_find_data(struct im_exec *x, struct im_batch *b, struct im_error *err)
{
	uint64_t first = UINT64_MAX, end = 0, dst = b->ops[0].dst;
	struct im_extent ext;

	if (!b->is_read)
		return 0;
	for (uint64_t off = 0; off < b->len; off += ext.len) {
		if (im_known_extent(x->image, b->from + off, b->len - off, &ext, err) < 0)
			return -1;
		if (ext.is_zero)
			continue;
		first = im_min(first, off);
		end = off + ext.len;
	}
	first = im_min(first, end);
	first -= im_min(first, (dst + first) % IM_SPARSE_UNIT);
	end = end ? im_min(b->len, end + (-(dst + end)) % IM_SPARSE_UNIT) : first;
	b->data_off = first;
	b->data_len = end - first;
	return 0;
}

void im_batch_sum(struct im_batch *b)
{
	b->crc = im_crc32c(im_crc32c_zeros(0, b->data_off), b->content, b->data_len);
	b->crc = im_crc32c_zeros(b->crc, b->len - b->data_off - b->data_len);
}

int im_batch_read(struct im_exec *x, enum im_direction dir, struct im_batch *b, struct im_error *err)
{
	uint8_t *p = b->content;

	if (b->is_read && im_batch_read_image(x, b->from + b->data_off, p, b->data_len, err) < 0)
		return -1;
	for (size_t i = 0; i < b->n_ops && !b->is_read; p += b->ops[i++].len)
		if (load_op(x, dir, &b->ops[i], p, err) < 0)
			return -1;
	im_batch_sum(b);
	return 0;
}

int im_batch_load(struct im_exec *x, enum im_direction dir, uint64_t index, struct im_batch *b, struct im_error *err)
{
	im_batch_plan(x, dir, index, b);
	return im_batch_find_data(x, b, err) < 0 ? -1 : im_batch_read(x, dir, b, err);
}

/* Sharing makes no holes: blocks of zeros would become real ones; and those at the ends of the content do not stand in the slot. */
static bool has_zero_blocks(const struct im_batch *b, uint32_t unit)
{
	unit = (uint32_t)im_min(unit, IM_JOURNAL_BLOCK);
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
	if (!b->slot_at || b->n_ops != 1 || !unit || x->journal.prog.params.no_share || b->data_len < b->len || b->len < unit ||
	    has_zero_blocks(b, unit))
		return 0;
	rc = im_dev_share(x->image, b->ops[0].dst, x->journal.dev, b->slot_at, b->len - b->len % unit, err);
	if (rc == 0)
		*done = b->len - b->len % unit;
	return rc < 0 ? -1 : 0;
}

int im_batch_write(struct im_exec *x, const struct im_batch *b, struct im_error *err)
{
	uint64_t dst = b->ops[0].dst, end = b->data_off + b->data_len, done;
	const uint8_t *p = b->content;

	if (share(x, b, &done, err) < 0)
		return -1;
	if (done)
		return im_dev_write_sparse(x->image, dst + done, p + done, b->len - done, err);
	if (b->data_len < b->len)
		return im_dev_zero(x->image, dst, b->data_off, err) < 0 ||
		       im_dev_write_sparse(x->image, dst + b->data_off, p, b->data_len, err) < 0 ||
		       im_dev_zero(x->image, dst + end, b->len - end, err) < 0 ? -1 : 0;
	for (size_t i = 0; i < b->n_ops; p += b->ops[i++].len)
		if (im_dev_write_sparse(x->image, b->ops[i].dst, p, b->ops[i].len, err) < 0)
			return -1;
	return 0;
}
