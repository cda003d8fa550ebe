/* recover.c - where does an interrupted run stand, and bring it to an exact state.
 *
 * Two questions, both answered by reading only:
 *  - im_judge_state: does sector 0 hold what the journal's last record says it must? A fence of this
 *    journal, the sector of before or after a run, or, where that sector was just being written, any
 *    byte mixture of the two.
 *  - im_settle: do the newest slot, the batch it names, the one before and the one after agree with the
 *    image? The batch after must not have begun: its content, and what stands where it goes, must still
 *    be what they were when the slot was written. A journal that lost its newest slot, or an older copy
 *    of it, fails here.
 * Only then are at most two batches written once more.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/fence.h"
#include "exec/exec.h"

static bool is_mixture(const uint8_t *p, const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != a[i] && p[i] != b[i])
			return false;
	return true;
}

int im_not_ours(struct im_error *err, const char *why)
{
	return im_error_set(err, IM_ECHANGED, "the image is not in the state that this journal left: %s;"
			    " nothing was written", why);
}

/* Sector 0 as it was when the run of `rec` began, from the run's first slot. */
static int start_sector(struct im_exec *x, const struct im_phase_record *rec, uint8_t *sector, struct im_error *err)
{
	struct im_slot slots[2];
	int n = im_slot_read(&x->journal, rec->run, slots, err);

	if (n < 0)
		return -1;
	if (n != 1 || slots[0].batch != IM_NO_BATCH || slots[0].len != x->journal.prog.sector_size)
		return im_error_set(err, IM_EFORMAT, "the journal is damaged: its slots do not fit its log");
	return im_slot_content(&x->journal, &slots[0], sector, err);
}

static enum im_exec_state running(const struct im_phase_record *rec)
{
	return rec->dir == IM_FORWARD ? IM_STATE_REPAIRING : IM_STATE_UNDOING;
}

static int judge_prepared(struct im_exec *x, const struct im_phase_record *rec, const uint8_t *now,
			  const uint8_t *fence, struct im_error *err)
{
	uint32_t ss = x->journal.prog.sector_size;
	uint8_t start[4096];

	if (start_sector(x, rec, start, err) < 0)
		return -1;
	if (!is_mixture(now, start, fence, ss))
		return im_not_ours(err, _("sector 0 is neither what it was before nor our marker"));
	x->state = running(rec);
	if (!rec->was_fenced && memcmp(now, start, ss) == 0)
		x->state = rec->dir == IM_FORWARD ? IM_STATE_NOT_STARTED : IM_STATE_REPAIRED;
	return 0;
}

static int judge_sector0(struct im_exec *x, const struct im_phase_record *rec, const uint8_t *now, struct im_error *err)
{
	const uint8_t *target = rec->dir == IM_FORWARD ? x->journal.new0 : x->journal.old0;
	uint32_t ss = x->journal.prog.sector_size;
	uint8_t fence[4096];

	im_fence_make(fence, ss, x->journal.uuid, rec->run);
	x->state = running(rec);
	switch (rec->phase) {
	case IM_PREPARED:
		return judge_prepared(x, rec, now, fence, err);
	case IM_FENCED:
	case IM_GROWN:
	case IM_FLUSHED:
		return memcmp(now, fence, ss) == 0 ? 0 : im_not_ours(err, _("sector 0 does not hold this journal's marker"));
	case IM_UNFENCING:
		if (!is_mixture(now, target, fence, ss))
			return im_not_ours(err, _("sector 0 is neither this journal's marker nor the final sector"));
		if (memcmp(now, target, ss) != 0)
			return 0;
		/* the run is complete but for its record: as good as committed */
		/* fall through */
	case IM_COMMITTED:
	case IM_SHRUNK:
		x->state = rec->dir == IM_FORWARD ? IM_STATE_REPAIRED : IM_STATE_UNDONE;
		return 0;
	}
	return im_error_set(err, IM_EFORMAT, "the journal is damaged: unknown phase");
}

