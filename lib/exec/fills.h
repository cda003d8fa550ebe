/* fills.h - steps that write once: a gap is inserted, filled, and what it replaces is taken out.
 *
 * Where data moves to the right by less than a block, or by no multiple of one, no insertion brings it there. But a new part
 * [n, n+b) of the image can be written into a gap behind the old one, as long as nothing in front of it has changed, and then the
 * old part is taken out:
 *
 *	old …            [n, n+b)            new …
 *	old …            [n, n+b)  gap of b  new …	insertion at n+b
 *	old …            [n, n+b)  [n, n+b)' new …	the gap filled, from old places in front of n+b
 *	old …            [n, n+b)'           new …	the old part taken out
 *
 * From the last part to the first, everything is written a single time, and nothing of it to the journal: undo goes the same way
 * back, from the first part to the last, filling from new places. What lies in parts, but is not carried, is written at the end
 * of the run as with other steps (shift.h).
 */
#ifndef IM_EXEC_FILLS_H
#define IM_EXEC_FILLS_H

#include "exec/exec.h"

#define IM_FILLS_MAX 16384		/* steps; two of them a part */

/* Build such steps, of parts of `part` bytes, a multiple of unit: 0 built, 1: not possible for this map, or not worth it. Free
 * them in any case but -1. */
int im_fills_build(struct im_steps *s, const struct im_map *map, uint32_t unit, uint64_t part, struct im_error *err);

/* What the gaps of a run are filled through; zeroed at first. */
struct im_fill_buffers {
	uint8_t *bytes[2];
};

void im_fills_free(struct im_fill_buffers *buffers);

/* Fill the gap that the insertion `step` of a run of this direction made. Not flushed; may be done any number of times. */
int im_fills_run(struct im_exec *x, enum im_direction dir, const struct im_step *step, struct im_fill_buffers *buffers,
		 struct im_error *err);

#endif
