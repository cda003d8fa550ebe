/* fills_run.c - the fills of a run; see fills.h.
 *
 * At once: the next part is read, this one is written, and those before it are made durable and recorded.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/aside.h"
#include "base/bytes.h"
#include "base/crc.h"
#include "base/pages.h"
#include "exec/fills.h"
#include "exec/shift.h"

/* ---- what a part is made of ---- */

/* [src, src+len) of the image, as it is now, belongs at dst. */
struct run {
	uint64_t dst, src, len;
};

struct part {
	bool is_there;			/* false: there are no more */
	enum im_direction dir;
	struct im_step step;
	uint64_t dst;
	IM_VEC(struct run) runs;
	bool is_hole;			/* all of it is known to be zero: then bytes are not set */
	uint8_t *bytes;
};

static int add_run(struct part *p, uint64_t dst, uint64_t src, uint64_t len, struct im_error *err)
{
	struct run *r = im_vec_push(&p->runs, err);

	if (!r)
		return -1;
	*r = (struct run){ dst, src, len };
	return 0;
}

/* Forward: the new part, behind the gap. Sources are old places, in front of it. */
static int plan_new(struct part *p, const struct im_segment *s, const struct im_program *prog, struct im_error *err)
{
	uint64_t unit = prog->params.shift_unit, from = s->kind == IM_KEEP ? s->start : s->from;
	uint64_t start = im_max(s->start, p->step.off), end = im_min(s->start + s->len, p->step.off + p->step.len);

	if (from < unit)
		start = im_max(start, s->start + (unit - from));
	return start < end ? add_run(p, start + prog->steps.fills.gap, from + (start - s->start), end - start, err) : 0;
}

/* Backward: the old part, in front of the gap. Sources are new places, behind it; what went to where no part is comes from the
 * journal, at the end. */
static int plan_old(struct part *p, const struct im_segment *s, const struct im_program *prog, struct im_error *err)
{
	const struct im_fills *f = &prog->steps.fills;
	uint64_t from = s->kind == IM_KEEP ? s->start : s->from, away = s->start - from;
	uint64_t start = im_max(from, p->step.off), end = im_min(from + s->len, p->step.off + p->step.len);

	end = im_min(end, away < f->end ? f->end - away : 0);
	return start < end ? add_run(p, start, start + away + f->gap, end - start, err) : 0;
}

static int plan(struct im_exec *x, struct part *p, struct im_error *err)
{
	const struct im_map *map = &x->journal.map;
	const struct im_program *prog = &x->journal.prog;
	int rc = 0;

	p->runs.n = 0;
	p->dst = p->step.off + (p->dir == IM_FORWARD ? prog->steps.fills.gap : 0);
	for (size_t i = 0; i < map->segs.n && rc == 0; i++) {
		const struct im_segment *s = &map->segs.v[i];

		if (s->kind == IM_FROM || s->kind == IM_KEEP)
			rc = p->dir == IM_FORWARD ? plan_new(p, s, prog, err) : plan_old(p, s, prog, err);
	}
	return rc;
}

static int read_runs(struct im_exec *x, struct part *p, struct im_error *err)
{
	uint64_t len = 0;

	for (size_t i = 0; i < p->runs.n; i++)
		len += p->runs.v[i].len;
	if (len < p->step.len)
		memset(p->bytes, 0, p->step.len);
	for (size_t i = 0; i < p->runs.n; i++) {
		const struct run *r = &p->runs.v[i];

		if (im_batch_read_image(x, r->src, p->bytes + (r->dst - p->dst), r->len, err) < 0)
			return -1;
	}
	return 0;
}

static int load(struct im_exec *x, struct part *p, struct im_error *err)
{
	if (plan(x, p, err) < 0)
		return -1;
	p->is_hole = true;
	for (size_t i = 0; i < p->runs.n && p->is_hole; i++)
		if (im_known_zero(x->image, p->runs.v[i].src, p->runs.v[i].len, &p->is_hole, err) < 0)
			return -1;
	return p->is_hole ? 0 : read_runs(x, p, err);
}

