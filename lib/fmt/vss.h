/* vss.h - what Windows' volume shadow copies (Volsnap) keep on a volume: header, catalog, stores.
 *
 * Source: libyal, "Volume Shadow Snapshot (VSS) format". Offsets count from the start of the volume. All of it is hostile: every
 * record must name its own place, every list ends, in whatever order its blocks lie, and what does not hold together is DAMAGED,
 * with a clause that says what.
 */
#ifndef IM_FMT_VSS_H
#define IM_FMT_VSS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "dev/dev.h"
#include "fmt/fs.h"

#define IM_VSS_HEADER 0x1e00u		/* where the header lies */
#define IM_VSS_HEADER_SIZE 512u
#define IM_VSS_BLOCK 0x4000u		/* of everything else, and what all of it is aligned to */

/* Part of the name of every file of shadow copies, catalog and stores. */
#define IM_VSS_FILE_GUID "{3808876b-c176-4e48-b7ae-04046e6cc752}"

enum im_vss_type {
	IM_VSS_VOLUME = 1, IM_VSS_CATALOG, IM_VSS_BLOCKS, IM_VSS_STORE, IM_VSS_RANGES, IM_VSS_BITMAP,
};

/* ---- records (vss.c) ---- */

/* What every record but the header begins with. */
struct im_vss_record {
	uint32_t version;		/* 1 or 2 */
	uint32_t type;			/* enum im_vss_type */
	uint64_t relative, own, next;	/* next 0: the last of its list */
	uint64_t info;			/* bytes of store information behind a store's header */
};

/* Does the identifier stand at p? p: at least 16 bytes. */
bool im_vss_is_marked(const uint8_t *p);

/* The same, with a known version and type behind it; p: at least 56 bytes. */
bool im_vss_record_decode(const uint8_t *p, struct im_vss_record *r);

struct im_vss_header {
	uint32_t version;
	uint64_t catalog;		/* 0: there is none */
	uint64_t max_size;		/* bytes that all stores may take; 0: no bound */
	uint8_t volume[16], storage[16];
};

/* FOUND; DAMAGED: only the identifier is there; ABSENT. */
int im_vss_header_decode(const uint8_t sector[IM_VSS_HEADER_SIZE], struct im_vss_header *h);
void im_vss_header_encode(uint8_t sector[IM_VSS_HEADER_SIZE], const struct im_vss_header *h);

/* Called with a block of a list (IM_VSS_BLOCK bytes) and its place. FOUND goes on; DAMAGED with *why, and -1, end the walk. */
typedef int im_vss_block_fn(void *arg, const uint8_t *block, uint64_t off, const char **why, struct im_error *err);

/* Go through a list of blocks of one type from byte off on; off 0: an empty one. FOUND; DAMAGED with *why, a clause; -1. */
int im_vss_walk(struct im_dev *vol, uint64_t off, enum im_vss_type type, im_vss_block_fn *each, void *arg, const char **why,
		struct im_error *err);

/* ---- the catalog (vss_catalog.c) ---- */

struct im_vss_snapshot {
	uint8_t id[16];			/* of the store, and part of its file's name */
	bool is_listed;			/* entry of type 2: the next four */
	uint64_t volume_size;		/* bytes */
	uint64_t position;		/* in the stack of snapshots */
	uint64_t flags;
	uint64_t created;		/* FILETIME */
	bool is_stored;			/* entry of type 3, so its store is on this volume: the rest */
	uint64_t blocks, store, ranges, bitmap, previous;	/* lists; previous 0: there is none */
	uint64_t file;			/* NTFS reference of the store's file */
	uint64_t allocated;
	/* set by im_vss_snapshot_look */
	const char *fault;		/* why it cannot be read, a clause; NULL: it can */
	uint8_t copy[16], set[16];	/* identifiers of the shadow copy and of its set */
	uint32_t attributes;
	uint64_t used;			/* descriptors in the list of blocks */
	uint64_t store_size;		/* bytes of the ranges */
};

struct im_vss_catalog {
	uint64_t off;
	unsigned entries;		/* in use */
	IM_VEC(struct im_vss_snapshot) list;	/* by time, the oldest first */
};

