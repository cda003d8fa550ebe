/* shadow_keeper.h - one volume whose snapshots are to be spared: what shadow_keep.c does, step by step. */
#ifndef IM_PLAN_SHADOW_KEEPER_H
#define IM_PLAN_SHADOW_KEEPER_H

#include "fmt/vss_table.h"
#include "plan/plan.h"
#include "plan/shadow_room.h"

typedef IM_VEC(uint64_t) im_shadow_blocks;	/* offsets of blocks of 16 KiB, bytes of the volume */

struct im_shadow_keeper {
	struct im_plan_context *ctx;
	const struct im_volume *v;
	uint64_t start;			/* of the volume, in the corrected image */
	struct im_dev *vol;		/* as it is */
	struct im_vss_catalog cat;
	struct im_vss_table *tables;	/* of every snapshot, the oldest first */
	struct im_shadow_room *rooms;
	im_shadow_blocks taken;		/* blocks of all stores and of the catalog, sorted */
	im_shadow_blocks changed;	/* blocks of the volume that the plan changes */
	im_shadow_blocks ours;		/* … and those that keeping them changes */
	bool hides;			/* snapshots get to see nothing new at all (shadow_hide.c) */
	uint64_t zeros, zeros_relative;	/* a block of zeros in the store that hides; 0: none was needed yet */
	struct { uint64_t to, from, len; int who; } run;	/* copies that lie one behind the other, not yet laid */
};

/* Append, unless it is the last one. */
int im_shadow_blocks_add(im_shadow_blocks *blocks, uint64_t off, struct im_error *err);

/* ---- what changes (shadow_changes.c) ---- */

/* The volume as the map would have it: a window of *view. Close both; NULL: nothing is open. */
struct im_dev *im_shadow_new_volume(const struct im_shadow_keeper *k, struct im_dev **view, struct im_error *err);
/* Does the block at off differ between the two? The header of the shadow copies belongs to them, and counts for nothing. two: room for
 * two blocks. 1, 0 or -1. */
int im_shadow_block_differs(struct im_dev *a, struct im_dev *b, uint64_t off, uint8_t *two, struct im_error *err);
/* Fill k->changed. */
int im_shadow_find_changed(struct im_shadow_keeper *k, struct im_error *err);

/* ---- what is there (shadow_load.c) ---- */

/* Read catalog, tables and stores, and fill k->taken. IM_EREFUSED, or IM_EFORMAT, where anything is not sound. */
int im_shadow_load(struct im_shadow_keeper *k, uint64_t catalog, struct im_error *err);
bool im_shadow_is_taken(const struct im_shadow_keeper *k, uint64_t off);

/* ---- what is laid (shadow_keep.c, shadow_hide.c) ---- */

/* The content of the block at off goes to `copy`, for snapshot who. */
int im_shadow_lay_copy(struct im_shadow_keeper *k, int who, uint64_t off, uint64_t copy, struct im_error *err);
/* Is there a store, from that of snapshot `from` on, that says what the block at off held? */
bool im_shadow_is_kept(const struct im_shadow_keeper *k, int from, uint64_t off);
/* The block at off changes, and the newest snapshot does not have it in use: no other shall see that. IM_EREFUSED where it cannot be. */
int im_shadow_hide_block(struct im_shadow_keeper *k, uint64_t off, struct im_error *err);
/* The same for all that keeping blocks changes. */
int im_shadow_hide(struct im_shadow_keeper *k, struct im_error *err);

/* ---- the proof (shadow_prove.c) ---- */

/* All snapshots, read through the map, must show in all blocks that change what they showed before. Else IM_EREFUSED. */
int im_shadow_prove(const struct im_shadow_keeper *k, struct im_error *err);

#endif
