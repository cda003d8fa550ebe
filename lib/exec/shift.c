/* shift.c - see shift.h. */
#include "exec/shift.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dev/host.h"
#include "exec/clone.h"
#include "exec/fills.h"
#include "exec/gap.h"

#define CHUNK (1u << 20)

/* ---- steps, in both directions ---- */

static enum im_step_kind reverse(enum im_step_kind kind)
{
	return kind == IM_STEP_FILL ? kind : kind == IM_STEP_INSERT ? IM_STEP_REMOVE : IM_STEP_INSERT;
}

bool im_shift_next(const struct im_exec *x, enum im_direction dir, uint64_t done, struct im_step *step)
{
	const struct im_steps *s = &x->journal.prog.steps;

	if (dir == IM_FORWARD ? done >= im_steps_count(s) : done == 0)
		return false;
	*step = im_steps_at(s, dir == IM_FORWARD ? done : done - 1);
	if (dir == IM_BACKWARD)
		step->kind = reverse(step->kind);
	return true;
}

uint64_t im_shift_behind(enum im_direction dir, uint64_t done, uint64_t n)
{
	return dir == IM_FORWARD ? done + n : done - n;
}

int im_shift_progress(const struct im_exec *x, enum im_direction dir, uint64_t done, struct im_error *err)
{
	uint64_t total = im_steps_count(&x->journal.prog.steps);

	if (!x->hooks.progress || x->hooks.progress(x->hooks.arg, IM_GROWN, dir == IM_FORWARD ? done : total - done, total))
		return 0;
	return im_error_set(err, IM_ECANCELLED, "stopped at a safe point");
}

static uint64_t size_at(const struct im_exec *x, uint64_t done)
{
	return im_steps_size(&x->journal.prog.steps, &x->journal.map, done);
}

static int not_here(struct im_error *err)
{
	return im_error_set(err, IM_EREFUSED, "the file system does not insert or take out blocks of this file, or does not say where"
			    " they lie; as it did before, this may be a matter of where the file is now, or of free space");
}

static int must(int rc, struct im_error *err)
{
	return rc > 0 ? not_here(err) : rc;
}

/* ---- before a step ---- */

static int look(const struct im_exec *x, struct im_physicals *p, struct im_error *err)
{
	return must(im_dev_physical(x->image, p, err), err);
}

/* Are the edges, in their new places, what the journal keeps? Where somebody has written there since, taking the repair back
 * by steps would bring the old bytes. */
static int edges_are_kept(struct im_exec *x, bool *kept, struct im_error *err)
{
	const struct im_steps *s = &x->journal.prog.steps;
	uint64_t ss = x->journal.prog.sector_size;
	uint8_t *buf = malloc(2 * CHUNK);
	int rc = buf ? 0 : im_error_nomem(err);

	*kept = true;
	for (size_t i = 0; i < s->edges.n && rc == 0 && *kept; i++) {
		const struct im_edge *e = &s->edges.v[i];

		for (uint64_t done = e->new < ss ? im_min(ss - e->new, e->len) : 0, n; done < e->len && rc == 0 && *kept; done += n) {
			n = im_min(CHUNK, e->len - done);
			rc = im_dev_read(x->image, e->new + done, buf, n, err);
			if (rc == 0)
				rc = im_journal_read_saved(&x->journal, e->old + done, buf + CHUNK, n, err);
			*kept = rc == 0 && memcmp(buf, buf + CHUNK, n) == 0;
		}
	}
	free(buf);
	return rc;
}

int im_shift_possible(struct im_exec *x, bool *possible, struct im_error *err)
{
	const struct im_program *prog = &x->journal.prog;
	int rc;

	*possible = false;
	if (!prog->params.shift_unit || x->image->shift_unit != prog->params.shift_unit ||
	    !im_host_has_room(x->image, prog->params.fill_gap))
		return 0;
	rc = im_dev_physical(x->image, NULL, err);
	if (rc < 0)
		return -1;
	return rc == 0 ? edges_are_kept(x, possible, err) : 0;
}

