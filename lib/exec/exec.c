/* exec.c - the phases of a run; the invariants and the order are in exec.h. */
#include "exec/clone.h"
#include "exec/shift.h"
#include "exec/stash.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fence.h"
#include "dev/host.h"

static int record(struct im_exec *x, struct im_phase_record rec, enum im_phase phase, struct im_error *err)
{
	rec.phase = phase;
	return im_journal_phase(&x->journal, &rec, err);
}

/* The run will go by x->clone, which holds the old or the new image. */
static int set_base(struct im_exec *x, struct im_phase_record *rec, enum im_base base, struct im_error *err)
{
	rec->base = base;
	return im_clone_crc(x, base, &rec->base_crc, err);
}

/* The run will move blocks of the host; what it must leave as it is now: both ends of what moves. */
static int set_shift(struct im_exec *x, struct im_phase_record *rec, enum im_direction dir, struct im_error *err)
{
	rec->base = IM_BASE_SHIFT;
	if (dir == IM_BACKWARD)
		rec->batch = im_steps_count(&x->journal.prog.steps);
	return im_check_sample(x, dir == IM_FORWARD ? IM_BACKWARD : IM_FORWARD, &rec->base_crc, err);
}

int im_exec_prepare(struct im_exec *x, struct im_dev *image, struct im_dev *journal, const struct im_map *map,
		    const struct im_exec_params *params, const char *image_name, struct im_error *err)
{
	struct im_phase_record rec = { .dir = IM_FORWARD };
	uint64_t from = 0;

	memset(x, 0, sizeof(*x));
	x->image = image;
	x->clone = params->clone;
	x->state = IM_STATE_NOT_STARTED;
	if (im_map_check(map, err) < 0 ||
	    im_journal_create(&x->journal, journal, image, map, params, image_name, err) < 0)
		return -1;
	rec.stash_crc = x->journal.stash_crc;
	if (x->clone || params->shift_unit)
		from = x->journal.prog.n_batches;
	if ((x->clone && set_base(x, &rec, IM_BASE_OLD, err) < 0) ||
	    (!x->clone && params->shift_unit &&
	     (set_shift(x, &rec, IM_FORWARD, err) < 0 || im_shift_announce(x, &rec, err) < 0)) ||
	    im_batches_announce(x, IM_FORWARD, 0, from, 0, err) < 0 || record(x, rec, IM_PREPARED, err) < 0) {
		im_exec_close(x);
		return -1;
	}
	x->is_fresh = true;
	return 0;
}

int im_exec_open(struct im_exec *x, struct im_dev *image, struct im_dev *journal, struct im_error *err)
{
	memset(x, 0, sizeof(*x));
	x->image = image;
	/* what a killed process wrote may be in the page cache alone: nothing is believed before it is durable. After a
	 * flush that failed, the next one reports success over pages that never reached the storage: so they are dropped,
	 * and what is believed is what the storage has. */
	if ((!image->is_read_only && im_dev_flush(image, err) < 0) ||
	    (!journal->is_read_only && im_dev_flush(journal, err) < 0))
		return -1;
	im_dev_forget(image);
	im_dev_forget(journal);
	if (im_journal_load(&x->journal, journal, err) < 0)
		return -1;
	if (im_judge_state(x, err) < 0 || (x->state != IM_STATE_REPAIRED && im_stash_check(&x->journal, err) < 0)) {
		im_exec_close(x);
		return -1;
	}
	return 0;
}

void im_exec_close(struct im_exec *x)
{
	im_journal_free(&x->journal);
}

static int put_fence(struct im_exec *x, uint64_t run, struct im_error *err)
{
	uint8_t fence[4096];

	im_fence_make(fence, x->journal.prog.sector_size, x->journal.uuid, run);
	if (im_dev_write(x->image, 0, fence, x->journal.prog.sector_size, err) < 0)
		return -1;
	return im_dev_flush(x->image, err);
}

static int remove_fence(struct im_exec *x, enum im_direction dir, struct im_error *err)
{
	const uint8_t *sector = dir == IM_FORWARD ? x->journal.new0 : x->journal.old0;

	if (im_dev_write(x->image, 0, sector, x->journal.prog.sector_size, err) < 0)
		return -1;
	return im_dev_flush(x->image, err);
}

static int set_size(struct im_exec *x, uint64_t size, struct im_error *err)
{
	if (im_dev_resize(x->image, size, err) < 0)
		return -1;
	return im_dev_flush(x->image, err);
}

