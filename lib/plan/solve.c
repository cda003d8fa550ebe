/* solve.c - new positions for the partitions at fault.
 *
 * Order of wishes: every constraint holds; the partition at fault gets the alignment asked for, else the
 * largest power of two below it, down to 8 KiB; fewest bytes move. Three ways are tried at each alignment:
 *
 *	push	the partition goes to the first aligned place; neighbours give way to the right, each only as
 *		far as needed, keeping the alignment it had; gaps absorb; the image grows where nothing does
 *	gap	the partition goes to a free gap elsewhere, nothing else moves
 *	end	the partition goes behind the last one, the image grows, nothing else moves
 *
 * Pushing keeps the order of the partitions on the disk, so the other two are chosen only where they move
 * far fewer bytes.
 */
#include <string.h>

#include "base/bytes.h"
#include "plan/plan.h"

#define GAP_FAR_FEWER 4		/* a gap is chosen when pushing moves this many times its bytes */
#define END_FAR_FEWER 8
#define STEPS_MAX 4096ull	/* cylinders that are tried for an alignment */

static uint64_t align_down_pow2(uint64_t v)
{
	while (v & (v - 1))
		v &= v - 1;
	return v;
}

/* Smallest shift of the unit that brings its start to `need` or beyond, its anchor to a multiple of align
 * (fault) or the shift to a multiple of what it keeps (pushed), and respects cylinders. false: none. */
static bool shift_for(const struct im_layout *l, const struct im_unit *u, uint64_t need, uint64_t align, uint64_t *shift)
{
	uint64_t d, anchor;

	if (!u->is_fault) {
		d = need - u->start;
		return im_round_up(d, l->cylinder ? l->cylinder : u->keep_align, shift);
	}
	if (!im_round_up(im_max(need, u->start) + u->anchor, align, &anchor))
		return false;
	d = anchor - u->anchor - u->start;
	if (!l->cylinder) {
		*shift = d;
		return true;
	}
	/* A multiple of both, but only where that costs no more than align beyond the first cylinder: the next one may lie
	 * thousands of cylinders further on. */
	if (!im_round_up(im_max(need, u->start) - u->start, l->cylinder, &d))
		return false;
	for (uint64_t more = 0; more <= im_min(align, STEPS_MAX * l->cylinder); more += l->cylinder)
		if ((u->start + u->anchor + d + more) % align == 0) {
			*shift = d + more;
			return true;
		}
	return false;
}

/* Where the last unit ends, and what the disk must have for it and the backup table. */
static void set_size(struct im_layout *l)
{
	uint64_t end = 0;

	for (size_t i = 0; i < l->units.n; i++)
		end = im_max(end, l->units.v[i].new_start + l->units.v[i].size);
	l->new_size = im_max(l->disk_size, end + l->tail);
}

static uint64_t bytes_moved(const struct im_layout *l)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < l->units.n; i++)
		if (l->units.v[i].new_start != l->units.v[i].start)
			sum += l->units.v[i].size;
	return sum;
}

static bool try_push(struct im_layout *l, uint64_t align)
{
	uint64_t need = l->floor;

	for (size_t i = 0; i < l->units.n; i++) {
		struct im_unit *u = &l->units.v[i];
		uint64_t shift = 0;

		if ((u->start < need || u->is_fault) && !shift_for(l, u, need, align, &shift))
			return false;
		u->new_start = u->start + shift;
		need = im_max(need, u->new_start + u->size);
	}
	set_size(l);
	return true;
}

/* Is [start, start+size) free of every unit but `self`, at the new positions? Else *next is behind the one
 * in the way. */
static bool is_free(const struct im_layout *l, const struct im_unit *self, uint64_t start, uint64_t *next)
{
	for (size_t i = 0; i < l->units.n; i++) {
		const struct im_unit *u = &l->units.v[i];

		/* units at fault that have no new place yet still stand at their old one, which is free by then */
		if (u == self || (u->is_fault && u->new_start == u->start) ||
		    !im_overlaps(start, self->size, u->new_start, u->size))
			continue;
		*next = u->new_start + u->size;
		return false;
	}
	return true;
}

/* Put each unit at fault into the first gap that holds it; limit: where the room ends. */
static bool try_gap(struct im_layout *l, uint64_t align, bool at_end)
{
	uint64_t limit = l->disk_size > l->tail ? l->disk_size - l->tail : 0, end = l->floor;

	for (size_t i = 0; i < l->units.n; i++) {
		l->units.v[i].new_start = l->units.v[i].start;
		end = im_max(end, l->units.v[i].start + l->units.v[i].size);
	}
	for (size_t i = 0; i < l->units.n; i++) {
		struct im_unit *u = &l->units.v[i];
		uint64_t need = at_end ? end : l->floor, shift;

		while (u->is_fault) {
			if (!shift_for(l, u, need, align, &shift))
				return false;
			if (!at_end && u->start + shift + u->size > limit)
				return false;
			if (is_free(l, u, u->start + shift, &need))
				break;
		}
		if (u->is_fault)
			u->new_start = u->start + shift;
		end = im_max(end, u->new_start + u->size);
	}
	set_size(l);
	return true;
}

