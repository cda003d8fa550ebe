/* strands.c - long copies over themselves, in several places at a time.
 *
 * A copy that moves by less than its length overwrites what it is made of. Without a journal it goes in batches no longer than
 * its shift, and each must be durable before the next: where a shift is short, that is a flush for every few bytes. So it is cut into
 * strands of one length, between which the journal keeps as many bytes as the shift has; then no strand overwrites what another
 * one is made of, and of all of them a batch may be written before one flush:
 *
 *	| rest | strand | kept | strand | kept | … | strand | edge |
 *
 * Batches of a braid are of each strand in turn. The edge, up to where whole blocks of the host end, goes before, the rest and
 * what is kept after.
 */
#include <string.h>

#include "base/bytes.h"
#include "exec/program.h"

/* So many rounds at least, or it is not worth it. */
#define ROUNDS_MIN 2
/* Behind so many pieces of copies the others go whole: a plan that has them has short ones. */
#define OPS_MAX 1024

struct braid {
	uint64_t n;			/* strands, 0: none */
	uint64_t len;			/* of each */
	uint64_t kept, edge;
};

static struct braid braid_of(const struct im_program *prog, const struct im_op *op)
{
	struct im_stretch st = im_program_cut(prog, op);
	uint64_t b = st.batch_size - st.batch_size % im_batch_unit(st.batch_size), shift = op->dst - op->src;
	struct braid braid = { .edge = (op->dst + op->len) % im_batch_unit(st.batch_size) };

	if (prog->ops.n > OPS_MAX || op->kind != IM_OP_COPY || !st.from_end || st.journalled || shift >= op->len ||
	    !im_round_up(shift, im_batch_unit(st.batch_size), &braid.kept))
		return (struct braid){ 0 };
	braid.n = im_min(im_min(prog->params.strands, IM_STRANDS), im_plain_batch(prog) / b);
	if (braid.n < 2 || op->len / braid.n < braid.kept + ROUNDS_MIN * b + braid.edge)
		return (struct braid){ 0 };
	braid.len = (op->len - braid.edge - (braid.n - 1) * braid.kept) / braid.n / b * b;
	return braid;
}

static struct im_op cut_off(struct im_op *op, uint64_t len)
{
	struct im_op part = *op;

	part.len = len;
	op->src += len;
	op->dst += len;
	op->len -= len;
	return part;
}

static int add_braid(struct im_program *prog, struct im_program *aside, struct im_op op, const struct braid *b, uint32_t number,
		     struct im_error *err)
{
	uint64_t all = b->n * b->len + (b->n - 1) * b->kept;
	int rc = im_program_add(prog, cut_off(&op, op.len - b->edge - all), err);

	for (uint64_t i = 0; i < b->n && rc == 0; i++) {
		struct im_op strand = cut_off(&op, b->len), kept = { 0 };

		strand.braid = number;
		if (i + 1 < b->n)
			kept = cut_off(&op, b->kept);
		kept.kind = IM_OP_OLD;
		if (im_program_add(prog, strand, err) < 0 || im_program_add(aside, kept, err) < 0)
			rc = -1;
	}
	return rc < 0 ? -1 : im_program_add(prog, op, err);
}

int im_program_strands(struct im_program *prog, struct im_program *aside, struct im_error *err)
{
	struct im_program whole = *prog;
	uint32_t n = 0;
	int rc = 0;

	memset(&prog->ops, 0, sizeof(prog->ops));
	for (size_t i = 0; i < whole.ops.n && rc == 0; i++) {
		struct braid b = braid_of(prog, &whole.ops.v[i]);

		rc = b.n ? add_braid(prog, aside, whole.ops.v[i], &b, ++n, err) : im_program_add(prog, whole.ops.v[i], err);
	}
	im_vec_free(&whole.ops);
	return rc;
}