/* Where the blocks lie, with what the step takes out closed up. */
static int fingerprint_blocks(struct im_exec *x, const struct im_phase_record *rec, const struct im_step *step, uint64_t *closed,
			      struct im_error *err)
{
	uint64_t unit = x->journal.prog.params.shift_unit, until = im_min(x->image->size, size_at(x, rec->batch));
	struct im_physicals p;

	/* a size that is still to be changed takes away, or adds, what lies behind */
	if (!im_round_up(until, unit, &until))
		until = UINT64_MAX;
	if (look(x, &p, err) < 0)
		return -1;
	*closed = im_gap_fingerprint(&p, unit, until, step->off, step->kind == IM_STEP_INSERT ? 0 : step->len);
	im_vec_free(&p.list);
	return 0;
}

int im_shift_announce(struct im_exec *x, struct im_phase_record *rec, struct im_error *err)
{
	struct im_step step;

	rec->closed = 0;
	if (!im_shift_next(x, rec->dir, rec->batch, &step))
		return 0;
	if (im_dev_flush(x->image, err) < 0)
		return -1;
	return step.kind == IM_STEP_FILL ? 0 : fingerprint_blocks(x, rec, &step, &rec->closed, err);
}

/* ---- after a crash ---- */

/* While blocks are taken out behind fills the image is longer than at any other time of the run: else it could be taken for one in
 * which fills are still to be done, by an older copy of the journal. */
static uint64_t longer_by(const struct im_exec *x, const struct im_step *step)
{
	const struct im_program *prog = &x->journal.prog;

	return step->kind == IM_STEP_REMOVE && prog->steps.fills.part ? prog->params.shift_unit : 0;
}

static int set_length(struct im_exec *x, uint64_t size, struct im_error *err)
{
	if (x->image->size == size)
		return 0;
	return im_dev_resize(x->image, size, err) < 0 ? -1 : im_dev_flush(x->image, err);
}

/* Close the gap; at the end of the file that is a matter of its size. */
static int close_gap(struct im_exec *x, uint64_t gap, uint64_t len, struct im_error *err)
{
	uint64_t size = x->image->size;
	int rc = gap + len >= size ? im_dev_resize(x->image, size - len, err) : must(im_dev_collapse(x->image, gap, len, err), err);

	return rc < 0 ? -1 : im_dev_flush(x->image, err);
}

static int settle_step(struct im_exec *x, const struct im_phase_record *run, const struct im_step *step, uint64_t *done,
		       struct im_error *err)
{
	uint64_t before = size_at(x, run->batch), after = size_at(x, im_shift_behind(run->dir, run->batch, 1)), gap = 0;
	uint64_t size = x->image->size, unit = x->journal.prog.params.shift_unit, longer = longer_by(x, step);
	bool found, at_min, has_begun = !longer || size != before;
	struct im_physicals p;

	if (size == before + longer || size == after + longer)
		size -= longer;
	at_min = size == im_min(before, after);
	if (size != before && size != after)
		return im_not_ours(err, _("its size is another one"));
	if (look(x, &p, err) < 0)
		return -1;
	if (at_min)
		found = im_gap_fingerprint(&p, unit, UINT64_MAX, 0, 0) == run->closed;
	else
		found = im_gap_find(&p, step, unit, size, run->closed, &gap);
	im_vec_free(&p.list);
	if (!found)
		return im_not_ours(err, _("its blocks lie elsewhere (was it copied, or its file system reorganised?)"));
	if (!has_begun)
		return 0;
	/* a gap further on: what lies between is where it was before an insertion, or is behind a removal; of a removal that has
	 * just begun, nothing may be left of what it takes out */
	*done = step->kind == IM_STEP_REMOVE || (!at_min && gap == step->off) ? im_shift_behind(run->dir, run->batch, 1) : run->batch;
	if (step->kind == IM_STEP_INSERT && !at_min && gap == step->off)
		return im_fills_check(x, run, *done, err);
	return !at_min && close_gap(x, gap, step->len, err) < 0 ? -1 : set_length(x, size_at(x, *done), err);
}

