/* vss_table.h - what the descriptors of one store come to, block by block.
 *
 * Which of them count, and in what order: libyal, "Volume Shadow Snapshot (VSS) format", section "Successive block descriptors".
 */
#ifndef IM_FMT_VSS_TABLE_H
#define IM_FMT_VSS_TABLE_H

#include "fmt/vss.h"

enum im_vss_kind { IM_VSS_NOTHING, IM_VSS_COPY, IM_VSS_FORWARD };

struct im_vss_slot {
	uint64_t key;			/* block number + 1; 0: empty */
	uint64_t target;		/* COPY: where it lies; FORWARD: the block that it stands for */
	uint64_t overlay;		/* where the sectors of it lie that the snapshot itself sees, and no older one */
	uint32_t sectors;
	uint8_t kind;			/* enum im_vss_kind */
	bool has_overlay;
};

/* A hash table by block number. */
struct im_vss_blocks {
	struct im_vss_slot *v;
	size_t n, cap;			/* cap: a power of two */
};

struct im_vss_table {
	struct im_vss_blocks forward, reverse;	/* reverse: of forwarders, by the block that they stand for */
	uint8_t *bits, *previous;	/* set: not in use; previous NULL: there is none */
	uint64_t n_bits;
};

/* 0, or -1: IM_EFORMAT where the store does not hold together. Free it in either case. */
int im_vss_table_load(struct im_vss_table *t, struct im_dev *vol, const struct im_vss_snapshot *snapshot, struct im_error *err);
void im_vss_table_free(struct im_vss_table *t);

/* The slot of the block at byte off of the volume; NULL: the store says nothing of it. */
const struct im_vss_slot *im_vss_table_find(const struct im_vss_table *t, uint64_t off);
/* Does a forwarder stand for this block? */
bool im_vss_table_stands_for(const struct im_vss_table *t, uint64_t off);
/* Is it marked as not in use by the snapshot? What it shows there means nothing. */
bool im_vss_table_is_unused(const struct im_vss_table *t, uint64_t off);

/* As im_vss_view, with the tables of all snapshots of the catalog, which are borrowed. */
struct im_dev *im_vss_view_of(struct im_dev *vol, const struct im_vss_catalog *cat, size_t i, const struct im_vss_table *tables,
			      struct im_error *err);

#endif
