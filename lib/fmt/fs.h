/* fs.h - what the readers of file systems and other volume formats have in common.
 *
 * A reader is one file and one row of the table in fs.c: its name and a probe. It sees a volume
 * as a device whose byte 0 is the volume's first byte. Readers trust nothing: every length,
 * count and offset of the image is checked before it is used; reads past the end are not made.
 */
#ifndef IM_FMT_FS_H
#define IM_FMT_FS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "dev/dev.h"

enum im_probe {
	IM_ABSENT = 0,	/* not this format */
	IM_FOUND = 1,	/* this format, and what its first sector points at is there */
	IM_DAMAGED = 2,	/* its mark is there, but what must follow does not */
};			/* -1: a read failed */

struct im_fs_info {
	enum im_probe state;	/* FOUND or DAMAGED; set by im_fs_probe */
	const char *name;	/* "ntfs", "fat12", "fat16", "fat32", "exfat", "refs", "bitlocker", "ext2" … static */
	char label[130];	/* UTF-8, "" if none */
	char uuid[40];		/* as blkid prints it, "" if none */
	uint64_t size;		/* bytes that the volume says it covers from its first byte; 0: not said */
	uint32_t sector_size;	/* the volume's own logical sector size in bytes; 0: has none */
	uint32_t cluster_size;	/* bytes; 0: has none */
	bool has_hidden;	/* the volume records its own position (hidden sectors, PartitionOffset) */
	uint64_t hidden;	/* that record, in sectors of sector_size */
	bool has_backup;	/* a backup boot sector belongs at backup_off */
	bool backup_stale;	/* … and it differs from the primary, or cannot be read */
	uint64_t backup_off;	/* byte offset in the volume */
	bool is_pinned;		/* moving it as it is would break it (LDM, Storage Spaces) */
};

/* One change inside a volume. data is malloc'd; the list owns it. */
struct im_fs_edit {
	uint64_t off;		/* byte offset in the volume */
	uint32_t len;
	uint8_t *data;
	char reason[240];
};

struct im_fs_edits {
	IM_VEC(struct im_fs_edit) list;
};

void im_fs_edits_free(struct im_fs_edits *edits);

/* Append an edit with a copy of data. */
int im_fs_edits_add(struct im_fs_edits *edits, uint64_t off, const void *data, uint32_t len, const char *reason,
		    struct im_error *err);

struct im_fs_type {
	const char *name;
	/* Returns enum im_probe or -1. Fills info only when FOUND or DAMAGED. */
	int (*probe)(struct im_dev *vol, struct im_fs_info *info, struct im_error *err);
	/* The sectors to rewrite so that the volume records `hidden` (in its own sectors) as its position,
	 * backups before the primary; a stale backup is rewritten from the primary. NULL: records nothing. */
	int (*relocate)(struct im_dev *vol, const struct im_fs_info *info, uint64_t hidden,
			struct im_fs_edits *edits, struct im_error *err);
	/* The sector edits that make the backup boot sector(s) equal to the primary's. NULL: no backup. */
	int (*refresh_backup)(struct im_dev *vol, const struct im_fs_info *info,
			      struct im_fs_edits *edits, struct im_error *err);
};

/* The table, ended by NULL. */
extern const struct im_fs_type *const im_fs_types[];

/* Is this one of our names for FAT: "fat12", "fat16", "fat32"? NULL is none. */
bool im_fs_is_fat(const char *fs);

/* Ask every reader; put what was not ABSENT into found (FOUND before DAMAGED), at most max.
 * Returns the number found, -1 on a read error. types[i] is the row that gave found[i]. */
int im_fs_probe(struct im_dev *vol, struct im_fs_info *found, const struct im_fs_type **types, int max,
		struct im_error *err);

#endif