struct search {
	struct im_plan *plan;
	struct im_layout *layout;
	im_cost_fn *cost;
	void *arg;
};

/* Append what was tried to the plan's ways; the layout holds its positions when `found`. */
static int note_way(struct search *s, const char *name, uint64_t align, bool found, struct im_error *err)
{
	struct im_way *w = im_vec_push(&s->plan->ways, err);

	if (!w)
		return -1;
	*w = (struct im_way){ .name = name, .align = align, .missing = UINT64_MAX };
	if (!found)
		return 0;
	w->bytes_moved = bytes_moved(s->layout);
	w->growth = s->layout->new_size - s->layout->disk_size;
	w->is_feasible = !w->growth || s->layout->may_grow;
	w->missing = w->is_feasible ? 0 : w->growth;
	if (w->is_feasible && s->cost)
		return s->cost(s->arg, s->layout, &w->journal_bytes, err);
	return 0;
}

static bool place(struct im_layout *l, const struct im_way *w)
{
	return strcmp(w->name, "push") == 0 ? try_push(l, w->align) : try_gap(l, w->align, strcmp(w->name, "end") == 0);
}

/* Try all three ways at this alignment. */
static int try_align(struct search *s, uint64_t align, struct im_error *err)
{
	bool bare = s->layout->units.n == 1;
	uint64_t pushed;

	if (note_way(s, "push", align, try_push(s->layout, align), err) < 0)
		return -1;
	pushed = s->plan->ways.v[s->plan->ways.n - 1].bytes_moved;
	if (bare)
		return 0;
	/* where pushing moves nothing but the partition itself, it is the gap */
	if (try_gap(s->layout, align, false) && bytes_moved(s->layout) < pushed &&
	    note_way(s, "gap", align, true, err) < 0)
		return -1;
	if (try_gap(s->layout, align, true) && bytes_moved(s->layout) < pushed &&
	    note_way(s, "end", align, true, err) < 0)
		return -1;
	return 0;
}

/* The best of ways [from, n): push, unless another moves far fewer bytes. NULL: none is feasible. */
static struct im_way *choose(struct im_plan *plan, size_t from)
{
	struct im_way *best = NULL;

	for (size_t i = from; i < plan->ways.n; i++) {
		struct im_way *w = &plan->ways.v[i];
		uint64_t factor = strcmp(w->name, "gap") == 0 ? GAP_FAR_FEWER : END_FAR_FEWER;

		if (!w->is_feasible)
			continue;
		if (!best || (w->bytes_moved < UINT64_MAX / factor && w->bytes_moved * factor <= best->bytes_moved))
			best = w;
	}
	return best;
}

static int nothing_fits(const struct im_plan *plan, const struct im_layout *l, struct im_error *err)
{
	uint64_t missing = UINT64_MAX;

	for (size_t i = 0; i < plan->ways.n; i++)
		missing = im_min(missing, plan->ways.v[i].missing);
	if (missing == UINT64_MAX)
		return im_error_set(err, IM_EREFUSED, "no place fits the partition at fault: the alignment and the disk's"
				    " geometry leave none");
	return im_error_set(err, IM_EREFUSED, "no place fits the partition at fault: %llu bytes are missing at the end of"
			    " the disk%s", (unsigned long long)missing,
			    l->may_grow ? "" : _(", and it may not grow; `imgmend fix --output NEW` writes a"
			    " corrected copy, which may be larger"));
}

int im_solve(struct im_plan *plan, struct im_layout *layout, uint64_t align, im_cost_fn *cost, void *arg,
	     struct im_error *err)
{
	struct search s = { plan, layout, cost, arg };
	struct im_way *best = NULL;
	uint64_t a = align;

	while (!best && a) {
		size_t from = plan->ways.n;

		if (try_align(&s, a, err) < 0)
			return -1;
		best = choose(plan, from);
		if (a <= IM_RESERVED && layout->cylinder && a > 512)
			a = 512;	/* a cylinder border is all the alignment such a disk knows */
		else
			a = a > IM_RESERVED ? align_down_pow2(a - 1) : 0;
	}
	if (!best)
		return nothing_fits(plan, layout, err);
	best->is_chosen = true;
	place(layout, best);
	return 0;
}
