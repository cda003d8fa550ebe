/* clone.c - see clone.h. */
#include "exec/clone.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/pages.h"

#define COPY_MAX (1u << 20)
#define SHARE_MAX (1ull << 30)		/* bytes between two calls of the progress function */
#define SAMPLE 4096

static int sample_range(struct im_dev *dev, uint64_t off, uint64_t len, uint32_t *crc, struct im_error *err)
{
	uint8_t buf[SAMPLE];

	if (im_dev_read(dev, off, buf, len, err) < 0)
		return -1;
	*crc = im_crc32c(*crc, buf, len);
	return 0;
}

int im_clone_sample(const struct im_map *map, uint32_t sector_size, struct im_dev *dev, enum im_base base, uint32_t *crc,
		    struct im_error *err)
{
	*crc = 0;
	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];
		uint64_t start = base == IM_BASE_OLD ? s->from : s->start, end = start + s->len, first = im_min(s->from, s->start), n;

		/* sector 0, of either image, is looked at apart; so both have the same sample */
		start += first < sector_size ? sector_size - first : 0;
		if (s->kind != IM_FROM || end <= start)
			continue;
		n = im_min(SAMPLE, end - start);
		if (sample_range(dev, start, n, crc, err) < 0 || sample_range(dev, end - n, n, crc, err) < 0)
			return -1;
	}
	return 0;
}

int im_clone_crc(struct im_exec *x, enum im_base base, uint32_t *crc, struct im_error *err)
{
	uint64_t n = im_min(SAMPLE, x->clone->size);

	if (im_clone_sample(&x->journal.map, x->journal.prog.sector_size, x->clone, base, crc, err) < 0)
		return -1;
	return sample_range(x->clone, x->clone->size - n, n, crc, err);
}

int im_clone_check(struct im_exec *x, const struct im_phase_record *run, struct im_error *err)
{
	const struct im_journal *j = &x->journal;
	bool old = run->base == IM_BASE_OLD;
	uint8_t sector[4096];
	uint32_t crc;

	if (!x->clone)
		return im_error_set(err, IM_EREFUSED, "the clone of the image that this repair works from is not there (it lies"
				    " beside the journal, with .imgmend-clone behind its name); without it nothing can be done, and nothing"
				    " was written");
	/* it may be from before the image was cut to its new size */
	if (x->clone->size < (old ? j->map.old_size : j->map.new_size))
		return im_error_set(err, IM_ECHANGED, "the clone beside the journal is not the one of this repair, or was cut off; nothing"
				    " was written");
	if (im_dev_read(x->clone, 0, sector, j->prog.sector_size, err) < 0 ||
	    im_clone_crc(x, run->base, &crc, err) < 0)
		return -1;
	if (memcmp(sector, old ? j->old0 : j->new0, j->prog.sector_size) != 0 || crc != run->base_crc)
		return im_error_set(err, IM_ECHANGED, "the clone beside the journal is not the one of this repair: its content is"
				    " another one; nothing was written");
	return 0;
}

static int compare(struct im_exec *x, uint8_t *buf, struct im_error *err)
{
	for (uint64_t off = 0, n; off < x->journal.map.old_size; off += n) {
		n = im_min(COPY_MAX, x->journal.map.old_size - off);
		if (im_dev_read(x->image, off, buf, n, err) < 0 || im_dev_read(x->clone, off, buf + COPY_MAX, n, err) < 0)
			return -1;
		if (memcmp(buf, buf + COPY_MAX, n) != 0)
			return im_error_at(err, IM_ECHANGED, off, "the image is not in the state that this journal left: it is not its"
					   " clone any more, from byte %" PRIu64 " on; nothing was written", off);
	}
	return 0;
}

int im_clone_compare(struct im_exec *x, struct im_error *err)
{
	uint8_t *buf;
	int rc;

	if (im_clone_check(x, im_journal_last(&x->journal), err) < 0)
		return -1;
	buf = malloc(2 * COPY_MAX);
	if (!buf)
		return im_error_nomem(err);
	rc = compare(x, buf, err);
	free(buf);
	return rc;
}

struct clone_run {
	struct im_exec *x;
	enum im_base base;
	uint64_t unit;		/* of sharing, bytes; 0: not possible */
	uint64_t done, total;
	uint8_t *buf;		/* COPY_MAX bytes */
};

static int report(struct clone_run *r, uint64_t n, struct im_error *err)
{
	struct im_exec *x = r->x;

	r->done += n;
	if (x->hooks.progress && !x->hooks.progress(x->hooks.arg, IM_GROWN, r->done, r->total))
		return im_error_set(err, IM_ECANCELLED, "stopped at a safe point");
	return 0;
}