/* Where blocks are moved the image has the size of the steps that are done; im_shift_settle looks closer. */
static bool fits_steps(const struct im_exec *x, const struct im_phase_record *rec)
{
	const struct im_map *map = &x->journal.map;
	uint64_t before = rec->dir == IM_FORWARD ? map->old_size : map->new_size;

	return rec->was_fenced || rec->phase == IM_GROWN || x->image->size == before ||
	       x->image->size == im_steps_size(&x->journal.prog.steps, map, rec->batch);
}

static int check_size(const struct im_exec *x, const struct im_phase_record *rec, struct im_error *err)
{
	uint64_t a = x->journal.map.old_size, b = x->journal.map.new_size, size = x->image->size;
	bool between = size >= im_min(a, b) && size <= im_max(a, b);

	if (x->image->sector_size != x->journal.prog.sector_size)
		return im_not_ours(err, _("its sector size is another one"));
	if (rec->base == IM_BASE_SHIFT && rec->phase <= IM_GROWN)
		between = fits_steps(x, rec);
	else if (rec->phase >= IM_GROWN && rec->phase < IM_UNFENCING)
		between = size == im_max(a, b);
	if (rec->phase >= IM_UNFENCING)
		between = between && size >= (rec->dir == IM_FORWARD ? b : a);
	if (rec->phase == IM_SHRUNK)
		between = size == (rec->dir == IM_FORWARD ? b : a);
	return between ? 0 : im_not_ours(err, _("its size is another one"));
}

/* No phase record: PREPARED never became durable and the image was not touched; or the log is lost. */
static int judge_without_log(struct im_exec *x, const uint8_t *now, struct im_error *err)
{
	struct im_slot slots[2];
	int n = im_slot_read(&x->journal, 0, slots, err);

	if (n < 0)
		return -1;
	if (memcmp(now, x->journal.old0, x->journal.prog.sector_size) != 0 || x->image->size != x->journal.map.old_size ||
	    (n && slots[0].batch != IM_NO_BATCH))
		return im_error_set(err, IM_EFORMAT, "the journal is damaged: its log is empty, but the image is not what it was"
				    " before the repair");
	x->state = IM_STATE_NOT_STARTED;
	return 0;
}

int im_judge_state(struct im_exec *x, struct im_error *err)
{
	const struct im_phase_record *rec = im_journal_last(&x->journal);
	uint8_t now[4096];

	if (x->image->size < x->journal.prog.sector_size)
		return im_not_ours(err, _("it is shorter than a sector"));
	if (im_dev_read(x->image, 0, now, x->journal.prog.sector_size, err) < 0)
		return -1;
	if (!rec)
		return judge_without_log(x, now, err);
	if (check_size(x, rec, err) < 0)
		return -1;
	return judge_sector0(x, rec, now, err);
}

struct settling {
	struct im_exec *x;
	enum im_direction dir;
	bool turns;			/* a run back begins behind this one */
	struct im_slot slots[2];	/* the newest, and the one before it */
	int n_slots;
	bool redo_prev, redo_last;
	struct im_batch batch;
};

/* Does the batch still read as its slot says it did? */
static int intact(struct settling *s, uint64_t index, uint32_t crc, bool *yes, struct im_error *err)
{
	if (im_batch_load(s->x, s->dir, index, &s->batch, err) < 0)
		return -1;
	*yes = s->batch.crc == crc;
	return 0;
}

/* Is the batch at its destination already? */
static int in_place(struct settling *s, uint64_t index, uint32_t crc, bool *yes, struct im_error *err)
{
	uint32_t now;

	im_batch_plan(s->x, s->dir, index, &s->batch);
	if (im_batch_dst_crc(s->x, &s->batch, &now, err) < 0)
		return -1;
	*yes = now == crc;
	return 0;
}

static int check_next(struct settling *s, struct im_error *err)
{
	bool source, destination;

	if (s->slots[0].next == IM_NO_BATCH)
		return 0;
	if (intact(s, s->slots[0].next, s->slots[0].crc_next, &source, err) < 0 ||
	    in_place(s, s->slots[0].next, s->slots[0].crc_under, &destination, err) < 0)
		return -1;
	return source && destination ? 0 : im_not_ours(err, _("it has been written to since, or the journal is an older copy"));
}