/* What a run that did not begin has grown by is only zeros. */
static int check_zeros(const struct im_exec *x, uint64_t end, struct im_error *err)
{
	uint64_t size = x->image->size;
	uint8_t buf[4096];

	for (uint64_t off = end; off < size; off += sizeof(buf)) {
		size_t n = (size_t)im_min(sizeof(buf), size - off);

		if (im_dev_read(x->image, off, buf, n, err) < 0)
			return -1;
		if (!im_is_zero(buf, n))
			return im_error_at(err, IM_ECHANGED, off, "somebody wrote behind the old end of the image, at byte %"
					   PRIu64 "; its size is left as it is", off);
	}
	return 0;
}

/* Give these back. */
static int cut_zeros(struct im_exec *x, uint64_t end, struct im_error *err)
{
	return check_zeros(x, end, err) < 0 ? -1 : x->image->size > end ? set_size(x, end, err) : 0;
}

/* Grow with storage behind what is new. On failure the size is what it was. */
static int reserve_size(struct im_exec *x, uint64_t size, struct im_error *err)
{
	uint64_t before = x->image->size;

	if (size <= before)
		return 0;
	if (im_dev_reserve(x->image, size, err) == 0 && im_dev_flush(x->image, err) == 0)
		return 0;
	im_dev_resize(x->image, before, NULL);
	return -1;
}

/* Room for what the image grows by; where blocks are moved, for a gap. */
static int make_room(struct im_exec *x, const struct im_phase_record *rec, struct im_error *err)
{
	if (rec->base == IM_BASE_SHIFT && !im_host_has_room(x->image, x->journal.prog.params.fill_gap))
		return im_error_set(err, IM_ENOSPC, "the image's file system has no room for a gap of %u bytes any more; make some, or choose another"
				    " strategy; nothing was written", x->journal.prog.params.fill_gap);
	return rec->base == IM_BASE_SHIFT ? 0 : reserve_size(x, im_max(x->journal.map.old_size, x->journal.map.new_size), err);
}

/* The image has the size that its batches, or its next step, want. */
static int grow(struct im_exec *x, struct im_phase_record *rec, struct im_error *err)
{
	const struct im_map *map = &x->journal.map;

	if (rec->base != IM_BASE_SHIFT)
		return set_size(x, im_max(map->old_size, map->new_size), err);
	/* the fence changes no extent behind the first block: without a change of size the record before says it */
	if (rec->closed && x->image->size == im_steps_size(&x->journal.prog.steps, map, rec->batch))
		return 0;
	if (set_size(x, im_steps_size(&x->journal.prog.steps, map, rec->batch), err) < 0)
		return -1;
	return im_shift_announce(x, rec, err);
}

/* All the work of a run between GROWN and FLUSHED. */
static int work(struct im_exec *x, struct im_phase_record *rec, const struct im_start *start, struct im_error *err)
{
	switch (rec->base) {
	case IM_BASE_NONE:
		return im_batches_run(x, rec, start, err);
	case IM_BASE_OLD:
	case IM_BASE_NEW:
		return im_clone_run(x, rec, err);
	case IM_BASE_SHIFT:
		return im_shift_run(x, rec, start->from, err);
	}
	return im_error_set(err, IM_EFORMAT, "the journal is damaged: an unknown kind of run");
}

/* Take the run that the log ends in through its remaining phases. Where it goes on matters only up to GROWN. */
static int go_on(struct im_exec *x, const struct im_start *start, struct im_error *err)
{
	struct im_phase_record rec = *im_journal_last(&x->journal);
	const struct im_map *map = &x->journal.map;
	uint64_t target = rec.dir == IM_FORWARD ? map->new_size : map->old_size;

	im_dev_bypass(x->image);
	im_dev_bypass(x->journal.dev);
	switch (rec.phase) {
	case IM_PREPARED:
		/* before the fence: where there is no room, nothing has been written yet */
		if (make_room(x, &rec, err) < 0)
			return -1;
		x->state = rec.dir == IM_FORWARD ? IM_STATE_REPAIRING : IM_STATE_UNDOING;
		if (put_fence(x, rec.run, err) < 0 || record(x, rec, IM_FENCED, err) < 0)
			return -1;
		/* fall through */
	case IM_FENCED:
		if (grow(x, &rec, err) < 0 || record(x, rec, IM_GROWN, err) < 0)
			return -1;
		rec.phase = IM_GROWN;
		/* fall through */
	case IM_GROWN:
		if (work(x, &rec, start, err) < 0 || im_check_sample(x, rec.dir, &rec.sample, err) < 0 ||
		    record(x, rec, IM_FLUSHED, err) < 0)
			return -1;
		/* fall through */
	case IM_FLUSHED:
		if (record(x, rec, IM_UNFENCING, err) < 0)
			return -1;
		/* fall through */
	case IM_UNFENCING:
		if (remove_fence(x, rec.dir, err) < 0 || record(x, rec, IM_COMMITTED, err) < 0)
			return -1;
		/* fall through */
	case IM_COMMITTED:
		x->state = rec.dir == IM_FORWARD ? IM_STATE_REPAIRED : IM_STATE_UNDONE;
		if (set_size(x, target, err) < 0 || record(x, rec, IM_SHRUNK, err) < 0)
			return -1;
		/* fall through */
	case IM_SHRUNK:
		x->state = rec.dir == IM_FORWARD ? IM_STATE_REPAIRED : IM_STATE_UNDONE;
		return 0;
	}
	return im_error_set(err, IM_EFORMAT, "the journal is damaged: unknown phase");
}

