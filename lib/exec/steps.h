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

enum im_step_kind {
	IM_STEP_INSERT,		/* a hole of len bytes at off */
	IM_STEP_REMOVE,		/* [off, off+len) is taken out */
	IM_STEP_FILL,		/* [off, off+len) is written anew, behind the gap that was at its end (fills.h) */
};

/* At the time of the step, those before it being done. */
struct im_step {
	enum im_step_kind kind;
	uint64_t off, len;	/* bytes, multiples of the unit, off at least one unit */
};

/* What the steps do not carry: [old, old+len) of the old image, which is [new, …) of the new one. */
struct im_edge {
	uint64_t old, new, len;
};

/* Steps behind the first of the list: [start, end) is filled in parts, from its end; part 0: there are none. */
struct im_fills {
	uint64_t start, end, part, gap;
};

struct im_steps {
	IM_VEC(struct im_step) list;
	struct im_fills fills;
	IM_VEC(struct im_edge) edges;	/* in the order of their new places */
};

#define IM_STEPS_MAX 32
#define IM_EDGES_MAX (4u << 20)		/* bytes of all edges */

/* 0 built, 1: not possible for this map, or nothing to do; unit: bytes, a power of two. Free it in any case but -1. */
int im_steps_build(struct im_steps *s, const struct im_map *map, uint32_t unit, struct im_error *err);
void im_steps_free(struct im_steps *s);
/* Append an edge, if it has any bytes; *all: of all edges. 1: too many. */
int im_steps_add_edge(struct im_steps *s, struct im_edge edge, uint64_t *all, struct im_error *err);

/* How many there are, and one of them. */
uint64_t im_steps_count(const struct im_steps *s);
struct im_step im_steps_at(const struct im_steps *s, uint64_t i);
/* Are the steps from a to b, b not included, all fills? Then one record may count them. */
bool im_steps_are_fills(const struct im_steps *s, uint64_t a, uint64_t b);
/* Most fills that may be in place before a record counts the first of them. */
uint64_t im_steps_window(const struct im_steps *s);
/* About the records that a run makes of them. */
uint64_t im_steps_records(const struct im_steps *s);
/* The size of the file behind the first k steps. */
uint64_t im_steps_size(const struct im_steps *s, const struct im_map *map, uint64_t k);

#endif
