/* program.h - an image map turned into an order of small steps.
 *
 * A program is a fixed sequence of batches. Batch i overwrites a set of byte ranges, and no byte is
 * overwritten twice. State S(p) is the image in which exactly the batches before p are done:
 * S(0) is the old image, S(n) the new one (both but for sector 0, which the executor treats apart).
 * Going forward, batch p takes S(p) to S(p+1); going backward, S(p+1) to S(p).
 *
 * What makes both directions possible from every state:
 *  P1  forward content of batch p is readable in S(p): a copy's source is overwritten by no earlier
 *      batch, and by p itself only when p is journalled;
 *  P2  backward content of batch p is readable in S(p+1): old bytes are in the journal, or were
 *      carried to their new place by a batch before p, or, when p is journalled, by p.
 * P1 orders the copies (whoever reads a range goes before whoever overwrites it); P2 then follows by
 * reading the order backward. A cycle is broken by saving the smallest of its pieces beforehand.
 *
 * Sector 0 belongs to no batch: it holds the fence while a repair runs.
 */
#ifndef IM_EXEC_PROGRAM_H
#define IM_EXEC_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/vec.h"
#include "exec/steps.h"
#include "map/map.h"

/* Most strands that there may be. */
#define IM_STRANDS 16

/* Most bytes of a batch that is not journalled, and of what is read at once for such ones: a few of them together stay
 * in the processor's cache. */
#define IM_DIRECT_BATCH (4u << 20)

/* The most ops that one batch has. */
#define IM_BATCH_OPS 256

struct im_exec_params {
	uint64_t buffer;	/* most bytes of a batch; also the size of a journal buffer */
	uint64_t direct_min;	/* shifts of at least this many bytes need no data journal */
	uint32_t shift_unit;	/* not 0: the repair moves blocks of the host by this unit (shift.h), bytes */
	uint32_t fill_gap;	/* not 0: … and writes what moves, through a gap of that many bytes (fills.h); a multiple of the unit */
	uint32_t strands;	/* a long copy over itself without a journal goes in so many at a time, at most (strands.c); 1: as one */
	bool manifest;		/* hash the image and what changes before the first write */
	/* not kept in the journal */
	struct im_watch *watch;	/* of the hashing (manifest.h); NULL: nobody */
	struct im_dev *clone;	/* of the image, durable: the repair goes by that (clone.h) */
	const struct im_range *dropped;	/* old bytes that undo need not give back: zeros come in their place; borrowed, sorted */
	size_t n_dropped;
	bool no_share;		/* write a journalled batch a second time even where its blocks could be shared */
};

extern const struct im_exec_params im_exec_defaults;

enum im_op_kind {
	IM_OP_COPY,	/* from `src` of the image */
	IM_OP_ZERO,
	IM_OP_OLD,	/* from the old bytes at `src` that are stashed in the journal */
	IM_OP_LITERAL,
	IM_OP_FILL,	/* the byte `fill`, repeated */
	IM_OP_CUT,	/* beyond the new end: nothing to do forward, restored backward */
};

struct im_op {
	enum im_op_kind kind;
	uint32_t braid;		/* not 0: a strand of that braid, all of which are of one length */
	uint64_t dst, len;
	uint64_t src;		/* COPY, OLD */
	const uint8_t *data;	/* LITERAL; borrowed from the map */
	uint8_t fill;		/* FILL */
};

/* Consecutive batches made by one rule. */
struct im_stretch {
	size_t op, n_ops;	/* one op that is split, or many small ones that share one batch */
	uint64_t first_batch, n_batches;
	uint64_t first_len;	/* bytes of the first batch of a split op */
	uint64_t batch_size;	/* bytes of the others */
	bool from_end;		/* the first batch is at the end of the op */
	bool journalled;
	size_t n_strands;	/* not 0: the ops are strands, and batches are of each in turn */
};

/* Where the old bytes [old, old+len) are in the new image, or that the journal must keep them. */
struct im_origin {
	uint64_t old, len;
	bool is_carried;
	uint64_t at;		/* where carried to */
};

/* Old bytes that go to their new place by way of the journal (stash.h). */
struct im_stashed {
	uint64_t old, len;
	uint64_t now;		/* where the new image has them */
	uint64_t at;		/* byte in STASH */
};

/* Old bytes that the journal keeps. */
struct im_kept {
	uint64_t old, len;
};

/* Batches that are large enough end on whole blocks of the host. */
#define IM_HOST_BLOCK 4096

static inline uint64_t im_batch_unit(uint64_t batch_size)
{
	return batch_size >= 2 * IM_HOST_BLOCK ? IM_HOST_BLOCK : 1;
}

struct im_program {
	uint64_t old_size, new_size;
	uint32_t sector_size;
	struct im_exec_params params;
	uint64_t n_batches;
	bool has_journalled, has_direct;	/* among the copies */
	IM_VEC(struct im_op) ops;
	IM_VEC(struct im_stretch) stretches;
	IM_VEC(struct im_origin) origins;	/* sorted; covers [0, old_size) */
	struct im_steps steps;			/* with params.shift_unit */
	IM_VEC(struct im_stashed) stash;	/* sorted: the sources of IM_OP_OLD */
	uint64_t stash_bytes;			/* of them */
	IM_VEC(struct im_kept) kept;		/* sorted: what is neither carried nor stashed, and what steps do not carry */
};

/* Most bytes of a batch without a journalled copy. */
static inline uint64_t im_plain_batch(const struct im_program *prog)
{
	return im_min(prog->params.buffer, IM_DIRECT_BATCH);
}

/* The map is borrowed and must outlive the program. */
int im_program_build(struct im_program *prog, const struct im_map *map, uint32_t sector_size,
		     const struct im_exec_params *params, struct im_error *err);
void im_program_free(struct im_program *prog);

/* The ops of batch i; returns how many. *journalled as of its stretch. */
size_t im_program_batch(const struct im_program *prog, uint64_t i, struct im_op ops[IM_BATCH_OPS], bool *journalled);
/* Batches [i, i+n), and perhaps some of those beside them, as pieces of a few ops; returns how many, 0: they are not that. */
size_t im_program_span(const struct im_program *prog, uint64_t i, uint64_t n, struct im_op ops[IM_STRANDS]);

/* The origin that holds old byte off (off < old_size). */
const struct im_origin *im_program_origin(const struct im_program *prog, uint64_t off);
/* The stashed piece that holds old byte off, NULL: none. *len, not 0, is cut to where that changes. */
const struct im_stashed *im_program_stashed(const struct im_program *prog, uint64_t off, uint64_t *len);

/* Floor-internal: strands.c cuts long copies into strands, and puts what is stashed between them into aside; order.c sorts the copies of
 * prog->ops, turning pieces of cycles into IM_OP_OLD; origin.c fills prog->origins, prog->stash and prog->kept. */
int im_program_strands(struct im_program *prog, struct im_program *aside, struct im_error *err);
/* How a copy is cut: n_ops and what counts batches is not set. */
struct im_stretch im_program_cut(const struct im_program *prog, const struct im_op *op);
int im_program_add(struct im_program *prog, struct im_op op, struct im_error *err);
int im_program_order(struct im_program *prog, struct im_error *err);
int im_program_origins(struct im_program *prog, const struct im_map *map, struct im_error *err);
/* Fills prog->kept, from the origins and the edges of the steps. */
int im_program_kept(struct im_program *prog, struct im_error *err);

#endif
