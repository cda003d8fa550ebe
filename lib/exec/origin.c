/* origin.c - where each byte of the old image is in the new one, and which ones the journal must keep. */
#include <stdlib.h>

#include "base/bytes.h"
#include "exec/program.h"

/* A new place of old bytes. Several may hold the same ones. */
struct claim {
	uint64_t old, len, at;
	uint64_t weight;		/* bytes that moved by the same distance; all bits set: it stays where it is */
};

typedef IM_VEC(struct claim) claims;

static int add(claims *all, uint64_t old, uint64_t len, uint64_t at, struct im_error *err)
{
	struct claim *n;

	if (!len)
		return 0;
	n = im_vec_push(all, err);
	if (!n)
		return -1;
	*n = (struct claim){ .old = old, .len = len, .at = at, .weight = old == at ? UINT64_MAX : 0 };
	return 0;
}

/* Every claim on old bytes, in no order, overlaps included. */
static int collect(const struct im_program *prog, const struct im_map *map, claims *all, struct im_error *err)
{
	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];

		if (s->kind == IM_KEEP && add(all, s->start, s->len, s->start, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < prog->ops.n; i++) {
		const struct im_op *op = &prog->ops.v[i];

		if ((op->kind == IM_OP_COPY || op->kind == IM_OP_OLD) && add(all, op->src, op->len, op->dst, err) < 0)
			return -1;
	}
	return 0;
}

static int by_distance(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	uint64_t dx = x->at - x->old, dy = y->at - y->old;

	return (dx > dy) - (dx < dy);
}

static int by_weight(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return (x->old > y->old) - (x->old < y->old);
}

/* Where old bytes are in two places, undo takes them from the one that most bytes of the plan went with: what was written there since
 * the repair is what somebody has worked with, and not a copy that was made on the way. */
static void sort(claims *all)
{
	struct claim *v = all->v;
	size_t n = all->n, end;

	if (!n)
		return;
	qsort(v, n, sizeof(*v), by_distance);
	for (size_t i = 0; i < n; i = end) {
		uint64_t sum = 0;

		for (end = i; end < n && by_distance(&v[i], &v[end]) == 0; end++)
			sum += v[end].len;
		for (size_t k = i; k < end; k++)
			v[k].weight = im_max(v[k].weight, sum);
	}
	qsort(v, n, sizeof(*v), by_weight);
}

/* The best claim on byte off, NULL: none. *end: how far that is so, at most. */
static const struct claim *best(const claims *all, uint64_t off, uint64_t *end)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct claim *c = &all->v[i];

		if (c->old <= off && off - c->old < c->len) {
			*end = im_min(*end, c->old + c->len);
			return c;
		}
		/* a better one begins further on */
		if (c->old > off)
			*end = im_min(*end, c->old);
	}
	return NULL;
}

/* Is [off, …) the source of an IM_OP_OLD? Then *end is where that ends; else where the next one starts. */
static bool is_source(const struct im_program *prog, uint64_t off, uint64_t *end)
{
	for (size_t i = 0; i < prog->ops.n; i++) {
		const struct im_op *op = &prog->ops.v[i];

		if (op->kind != IM_OP_OLD)
			continue;
		if (op->src <= off && off < op->src + op->len) {
			*end = im_min(*end, op->src + op->len);
			return true;
		}
		if (op->src > off)
			*end = im_min(*end, op->src);
	}
	return false;
}

static int stash(struct im_program *prog, uint64_t old, uint64_t len, uint64_t now, struct im_error *err)
{
	struct im_stashed *last = prog->stash.n ? &prog->stash.v[prog->stash.n - 1] : NULL, *s;

	if (last && last->old + last->len == old && last->now + last->len == now) {
		last->len += len;
	} else {
		s = im_vec_push(&prog->stash, err);
		if (!s)
			return -1;
		*s = (struct im_stashed){ .old = old, .len = len, .now = now, .at = prog->stash_bytes };
	}
	prog->stash_bytes += len;
	return 0;
}