static int alloc_part(struct im_exec *x, struct part *p, enum im_direction dir, struct im_error *err)
{
	*p = (struct part){ .dir = dir, .bytes = im_pages(x->journal.prog.steps.fills.part) };
	return p->bytes ? 0 : im_error_nomem(err);
}

static void free_part(struct part *p)
{
	im_vec_free(&p->runs);
	free(p->bytes);
}

/* ---- marks ---- */

struct mark {
	uint8_t uuid[16];
	le64 run, steps;
	le32 crc;			/* of the bytes before it */
};

/* Where mark i stands, 0 or 1. */
static uint64_t mark_at(const struct im_exec *x, uint64_t i)
{
	const struct im_program *prog = &x->journal.prog;

	return prog->steps.fills.end + prog->steps.fills.gap + i * prog->params.shift_unit;
}

static int put_mark(struct im_exec *x, const struct im_phase_record *rec, uint64_t i, struct im_error *err)
{
	struct mark m = { .run = im_to_le64(rec->run), .steps = im_to_le64(rec->batch) };

	memcpy(m.uuid, x->journal.uuid, sizeof(m.uuid));
	m.crc = im_to_le32(im_crc32c(0, &m, offsetof(struct mark, crc)));
	return im_dev_write(x->image, mark_at(x, i % 2), &m, sizeof(m), err);
}

/* Is mark i one of this run? Then how many steps does it say? */
static int get_mark(struct im_exec *x, const struct im_phase_record *run, uint64_t i, bool *is_there, uint64_t *steps,
		    struct im_error *err)
{
	struct mark m;

	if (im_dev_read(x->image, mark_at(x, i), &m, sizeof(m), err) < 0)
		return -1;
	*is_there = memcmp(m.uuid, x->journal.uuid, sizeof(m.uuid)) == 0 && im_le64(m.run) == run->run &&
		    im_crc32c(0, &m, offsetof(struct mark, crc)) == im_le32(m.crc);
	*steps = im_le64(m.steps);
	return 0;
}

static bool is_ahead(const struct im_phase_record *run, uint64_t steps, uint64_t done)
{
	return run->dir == IM_FORWARD ? steps > done : steps < done;
}

/* Where the next one goes: not over the newest. */
static int next_mark(struct im_exec *x, const struct im_phase_record *run, uint64_t *i, struct im_error *err)
{
	uint64_t steps[2];
	bool is_there[2];

	for (uint64_t k = 0; k < 2; k++)
		if (get_mark(x, run, k, &is_there[k], &steps[k], err) < 0)
			return -1;
	*i = is_there[0] && !(is_there[1] && is_ahead(run, steps[1], steps[0]));
	return 0;
}

int im_fills_check(struct im_exec *x, const struct im_phase_record *run, uint64_t done, struct im_error *err)
{
	struct im_step step;
	uint64_t steps;
	bool is_there;

	if (!im_shift_next(x, run->dir, done, &step) || step.kind != IM_STEP_FILL)
		return 0;
	for (uint64_t i = 0; i < 2; i++) {
		if (get_mark(x, run, i, &is_there, &steps, err) < 0)
			return -1;
		if (is_there && is_ahead(run, steps, done))
			return im_not_ours(err, _("it has come further than the journal, which may be an older copy"));
	}
	return 0;
}

/* ---- one after the other ---- */

/* Parts are counted from where this begins. */
struct filling {
	struct im_exec *x;
	struct im_phase_record *rec;
	uint64_t start, n;		/* steps that were done; parts that are in place */
	uint64_t recorded, marked;	/* those in front of this are recorded, and a mark is durable that says so */
	uint64_t window;		/* most of the others when one more is written */
	uint64_t marks;			/* the next one is this, modulo 2 */
	struct part parts[2], *target;
	struct im_aside reader, keeper;
	struct im_phase_record next;	/* what the keeper records, and the parts in front of which that is */
	uint64_t next_recorded;
	bool is_keeping;
};

static int read_part(void *arg, struct im_error *err)
{
	struct filling *f = arg;

	return load(f->x, f->target, err);
}

static void begin_part(struct filling *f, struct part *p, uint64_t n)
{
	p->is_there = im_shift_next(f->x, p->dir, im_shift_behind(p->dir, f->start, n), &p->step) && p->step.kind == IM_STEP_FILL;
	f->target = p;
	if (p->is_there)
		im_aside_run(&f->reader, read_part, f);
}