static int copy(struct clone_run *r, uint64_t dst, uint64_t src, uint64_t len, struct im_error *err)
{
	while (len) {
		uint64_t n = im_min(len, COPY_MAX);

		if (im_dev_read(r->x->clone, src, r->buf, n, err) < 0 ||
		    im_dev_write_sparse(r->x->image, dst, r->buf, n, err) < 0 || report(r, n, err) < 0)
			return -1;
		dst += n;
		src += n;
		len -= n;
	}
	return 0;
}

/* Make [dst, dst+len) of the image what [src, …) of the clone is: whole blocks by sharing them. */
static int take(struct clone_run *r, uint64_t dst, uint64_t src, uint64_t len, struct im_error *err)
{
	uint64_t head;

	if (!r->unit || (dst > src ? dst - src : src - dst) % r->unit)
		return copy(r, dst, src, len, err);
	head = im_min(len, -dst % r->unit);
	if (head && copy(r, dst, src, head, err) < 0)
		return -1;
	for (uint64_t n; (len -= head) >= r->unit; head = n) {
		int rc;

		dst += head;
		src += head;
		n = im_min(len - len % r->unit, SHARE_MAX / r->unit * r->unit);
		rc = im_dev_share(r->x->image, dst, r->x->clone, src, n, err);
		if (rc < 0)
			return -1;
		if (rc > 0) {	/* not here after all */
			r->unit = 0;
			return copy(r, dst, src, len, err);
		}
		if (report(r, n, err) < 0)
			return -1;
	}
	return copy(r, dst + head, src + head, len, err);
}

static int write_bytes(struct clone_run *r, uint64_t dst, const uint8_t *p, uint64_t len, struct im_error *err)
{
	return im_dev_write_sparse(r->x->image, dst, p, len, err) < 0 ? -1 : report(r, len, err);
}

static int fill(struct clone_run *r, const struct im_op *op, struct im_error *err)
{
	memset(r->buf, op->fill, COPY_MAX);
	for (uint64_t done = 0, n; done < op->len; done += n) {
		n = im_min(op->len - done, COPY_MAX);
		if (write_bytes(r, op->dst + done, r->buf, n, err) < 0)
			return -1;
	}
	return 0;
}

static int forward(struct clone_run *r, const struct im_op *op, struct im_error *err)
{
	switch (op->kind) {
	case IM_OP_COPY:
	case IM_OP_OLD:
		return take(r, op->dst, op->src, op->len, err);
	case IM_OP_ZERO:
		return im_dev_zero(r->x->image, op->dst, op->len, err) < 0 ? -1 : report(r, op->len, err);
	case IM_OP_LITERAL:
		return write_bytes(r, op->dst, op->data, op->len, err);
	case IM_OP_FILL:
		return fill(r, op, err);
	case IM_OP_CUT:
		return 0;
	}
	return im_error_set(err, IM_EFORMAT, "a step of the plan has no meaning");
}

static int saved(struct clone_run *r, uint64_t old, uint64_t len, struct im_error *err)
{
	while (len) {
		uint64_t n = im_min(len, COPY_MAX);

		if (im_journal_read_saved(&r->x->journal, old, r->buf, n, err) < 0 || write_bytes(r, old, r->buf, n, err) < 0)
			return -1;
		old += n;
		len -= n;
	}
	return 0;
}

static int backward(struct clone_run *r, const struct im_op *op, struct im_error *err)
{
	const struct im_program *prog = &r->x->journal.prog;
	uint64_t old = op->dst, len = old < prog->old_size ? im_min(op->len, prog->old_size - old) : 0;

	if (r->base == IM_BASE_OLD)
		return take(r, old, old, len, err);
	while (len) {
		const struct im_origin *o = im_program_origin(prog, old);
		uint64_t n = im_min(len, o->old + o->len - old);

		if ((o->is_carried ? take(r, old, o->at + (old - o->old), n, err) : saved(r, old, n, err)) < 0)
			return -1;
		old += n;
		len -= n;
	}
	return 0;
}

int im_clone_run(struct im_exec *x, const struct im_phase_record *run, struct im_error *err)
{
	const struct im_program *prog = &x->journal.prog;
	struct clone_run r = { .x = x, .base = run->base };
	int rc = 0;

	if (x->image->share_unit && x->clone->share_unit)
		r.unit = im_max(x->image->share_unit, x->clone->share_unit);
	r.buf = im_pages(COPY_MAX);
	if (!r.buf)
		return im_error_nomem(err);
	for (size_t i = 0; i < prog->ops.n; i++)
		r.total += prog->ops.v[i].len;
	for (size_t i = 0; i < prog->ops.n && rc == 0; i++)
		rc = run->dir == IM_FORWARD ? forward(&r, &prog->ops.v[i], err) : backward(&r, &prog->ops.v[i], err);
	free(r.buf);
	return rc < 0 ? -1 : im_dev_flush(x->image, err);
}
