/* fills.c - see fills.h. */
#include "exec/fills.h"

#include <stdlib.h>

#include "base/aside.h"
#include "base/bytes.h"
#include "base/pages.h"

#define PIECE (4u << 20)		/* read, or written, at once */

/* ---- which steps ---- */

/* What is written anew: from the first byte that moves to where the last one goes; whole blocks, behind the first of the image and
 * in front of the last. */
struct span {
	uint64_t start, end;
};

static struct span span_of(const struct im_map *map, uint32_t unit)
{
	uint64_t last = (map->old_size - 1) / unit * unit;
	struct span span = { UINT64_MAX, 0 };

	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];

		if (s->kind != IM_FROM)
			continue;
		span.start = im_min(span.start, im_min(s->from, s->start) / unit * unit);
		span.end = im_max(span.end, s->start + s->len);
	}
	if (!im_round_up(span.end, unit, &span.end))
		span.end = last;
	return (struct span){ im_max(span.start, unit), im_min(span.end, last) };
}

/* What of a moved segment no gap takes: what comes from the first block, and what goes to where no part is. */
static int add_edges(struct im_steps *s, const struct im_segment *seg, const struct span *span, uint32_t unit, uint64_t *all,
		     struct im_error *err)
{
	uint64_t end = seg->start + seg->len, first = im_max(seg->start, span->start);
	int rc;

	if (seg->from < unit)
		first = im_max(first, seg->start + (unit - seg->from));
	first = im_min(first, end);
	rc = im_steps_add_edge(s, (struct im_edge){ seg->from, seg->start, first - seg->start }, all, err);
	if (rc == 0 && end > span->end) {
		first = im_max(first, span->end);
		rc = im_steps_add_edge(s, (struct im_edge){ seg->from + (first - seg->start), first, end - first }, all, err);
	}
	return rc;
}

static int add_steps(struct im_steps *s, uint64_t start, uint64_t len, struct im_error *err)
{
	struct im_step *insert, *remove;

	if (s->list.n + 2 > IM_FILLS_MAX)
		return 1;
	insert = im_vec_push(&s->list, err);
	if (!insert)
		return -1;
	*insert = (struct im_step){ .inserts = true, .off = start + len, .len = len, .fills = true };
	remove = im_vec_push(&s->list, err);
	if (!remove)
		return -1;
	*remove = (struct im_step){ .inserts = false, .off = start, .len = len, .fills = true };
	return 0;
}

int im_fills_build(struct im_steps *s, const struct im_map *map, uint32_t unit, uint64_t part, struct im_error *err)
{
	struct span span = span_of(map, unit);
	uint64_t edges = 0, moved = 0;
	bool doubles;
	int rc;

	*s = (struct im_steps){ 0 };
	/* an undo would not know which of the two to bring back */
	if (im_map_doubles(map, &doubles, err) < 0)
		return -1;
	rc = doubles;
	if (span.end <= span.start || !part || part % unit)
		return 1;
	for (size_t i = 0; i < map->segs.n && rc == 0; i++) {
		const struct im_segment *seg = &map->segs.v[i];

		if (seg->kind != IM_FROM)
			continue;
		moved += seg->len;
		rc = seg->from > seg->start ? 1 : add_edges(s, seg, &span, unit, &edges, err);
	}
	for (uint64_t end = span.end, len; end > span.start && rc == 0; end -= len) {
		len = im_min(part, end - span.start);
		rc = add_steps(s, end - len, len, err);
	}
	if (rc < 0)
		im_steps_free(s);
	/* not where most of it would be written for the sake of a little */
	return rc == 0 && (edges > moved / 8 || moved < (span.end - span.start) / 8 * 7) ? 1 : rc;
}

/* ---- filling a gap ---- */

/* [src, src+len) of the image, as it is now, belongs at dst. */
struct run {
	uint64_t dst, src, len;
};

struct piece {
	struct run run;
	uint8_t *bytes;
};

struct filling {
	struct im_exec *x;
	IM_VEC(struct run) runs;
	size_t next;			/* the run that the next piece is of, and how much of it is done */
	uint64_t done;
	struct piece pieces[2], *target;
	struct im_aside reader;
};

static int add_run(struct filling *f, uint64_t dst, uint64_t src, uint64_t len, struct im_error *err)
{
	struct run *r = im_vec_push(&f->runs, err);

	if (!r)
		return -1;
	*r = (struct run){ dst, src, len };
	return 0;
}

