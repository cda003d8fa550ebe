/* shadow_keep.h - what a repair changes in a volume is kept for its snapshots first.
 *
 * Volsnap copies a block of 16 KiB into the newest snapshot's store before it is written to for the first time. A repair does the same
 * in the plan: for each block that changes and that a snapshot still reads from the volume, a copy (a FROM segment) and a descriptor in
 * the store of the newest snapshot that has the block in use. All snapshots are then read through the corrected view and compared.
 */
#ifndef IM_PLAN_SHADOW_KEEP_H
#define IM_PLAN_SHADOW_KEEP_H

#include "plan/plan.h"

/* Lay what snapshots need into ctx->map, in which everything else is laid. IM_EREFUSED, and why, where they cannot be spared; with
 * --allow=snapshots a note. */
int im_shadow_keep(struct im_plan_context *ctx, struct im_error *err);

#endif
