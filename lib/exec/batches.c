/* batches.c - the loop over the batches of a run.
 *
 * Batches are written in place in waves, one after the other, each durable before the next one begins. The waves of a piece
 * that is not journalled make a group, which one slot announces; a journalled batch is a group of its own. While the
 * last wave of a group is written in place, the slot of the next group goes to the journal. What that announces is in memory
 * by then, and the batch behind it as well (ahead.h), as their checksums stand in that slot, so that recovery can
 * tell an image that is exactly there from one that has gone further. So a batch is only begun behind its slot, and a slot is
 * only overwritten when all its batches are durable in place.
 */
#include "base/bytes.h"
#include "base/crc.h"
#include "exec/ahead.h"

struct run {
	struct im_exec *x;
	enum im_direction dir;
	uint64_t number, seq;		/* seq: of the last slot that was written */
	struct im_announced prev;	/* the batch before the first one, if any */
	uint64_t done;			/* batches, as far as was reported */
	struct im_ahead ahead;
	size_t left, wave, n_next;	/* batches that are left of this group, the first ones of the queue; of them in this wave;
					 * and of the next group, where this wave is the last */
	struct im_aside writer;
};

_Static_assert(IM_PIECE_BATCHES <= IM_GROUP, "a piece is a group");

static const struct im_announced none = { .index = IM_NO_BATCH };

/* What a slot says of the i-th batch of the queue. */
static struct im_announced announced(const struct im_ahead *ahead, size_t i)
{
	const struct im_batch *b = im_ahead_at(ahead, i);

	return b ? (struct im_announced){ b->index, b->crc, b->crc_under, b->crc_there, b->wave } : none;
}

int im_batches_announce(struct im_exec *x, enum im_direction dir, uint64_t run, uint64_t from, uint64_t seq,
			struct im_error *err)
{
	struct im_slot slot = {
		.seq = seq, .run = run, .prev = none, .len = x->journal.prog.sector_size, .data_len = x->journal.prog.sector_size,
	};
	uint8_t sector0[4096];
	struct im_ahead ahead;
	int rc = -1;

	im_ahead_start(&ahead, x, dir, from, false);
	if (im_ahead_fill(&ahead, 1, err) == 0 &&
	    im_dev_read(x->image, 0, sector0, slot.len, err) == 0) {
		slot.next = announced(&ahead, 0);
		slot.crc = im_crc32c(0, sector0, slot.len);
		rc = im_slot_put(&x->journal, &slot, sector0, err) < 0 ? -1 : im_journal_flush(&x->journal, err);
	}
	im_ahead_stop(&ahead);
	return rc;
}

/* The slot of a group of n batches, the first of which is the i-th of the queue, without a flush. */
static int put_slot(struct run *r, size_t i, size_t n, struct im_error *err)
{
	struct im_batch *b = im_ahead_at(&r->ahead, i);
	struct im_slot slot = {
		.seq = ++r->seq, .run = r->number, .n = n, .prev = i ? announced(&r->ahead, i - 1) : r->prev,
		.next = announced(&r->ahead, i + n),
	};

	for (size_t k = 0; k < n; k++)
		slot.batches[k] = announced(&r->ahead, i + k);
	slot.n_waves = slot.batches[n - 1].wave + 1;
	if (b->journalled) {
		slot.len = b->len;
		slot.crc = b->crc;
		slot.data_off = (uint32_t)b->data_off;
		slot.data_len = (uint32_t)b->data_len;
		b->slot_at = im_slot_content_at(&r->x->journal, &slot);
	}
	return im_slot_put(&r->x->journal, &slot, b->content, err);
}

static int put_next(struct run *r, struct im_error *err)
{
	return r->n_next ? put_slot(r, r->wave, r->n_next, err) : 0;
}

static int flush_next(struct run *r, struct im_error *err)
{
	return r->n_next ? im_journal_flush(&r->x->journal, err) : 0;
}