/* An exact state of an interrupted run. Runs past GROWN are at their end already, and everything but sector 0 must be
 * what they left: a sector 0 that a power cut tore can look like one that stood there before. */
static int settle(struct im_exec *x, bool turns, bool allow_changed, struct im_start *start, struct im_error *err)
{
	const struct im_phase_record *rec = im_journal_last(&x->journal);

	*start = (struct im_start){ .prev.index = IM_NO_BATCH };
	if (x->is_fresh) {
		x->is_fresh = false;
		return 0;
	}
	start->from = rec->base == IM_BASE_SHIFT ? rec->batch : rec->dir == IM_FORWARD ? x->journal.prog.n_batches : 0;
	if (rec->phase > IM_GROWN)
		return im_check_content(x, rec->dir, err) < 0 && !(allow_changed && err->code == IM_ECHANGED) ? -1 : 0;
	if (rec->base == IM_BASE_SHIFT)
		return im_shift_settle(x, rec, &start->from, err);
	if (im_by_clone(rec))
		return im_clone_check(x, rec, err);
	return im_settle(x, rec, turns, start, err);
}

static int resume(struct im_exec *x, bool allow_changed, struct im_error *err)
{
	const struct im_phase_record *rec = im_journal_last(&x->journal);
	struct im_start start;

	if (!rec)
		return im_error_set(err, IM_EREFUSED, "the journal was never finished and nothing was written to the"
				    " image; there is nothing to resume");
	/* a repair whose undo was prepared but not begun is simply a repair, though the image may have grown for it */
	if (x->state == IM_STATE_REPAIRED && rec->dir == IM_BACKWARD)
		return im_exec_check_sector0(x, err) < 0 || im_check_may_cut(x, IM_FORWARD, x->journal.map.new_size, err) < 0 ? -1 :
		       cut_zeros(x, x->journal.map.new_size, err);
	/* at rest: only a pending change of size may be left, and only while the image is still ours */
	if (x->state == IM_STATE_REPAIRED || x->state == IM_STATE_UNDONE) {
		uint64_t target = rec->dir == IM_FORWARD ? x->journal.map.new_size : x->journal.map.old_size;

		if (im_exec_check_sector0(x, err) < 0)
			return -1;
		if (x->image->size == target)
			return 0;
		if (im_check_may_cut(x, rec->dir, target, err) < 0)
			return -1;
	}
	return settle(x, false, allow_changed, &start, err) < 0 ? -1 : go_on(x, &start, err);
}

int im_exec_resume(struct im_exec *x, struct im_error *err)
{
	return resume(x, false, err);
}

/* A repair is taken back as it was made, where that can be; else in batches. */
static int choose_backward(struct im_exec *x, struct im_phase_record *rec, struct im_error *err)
{
	bool shifts = false;

	if (x->clone)
		return set_base(x, rec, IM_BASE_NEW, err);
	if (im_shift_possible(x, &shifts, err) < 0)
		return -1;
	return shifts ? set_shift(x, rec, IM_BACKWARD, err) : 0;
}

/* Record that a run back to the old image begins: batches, or steps, before start->from are done and durable. Its first
 * slot must not overwrite the one of the run before it that counts until PREPARED is durable: the newest, or what start->seq
 * says. */
