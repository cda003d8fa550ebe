/* steps.h - an image map as a few insertions and removals of whole blocks.
 *
 * Where everything that moves keeps its order and moves by multiples of the host's block, the new image comes from the
 * old one by inserting holes and taking ranges out (im_dev_insert, im_dev_collapse): no data is copied. What is left is
 * small: pieces of blocks at the ends of what moves, kept by the journal and written to their new places.
 */
#ifndef IM_EXEC_STEPS_H
#define IM_EXEC_STEPS_H

#include "base/vec.h"
#include "map/map.h"

/* At the time of the step, those before it being done. */
struct im_step {
	bool inserts;		/* a hole of len bytes at off; else [off, off+len) is taken out */
	uint64_t off, len;	/* bytes, multiples of the unit, off at least one unit */
	bool fills;		/* the hole is to hold what the step beside this one takes out (fills.h) */
};

/* What the steps do not carry: [old, old+len) of the old image, which is [new, …) of the new one. */
struct im_edge {
	uint64_t old, new, len;
};

struct im_steps {
	IM_VEC(struct im_step) list;
	IM_VEC(struct im_edge) edges;	/* in the order of their new places */
};

#define IM_STEPS_MAX 32
#define IM_EDGES_MAX (4u << 20)		/* bytes of all edges */

/* 0 built, 1: not possible for this map, or nothing to do; unit: bytes, a power of two. Free it in any case but -1. */
int im_steps_build(struct im_steps *s, const struct im_map *map, uint32_t unit, struct im_error *err);
void im_steps_free(struct im_steps *s);
/* Append an edge, if it has any bytes; *all: of all edges. 1: too many. */
int im_steps_add_edge(struct im_steps *s, struct im_edge edge, uint64_t *all, struct im_error *err);

/* The size of the file behind the first k steps. */
uint64_t im_steps_size(const struct im_steps *s, const struct im_map *map, uint64_t k);

#endif
