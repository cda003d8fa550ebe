/* program.c - from the map to the sequence of batches; see program.h for the invariants. */
#include "exec/program.h"

#include "base/bytes.h"
#include "exec/fills.h"

const struct im_exec_params im_exec_defaults = {
	.buffer = 16 << 20,
	.direct_min = 512 << 10,
	.strands = 1,
};

int im_program_add(struct im_program *prog, struct im_op op, struct im_error *err)
{
	struct im_op *n;

	if (!op.len)
		return 0;
	n = im_vec_push(&prog->ops, err);
	if (!n)
		return -1;
	*n = op;
	return 0;
}

/* The part of a segment behind sector 0, as an op; n of len 0 when nothing is left. */
static struct im_op op_of(const struct im_segment *s, uint64_t ss)
{
	static const enum im_op_kind kinds[] = {
		[IM_FROM] = IM_OP_COPY, [IM_BYTES] = IM_OP_LITERAL, [IM_ZERO] = IM_OP_ZERO,
		[IM_FILL] = IM_OP_FILL,
	};
	uint64_t skip = s->start < ss ? im_min(ss - s->start, s->len) : 0;

	return (struct im_op){
		.kind = kinds[s->kind],
		.dst = s->start + skip,
		.len = s->len - skip,
		.src = s->kind == IM_FROM ? s->from + skip : 0,
		.data = s->kind == IM_BYTES ? s->data + skip : NULL,
		.fill = s->fill,
	};
}

/* The copies; the piece of one that reads sector 0 is taken from the journal, the fence being there.
 * Those pieces are put aside in `aside`. */
static int collect_copies(struct im_program *prog, const struct im_map *map, struct im_program *aside,
			  struct im_error *err)
{
	uint64_t ss = prog->sector_size;

	for (size_t i = 0; i < map->segs.n; i++) {
		struct im_op op, head;

		if (map->segs.v[i].kind != IM_FROM)
			continue;
		op = op_of(&map->segs.v[i], ss);
		head = op;
		head.kind = IM_OP_OLD;
		head.len = op.src < ss ? im_min(ss - op.src, op.len) : 0;
		op.src += head.len;
		op.dst += head.len;
		op.len -= head.len;
		if (im_program_add(aside, head, err) < 0 || im_program_add(prog, op, err) < 0)
			return -1;
	}
	return 0;
}

/* What follows the copies: old bytes, zeros, then literals from the end of the disk to its start (so
 * that backup structures go before primary ones), then what is cut off. */
static int collect_rest(struct im_program *prog, const struct im_map *map, const struct im_program *aside,
			struct im_error *err)
{
	for (size_t i = 0; i < aside->ops.n; i++)
		if (im_program_add(prog, aside->ops.v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < map->segs.n; i++)
		if (map->segs.v[i].kind == IM_ZERO && im_program_add(prog, op_of(&map->segs.v[i], prog->sector_size), err) < 0)
			return -1;
	for (size_t i = map->segs.n; i-- > 0;)
		if ((map->segs.v[i].kind == IM_BYTES || map->segs.v[i].kind == IM_FILL) &&
		    im_program_add(prog, op_of(&map->segs.v[i], prog->sector_size), err) < 0)
			return -1;
	if (map->old_size > map->new_size) {
		uint64_t start = im_max(map->new_size, prog->sector_size);

		return im_program_add(prog, (struct im_op){ .kind = IM_OP_CUT, .dst = start, .len = map->old_size - start }, err);
	}
	return 0;
}

/* Within the shift when that is large, through the journal's buffers when not. */
struct im_stretch im_program_cut(const struct im_program *prog, const struct im_op *op)
{
	uint64_t shift = op->dst > op->src ? op->dst - op->src : op->src - op->dst;
	struct im_stretch st = { .batch_size = prog->params.buffer, .from_end = op->dst > op->src };

