/* origin.c - where each byte of the old image is in the new one, and which ones the journal must keep. */
#include <stdlib.h>

#include "base/bytes.h"
#include "exec/program.h"

static int by_old(const void *a, const void *b)
{
	const struct im_origin *x = a, *y = b;

	if (x->old != y->old)
		return x->old < y->old ? -1 : 1;
	/* of two that start together the saved one first: it wins */
	return (int)x->is_carried - (int)y->is_carried;
}

typedef IM_VEC(struct im_origin) origins;

static int add(origins *o, uint64_t old, uint64_t len, bool is_carried, uint64_t at, struct im_error *err)
{
	struct im_origin *n;

	if (!len)
		return 0;
	n = im_vec_push(o, err);
	if (!n)
		return -1;
	*n = (struct im_origin){ .old = old, .len = len, .is_carried = is_carried, .at = at };
	return 0;
}

/* Every claim on old bytes, in no order, overlaps included. */
static int collect(const struct im_program *prog, const struct im_map *map, origins *all, struct im_error *err)
{
	uint64_t ss = prog->sector_size;

	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];
		uint64_t start = im_max(s->start, ss);

		if (s->kind == IM_KEEP && s->start + s->len > start &&
		    add(all, start, s->start + s->len - start, true, start, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < prog->ops.n; i++) {
		const struct im_op *op = &prog->ops.v[i];

		if (op->kind == IM_OP_COPY && add(all, op->src, op->len, true, op->dst, err) < 0)
			return -1;
	}
	return 0;
}

/* Is [off, …) saved to break a cycle? Then *end is where that ends; else where the next one starts. */
static bool is_stashed(const struct im_program *prog, uint64_t off, uint64_t *end)
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

/* Append [old, end), carried to `at` but for what is stashed. */
static int emit(struct im_program *prog, uint64_t old, uint64_t end, bool is_carried, uint64_t at,
		struct im_error *err)
{
	while (old < end) {
		uint64_t stop = end;
		bool stashed = is_stashed(prog, old, &stop);
		struct im_origin *o = im_vec_push(&prog->origins, err);

		if (!o)
			return -1;
		*o = (struct im_origin){ .old = old, .len = stop - old, .is_carried = is_carried && !stashed, .at = at };
		at += stop - old;
		old = stop;
	}
	return 0;
}

int im_program_origins(struct im_program *prog, const struct im_map *map, struct im_error *err)
{
	origins all = { 0 };
	uint64_t at = 0;
	int rc = -1;

	if (collect(prog, map, &all, err) < 0)
		goto out;
	if (all.n)
		qsort(all.v, all.n, sizeof(*all.v), by_old);
	for (size_t i = 0; i < all.n; i++) {
		const struct im_origin *o = &all.v[i];
		uint64_t end = o->old + o->len;

		if (end <= at)
			continue;
		if (o->old > at && emit(prog, at, o->old, false, 0, err) < 0)
			goto out;
		at = im_max(at, o->old);
		if (emit(prog, at, end, true, o->at + (at - o->old), err) < 0)
			goto out;
		at = end;
	}
	if (at < prog->old_size && emit(prog, at, prog->old_size, false, 0, err) < 0)
		goto out;
	rc = 0;
out:
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
	for (size_t i = 0; i < prog->origins.n; i++)
		if (!prog->origins.v[i].is_carried &&
		    keep(prog, prog->origins.v[i].old, prog->origins.v[i].len, err) < 0)
			return -1;
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
