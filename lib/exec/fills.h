/* fills.h - steps that write once: a gap goes through the image, and what it has passed is written.
 *
 * Where data moves to the right by less than a block, or by no multiple of one, no insertion brings it there. But a gap that is
 * inserted behind all that moves can take the last part of the new image, made from old places in front of it; that part's old
 * bytes are not needed any more then, and are the gap for the part before it:
 *
 *	a    b    c    d    rest
 *	a    b    c    d    gap  rest	insertion
 *	a    b    c    gap  d'   rest	a fill
 *	a    b    gap  c'   d'   rest	…
 *	gap  a'   b'   c'   d'   rest
 *	a'   b'   c'   d'   rest	removal
 *
 * Everything is written a single time, over blocks that the file has already, and nothing of it to the journal. Undo goes the same
 * way back, from the first part to the last, filling from new places. What lies in parts, but is not carried, is zero until it is
 * written at the end of the run, as with other steps (shift.h).
 *
 * A gap holds several parts. So a part may be written while those before it are still on their way to the disk; all but the old
 * bytes of parts that a durable record counts as filled is left alone.
 *
 * Behind the gap stand two marks, which are inserted with it and taken out at the end. Written in turn, each says how many steps
 * a record counts that is durable, and no part is written that has no room in the gap as it was then. So of an older copy of the
 * journal the image itself knows that it has come further.
 */
#ifndef IM_EXEC_FILLS_H
#define IM_EXEC_FILLS_H

#include "exec/exec.h"

/* Build such steps, with a gap of at most `gap` bytes, a multiple of unit: 0 built, 1: not possible for this map, or not worth it.
 * Free them in any case but -1. */
int im_fills_build(struct im_steps *s, const struct im_map *map, uint32_t unit, uint64_t gap, struct im_error *err);

/* Where a fill follows `done` steps: has the image no mark of this run that is further on? Else IM_ECHANGED. */
int im_fills_check(struct im_exec *x, const struct im_phase_record *run, uint64_t done, struct im_error *err);
/* Do the fills that follow the first *done steps of a run; all of them may have been done before. rec: the log's last record, which
 * says *done; both are moved on, rec as far as is durable. */
int im_fills_run(struct im_exec *x, struct im_phase_record *rec, uint64_t *done, struct im_error *err);

#endif
