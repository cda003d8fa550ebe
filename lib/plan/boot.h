/* boot.h - a disk whose partitions move boots as before, or there is no plan.
 *
 * Code that asks the partition table or its volume's hidden sectors needs nothing more than those, which are corrected
 * in any case. GRUB 2's lists of absolute sectors are followed and rewritten (boot_grub.c). What cannot be followed is
 * refused, unless --allow=unknown-boot-code. Where Windows keeps positions in its registry: windows.h.
 */
#ifndef IM_PLAN_BOOT_H
#define IM_PLAN_BOOT_H

#include "fmt/boot_code.h"
#include "plan/plan.h"

/* Lay what boot code must have rewritten, over tables and volumes that are laid already; add notes. IM_EREFUSED where the disk
 * would not boot, or that cannot be told. Needs ctx->plan. */
int im_map_boot(struct im_plan_context *ctx, struct im_error *err);

/* The code cannot be proven to go on working, for the reason `why`, a clause: IM_EREFUSED, or a note where that is allowed. `where`:
 * "sector 0", "partition 1"; off: its byte. */
int im_boot_doubt(struct im_plan_context *ctx, const struct im_boot_code *code, const char *where, uint64_t off, const char *why,
		  struct im_error *err);

/* GRUB 2's first stage at byte `at` of the old disk, `new_at` of the corrected one: rewrite where it looks for the rest. */
int im_boot_grub(struct im_plan_context *ctx, const struct im_boot_code *code, const char *where, uint64_t at, uint64_t new_at,
		 struct im_error *err);

#endif