/* Fills that follow may have begun, in any part. */
static int settle_fills(struct im_exec *x, const struct im_phase_record *run, struct im_error *err)
{
	if (x->image->size != size_at(x, run->batch))
		return im_not_ours(err, _("its size is another one"));
	return im_fills_check(x, run, run->batch, err);
}

/* Before the first step: nothing may have been done yet. A journal that is an older copy fails here. */
static int check_start(struct im_exec *x, const struct im_phase_record *run, struct im_error *err)
{
	const struct im_map *map = &x->journal.map;
	struct im_phase_record now = *run;
	struct im_step step;
	uint32_t sample;

	if (im_shift_next(x, run->dir, run->batch, &step) && step.kind == IM_STEP_FILL) {
		if (settle_fills(x, run, err) < 0)
			return -1;
	} else if (run->closed) {
		if (im_shift_announce(x, &now, err) < 0)
			return -1;
		if (now.closed != run->closed)
			return im_not_ours(err, _("its blocks lie elsewhere (was it copied, or its file system reorganised?)"));
	}
	/* what a change of the size cuts off is in the journal */
	if (run->was_fenced || x->image->size != (run->dir == IM_FORWARD ? map->old_size : map->new_size))
		return 0;
	if (im_check_sample(x, run->dir == IM_FORWARD ? IM_BACKWARD : IM_FORWARD, &sample, err) < 0)
		return -1;
	return sample == run->base_crc ? 0 : im_not_ours(err, _("what is to move is not what it was"));
}

int im_shift_settle(struct im_exec *x, const struct im_phase_record *run, uint64_t *done, struct im_error *err)
{
	struct im_step step;

	*done = run->batch;
	if (run->phase < IM_GROWN)
		return check_start(x, run, err);
	if (!im_shift_next(x, run->dir, run->batch, &step))
		return 0;
	return step.kind == IM_STEP_FILL ? settle_fills(x, run, err) : settle_step(x, run, &step, done, err);
}

/* ---- the run ---- */

/* What the steps do not carry; buf holds CHUNK bytes. */
struct filling {
	struct im_exec *x;
	uint8_t *buf;
};

/* Write len bytes at dst: from the journal's old byte `old` on. Sector 0 is left alone. */
static int put_saved(struct filling *f, uint64_t dst, uint64_t old, uint64_t len, struct im_error *err)
{
	uint64_t ss = f->x->journal.prog.sector_size, skip = dst < ss ? im_min(len, ss - dst) : 0;

	for (uint64_t done = skip, n; done < len; done += n) {
		n = im_min(CHUNK, len - done);
		if (im_journal_read_saved(&f->x->journal, old + done, f->buf, n, err) < 0 ||
		    im_dev_write_sparse(f->x->image, dst + done, f->buf, n, err) < 0)
			return -1;
	}
	return 0;
}

static int put_fill(struct filling *f, const struct im_op *op, struct im_error *err)
{
	memset(f->buf, op->fill, CHUNK);
	for (uint64_t done = 0, n; done < op->len; done += n) {
		n = im_min(CHUNK, op->len - done);
		if (im_dev_write(f->x->image, op->dst + done, f->buf, n, err) < 0)
			return -1;
	}
	return 0;
}

static int put_new(struct filling *f, const struct im_op *op, struct im_error *err)
{
	switch (op->kind) {
	case IM_OP_ZERO:
		return im_dev_zero(f->x->image, op->dst, op->len, err);
	case IM_OP_LITERAL:
		return im_dev_write_sparse(f->x->image, op->dst, op->data, op->len, err);
	case IM_OP_FILL:
		return put_fill(f, op, err);
	case IM_OP_COPY:	/* carried, or an edge */
	case IM_OP_OLD:
	case IM_OP_CUT:
		return 0;
	}
	return im_error_set(err, IM_EFORMAT, "a step of the plan has no meaning");
}