/* Append [old, end), which is on one side of the end of sector 0; carried to `at`, but for sector 0, which no batch brings, and for what is
 * stashed, which is found there as well. */
static int emit(struct im_program *prog, uint64_t old, uint64_t end, bool is_carried, uint64_t at,
		struct im_error *err)
{
	while (old < end) {
		uint64_t stop = end;
		bool stashed = is_source(prog, old, &stop);
		struct im_origin *o = im_vec_push(&prog->origins, err);

		if (!o || (stashed && stash(prog, old, stop - old, at, err) < 0))
			return -1;
		*o = (struct im_origin){ .old = old, .len = stop - old, .at = at };
		o->is_carried = is_carried && !stashed && old >= prog->sector_size;
		at += stop - old;
		old = stop;
	}
	return 0;
}

int im_program_origins(struct im_program *prog, const struct im_map *map, struct im_error *err)
{
	claims all = { 0 };
	int rc = collect(prog, map, &all, err);

	sort(&all);
	for (uint64_t off = 0, end; rc == 0 && off < prog->old_size; off = end) {
		const struct claim *c;

		end = off < prog->sector_size ? prog->sector_size : prog->old_size;
		c = best(&all, off, &end);
		rc = emit(prog, off, end, c != NULL, c ? c->at + (off - c->old) : 0, err);
	}
	im_vec_free(&all);
	return rc;
}

static int by_kept(const void *a, const void *b)
{
	const struct im_kept *x = a, *y = b;

	return (x->old > y->old) - (x->old < y->old);
}

static int keep(struct im_program *prog, uint64_t old, uint64_t len, struct im_error *err)
{
	struct im_kept *k = im_vec_push(&prog->kept, err);

	if (!k)
		return -1;
	*k = (struct im_kept){ old, len };
	return 0;
}

/* Sort, and make one of what overlaps or touches. */
static void merge_kept(struct im_program *prog)
{
	struct im_kept *v = prog->kept.v;
	size_t n = 0;

	if (prog->kept.n)
		qsort(v, prog->kept.n, sizeof(*v), by_kept);
	for (size_t i = 0; i < prog->kept.n; i++) {
		if (n && v[i].old <= v[n - 1].old + v[n - 1].len)
			v[n - 1].len = im_max(v[n - 1].len, v[i].old + v[i].len - v[n - 1].old);
		else
			v[n++] = v[i];
	}
	prog->kept.n = n;
}

int im_program_kept(struct im_program *prog, struct im_error *err)
{
	for (size_t i = 0; i < prog->origins.n; i++) {
		const struct im_origin *o = &prog->origins.v[i];
		uint64_t n = o->len;

		if (!o->is_carried && !im_program_stashed(prog, o->old, &n) && keep(prog, o->old, o->len, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < prog->steps.edges.n; i++)
		if (keep(prog, prog->steps.edges.v[i].old, prog->steps.edges.v[i].len, err) < 0)
			return -1;
	merge_kept(prog);
	return 0;
}

const struct im_origin *im_program_origin(const struct im_program *prog, uint64_t off)
{
	size_t lo = 0, hi = prog->origins.n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (prog->origins.v[mid].old <= off)
			lo = mid;
		else
			hi = mid;
	}
	return &prog->origins.v[lo];
}

const struct im_stashed *im_program_stashed(const struct im_program *prog, uint64_t off, uint64_t *len)
{
	size_t lo = 0, hi = prog->stash.n;

	/* the first piece that ends behind off */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (prog->stash.v[mid].old + prog->stash.v[mid].len > off)
			hi = mid;
		else
			lo = mid + 1;
	}
	if (lo == prog->stash.n)
		return NULL;
	return im_is_in(prog->stash.v[lo].old, prog->stash.v[lo].len, off, len) ? &prog->stash.v[lo] : NULL;
}