/* FOUND; DAMAGED with *why, and what could be read; -1. Free it in any case. */
int im_vss_catalog_read(struct im_dev *vol, uint64_t off, struct im_vss_catalog *cat, const char **why, struct im_error *err);
void im_vss_catalog_free(struct im_vss_catalog *cat);

/* ---- stores (vss_store.c) ---- */

struct im_vss_block {
	uint64_t original;		/* the block of the volume that it is about */
	uint64_t relative;		/* of the copy in the store; of a forwarder: the block that it stands for */
	uint64_t copy;			/* where the copy lies on the volume */
	uint32_t flags;
	uint32_t sectors;		/* of an overlay: bit n is set where sector n of the block is in it */
};

enum { IM_VSS_FORWARDER = 1, IM_VSS_OVERLAY = 2, IM_VSS_UNUSED = 4 };

/* Called with a descriptor and its place on the volume; as im_vss_block_fn. */
typedef int im_vss_descriptor_fn(void *arg, const struct im_vss_block *b, uint64_t at, const char **why, struct im_error *err);

/* Go through a store's list of blocks, descriptors that are all zero left out. As im_vss_walk. */
int im_vss_store_blocks(struct im_dev *vol, const struct im_vss_snapshot *s, im_vss_descriptor_fn *each, void *arg, const char **why,
			struct im_error *err);

/* A stretch of the volume that belongs to a store. */
struct im_vss_range {
	uint64_t start, relative, len;
};
typedef IM_VEC(struct im_vss_range) im_vss_ranges;

int im_vss_store_ranges(struct im_dev *vol, const struct im_vss_snapshot *s, im_vss_ranges *out, const char **why, struct im_error *err);

/* One bit for each block of the volume, set: not in use. *bits: malloc'd, *n of them; those that lie past the list are 0. */
int im_vss_store_bitmap(struct im_dev *vol, uint64_t list, uint8_t **bits, uint64_t *n, const char **why, struct im_error *err);

/* Check all lists of a snapshot, and fill in the last part of it. 0, or -1 on a read error. */
int im_vss_snapshot_look(struct im_dev *vol, struct im_vss_snapshot *s, struct im_error *err);

/* ---- the volume as a snapshot shows it (vss_view.c) ---- */

/* Snapshot i of the catalog, read-only. vol is borrowed; blocks that the snapshot does not know to be in use read as zeros. NULL:
 * error; IM_EFORMAT where a store does not hold together. */
struct im_dev *im_vss_view(struct im_dev *vol, const struct im_vss_catalog *cat, size_t i, struct im_error *err);
/* Of such a device: does the snapshot know the block at byte off to be in use? Else what is read there means nothing. */
bool im_vss_view_knows(const struct im_dev *view, uint64_t off);

/* ---- searching without a header (vss_carve.c) ---- */

/* A record, by the identifier in its first 16 bytes. */
struct im_vss_found {
	uint64_t at;			/* where it lies, bytes of the device that was searched */
	uint64_t own;			/* where it says that it lies, of its volume */
	uint64_t relative;		/* … and in its list or store */
	uint32_t type;			/* IM_VSS_CATALOG, IM_VSS_STORE; IM_VSS_VOLUME: a header in its place in a copy of the first block
					 * of an NTFS volume, or in that block itself */
};

struct im_vss_carving {
	IM_VEC(struct im_vss_found) list;	/* in the order of the device */
	uint64_t records;		/* with the identifier, of any type */
	uint64_t read;			/* bytes; holes are not read */
};

#define IM_VSS_FOUND_MAX 65536		/* the list holds no more */

/* Look at every sector of 512 bytes, in one pass, in steps for who follows the device. */
int im_vss_carve(struct im_dev *dev, struct im_vss_carving *out, struct im_error *err);
void im_vss_carving_free(struct im_vss_carving *c);

/* ---- what a scan wants to know (vss_catalog.c) ---- */

struct im_vss {
	uint64_t catalog;		/* byte offset, 0: there is none */
	bool is_sound;			/* the identifier is there, and so is what must follow it */
	unsigned entries;		/* of the catalog: snapshots and stores; 0 when it cannot be read */
	bool catalog_is_damaged;
};

/* Look at the header, and at the catalog that it names. FOUND: the identifier is there; ABSENT; -1. */
int im_vss_look(struct im_dev *vol, struct im_vss *vss, struct im_error *err);

#endif
