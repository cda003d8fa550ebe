/* fills.c - see fills.h. */
#include "exec/fills.h"

#include "base/bytes.h"

#define PARTS 8				/* at least so many in a gap, where it has as many blocks */
#define RECORDS_MAX (IM_LOG_MAX / 2)	/* of one run: an undo makes as many */
#define PART_MOST (8u << 20)		/* two of them are in memory */

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

/* What of a moved segment no part takes: what comes from the first block, and what goes to where no part is. */
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

static int add_step(struct im_steps *s, struct im_step step, struct im_error *err)
{
	struct im_step *added = im_vec_push(&s->list, err);

	if (!added)
		return -1;
	*added = step;
	return 0;
}

/* The gap goes from the end of the span to its start. */
static int add_steps(struct im_steps *s, const struct span *span, uint32_t unit, uint64_t gap, struct im_error *err)
{
	uint64_t part = (gap / PARTS + unit - 1) / unit * unit;

	s->fills = (struct im_fills){ span->start, span->end, im_min(part, PART_MOST / unit * unit), gap };
	if (add_step(s, (struct im_step){ IM_STEP_INSERT, span->end, gap + 2 * unit }, err) < 0 ||
	    add_step(s, (struct im_step){ IM_STEP_REMOVE, span->start, gap }, err) < 0 ||
	    add_step(s, (struct im_step){ IM_STEP_REMOVE, span->end, 2 * unit }, err) < 0)
		return -1;
	return im_steps_records(s) > RECORDS_MAX;
}

int im_fills_build(struct im_steps *s, const struct im_map *map, uint32_t unit, uint64_t gap, struct im_error *err)
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
	if (span.end <= span.start || gap % unit || unit > PART_MOST)
		return 1;
	gap = im_min(gap, span.end - span.start);
	/* by its size the image must be seen to have all that was inserted, and no more */
	if (gap < 2 * unit || map->new_size == map->old_size + gap + 2 * unit)
		return 1;
	for (size_t i = 0; i < map->segs.n && rc == 0; i++) {
		const struct im_segment *seg = &map->segs.v[i];

		if (seg->kind != IM_FROM)
			continue;
		moved += seg->len;
		rc = seg->from > seg->start ? 1 : add_edges(s, seg, &span, unit, &edges, err);
	}
	if (rc == 0)
		rc = add_steps(s, &span, unit, gap, err);
	if (rc < 0)
		im_steps_free(s);
	/* not where most of it would be written for the sake of a little */
	return rc == 0 && (edges > moved / 8 || moved < (span.end - span.start) / 8 * 7) ? 1 : rc;
}
