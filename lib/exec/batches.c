/* batches.c - the loop over the batches of a run.
 *
 * Four batches are under way at a time. While the first is being written in place, the slot of the second goes to
 * the journal; the third is in memory already, as its checksums stand in that slot, so that recovery can tell an image
 * that is exactly there from one that has gone further; and the fourth is being read. None of it meets: nothing that
 * a batch overwrites is read by a later one (P1 and P2 of program.h).
 *
 * A round ends when both are durable. So a batch is only begun behind its slot, and a slot is only overwritten when
 * its batch is durable in place.
 */
#include "base/aside.h"
#include "base/bytes.h"
#include "base/crc.h"
#include "exec/exec.h"

#define UNDER_WAY 4

struct pipeline {
	struct im_exec *x;
	enum im_direction dir;
	uint64_t run, seq;		/* seq: of the last slot that was written */
	struct im_batch ring[UNDER_WAY];
	struct im_batch *now, *next, *then, *fresh;	/* in this order; the first three may be IM_NO_BATCH from some on */
	struct im_aside reader, writer;
};

/* Where the search for the batch after `index` goes on. */
static uint64_t behind(enum im_direction dir, uint64_t index)
{
	return dir == IM_FORWARD ? index + 1 : index;
}

/* Find and load the batch at or behind `from` that changes a byte; b->index is IM_NO_BATCH when there is none. The
 * bytes that `held` batches were made of need not be read again. */
static int load_from(struct im_exec *x, enum im_direction dir, uint64_t from, struct im_batch *b,
		     const struct im_batch *held, size_t n_held, struct im_error *err)
{
	uint64_t next;
	bool same;

	do {
		if (im_batch_next(x, dir, from, &next, err) < 0)
			return -1;
		b->index = IM_NO_BATCH;
		b->crc = b->crc_under = 0;
		if (next == IM_NO_BATCH)
			return 0;
		if (im_batch_load(x, dir, next, b, err) < 0 || im_batch_look_under(x, b, held, n_held, &same, err) < 0)
			return -1;
		from = behind(dir, next);
	} while (same);
	return 0;
}

int im_batches_announce(struct im_exec *x, enum im_direction dir, uint64_t run, uint64_t from, uint64_t seq,
			struct im_error *err)
{
	struct im_slot slot = { .seq = seq, .run = run, .batch = IM_NO_BATCH, .prev = IM_NO_BATCH, .journalled = true };
	uint8_t sector0[4096];
	struct im_batch b;
	int rc = -1;

	if (im_batch_alloc(&b, &x->journal.prog, err) < 0)
		return -1;
	slot.len = x->journal.prog.sector_size;
	if (load_from(x, dir, from, &b, NULL, 0, err) == 0 && im_dev_read(x->image, 0, sector0, slot.len, err) == 0) {
		slot.next = b.index;
		slot.crc_next = b.crc;
		slot.crc_under = b.crc_under;
		slot.crc = im_crc32c(0, sector0, slot.len);
		rc = im_slot_put(&x->journal, &slot, sector0, err) < 0 ? -1 : im_journal_flush(&x->journal, err);
	}
	im_batch_free(&b);
	return rc;
}

/* The slot of batch b, which follows `prev` and is followed by `next`, without a flush. */
static int put_slot(struct pipeline *p, const struct im_batch *prev, const struct im_batch *b, const struct im_batch *next,
		    struct im_error *err)
{
	struct im_slot slot = {
		.seq = ++p->seq, .run = p->run, .batch = b->index, .prev = prev ? prev->index : IM_NO_BATCH, .next = next->index,
		.crc = b->crc, .crc_prev = prev ? prev->crc : 0, .crc_next = next->crc, .crc_under = next->crc_under,
		.journalled = b->journalled, .len = b->len,
	};

	return im_slot_put(&p->x->journal, &slot, b->content, err);
}

static int read_fresh(void *arg, struct im_error *err)
{
	struct pipeline *p = arg;

	p->fresh->index = IM_NO_BATCH;
	if (p->then->index == IM_NO_BATCH)
		return 0;
	return load_from(p->x, p->dir, behind(p->dir, p->then->index), p->fresh, p->ring, UNDER_WAY, err);
}

static int put_next(struct pipeline *p, struct im_error *err)
{
	return p->next->index == IM_NO_BATCH ? 0 : put_slot(p, p->now, p->next, p->then, err);
}

