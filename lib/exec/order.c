/* order.c - the order of the copies: whoever reads a range goes before whoever overwrites it.
 *
 * The copies of a map have destinations that do not overlap. "a before b" holds when the source of
 * a meets the destination of b. Where that relation has a cycle, the smallest copy of the cycle is
 * taken out of it: its source is saved in the journal before anything is written.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "exec/program.h"

#define EDGES_MAX (256u << 10)

struct edge {
	size_t before, after;
};

struct graph {
	IM_VEC(struct edge) edges;	/* grouped by `before`, in order */
	size_t *first;			/* index of the first edge of each node; n + 1 of them */
	size_t *blockers;		/* how many unfinished nodes must go first */
	bool *done;
};

static void graph_free(struct graph *g)
{
	im_vec_free(&g->edges);
	free(g->first);
	free(g->blockers);
	free(g->done);
}

/* Index of the first op whose destination ends behind off; ops are sorted by dst. */
static size_t first_dst_behind(const struct im_op *ops, size_t n, uint64_t off)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ops[mid].dst + ops[mid].len > off)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static int graph_build(struct graph *g, const struct im_op *ops, size_t n, struct im_error *err)
{
	g->first = calloc(n + 1, sizeof(*g->first));
	g->blockers = calloc(n + 1, sizeof(*g->blockers));
	g->done = calloc(n + 1, sizeof(*g->done));
	if (!g->first || !g->blockers || !g->done)
		return im_error_nomem(err);
	for (size_t a = 0; a < n; a++) {
		g->first[a] = g->edges.n;
		if (ops[a].kind != IM_OP_COPY)
			continue;
		for (size_t b = first_dst_behind(ops, n, ops[a].src);
		     b < n && ops[b].dst < ops[a].src + ops[a].len; b++) {
			struct edge *e;

			if (a == b || ops[b].kind != IM_OP_COPY)
				continue;
			if (g->edges.n >= EDGES_MAX)
				return im_error_set(err, IM_EREFUSED, "the copies of the plan are entangled beyond measure");
			e = im_vec_push(&g->edges, err);
			if (!e)
				return -1;
			*e = (struct edge){ a, b };
			g->blockers[b]++;
		}
	}
	g->first[n] = g->edges.n;
	return 0;
}

/* Some unfinished node is in a cycle or behind one: walk from it to a blocker of it, again and again,
 * until a node comes twice; return the smallest op of that cycle. */
static size_t smallest_of_a_cycle(const struct graph *g, const struct im_op *ops, size_t n, size_t *scratch)
{
	size_t node = 0, step = 0, best, start;

	while (g->done[node])
		node++;
	memset(scratch, 0, n * sizeof(*scratch));
	while (!scratch[node]) {
		size_t e = 0;

		scratch[node] = ++step;
		while (g->done[g->edges.v[e].before] || g->edges.v[e].after != node)
			e++;
		node = g->edges.v[e].before;
	}
	/* the cycle is every node whose step is at least this one's */
	start = scratch[node];
	best = node;
	for (size_t i = 0; i < n; i++)
		if (scratch[i] >= start && ops[i].len < ops[best].len)
			best = i;
	return best;
}

static void finish(struct graph *g, size_t node)
{
	g->done[node] = true;
	for (size_t e = g->first[node]; e < g->first[node + 1]; e++)
		g->blockers[g->edges.v[e].after]--;
}

/* Take nodes without blockers, the last ones on the disk first; break cycles on the way. */
static void sort_nodes(struct graph *g, struct im_op *ops, size_t n, size_t *sorted, size_t *n_sorted,
		       size_t *scratch)
{
	size_t left = n;

	*n_sorted = 0;
	while (left) {
		bool moved = false;

		for (size_t i = n; i-- > 0;) {
			if (g->done[i] || g->blockers[i])
				continue;
			finish(g, i);
			sorted[(*n_sorted)++] = i;
			left--;
			moved = true;
		}
		if (!moved) {
			size_t i = smallest_of_a_cycle(g, ops, n, scratch);

			ops[i].kind = IM_OP_OLD;
			ops[i].braid = 0;
			finish(g, i);
			left--;
		}
	}
}

/* prog->ops holds the copies alone, sorted by dst. Afterwards: the copies in order, then the
 * pieces that were taken out. */
int im_program_order(struct im_program *prog, struct im_error *err)
{
	struct graph g = { 0 };
	size_t n = prog->ops.n, n_sorted = 0, *sorted = calloc(n + 1, sizeof(*sorted));
	size_t *scratch = calloc(n + 1, sizeof(*scratch));
	struct im_op *ops = calloc(n + 1, sizeof(*ops));
	int rc = -1;

	if (!sorted || !scratch || !ops) {
		im_error_nomem(err);
		goto out;
	}
	if (graph_build(&g, prog->ops.v, n, err) < 0)
		goto out;
	sort_nodes(&g, prog->ops.v, n, sorted, &n_sorted, scratch);
	for (size_t i = 0; i < n_sorted; i++)
		ops[i] = prog->ops.v[sorted[i]];
	for (size_t i = 0; i < n; i++)
		if (prog->ops.v[i].kind == IM_OP_OLD)
			ops[n_sorted++] = prog->ops.v[i];
	if (n)
		memcpy(prog->ops.v, ops, n * sizeof(*ops));
	rc = 0;
out:
	graph_free(&g);
	free(sorted);
	free(scratch);
	free(ops);
	return rc;
}