/* Forward: the gap at step->off becomes the new part in front of it. Sources are old places, in front of the gap. */
static int plan_new(struct filling *f, const struct im_segment *s, const struct im_step *step, struct im_error *err)
{
	uint64_t unit = f->x->journal.prog.params.shift_unit, from = s->kind == IM_KEEP ? s->start : s->from;
	uint64_t start = im_max(s->start, step->off - step->len), end = im_min(s->start + s->len, step->off);

	if (from < unit)
		start = im_max(start, s->start + (unit - from));
	return start < end ? add_run(f, start + step->len, from + (start - s->start), end - start, err) : 0;
}

/* Backward: the gap at step->off becomes the old part that belongs there. Sources are new places, behind the gap; what went to
 * where no part is comes from the journal, at the end. */
static int plan_old(struct filling *f, const struct im_segment *s, const struct im_step *step, const struct span *span,
		    struct im_error *err)
{
	uint64_t from = s->kind == IM_KEEP ? s->start : s->from, away = s->start - from;
	uint64_t start = im_max(from, step->off), end = im_min(from + s->len, step->off + step->len);

	end = im_min(end, away < span->end ? span->end - away : 0);
	return start < end ? add_run(f, start, start + away + step->len, end - start, err) : 0;
}

static int plan_runs(struct filling *f, enum im_direction dir, const struct im_step *step, struct im_error *err)
{
	const struct im_map *map = &f->x->journal.map;
	struct span span = span_of(map, f->x->journal.prog.params.shift_unit);
	int rc = 0;

	for (size_t i = 0; i < map->segs.n && rc == 0; i++) {
		const struct im_segment *s = &map->segs.v[i];

		if (s->kind == IM_FROM || s->kind == IM_KEEP)
			rc = dir == IM_FORWARD ? plan_new(f, s, step, err) : plan_old(f, s, step, &span, err);
	}
	return rc;
}

static int read_piece(void *arg, struct im_error *err)
{
	struct filling *f = arg;

	return im_batch_read_image(f->x, f->target->run.src, f->target->bytes, f->target->run.len, err);
}

/* Begin to read the next piece, or leave the target empty. Pieces end where writes are aligned best. */
static void begin(struct filling *f, struct piece *target)
{
	const struct run *r = &f->runs.v[f->next];

	f->target = target;
	target->run = (struct run){ 0 };
	if (f->next == f->runs.n)
		return;
	target->run = (struct run){ r->dst + f->done, r->src + f->done, r->len - f->done };
	target->run.len = im_min(target->run.len, PIECE - target->run.dst % PIECE);
	f->done += target->run.len;
	if (f->done == r->len) {
		f->next++;
		f->done = 0;
	}
	im_aside_run(&f->reader, read_piece, f);
}

/* One piece is read while the one before it is written. */
static int copy(struct filling *f, struct im_error *err)
{
	begin(f, &f->pieces[0]);
	for (int i = 0; f->pieces[i].run.len; i = !i) {
		const struct piece *p = &f->pieces[i];
		int rc;

		if (im_aside_wait(&f->reader, err) < 0)
			return -1;
		begin(f, &f->pieces[!i]);
		rc = im_dev_write_sparse(f->x->image, p->run.dst, p->bytes, p->run.len, err);
		if (rc < 0) {
			im_aside_wait(&f->reader, NULL);
			return -1;
		}
	}
	return 0;
}

void im_fills_free(struct im_fill_buffers *buffers)
{
	free(buffers->bytes[0]);
	free(buffers->bytes[1]);
}

int im_fills_run(struct im_exec *x, enum im_direction dir, const struct im_step *step, struct im_fill_buffers *buffers,
		 struct im_error *err)
{
	struct filling f = { .x = x };
	int rc = -1;

	for (int i = 0; i < 2; i++) {
		if (!buffers->bytes[i])
			buffers->bytes[i] = im_pages(PIECE);
		if (!buffers->bytes[i])
			return im_error_nomem(err);
		f.pieces[i].bytes = buffers->bytes[i];
	}
	im_aside_start(&f.reader, x->image->is_parallel);
	if (plan_runs(&f, dir, step, err) == 0)
		rc = copy(&f, err);
	im_aside_stop(&f.reader);
	im_vec_free(&f.runs);
	return rc;
}
