/* shadow_room.h - room for more copied blocks in the store of a snapshot. */
#ifndef IM_PLAN_SHADOW_ROOM_H
#define IM_PLAN_SHADOW_ROOM_H

#include "fmt/ntfs.h"
#include "fmt/vss.h"

/* A block of the store's list of blocks, as it will be. */
struct im_list_block {
	uint64_t off;			/* of the volume */
	bool is_new;			/* else only what follows of it changes */
	uint64_t next;			/* a new last block follows: its place; 0: nothing changes */
	size_t first, end;		/* descriptors that are added, bytes of the block */
	uint8_t *bytes;			/* IM_VSS_BLOCK of them */
};

/* A block of the volume that a store uses, and its place in the store; relative 0: the store's first, or not said. */
struct im_used {
	uint64_t off, relative;
};

struct im_shadow_room {
	struct im_dev *vol;		/* borrowed */
	const struct im_vss_snapshot *snapshot;	/* borrowed */
	im_vss_ranges ranges;
	IM_VEC(struct im_used) used;
	/* Is this block of the volume used by any store, or the catalog? Set before im_shadow_room_add. */
	bool (*is_taken)(void *arg, uint64_t off);
	void *arg;
	im_ntfs_runs runs;		/* of the store's file */
	uint32_t cluster;
	uint64_t relative;		/* in the store: what was given out last, or used */
	IM_VEC(uint64_t) list;		/* places of the blocks of the list */
	uint64_t last;			/* place of the last descriptor in use; 0: there is none */
	IM_VEC(struct im_list_block) blocks;	/* that change */
};

/* Look at the store. IM_EREFUSED where it does not hold together. Free it in either case. */
int im_shadow_room_look(struct im_shadow_room *r, struct im_dev *vol, const struct im_vss_snapshot *snapshot, struct im_error *err);
void im_shadow_room_free(struct im_shadow_room *r);

/* Add a descriptor for the block at `original`; *copy: where its content must be put. IM_EREFUSED: there is no room. */
int im_shadow_room_add(struct im_shadow_room *r, uint64_t original, uint64_t *copy, struct im_error *err);

/* The two halves of it. A free block, *off on the volume and *relative in the store; IM_EREFUSED: there is no room. */
int im_shadow_room_take(struct im_shadow_room *r, uint64_t *off, uint64_t *relative, struct im_error *err);
/* A descriptor that says of the block at `original` that its content is in that one; is_overlay: all of it, for this snapshot alone. */
int im_shadow_room_name(struct im_shadow_room *r, uint64_t original, uint64_t copy, uint64_t relative, bool is_overlay,
			struct im_error *err);

#endif