static int check_last(struct settling *s, struct im_error *err)
{
	const struct im_slot *slot = &s->slots[0];
	bool yes;

	s->redo_last = true;
	if (slot->journalled)
		return 0;
	if (intact(s, slot->batch, slot->crc, &yes, err) < 0)
		return -1;
	if (yes)
		return 0;
	s->redo_last = false;
	if (in_place(s, slot->batch, slot->crc, &yes, err) < 0)
		return -1;
	return yes ? 0 : im_not_ours(err, _("the last batch is neither at its old nor at its new place"));
}

static int check_prev(struct settling *s, struct im_error *err)
{
	const struct im_slot *slot = &s->slots[0], *before = &s->slots[1];
	bool yes;

	if (slot->prev == IM_NO_BATCH)
		return 0;
	if (in_place(s, slot->prev, slot->crc_prev, &yes, err) < 0)
		return -1;
	if (yes)
		return 0;
	s->redo_prev = true;
	if (s->n_slots == 2 && before->batch == slot->prev) {
		if (before->journalled)
			return 0;
		if (intact(s, before->batch, before->crc, &yes, err) < 0)
			return -1;
		if (yes)
			return 0;
	}
	return im_not_ours(err, _("the batch before the last is not where the journal says it is"));
}

/* Write the batch of a slot once more. */
static int redo(struct settling *s, const struct im_slot *slot, struct im_error *err)
{
	im_batch_plan(s->x, s->dir, slot->batch, &s->batch);
	if (s->batch.len != slot->len)
		return im_error_set(err, IM_EFORMAT, "the journal is damaged: a slot does not fit the plan");
	if ((slot->journalled ? im_slot_content(&s->x->journal, slot, s->batch.content, err) :
				im_batch_load(s->x, s->dir, slot->batch, &s->batch, err)) < 0)
		return -1;
	return im_batch_write(s->x, &s->batch, err);
}

/* Write what is needed of the last two batches once more. A flush behind each: the last may overwrite what the
 * one before was made of. Before a turn the last one, when it is direct, is left half done (there may be no room to
 * complete it): none of its old bytes is inside it. Going back then begins with it, and not with batches behind it
 * that had nothing to change: those may be made of what is half done. */
static int redo_both(struct settling *s, uint64_t *from, struct im_error *err)
{
	const struct im_slot *last = &s->slots[0], *prev = &s->slots[1];

	if (s->redo_prev && (redo(s, prev, err) < 0 || im_dev_flush(s->x->image, err) < 0))
		return -1;
	if (s->turns && !last->journalled) {
		*from = last->batch + 1;
		return 0;
	}
	if (!s->redo_last)
		return 0;
	return redo(s, last, err) < 0 ? -1 : im_dev_flush(s->x->image, err);
}

static int settle_run(struct settling *s, uint64_t *from, struct im_error *err)
{
	const struct im_slot *slot = &s->slots[0];
	uint64_t end = s->dir == IM_FORWARD ? s->x->journal.prog.n_batches : 0;

	*from = slot->next == IM_NO_BATCH ? end : s->dir == IM_FORWARD ? slot->next : slot->next + 1;
	if (check_next(s, err) < 0)
		return -1;
	if (slot->batch == IM_NO_BATCH)
		return 0;
	if (check_last(s, err) < 0 || check_prev(s, err) < 0)
		return -1;
	return redo_both(s, from, err);
}

int im_settle(struct im_exec *x, const struct im_phase_record *run, bool turns, uint64_t *from, uint64_t *seq,
	      struct im_error *err)
{
	struct settling s = { .x = x, .dir = run->dir, .turns = turns };
	int rc = -1;

	s.n_slots = im_slot_read(&x->journal, run->run, s.slots, err);
	if (s.n_slots < 0)
		return -1;
	if (s.n_slots == 0)
		return im_error_set(err, IM_EFORMAT, "the journal is damaged: both slots of its last run are unreadable");
	if (run->phase < IM_GROWN && s.slots[0].batch != IM_NO_BATCH)
		return im_error_set(err, IM_EFORMAT, "the journal is damaged: its slots are ahead of its log");
	*seq = s.slots[0].seq;
	if (im_batch_alloc(&s.batch, &x->journal.prog, err) < 0)
		return -1;
	rc = settle_run(&s, from, err);
	im_batch_free(&s.batch);
	return rc;
}