static int start_backward(struct im_exec *x, struct im_start *start, bool was_fenced, struct im_error *err)
{
	struct im_phase_record rec = {
		.dir = IM_BACKWARD, .run = x->journal.log.n, .batch = start->from, .was_fenced = was_fenced,
	};
	const struct im_phase_record *last = im_journal_last(&x->journal);
	struct im_slot slots[2];
	int n = im_slot_read(&x->journal, last->run, slots, err);

	if (n < 0)
		return -1;
	start->seq = n ? im_max(slots[0].seq, start->seq) + 1 : 0;
	start->prev.index = IM_NO_BATCH;
	/* STASH becomes durable with the first slot */
	if (was_fenced) {
		rec.base = last->base;
		rec.base_crc = last->base_crc;
	} else if (im_stash_refresh(&x->journal, x->image, err) < 0 || choose_backward(x, &rec, err) < 0) {
		return -1;
	}
	rec.stash_crc = x->journal.stash_crc;
	if (rec.base == IM_BASE_SHIFT && im_shift_announce(x, &rec, err) < 0)
		return -1;
	if (im_batches_announce(x, IM_BACKWARD, rec.run, rec.base ? 0 : start->from, start->seq, err) < 0)
		return -1;
	return record(x, rec, IM_PREPARED, err);
}

static int undo_repaired(struct im_exec *x, bool allow_changed, struct im_error *err)
{
	/* --allow=changed is for an image that was used, not for another one */
	if (im_exec_check_sector0(x, err) < 0)
		return -1;
	if (im_exec_check_committed(x, err) < 0 && (!allow_changed || err->code != IM_ECHANGED))
		return -1;
	if (im_check_may_cut(x, IM_FORWARD, x->journal.map.new_size, err) < 0)
		return -1;
	return set_size(x, x->journal.map.new_size, err);
}

/* Has a run that did not begin made the image longer? */
static bool has_grown(const struct im_exec *x)
{
	return x->state == IM_STATE_NOT_STARTED && x->journal.log.n && x->image->size > x->journal.map.old_size;
}

/* Nothing was written, but the image has grown. Proves that not even the first batch was begun: this is no older copy of the journal of a
 * complete repair. */
static int check_not_begun(struct im_exec *x, struct im_error *err)
{
	struct im_start start;

	if (im_journal_last(&x->journal)->base == IM_BASE_SHIFT)
		return im_error_set(err, IM_ECHANGED, "the image is longer than it was; its size is left as it is");
	if (im_by_clone(im_journal_last(&x->journal)))
		return im_clone_compare(x, err);
	return settle(x, true, false, &start, err);
}

uint64_t im_exec_size_at_rest(const struct im_exec *x)
{
	uint64_t old = x->journal.map.old_size;
	bool is_ours = has_grown(x) && im_journal_last(&x->journal)->base != IM_BASE_SHIFT && check_zeros(x, old, NULL) == 0;

	return is_ours ? old : x->image->size;
}

static int forget(struct im_exec *x, struct im_error *err)
{
	if (has_grown(x) && (check_not_begun(x, err) < 0 || cut_zeros(x, x->journal.map.old_size, err) < 0))
		return -1;
	x->state = IM_STATE_UNDONE;
	return 0;
}

/* A run by a clone that only lacks its end needs the clone no more: it is brought to that, and taken back as any other. */
static int complete_and_undo(struct im_exec *x, bool allow_changed, struct im_error *err)
{
	x->clone = NULL;
	return resume(x, allow_changed, err) < 0 ? -1 : im_exec_undo(x, allow_changed, err);
}

int im_exec_undo(struct im_exec *x, bool allow_changed, struct im_error *err)
{
	struct im_start start = { .from = x->journal.prog.n_batches, .prev.index = IM_NO_BATCH };

	switch (x->state) {
	case IM_STATE_NOT_STARTED:
		return forget(x, err);
	case IM_STATE_UNDONE:
	case IM_STATE_UNDOING:
		return resume(x, allow_changed, err);
	case IM_STATE_REPAIRED:
		if (undo_repaired(x, allow_changed, err) < 0)
			return -1;
		break;
	case IM_STATE_REPAIRING:
		if (im_by_clone(im_journal_last(&x->journal)) && im_journal_last(&x->journal)->phase >= IM_FLUSHED)
			return complete_and_undo(x, allow_changed, err);
		if (settle(x, true, allow_changed, &start, err) < 0)
			return -1;
		break;
	}
	if (start_backward(x, &start, x->state == IM_STATE_REPAIRING, err) < 0)
		return -1;
	x->state = IM_STATE_UNDOING;
	start.from = im_journal_last(&x->journal)->batch;
	return go_on(x, &start, err);
}
