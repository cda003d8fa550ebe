/* bpb.h - the boot sector that NTFS, FAT and BitLocker share: the BIOS parameter block.
 *
 * Sources: Microsoft FAT specification (fatgen103), section "Boot Sector and BPB"; for NTFS the
 * same first 0x24 bytes.
 */
#ifndef IM_FMT_BPB_H
#define IM_FMT_BPB_H

#include <assert.h>

#include "base/bytes.h"
#include "fmt/fs.h"

#define IM_BPB_SIZE 512u
#define IM_BPB_MAX_SECTOR 4096u

/* The first 512 bytes of a boot sector. */
struct im_bpb {
	uint8_t jump[3];		/* 0x00 */
	uint8_t oem[8];			/* 0x03 */
	le16 bytes_per_sector;		/* 0x0B */
	uint8_t sectors_per_cluster;	/* 0x0D */
	le16 reserved;			/* 0x0E sectors before the first FAT */
	uint8_t fats;			/* 0x10 */
	le16 root_entries;		/* 0x11 */
	le16 total16;			/* 0x13 sectors, 0: see total32 */
	uint8_t media;			/* 0x15 */
	le16 fat_size16;		/* 0x16 sectors, 0: FAT32 */
	le16 sectors_per_track;		/* 0x18 */
	le16 heads;			/* 0x1A */
	le32 hidden;			/* 0x1C sectors before the volume */
	le32 total32;			/* 0x20 */
	uint8_t rest[0x1fe - 0x24];	/* 0x24 */
	uint8_t mark[2];		/* 0x1FE 55 AA */
};

static_assert(sizeof(struct im_bpb) == IM_BPB_SIZE, "a boot sector is 512 bytes");
static_assert(offsetof(struct im_bpb, hidden) == 0x1c, "hidden sectors at 0x1C");
static_assert(offsetof(struct im_bpb, mark) == 0x1fe, "mark at 0x1FE");

/* Whose boot sector this is. At most one answer, so that the readers cannot disagree. */
enum im_bpb_owner {
	IM_BPB_OTHER = 0,	/* no known signature: may be FAT, or none at all */
	IM_BPB_NTFS,
	IM_BPB_EXFAT,
	IM_BPB_REFS,
	IM_BPB_BITLOCKER,	/* "-FVE-FS-" */
	IM_BPB_BITLOCKER_TO_GO,	/* looks like FAT32, with BitLocker's identifier at 0x1A8 */
};

enum im_bpb_owner im_bpb_owner(const struct im_bpb *bpb);

/* Read the boot sector. 1, 0 when the volume is too short for one, -1. */
int im_bpb_read(struct im_dev *vol, struct im_bpb *bpb, struct im_error *err);

/* Bytes per sector as the boot sector says: 512, 1024, 2048 or 4096; 0 when it says anything else. */
uint32_t im_bpb_sector_size(const struct im_bpb *bpb);

static inline bool im_bpb_has_mark(const struct im_bpb *bpb)
{
	return bpb->mark[0] == 0x55 && bpb->mark[1] == 0xaa;
}

/* Fill has_backup, backup_off and backup_stale of info for a backup boot sector at off, if a whole
 * sector of info->sector_size fits there. The byte at may_differ (0: none) is not compared. A backup
 * that cannot be read is stale, and no error: the volume works without it. */
void im_bpb_check_backup(struct im_dev *vol, const struct im_bpb *bpb, uint64_t off, unsigned may_differ,
			 struct im_fs_info *info);

/* relocate() and refresh_backup() of struct im_fs_type for formats with hidden sectors at 0x1C;
 * what is the name to use in the reasons ("NTFS"). */
int im_bpb_relocate(struct im_dev *vol, const struct im_fs_info *info, const char *what, uint64_t hidden,
		    struct im_fs_edits *edits, struct im_error *err);
int im_bpb_refresh_backup(struct im_dev *vol, const struct im_fs_info *info, const char *what,
			  struct im_fs_edits *edits, struct im_error *err);

#endif
