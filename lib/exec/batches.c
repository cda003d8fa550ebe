/* batches.c - the loop over the batches of a run.
 *
 * In a round one batch is written in place, while the slot of the next one goes to the journal. The one behind that is
 * in memory already (ahead.h), as its checksums stand in that slot, so that recovery can tell an image that is exactly
 * there from one that has gone further. A round ends when both are durable: so a batch is only begun behind its slot,
 * and a slot is only overwritten when its batch is durable in place.
 */
#include "base/bytes.h"
#include "base/crc.h"
#include "exec/ahead.h"

struct run {
	struct im_exec *x;
	enum im_direction dir;
	uint64_t number, seq;		/* seq: of the last slot that was written */
	struct im_ahead ahead;
	struct im_aside writer;
};

/* What is said of a batch that is not there. */
static const struct im_batch none = { .index = IM_NO_BATCH };

static const struct im_batch *batch_at(const struct run *r, size_t i)
{
	const struct im_batch *b = im_ahead_at(&r->ahead, i);

	return b ? b : &none;
}

/* Fill in what the slot of the batch before `next` says of it. */
static void announce(struct im_slot *slot, const struct im_batch *next)
{
	slot->next = next->index;
	slot->crc_next = next->crc;
	slot->crc_under = next->crc_under;
}

int im_batches_announce(struct im_exec *x, enum im_direction dir, uint64_t run, uint64_t from, uint64_t seq,
			struct im_error *err)
{
	struct im_slot slot = { .seq = seq, .run = run, .batch = IM_NO_BATCH, .prev = IM_NO_BATCH, .journalled = true };
	uint8_t sector0[4096];
	struct im_ahead ahead;
	int rc = -1;

	slot.len = x->journal.prog.sector_size;
	if (im_ahead_start(&ahead, x, dir, from, false, err) == 0 && im_ahead_fill(&ahead, 1, err) == 0 &&
	    im_dev_read(x->image, 0, sector0, slot.len, err) == 0) {
		announce(&slot, im_ahead_at(&ahead, 0) ? im_ahead_at(&ahead, 0) : &none);
		slot.crc = im_crc32c(0, sector0, slot.len);
		rc = im_slot_put(&x->journal, &slot, sector0, err) < 0 ? -1 : im_journal_flush(&x->journal, err);
	}
	im_ahead_stop(&ahead);
	return rc;
}

/* The slot of batch b, which follows `prev` and is followed by `next`, without a flush. */
static int put_slot(struct run *r, const struct im_batch *prev, struct im_batch *b, const struct im_batch *next,
		    struct im_error *err)
{
	struct im_slot slot = {
		.seq = ++r->seq, .run = r->number, .batch = b->index, .prev = prev->index, .crc = b->crc, .crc_prev = prev->crc,
		.journalled = b->journalled, .len = b->len,
	};

	announce(&slot, next);
	b->slot_at = b->journalled ? im_slot_content_at(&r->x->journal, &slot) : 0;
	return im_slot_put(&r->x->journal, &slot, b->content, err);
}

static int put_next(struct run *r, struct im_error *err)
{
	struct im_batch *next = im_ahead_at(&r->ahead, 1);

	return next ? put_slot(r, batch_at(r, 0), next, batch_at(r, 2), err) : 0;
}

static int flush_next(struct run *r, struct im_error *err)
{
	return im_ahead_at(&r->ahead, 1) ? im_journal_flush(&r->x->journal, err) : 0;
}

static int log_next(void *arg, struct im_error *err)
{
	return put_next(arg, err) < 0 ? -1 : flush_next(arg, err);
}

/* One after the other, with both writes before both flushes: so a power cut finds all that it can find when they are
 * done at once. */
static int round_alone(struct run *r, struct im_error *err)
{
	if (put_next(r, err) < 0 || im_batch_write(r->x, batch_at(r, 0), err) < 0 || flush_next(r, err) < 0)
		return -1;
	return im_dev_flush(r->x->image, err);
}

static int round_at_once(struct run *r, struct im_error *err)
{
	struct im_error other = { 0 };
	int rc;

	im_aside_run(&r->writer, log_next, r);
	rc = im_batch_write(r->x, batch_at(r, 0), err) < 0 ? -1 : im_dev_flush(r->x->image, err);
	return im_aside_wait(&r->writer, rc < 0 ? &other : err) < 0 ? -1 : rc;
}

static bool report(struct im_exec *x, uint64_t done, uint64_t total)
{
	return !x->hooks.progress || x->hooks.progress(x->hooks.arg, IM_GROWN, done, total);
}

static int run_all(struct run *r, uint64_t total, struct im_error *err)
{
	struct im_batch *now;

	if (im_ahead_fill(&r->ahead, 2, err) < 0)
		return -1;
	now = im_ahead_at(&r->ahead, 0);
	if (now && (put_slot(r, &none, now, batch_at(r, 1), err) < 0 || im_journal_flush(&r->x->journal, err) < 0))
		return -1;
	for (; (now = im_ahead_at(&r->ahead, 0)); im_ahead_pop(&r->ahead)) {
		if (!report(r->x, r->dir == IM_FORWARD ? now->index : total - now->index - 1, total))
			return im_error_set(err, IM_ECANCELLED, "stopped at a safe point");
		if (im_ahead_fill(&r->ahead, 3, err) < 0 ||
		    (r->writer.has_thread ? round_at_once(r, err) : round_alone(r, err)) < 0)
			return -1;
	}
	report(r->x, total, total);
	return 0;
}

int im_batches_run(struct im_exec *x, const struct im_phase_record *run, uint64_t from, uint64_t seq,
		   struct im_error *err)
{
	uint64_t total = run->dir == IM_FORWARD ? x->journal.prog.n_batches : run->batch;
	bool at_once = x->image->is_parallel && x->journal.dev->is_parallel;
	struct run r = { .x = x, .dir = run->dir, .number = run->run, .seq = seq };
	int rc;

	im_aside_start(&r.writer, at_once);
	rc = im_ahead_start(&r.ahead, x, run->dir, from, at_once, err);
	if (rc == 0)
		rc = run_all(&r, total, err);
	im_ahead_stop(&r.ahead);
	im_aside_stop(&r.writer);
	return rc;
}