static int fill_forward(struct filling *f, struct im_error *err)
{
	const struct im_program *prog = &f->x->journal.prog;

	for (size_t i = 0; i < prog->ops.n; i++)
		if (put_new(f, &prog->ops.v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < prog->steps.edges.n; i++) {
		const struct im_edge *e = &prog->steps.edges.v[i];

		if (put_saved(f, e->new, e->old, e->len, err) < 0)
			return -1;
	}
	return 0;
}

static int fill_backward(struct filling *f, struct im_error *err)
{
	const struct im_program *prog = &f->x->journal.prog;

	for (size_t i = 0; i < prog->kept.n; i++)
		if (put_saved(f, prog->kept.v[i].old, prog->kept.v[i].old, prog->kept.v[i].len, err) < 0)
			return -1;
	return 0;
}

static int fill(struct im_exec *x, enum im_direction dir, struct im_error *err)
{
	struct filling f = { x, malloc(CHUNK) };
	int rc;

	if (!f.buf)
		return im_error_nomem(err);
	rc = dir == IM_FORWARD ? fill_forward(&f, err) : fill_backward(&f, err);
	free(f.buf);
	return rc;
}

/* Did the host do what it was asked for? Both ends of all that moved must be what they were. */
static int check_sample(struct im_exec *x, const struct im_phase_record *rec, struct im_error *err)
{
	uint32_t now;

	if (im_check_sample(x, rec->dir, &now, err) < 0)
		return -1;
	if (now == rec->base_crc)
		return 0;
	return im_error_set(err, IM_ECHANGED, "what was moved is not what it was before: the file system did not do what it said, or"
			    " somebody wrote to the image meanwhile; the journal is kept");
}

static int do_step(struct im_exec *x, const struct im_step *step, struct im_error *err)
{
	uint64_t longer = longer_by(x, step);
	int rc;

	if (set_length(x, x->image->size + longer, err) < 0)
		return -1;
	rc = step->kind == IM_STEP_INSERT ? im_dev_insert(x->image, step->off, step->len, err) :
					    im_dev_collapse(x->image, step->off, step->len, err);
	if (must(rc, err) < 0 || im_dev_flush(x->image, err) < 0)
		return -1;
	return set_length(x, x->image->size - longer, err);
}

/* The steps before `done` are done. */
static int record_steps(struct im_exec *x, struct im_phase_record *rec, uint64_t done, struct im_error *err)
{
	if (done == rec->batch)
		return 0;
	rec->batch = done;
	return im_shift_announce(x, rec, err) < 0 ? -1 : im_journal_phase(&x->journal, rec, err);
}

/* The steps behind the first `done`. */
static int do_steps(struct im_exec *x, struct im_phase_record *rec, uint64_t done, struct im_error *err)
{
	struct im_step step;

	while (im_shift_next(x, rec->dir, done, &step)) {
		if (im_shift_progress(x, rec->dir, done, err) < 0 || record_steps(x, rec, done, err) < 0)
			return -1;
		if (step.kind == IM_STEP_FILL) {
			if (im_fills_run(x, rec, &done, err) < 0)
				return -1;
		} else {
			if (do_step(x, &step, err) < 0)
				return -1;
			done = im_shift_behind(rec->dir, done, 1);
		}
	}
	return record_steps(x, rec, done, err);
}

int im_shift_run(struct im_exec *x, struct im_phase_record *rec, uint64_t done, struct im_error *err)
{
	const struct im_map *map = &x->journal.map;

	if (do_steps(x, rec, done, err) < 0 || im_dev_resize(x->image, im_max(map->old_size, map->new_size), err) < 0 ||
	    fill(x, rec->dir, err) < 0 || im_dev_flush(x->image, err) < 0)
		return -1;
	/* all of it is done: nobody can stop it any more */
	im_shift_progress(x, rec->dir, rec->batch, NULL);
	return check_sample(x, rec, err);
}
