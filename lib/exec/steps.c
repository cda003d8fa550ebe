/* steps.c - see steps.h. */
#include "exec/steps.h"

#include "base/bytes.h"

struct building {
	struct im_steps *s;
	uint64_t unit;
	uint64_t old_end, new_end;	/* of the last core: whole blocks that steps carry */
	uint64_t carried;		/* bytes that everything behind old_end is moved by the steps so far, mod 2^64 */
	uint64_t edge_bytes, moved;
};

int im_steps_add_edge(struct im_steps *s, struct im_edge edge, uint64_t *all, struct im_error *err)
{
	struct im_edge *e;

	if (!edge.len)
		return 0;
	*all += edge.len;
	if (*all > IM_EDGES_MAX)
		return 1;
	e = im_vec_push(&s->edges, err);
	if (!e)
		return -1;
	*e = edge;
	return 0;
}

static int add_edge(struct building *b, uint64_t old, uint64_t new, uint64_t len, struct im_error *err)
{
	/* the first block never moves */
	if (old == new && old < b->unit) {
		uint64_t skip = im_min(len, b->unit - old);

		old = new += skip;
		len -= skip;
	}
	return im_steps_add_edge(b->s, (struct im_edge){ old, new, len }, &b->edge_bytes, err);
}

/* The step that brings what is at `old` of the old image to `new`. */
static int add_step(struct building *b, uint64_t old, uint64_t new, struct im_error *err)
{
	uint64_t now = old + b->carried;
	struct im_step *step;

	if (now == new)
		return 0;
	if (b->s->list.n == IM_STEPS_MAX)
		return 1;
	step = im_vec_push(&b->s->list, err);
	if (!step)
		return -1;
	*step = new > now ? (struct im_step){ IM_STEP_INSERT, now, new - now } : (struct im_step){ IM_STEP_REMOVE, new, now - new };
	b->carried = new - old;
	return 0;
}

/* [old, old+len) is [new, …): whole blocks of it behind those before, as far as they keep their order, are carried. */
static int add_piece(struct building *b, uint64_t old, uint64_t new, uint64_t len, struct im_error *err)
{
	uint64_t from = im_max(old, b->old_end), until = old + len, behind;
	int rc;

	if (b->new_end > new)
		from = im_max(from, old + (b->new_end - new));
	until -= until % b->unit;
	if ((new - old) % b->unit || !im_round_up(from, b->unit, &from) || until <= from)
		return add_edge(b, old, new, len, err);
	rc = add_edge(b, old, new, from - old, err);
	if (rc == 0)
		rc = add_step(b, from, new + (from - old), err);
	if (rc)
		return rc;
	b->moved += old == new ? 0 : until - from;
	b->old_end = until;
	b->new_end = new + (until - old);
	behind = old + len - until;
	return add_edge(b, until, b->new_end, behind, err);
}

int im_steps_build(struct im_steps *s, const struct im_map *map, uint32_t unit, struct im_error *err)
{
	struct building b = { .s = s, .unit = unit, .old_end = unit, .new_end = unit };
	bool doubles;
	int rc;

	*s = (struct im_steps){ 0 };
	/* an undo would not know which of the two to bring back */
	if (im_map_doubles(map, &doubles, err) < 0)
		return -1;
	rc = doubles;
	for (size_t i = 0; i < map->segs.n && rc == 0; i++) {
		const struct im_segment *seg = &map->segs.v[i];

		if (seg->kind == IM_KEEP || seg->kind == IM_FROM)
			rc = add_piece(&b, seg->kind == IM_KEEP ? seg->start : seg->from, seg->start, seg->len, err);
	}
	if (rc < 0)
		im_steps_free(s);
	/* not where most of the work would be in the edges */
	return rc == 0 && (!s->list.n || b.edge_bytes > b.moved / 8) ? 1 : rc;
}

void im_steps_free(struct im_steps *s)
{
	im_vec_free(&s->list);
	im_vec_free(&s->edges);
}

static uint64_t fills_count(const struct im_fills *f)
{
	return f->part ? (f->end - f->start + f->part - 1) / f->part : 0;
}

uint64_t im_steps_count(const struct im_steps *s)
{
	return s->list.n + fills_count(&s->fills);
}

struct im_step im_steps_at(const struct im_steps *s, uint64_t i)
{
	const struct im_fills *f = &s->fills;
	uint64_t n = fills_count(f), end, len;

	if (i == 0 || i > n)
		return s->list.v[i ? i - n : 0];
	end = f->end - (i - 1) * f->part;
	len = im_min(f->part, end - f->start);
	return (struct im_step){ IM_STEP_FILL, end - len, len };
}

bool im_steps_are_fills(const struct im_steps *s, uint64_t a, uint64_t b)
{
	return a >= b || (a > 0 && b <= fills_count(&s->fills) + 1);
}

uint64_t im_steps_window(const struct im_steps *s)
{
	return s->fills.part ? s->fills.gap / s->fills.part : 0;
}

uint64_t im_steps_records(const struct im_steps *s)
{
	return s->list.n + fills_count(&s->fills) / im_max(im_steps_window(s) / 4, 1);
}

uint64_t im_steps_size(const struct im_steps *s, const struct im_map *map, uint64_t k)
{
	uint64_t size = map->old_size, n = fills_count(&s->fills);

	/* of the list, those that are among the first k */
	k = k > n ? k - n : im_min(k, 1);
	for (uint64_t i = 0; i < k; i++)
		size += s->list.v[i].kind == IM_STEP_INSERT ? s->list.v[i].len : -s->list.v[i].len;
	return size;
}
