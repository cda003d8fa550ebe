/* recover.c - where does an interrupted run stand, and bring it to an exact state.
 *
 * Two questions, both answered by reading only:
 *  - im_judge_state: does sector 0 hold what the journal's last record says it must? A fence of this
 *    journal, the sector of before or after a run, or, where that sector was just being written, any
 *    byte mixture of the two.
 *  - im_settle: do the newest slot, and the one before it where its batches come right before, agree with the image? Their
 *    waves were done one after the other: those up to some one must be in place, the batches of that one must be there in full
 *    where they come from, or in their slot, and those behind it, with the one that the newest slot names as
 *    the next, must not have begun: their content, and what stands where they go, must still be what they
 *    were when the slot was written. A journal that lost its newest slot, or an older copy of it, fails here.
 * Only then is anything written: what is left of these waves, or, to go back, the old bytes of what has begun of one slot.
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
	if (n != 1 || slots[0].n || slots[0].len != x->journal.prog.sector_size)
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
	    (n && slots[0].n))
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

/* A batch of one of the slots, in the order of the run. */
struct step {
	const struct im_announced *batch;
	const struct im_slot *slot;
	size_t wave;		/* over both slots */
	bool is_due;		/* it shall be written, or written once more */
};

struct settling {
	struct im_exec *x;
	enum im_direction dir;
	bool turns;			/* a run back begins behind this one */
	struct im_slot slots[2];	/* the newest, and the one before it */
	int n_slots;
	struct step steps[2 * IM_GROUP];
	size_t n, at, end;		/* steps; those before `at` are in place, those from `end` on have not begun; between
					 * them is one wave */
	bool keeps_older;		/* the run back must leave the slot before the newest alone */
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

/* Has it not begun? */
static int untouched(struct settling *s, const struct im_announced *a, bool *yes, struct im_error *err)
{
	if (intact(s, a->index, a->crc, yes, err) < 0 || im_batch_look_under(s->x, s->dir, &s->batch, NULL, 0, NULL, err) < 0)
		return -1;
	*yes = *yes && s->batch.crc_under == a->crc_under && (!a->crc_there || s->batch.crc_there == a->crc_there);
	return 0;
}

static int add_steps(struct settling *s, const struct im_slot *slot, struct im_error *err)
{
	size_t before = s->n ? s->steps[s->n - 1].wave + 1 : 0;

	for (size_t i = 0; i < slot->n; i++)
		s->steps[s->n++] = (struct step){ &slot->batches[i], slot, before + slot->batches[i].wave, false };
	if (!im_slot_is_journalled(slot))
		return 0;
	im_batch_plan(s->x, s->dir, slot->batches[0].index, &s->batch);
	return s->batch.len == slot->len ? 0 : im_error_set(err, IM_EFORMAT, "the journal is damaged: a slot does not fit the plan");
}

/* The steps of the slots. What they follow was durable before the first of them began. */
static int collect(struct settling *s, struct im_error *err)
{
	const struct im_slot *slot = &s->slots[0], *before = &s->slots[1];
	const struct im_announced *durable = &slot->prev;
	bool yes = true;

	if (s->n_slots == 2 && before->n && before->batches[before->n - 1].index == slot->prev.index) {
		if (add_steps(s, before, err) < 0)
			return -1;
		durable = &before->prev;
	}
	if (durable->index != IM_NO_BATCH && in_place(s, durable->index, durable->crc, &yes, err) < 0)
		return -1;
	if (add_steps(s, slot, err) < 0)
		return -1;
	return yes ? 0 : im_not_ours(err, _("the batch before the last is not where the journal says it is"));
}

/* Can it be written, or written once more, from its slot or from where it comes? */
static int is_at_hand(struct settling *s, const struct step *step, bool *yes, struct im_error *err)
{
	*yes = im_slot_is_journalled(step->slot);
	return *yes ? 0 : intact(s, step->batch->index, step->batch->crc, yes, err);
}

/* The wave that the first step not in place belongs to, if there is one. */
static int find_wave(struct settling *s, struct im_error *err)
{
	bool yes = true;

	for (s->at = 0; s->at < s->n; s->at++) {
		const struct im_announced *a = s->steps[s->at].batch;

		if (in_place(s, a->index, a->crc, &yes, err) < 0)
			return -1;
		if (!yes)
			break;
	}
	while (s->at && s->at < s->n && s->steps[s->at - 1].wave == s->steps[s->at].wave)
		s->at--;
	for (s->end = s->at; s->end < s->n && s->steps[s->end].wave == s->steps[s->at].wave; s->end++)
		;
	return 0;
}

/* How far did it get? What is in place of the last wave may be so by chance of its checksum: it is written again where it can
 * be. */
static int find_place(struct settling *s, struct im_error *err)
{
	bool yes = true;

	if (find_wave(s, err) < 0)
		return -1;
	for (size_t i = s->at; i-- > 0 && s->steps[i].wave == s->steps[s->at - 1].wave;)
		if (is_at_hand(s, &s->steps[i], &s->steps[i].is_due, err) < 0)
			return -1;
	for (size_t i = s->at; i < s->end && yes; i++)
		if (is_at_hand(s, &s->steps[i], &yes, err) < 0)
			return -1;
	for (size_t i = s->at; i < s->n; i++)
		s->steps[i].is_due = true;
	return yes ? 0 : im_not_ours(err, _("the last batch is neither at its old nor at its new place"));
}

static int check_rest(struct settling *s, struct im_error *err)
{
	const struct im_announced *next = &s->slots[0].next;
	bool yes = true;

	for (size_t i = s->end; i < s->n && yes; i++)
		if (untouched(s, s->steps[i].batch, &yes, err) < 0)
			return -1;
	if (yes && next->index != IM_NO_BATCH && untouched(s, next, &yes, err) < 0)
		return -1;
	return yes ? 0 : im_not_ours(err, _("it has been written to since, or the journal is an older copy"));
}

static int redo(struct settling *s, const struct step *step, struct im_error *err)
{
	bool is_in_slot = im_slot_is_journalled(step->slot);

	im_batch_plan(s->x, s->dir, step->batch->index, &s->batch);
	if ((is_in_slot ? im_slot_content(&s->x->journal, step->slot, s->batch.content, err) :
			  im_batch_load(s->x, s->dir, step->batch->index, &s->batch, err)) < 0)
		return -1;
	return im_batch_write(s->x, &s->batch, err);
}

/* A flush behind each wave: the next one may overwrite what it was made of. */
static int complete(struct settling *s, struct im_error *err)
{
	bool is_written = false;

	for (size_t i = 0; i < s->n; i++) {
		bool ends_wave = i + 1 == s->n || s->steps[i + 1].wave != s->steps[i].wave;

		if (s->steps[i].is_due && redo(s, &s->steps[i], err) < 0)
			return -1;
		is_written |= s->steps[i].is_due;
		if (is_written && ends_wave && im_dev_flush(s->x->image, err) < 0)
			return -1;
		is_written &= !ends_wave;
	}
	return 0;
}

/* The old bytes come back, and zeros where there were only those, behind the old end. */
static int take_back_one(struct settling *s, uint64_t index, struct im_error *err)
{
	uint64_t old_size = s->x->journal.prog.old_size;

	if (im_batch_load(s->x, IM_BACKWARD, index, &s->batch, err) < 0 || im_batch_write(s->x, &s->batch, err) < 0)
		return -1;
	im_batch_plan(s->x, IM_FORWARD, index, &s->batch);
	for (size_t i = 0; i < s->batch.n_ops; i++) {
		uint64_t start = im_max(s->batch.ops[i].dst, old_size), end = s->batch.ops[i].dst + s->batch.ops[i].len;

		if (start < end && im_dev_zero(s->x->image, start, end - start, err) < 0)
			return -1;
	}
	return 0;
}

/* Write the old bytes back, wave by wave from the last that has begun to the first of its slot. What they were carried to
 * is in place, or untouched, until its own turn comes. After a crash all must look as if it had not begun. */
static int take_back(struct settling *s, struct im_error *err)
{
	const struct im_slot *slot = s->steps[s->at].slot;

	for (size_t i = s->end; i-- > 0 && s->steps[i].slot == slot;) {
		if (take_back_one(s, s->steps[i].batch->index, err) < 0)
			return -1;
		if ((!i || s->steps[i - 1].wave != s->steps[i].wave) && im_dev_flush(s->x->image, err) < 0)
			return -1;
	}
	return 0;
}

/* To go back from here. What has begun of a group is taken back, for which there may be room where there is none to complete
 * it (none of the old bytes of a direct batch is inside it); a journalled batch is completed. The slot of what was taken
 * back must stay until the run back has begun, also where a newer one announces batches that have not begun. */
static int turn(struct settling *s, uint64_t *from, struct im_error *err)
{
	const struct step *last = &s->steps[s->at < s->n ? s->at : s->n - 1];
	const struct im_slot *slot = last->slot;

	*from = slot->batches[0].index;
	if (s->at < s->n && !im_slot_is_journalled(slot)) {
		s->keeps_older = slot != &s->slots[0];
		return take_back(s, err);
	}
	for (size_t i = 0; i < slot->n; i++)
		*from = im_max(*from, slot->batches[i].index + 1);
	return im_slot_is_journalled(slot) && (redo(s, last, err) < 0 || im_dev_flush(s->x->image, err) < 0) ? -1 : 0;
}

static int settle_run(struct settling *s, struct im_start *start, struct im_error *err)
{
	uint64_t next = s->slots[0].next.index;

	start->from = s->dir == IM_FORWARD ? s->x->journal.prog.n_batches : 0;
	if (next != IM_NO_BATCH)
		start->from = s->dir == IM_FORWARD ? next : next + 1;
	if (collect(s, err) < 0 || find_place(s, err) < 0 || check_rest(s, err) < 0)
		return -1;
	if (s->n)
		start->prev = *s->steps[s->n - 1].batch;
	return s->turns && s->n ? turn(s, &start->from, err) : complete(s, err);
}

int im_settle(struct im_exec *x, const struct im_phase_record *run, bool turns, struct im_start *start, struct im_error *err)
{
	struct settling s = { .x = x, .dir = run->dir, .turns = turns };
	int rc = -1;

	*start = (struct im_start){ .prev.index = IM_NO_BATCH };
	s.n_slots = im_slot_read(&x->journal, run->run, s.slots, err);
	if (s.n_slots < 0)
		return -1;
	if (s.n_slots == 0)
		return im_error_set(err, IM_EFORMAT, "the journal is damaged: both slots of its last run are unreadable");
	if (run->phase < IM_GROWN && s.slots[0].n)
		return im_error_set(err, IM_EFORMAT, "the journal is damaged: its slots are ahead of its log");
	start->seq = s.slots[0].seq;
	if (im_batch_alloc(&s.batch, &x->journal.prog, err) < 0)
		return -1;
	rc = settle_run(&s, start, err);
	im_batch_free(&s.batch);
	/* two slots in turn: so the next one overwrites the newest */
	start->seq += s.keeps_older;
	return rc;
}