/* With what is in place the last mark becomes durable. */
static int keep(void *arg, struct im_error *err)
{
	struct filling *f = arg;

	if (im_dev_flush(f->x->image, err) < 0 || im_journal_phase(&f->x->journal, &f->next, err) < 0)
		return -1;
	return put_mark(f->x, &f->next, f->marks, err);
}

static void begin_keeping(struct filling *f)
{
	f->next = *f->rec;
	f->next.batch = im_shift_behind(f->next.dir, f->start, f->n);
	f->next_recorded = f->n;
	f->is_keeping = true;
	im_aside_run(&f->keeper, keep, f);
}

static int finish_keeping(struct filling *f, struct im_error *err)
{
	f->is_keeping = false;
	if (im_aside_wait(&f->keeper, err) < 0)
		return -1;
	*f->rec = f->next;
	f->marked = f->recorded;
	f->recorded = f->next_recorded;
	f->marks++;
	return 0;
}

/* Before one more part is written: that overwrites what a part was made of which came a window before it. Without a thread nothing
 * is gained by keeping earlier. */
static int make_room(struct filling *f, struct im_error *err)
{
	uint64_t least = f->keeper.has_thread ? im_max(f->window / 4, 1) : f->window;

	if (f->is_keeping && !im_aside_is_busy(&f->keeper) && finish_keeping(f, err) < 0)
		return -1;
	if (!f->is_keeping && f->n - f->recorded >= least)
		begin_keeping(f);
	while (f->n - f->marked >= f->window) {
		if (!f->is_keeping)
			begin_keeping(f);
		if (finish_keeping(f, err) < 0)
			return -1;
	}
	return 0;
}

static int put(struct filling *f, const struct part *p, struct im_error *err)
{
	bool idle = false;

	if (p->is_hole && im_known_zero(f->x->image, p->dst, p->step.len, &idle, err) < 0)
		return -1;
	if (idle)
		return 0;
	if (make_room(f, err) < 0)
		return -1;
	return p->is_hole ? im_dev_zero(f->x->image, p->dst, p->step.len, err) :
			    im_dev_write_sparse(f->x->image, p->dst, p->bytes, p->step.len, err);
}

static int fill_all(struct filling *f, struct im_error *err)
{
	enum im_direction dir = f->rec->dir;

	begin_part(f, &f->parts[0], 0);
	for (int i = 0; f->parts[i].is_there; i = !i, f->n++) {
		if (im_aside_wait(&f->reader, err) < 0)
			return -1;
		begin_part(f, &f->parts[!i], f->n + 1);
		if (im_shift_progress(f->x, dir, im_shift_behind(dir, f->start, f->n), err) < 0 || put(f, &f->parts[i], err) < 0)
			return -1;
	}
	return f->is_keeping ? finish_keeping(f, err) : 0;
}

int im_fills_run(struct im_exec *x, struct im_phase_record *rec, uint64_t *done, struct im_error *err)
{
	struct filling f = { .x = x, .rec = rec, .start = *done, .window = im_steps_window(&x->journal.prog.steps) };
	bool at_once = x->image->is_parallel && x->journal.dev->is_parallel;
	int rc = -1;

	/* an older mark would let an older journal pass that is behind by more than a window */
	if (next_mark(x, rec, &f.marks, err) < 0 || put_mark(x, rec, f.marks++, err) < 0 || im_dev_flush(x->image, err) < 0)
		return -1;
	if (alloc_part(x, &f.parts[0], rec->dir, err) == 0 && alloc_part(x, &f.parts[1], rec->dir, err) == 0) {
		im_aside_start(&f.reader, at_once);
		im_aside_start(&f.keeper, at_once);
		rc = fill_all(&f, err);
		im_aside_wait(&f.reader, NULL);
		im_aside_wait(&f.keeper, NULL);
		im_aside_stop(&f.reader);
		im_aside_stop(&f.keeper);
	}
	free_part(&f.parts[0]);
	free_part(&f.parts[1]);
	*done = im_shift_behind(rec->dir, f.start, f.n);
	return rc;
}
