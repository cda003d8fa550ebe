/* boot.h - a disk whose partitions move boots as before, or there is no plan.
 *
 * Code that asks the partition table or its volume's hidden sectors needs nothing more than those, which are corrected
 * in any case. GRUB 2's lists of absolute sectors are followed and rewritten (boot_grub.c), and in the end core.img is read by them
 * (boot_prove.c). What cannot be followed is refused, unless --allow=unknown-boot-code. Where Windows keeps positions in its
 * registry: windows.h.
 */
#ifndef IM_PLAN_BOOT_H
#define IM_PLAN_BOOT_H

#include "fmt/boot_code.h"
#include "fmt/grub.h"
#include "plan/plan.h"

/* Lay what boot code must have rewritten, over tables and volumes that are laid already; add notes. IM_EREFUSED where the disk
 * would not boot, or that cannot be told. Needs ctx->plan. */
int im_map_boot(struct im_plan_context *ctx, struct im_error *err);

/* When all is laid: does every GRUB 2 that finds core.img on the old disk find the same on the corrected one? As im_map_boot. */
int im_boot_prove(struct im_plan_context *ctx, struct im_error *err);

/* ---- Internal ---- */

/* A first stage: the code in sector 0, or in the first sector of a volume. */
struct im_boot_stage {
	const struct im_boot_code *code;
	char where[80];			/* for sentences: "sector 0", "partition 1" */
	uint64_t at, new_at;		/* bytes of the old and of the corrected disk */
	bool is_disk;			/* sector 0 of a disk with a table */
	bool counts;			/* the disk is started by it, when nobody chooses otherwise */
};
typedef IM_VEC(struct im_boot_stage) im_boot_stages;

/* All of them. */
int im_boot_stages_of(struct im_plan_context *ctx, im_boot_stages *stages, struct im_error *err);

/* The code cannot be proven to go on working, for the reason `why`, a clause: IM_EREFUSED, or a note where that is allowed or it does
 * not count. */
int im_boot_doubt(struct im_plan_context *ctx, const struct im_boot_stage *stage, const char *why, struct im_error *err);

/* core.img, as a first stage of GRUB 2 at byte `at` of dev names it. All offsets in bytes. */
struct im_boot_core {
	uint64_t at;
	uint8_t first[IM_GRUB_SECTOR];
	struct im_grub_list lists[IM_GRUB_LISTS_MAX];
	size_t n;
};
/* 1; 0 with a clause in why where it names none; -1. */
int im_boot_core_at(struct im_dev *dev, uint64_t at, struct im_boot_core *core, const char **why, struct im_error *err);

/* Rewrite where the GRUBs among the stages look for the rest (boot_grub.c). */
int im_boot_grubs(struct im_plan_context *ctx, const im_boot_stages *stages, struct im_error *err);

#endif