	if (shift < op->len && shift < prog->params.direct_min)
		st.journalled = true;
	else
		st.batch_size = im_min(im_plain_batch(prog), shift);
	return st;
}

/* Give the split op of st its batch borders. */
static void split(struct im_stretch *st, const struct im_op *op)
{
	uint64_t b = st->batch_size, unit = im_batch_unit(b), edge;

	b -= b % unit;
	edge = (st->from_end ? op->dst + op->len : unit - op->dst % unit) % unit;
	st->batch_size = b;
	st->first_len = im_min(edge ? b - unit + edge : b, op->len);
	st->n_batches = 1 + (op->len - st->first_len + b - 1) / b;
}

/* The strands of one braid that follow each other, from st->op on. */
static void take_strands(const struct im_program *prog, struct im_stretch *st)
{
	uint32_t braid = prog->ops.v[st->op].braid;

	while (braid && st->op + st->n_ops < prog->ops.n && prog->ops.v[st->op + st->n_ops].braid == braid)
		st->n_ops++;
	if (st->n_ops == 1)
		return;
	st->n_strands = st->n_ops;
	st->n_batches *= st->n_strands;
}

/* Small ops that share a batch. */
static void take_small(const struct im_program *prog, struct im_stretch *st)
{
	uint64_t sum = prog->ops.v[st->op].len;

	while (st->op + st->n_ops < prog->ops.n && st->n_ops < IM_BATCH_OPS &&
	       prog->ops.v[st->op + st->n_ops].len <= im_plain_batch(prog) - sum)
		sum += prog->ops.v[st->op + st->n_ops++].len;
	st->n_batches = 1;
	st->first_len = prog->ops.v[st->op].len;
}

static int cut(struct im_program *prog, struct im_error *err)
{
	size_t i = 0;

	while (i < prog->ops.n) {
		const struct im_op *op = &prog->ops.v[i];
		struct im_stretch st = { .batch_size = im_plain_batch(prog) };
		struct im_stretch *n = im_vec_push(&prog->stretches, err);

		if (!n)
			return -1;
		if (op->kind == IM_OP_COPY) {
			st = im_program_cut(prog, op);
			prog->has_journalled |= st.journalled;
			prog->has_direct |= !st.journalled;
		}
		st.op = i;
		st.n_ops = 1;
		st.first_batch = prog->n_batches;
		split(&st, op);
		if (op->kind == IM_OP_COPY)
			take_strands(prog, &st);
		else if (op->len <= im_plain_batch(prog))
			take_small(prog, &st);
		i += st.n_ops;
		prog->n_batches += st.n_batches;
		*n = st;
	}
	return 0;
}

static int build_steps(struct im_program *prog, const struct im_map *map, struct im_error *err)
{
	uint32_t unit = prog->params.shift_unit, gap = prog->params.fill_gap;
	int rc = 1;

	if (!unit)
		return 0;
	if (map->old_size <= INT64_MAX && map->new_size <= INT64_MAX)
		rc = gap ? im_fills_build(&prog->steps, map, unit, gap, err) : im_steps_build(&prog->steps, map, unit, err);
	if (rc > 0)
		return im_error_set(err, IM_EFORMAT, "this plan cannot be carried out by moving whole blocks");
	return rc;
}

int im_program_build(struct im_program *prog, const struct im_map *map, uint32_t sector_size,
		     const struct im_exec_params *params, struct im_error *err)
{
	struct im_program aside = { 0 };
	int rc = -1;

	*prog = (struct im_program){
		.old_size = map->old_size, .new_size = map->new_size,
		.sector_size = sector_size, .params = *params,
	};
	if (params->buffer < 512 || !params->direct_min || !params->strands)
		return im_error_set(err, IM_EFORMAT, "the executor's parameters make no sense");
	if (map->old_size < sector_size || map->new_size < sector_size)
		return im_error_set(err, IM_EREFUSED, "the image is smaller than one sector of %u bytes", sector_size);
	if (collect_copies(prog, map, &aside, err) == 0 && im_program_strands(prog, &aside, err) == 0 && im_program_order(prog, err) == 0 &&
	    collect_rest(prog, map, &aside, err) == 0 && im_program_origins(prog, map, err) == 0 &&
	    cut(prog, err) == 0 && build_steps(prog, map, err) == 0 && im_program_kept(prog, err) == 0)
		rc = 0;
	im_vec_free(&aside.ops);
	if (rc < 0)
		im_program_free(prog);
	return rc;
}

void im_program_free(struct im_program *prog)
{
	im_vec_free(&prog->ops);
	im_vec_free(&prog->stretches);
	im_vec_free(&prog->origins);
	im_vec_free(&prog->stash);
	im_vec_free(&prog->kept);
	im_steps_free(&prog->steps);
}

static const struct im_stretch *stretch_of(const struct im_program *prog, uint64_t batch)
{
	size_t lo = 0, hi = prog->stretches.n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (prog->stretches.v[mid].first_batch <= batch)
			lo = mid;
		else
			hi = mid;
	}
	return &prog->stretches.v[lo];
}

/* Batches [k, k+n) of a stretch with one op. */
static struct im_op part_of(const struct im_stretch *st, struct im_op op, uint64_t k, uint64_t n)
{
	/* bytes of the op that the batches before these took */
	uint64_t skip = k ? st->first_len + (k - 1) * st->batch_size : 0;
	uint64_t len = im_min((k ? 0 : st->first_len) + (k ? n : n - 1) * st->batch_size, op.len - skip);

	if (st->from_end)
		skip = op.len - skip - len;
	op.dst += skip;
	op.src += skip;
	if (op.data)
		op.data += skip;
	op.len = len;
	return op;
}

size_t im_program_batch(const struct im_program *prog, uint64_t i, struct im_op ops[IM_BATCH_OPS], bool *journalled)
{
	const struct im_stretch *st = stretch_of(prog, i);

	*journalled = st->journalled;
	if (st->n_strands) {
		uint64_t k = i - st->first_batch;

		ops[0] = part_of(st, prog->ops.v[st->op + k % st->n_strands], k / st->n_strands, 1);
		return 1;
	}
	for (size_t j = 0; j < st->n_ops; j++)
		ops[j] = prog->ops.v[st->op + j];
	if (st->n_ops == 1)
		ops[0] = part_of(st, ops[0], i - st->first_batch, 1);
	return st->n_ops;
}

size_t im_program_span(const struct im_program *prog, uint64_t i, uint64_t n, struct im_op ops[IM_STRANDS])
{
	const struct im_stretch *st = stretch_of(prog, i);
	uint64_t k = i - st->first_batch, lanes = im_max(st->n_strands, 1), first = k / lanes;

	if (st->n_ops != lanes || n > st->n_batches - k)
		return 0;
	for (size_t j = 0; j < lanes; j++)
		ops[j] = part_of(st, prog->ops.v[st->op + j], first, (k + n - 1) / lanes - first + 1);
	return lanes;
}
