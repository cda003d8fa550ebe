/* windows.h - Windows on a disk with an MBR knows partitions by the disk's signature and their byte offsets: those records
 * follow the move.
 *
 * Hives are read through the corrected view, at their new places; only the eight bytes of each offset change. A hive that
 * cannot be believed is refused, unless --allow=unknown-boot-code, with what to run in Windows instead.
 */
#ifndef IM_PLAN_WINDOWS_H
#define IM_PLAN_WINDOWS_H

#include "fmt/file_map.h"
#include "plan/plan.h"

/* Lay what changes in the boot configurations (BCD) and the drive letters (MountedDevices) of every volume, over the volumes that are
 * laid already; add notes. Needs ctx->plan. */
int im_map_windows(struct im_plan_context *ctx, struct im_error *err);

/* The edits of one hive (windows_hive.c): the offsets of partitions that move. `title`: what it is in sentences; vol: the corrected
 * volume without edits of hives, which begins at byte `start` of the corrected disk. 0; 1 with a clause in why where it cannot be done; -1. */
int im_windows_hive(struct im_plan_context *ctx, const struct im_file_map *file, struct im_dev *vol, uint64_t start, bool is_bcd,
		    const char *title, char why[160], struct im_error *err);

#endif