static int flush_next(struct pipeline *p, struct im_error *err)
{
	return p->next->index == IM_NO_BATCH ? 0 : im_journal_flush(&p->x->journal, err);
}

static int log_next(void *arg, struct im_error *err)
{
	return put_next(arg, err) < 0 ? -1 : flush_next(arg, err);
}

/* One after the other, with both writes before both flushes: so a power cut finds all that it can find when they are
 * done at once. */
static int round_alone(struct pipeline *p, struct im_error *err)
{
	if (read_fresh(p, err) < 0 || put_next(p, err) < 0 || im_batch_write(p->x, p->now, err) < 0 ||
	    flush_next(p, err) < 0)
		return -1;
	return im_dev_flush(p->x->image, err);
}

static int round_at_once(struct pipeline *p, struct im_error *err)
{
	struct im_error other = { 0 };
	int rc;

	im_aside_run(&p->reader, read_fresh, p);
	im_aside_run(&p->writer, log_next, p);
	rc = im_batch_write(p->x, p->now, err) < 0 ? -1 : im_dev_flush(p->x->image, err);
	if (im_aside_wait(&p->writer, rc < 0 ? &other : err) < 0)
		rc = -1;
	if (im_aside_wait(&p->reader, rc < 0 ? &other : err) < 0)
		rc = -1;
	return rc;
}

static void turn(struct pipeline *p)
{
	struct im_batch *done = p->now;

	p->now = p->next;
	p->next = p->then;
	p->then = p->fresh;
	p->fresh = done;
}

/* Fill the pipeline, and make the slot of its first batch durable. */
static int fill(struct pipeline *p, uint64_t from, struct im_error *err)
{
	if (load_from(p->x, p->dir, from, p->now, NULL, 0, err) < 0)
		return -1;
	p->next->index = p->then->index = IM_NO_BATCH;
	if (p->now->index == IM_NO_BATCH)
		return 0;
	if (load_from(p->x, p->dir, behind(p->dir, p->now->index), p->next, p->ring, UNDER_WAY, err) < 0)
		return -1;
	if (p->next->index != IM_NO_BATCH &&
	    load_from(p->x, p->dir, behind(p->dir, p->next->index), p->then, p->ring, UNDER_WAY, err) < 0)
		return -1;
	return put_slot(p, NULL, p->now, p->next, err) < 0 ? -1 : im_journal_flush(&p->x->journal, err);
}

static bool report(struct im_exec *x, uint64_t done, uint64_t total)
{
	return !x->hooks.progress || x->hooks.progress(x->hooks.arg, IM_GROWN, done, total);
}

static int run_all(struct pipeline *p, uint64_t from, uint64_t total, struct im_error *err)
{
	bool at_once = p->x->image->is_parallel && p->x->journal.dev->is_parallel;

	if (fill(p, from, err) < 0)
		return -1;
	for (; p->now->index != IM_NO_BATCH; turn(p)) {
		if (!report(p->x, p->dir == IM_FORWARD ? p->now->index : total - p->now->index - 1, total))
			return im_error_set(err, IM_ECANCELLED, "stopped at a safe point");
		if ((at_once ? round_at_once(p, err) : round_alone(p, err)) < 0)
			return -1;
	}
	report(p->x, total, total);
	return 0;
}

int im_batches_run(struct im_exec *x, const struct im_phase_record *run, uint64_t from, uint64_t seq,
		   struct im_error *err)
{
	uint64_t total = run->dir == IM_FORWARD ? x->journal.prog.n_batches : run->batch;
	struct pipeline p = { .x = x, .dir = run->dir, .run = run->run, .seq = seq };
	int rc = 0;

	p.now = &p.ring[0];
	p.next = &p.ring[1];
	p.then = &p.ring[2];
	p.fresh = &p.ring[3];
	for (size_t i = 0; i < UNDER_WAY && rc == 0; i++)
		rc = im_batch_alloc(&p.ring[i], &x->journal.prog, err);
	im_aside_start(&p.reader, x->image->is_parallel);
	im_aside_start(&p.writer, x->image->is_parallel);
	if (rc == 0)
		rc = run_all(&p, from, total, err);
	im_aside_stop(&p.reader);
	im_aside_stop(&p.writer);
	for (size_t i = 0; i < UNDER_WAY; i++)
		im_batch_free(&p.ring[i]);
	return rc;
}