static int log_next(void *arg, struct im_error *err)
{
	return put_next(arg, err) < 0 ? -1 : flush_next(arg, err);
}

static int write_wave(struct run *r, struct im_error *err)
{
	for (size_t i = 0; i < r->wave; i++)
		if (im_batch_write(r->x, im_ahead_at(&r->ahead, i), err) < 0)
			return -1;
	return 0;
}

/* One after the other, with both writes before both flushes: so a power cut finds all that it can find when they are
 * done at once. */
static int round_alone(struct run *r, struct im_error *err)
{
	if (put_next(r, err) < 0 || write_wave(r, err) < 0 || flush_next(r, err) < 0)
		return -1;
	return im_dev_flush(r->x->image, err);
}

static int round_at_once(struct run *r, struct im_error *err)
{
	struct im_error other = { 0 };
	int rc;

	im_aside_run(&r->writer, log_next, r);
	rc = write_wave(r, err) < 0 ? -1 : im_dev_flush(r->x->image, err);
	return im_aside_wait(&r->writer, rc < 0 ? &other : err) < 0 ? -1 : rc;
}

/* Write the first wave of the queue in place, and with the last of a group the slot of the next one. */
static int round_of(struct run *r, struct im_error *err)
{
	r->n_next = 0;
	r->wave = im_ahead_wave(&r->ahead);
	if (r->left == r->wave) {
		if (im_ahead_fill(&r->ahead, r->left + 1, err) < 0)
			return -1;
		r->n_next = im_ahead_group(&r->ahead, r->left);
	}
	if (im_ahead_fill(&r->ahead, r->left + r->n_next + 1, err) < 0)
		return -1;
	return r->n_next && r->writer.has_thread ? round_at_once(r, err) : round_alone(r, err);
}

/* A later wave may begin with batches before those of the one that is done. */
static bool report(struct run *r, uint64_t done, uint64_t total)
{
	const struct im_exec_hooks *hooks = &r->x->hooks;

	r->done = im_max(r->done, done);
	return !hooks->progress || hooks->progress(hooks->arg, IM_GROWN, r->done, total);
}

static int begin(struct run *r, struct im_error *err)
{
	if (im_ahead_fill(&r->ahead, 1, err) < 0)
		return -1;
	r->left = im_ahead_group(&r->ahead, 0);
	if (!r->left)
		return 0;
	if (im_ahead_fill(&r->ahead, r->left + 1, err) < 0 || put_slot(r, 0, r->left, err) < 0)
		return -1;
	return im_journal_flush(&r->x->journal, err);
}

static int run_all(struct run *r, uint64_t total, struct im_error *err)
{
	if (begin(r, err) < 0)
		return -1;
	for (; r->left; im_ahead_pop(&r->ahead, r->wave)) {
		uint64_t now = im_ahead_at(&r->ahead, 0)->index;

		if (!report(r, r->dir == IM_FORWARD ? now : total - now - 1, total))
			return im_error_set(err, IM_ECANCELLED, "stopped at a safe point");
		if (round_of(r, err) < 0)
			return -1;
		r->left = r->left > r->wave ? r->left - r->wave : r->n_next;
	}
	report(r, total, total);
	return 0;
}

int im_batches_run(struct im_exec *x, const struct im_phase_record *run, const struct im_start *start, struct im_error *err)
{
	uint64_t total = run->dir == IM_FORWARD ? x->journal.prog.n_batches : run->batch;
	bool at_once = x->image->is_parallel && x->journal.dev->is_parallel;
	struct run r = { .x = x, .dir = run->dir, .number = run->run, .seq = start->seq, .prev = start->prev };
	int rc;

	im_aside_start(&r.writer, at_once);
	im_ahead_start(&r.ahead, x, run->dir, start->from, at_once);
	rc = run_all(&r, total, err);
	im_ahead_stop(&r.ahead);
	im_aside_stop(&r.writer);
	return rc;
}
