/* shift.h - a run that moves blocks of the host instead of bytes (steps.h).
 *
 * Each step is one call to the host, and durable before the next. While one is being done, a power cut leaves a hole as long as the
 * step somewhere behind its place: where exactly, the host's physical extents tell. So before each step the journal keeps a
 * fingerprint of them (gap.h), from the second unit on, with the step's range closed up (for an insertion, as they are; for a
 * removal, as they will be), and after a crash that gap is looked for behind whose closing they are the same. An insertion is then
 * taken back, unless it is complete, a removal finished: both by closing the gap. Where no gap gives the fingerprint, nothing is
 * done.
 *
 * Fills (fills.h) move no blocks, and what they write may be anything as long as no record counts them as done.
 *
 * What the steps do not carry is written at the end of the run, from the journal, as often as it takes.
 */
#ifndef IM_EXEC_SHIFT_H
#define IM_EXEC_SHIFT_H

#include "exec/exec.h"

/* The step that follows `done` of them, or that takes the last of them back; false: there is none. Behind n of those: how many are
 * done. */
bool im_shift_next(const struct im_exec *x, enum im_direction dir, uint64_t done, struct im_step *step);
uint64_t im_shift_behind(enum im_direction dir, uint64_t done, uint64_t n);
/* Tell the hooks that a run of this direction has come this far; IM_ECANCELLED where that is enough. */
int im_shift_progress(const struct im_exec *x, enum im_direction dir, uint64_t done, struct im_error *err);

/* Can a complete repair be taken back by steps: does the image's host do them, and was nothing written to the edges? By looking
 * only. */
int im_shift_possible(struct im_exec *x, bool *possible, struct im_error *err);
/* Fill in what the GROWN record before the next step says. */
int im_shift_announce(struct im_exec *x, struct im_phase_record *rec, struct im_error *err);
/* Bring an interrupted run to the end of a step; *done: steps that are done now. Checks first. */
int im_shift_settle(struct im_exec *x, const struct im_phase_record *run, uint64_t *done, struct im_error *err);
/* From `done` steps to the end of the run, and flush. rec is the log's last record, GROWN. */
int im_shift_run(struct im_exec *x, struct im_phase_record *rec, uint64_t done, struct im_error *err);

#endif
