/* batches.c - the loop over the batches of a run.
 *
 * While batch p is being written the content of the next one is already in memory: nothing that p
 * overwrites is read by a later batch (P1 and P2 of program.h). Its checksum stands in slot(p), so that
 * recovery can tell an image that is exactly at p from one that has gone further.
 */
#include <pthread.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "exec/exec.h"

#define PREFETCH (8u << 20)	/* bytes that the device is asked to read ahead */

static bool report(struct im_exec *x, uint64_t done, uint64_t total)
{
	return !x->hooks.progress || x->hooks.progress(x->hooks.arg, IM_GROWN, done, total);
}

/* Where the search for the batch after `index` goes on. */
static uint64_t behind(enum im_direction dir, uint64_t index)
{
	return dir == IM_FORWARD ? index + 1 : index;
}

/* Find and load the batch at or behind `from` that changes a byte; b->index is IM_NO_BATCH when there is none. */
static int load_next(struct im_exec *x, enum im_direction dir, uint64_t from, struct im_batch *b, struct im_error *err)
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
		if (im_batch_load(x, dir, next, b, err) < 0 || im_batch_look_under(x, b, &same, err) < 0)
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
	if (load_next(x, dir, from, &b, err) == 0 && im_dev_read(x->image, 0, sector0, slot.len, err) == 0) {
		slot.next = b.index;
		slot.crc_next = b.crc;
		slot.crc_under = b.crc_under;
		slot.crc = im_crc32c(0, sector0, slot.len);
		rc = im_slot_write(&x->journal, &slot, sector0, err);
	}
	im_batch_free(&b);
	return rc;
}

/* The image's flush, in a thread of its own. */
struct flushing {
	struct im_dev *image;
	struct im_error err;
	int rc;
};

static void *flush_image(void *arg)
{
	struct flushing *f = arg;

	f->rc = im_dev_flush(f->image, &f->err);
	return NULL;
}

/* Make the batch before and this batch's slot durable. In which order that happens does not matter: the
 * slot's record of the batch before is only believed when the image agrees. */
static int flush_both(struct im_exec *x, const struct im_slot *slot, const uint8_t *content, struct im_error *err)
{
	struct flushing f = { .image = x->image };
	pthread_t thread;
	int rc;

	if (slot->prev == IM_NO_BATCH)
		return im_slot_write(&x->journal, slot, content, err);
	if (!x->image->may_flush_aside || pthread_create(&thread, NULL, flush_image, &f) != 0) {
		rc = im_slot_write(&x->journal, slot, content, err);
		return rc < 0 ? -1 : im_dev_flush(x->image, err);
	}
	rc = im_slot_write(&x->journal, slot, content, err);
	pthread_join(thread, NULL);
	if (rc == 0 && f.rc < 0 && err)
		*err = f.err;
	return rc < 0 ? -1 : f.rc;
}

/* Write batch a in place behind its slot; b is the one that follows. */
static int one_batch(struct im_exec *x, const struct im_phase_record *run, uint64_t seq, uint64_t prev,
		     uint32_t crc_prev, const struct im_batch *a, const struct im_batch *b, struct im_error *err)
{
	struct im_slot slot = {
		.seq = seq, .run = run->run, .batch = a->index, .prev = prev, .next = b->index,
		.crc = a->crc, .crc_prev = crc_prev, .crc_next = b->crc, .crc_under = b->crc_under,
		.journalled = a->journalled, .len = a->len,
	};

	return flush_both(x, &slot, a->content, err) < 0 ? -1 : im_batch_write(x, a, err);
}

/* Keep the device reading ahead of batch b, about PREFETCH bytes. *ahead: how far that went. */
static void read_ahead(struct im_exec *x, enum im_direction dir, const struct im_batch *b, uint64_t *ahead)
{
	const struct im_program *prog = &x->journal.prog;
	uint64_t n = prog->n_batches, index = b->index, want = 1 + PREFETCH / im_max(b->len, prog->params.direct_min);

	for (uint64_t k = 1; k <= want; k++) {
		uint64_t i = dir == IM_FORWARD ? index + k : index - k;

		if (i >= n)		/* past either end: index - k wraps */
			return;
		if (*ahead != IM_NO_BATCH && (dir == IM_FORWARD ? i <= *ahead : i >= *ahead))
			continue;
		im_batch_prefetch(x, dir, i);
		*ahead = i;
	}
}

int im_batches_run(struct im_exec *x, const struct im_phase_record *run, uint64_t from, uint64_t seq,
		   struct im_error *err)
{
	uint64_t total = run->dir == IM_FORWARD ? x->journal.prog.n_batches : run->batch;
	struct im_batch two[2] = { { 0 } }, *a = &two[0], *b = &two[1];
	uint64_t prev = IM_NO_BATCH, ahead = IM_NO_BATCH;
	uint32_t crc_prev = 0;
	int rc = -1;

	if (im_batch_alloc(a, &x->journal.prog, err) < 0 || im_batch_alloc(b, &x->journal.prog, err) < 0 ||
	    load_next(x, run->dir, from, a, err) < 0)
		goto out;
	while (a->index != IM_NO_BATCH) {
		struct im_batch *swap = a;

		if (!report(x, run->dir == IM_FORWARD ? a->index : total - a->index - 1, total)) {
			im_error_set(err, IM_ECANCELLED, "stopped at a safe point");
			goto out;
		}
		read_ahead(x, run->dir, a, &ahead);
		if (load_next(x, run->dir, behind(run->dir, a->index), b, err) < 0 ||
		    one_batch(x, run, ++seq, prev, crc_prev, a, b, err) < 0)
			goto out;
		prev = a->index;
		crc_prev = a->crc;
		a = b;
		b = swap;
	}
	report(x, total, total);
	rc = im_dev_flush(x->image, err);
out:
	im_batch_free(&two[0]);
	im_batch_free(&two[1]);
	return rc;
}
