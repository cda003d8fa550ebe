/* bpb.c - what NTFS and FAT boot sectors have in common: whose they are, their backup, their place. */
#include "fmt/bpb.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fmt/fs_util.h"

/* {4967d63b-2e29-4ad8-8399-f6a339e3d001} as it lies on disk. */
static const uint8_t bitlocker_guid[16] = {
	0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01,
};

enum im_bpb_owner im_bpb_owner(const struct im_bpb *bpb)
{
	if (!memcmp(bpb->oem, "NTFS    ", 8))
		return IM_BPB_NTFS;
	if (!memcmp(bpb->oem, "EXFAT   ", 8))
		return IM_BPB_EXFAT;
	if (!memcmp(bpb->oem, "ReFS\0\0\0\0", 8))
		return IM_BPB_REFS;
	if (!memcmp(bpb->oem, "-FVE-FS-", 8))
		return IM_BPB_BITLOCKER;
	if (!memcmp((const uint8_t *)bpb + 0x1a8, bitlocker_guid, sizeof(bitlocker_guid)))
		return IM_BPB_BITLOCKER_TO_GO;
	return IM_BPB_OTHER;
}

int im_bpb_read(struct im_dev *vol, struct im_bpb *bpb, struct im_error *err)
{
	return im_fs_peek(vol, 0, bpb, sizeof(*bpb), err);
}

uint32_t im_bpb_sector_size(const struct im_bpb *bpb)
{
	uint32_t size = im_le16(bpb->bytes_per_sector);

	return im_is_pow2(size) && size >= 512 && size <= IM_BPB_MAX_SECTOR ? size : 0;
}

void im_bpb_check_backup(struct im_dev *vol, const struct im_bpb *bpb, uint64_t off, unsigned may_differ,
			 struct im_fs_info *info)
{
	uint8_t backup[IM_BPB_SIZE];

	if (off > vol->size || info->sector_size > vol->size - off)
		return;
	info->has_backup = true;
	info->backup_off = off;
	info->backup_stale = true;
	if (im_dev_read(vol, off, backup, sizeof(backup), NULL) < 0)
		return;
	if (may_differ)
		backup[may_differ] = ((const uint8_t *)bpb)[may_differ];
	info->backup_stale = memcmp(backup, bpb, sizeof(backup)) != 0;
}

/* Read a whole sector of the volume that an earlier probe has described. */
static int read_sector(struct im_dev *vol, const struct im_fs_info *info, uint64_t off, uint8_t *sector,
		       struct im_error *err)
{
	int got;

	if (info->sector_size < IM_BPB_SIZE || info->sector_size > IM_BPB_MAX_SECTOR)
		return im_error_set(err, IM_EFORMAT, "a boot sector of %" PRIu32 " bytes is not possible", info->sector_size);
	got = im_fs_peek(vol, off, sector, info->sector_size, err);
	if (got == 0)
		return im_error_at(err, IM_EFORMAT, off, "the volume ends before its boot sector does");
	return got < 0 ? -1 : 0;
}

/* Add the sector with its new hidden sectors, unless nothing changes. old is what lies there. */
static int add_hidden(struct im_fs_edits *edits, uint64_t off, const uint8_t *old, uint8_t *sector, uint32_t size,
		      uint32_t hidden, const char *what, bool is_rebuilt, struct im_error *err)
{
	struct im_bpb *bpb = (struct im_bpb *)sector;
	uint32_t before = im_le32(bpb->hidden);
	char reason[sizeof(((struct im_fs_edit *)NULL)->reason)];

	bpb->hidden = im_to_le32(hidden);
	if (!memcmp(old, sector, size))
		return 0;
	if (is_rebuilt)
		im_say(reason, sizeof(reason), "%s: rewritten from the primary, hidden sectors %" PRIu32 " → %" PRIu32,
		       what, before, hidden);
	else
		im_say(reason, sizeof(reason), "%s: hidden sectors %" PRIu32 " → %" PRIu32, what, before, hidden);
	return im_fs_edits_add(edits, off, sector, size, reason, err);
}

int im_bpb_relocate(struct im_dev *vol, const struct im_fs_info *info, const char *what, uint64_t hidden,
		    struct im_fs_edits *edits, struct im_error *err)
{
	uint8_t primary[IM_BPB_MAX_SECTOR], old[IM_BPB_MAX_SECTOR], sector[IM_BPB_MAX_SECTOR];
	char name[120];

	if (!info->has_hidden)
		return 0;
	if (hidden > UINT32_MAX)
		return im_error_set(err, IM_EREFUSED, "%s cannot record %" PRIu64 " hidden sectors: its field has 32 bits",
				    what, hidden);
	if (read_sector(vol, info, 0, primary, err) < 0)
		return -1;
	if (info->has_backup) {
		if (read_sector(vol, info, info->backup_off, old, err) < 0)
			return -1;
		memcpy(sector, info->backup_stale ? primary : old, info->sector_size);
		im_say(name, sizeof(name), "%s backup boot sector", what);
		if (add_hidden(edits, info->backup_off, old, sector, info->sector_size, (uint32_t)hidden, name,
			       info->backup_stale, err) < 0)
			return -1;
	}
	memcpy(sector, primary, info->sector_size);
	im_say(name, sizeof(name), "%s boot sector", what);
	return add_hidden(edits, 0, primary, sector, info->sector_size, (uint32_t)hidden, name, false, err);
}

int im_bpb_refresh_backup(struct im_dev *vol, const struct im_fs_info *info, const char *what,
			  struct im_fs_edits *edits, struct im_error *err)
{
	uint8_t primary[IM_BPB_MAX_SECTOR], old[IM_BPB_MAX_SECTOR];
	char reason[sizeof(((struct im_fs_edit *)NULL)->reason)];

	if (!info->has_backup)
		return 0;
	if (read_sector(vol, info, 0, primary, err) < 0 || read_sector(vol, info, info->backup_off, old, err) < 0)
		return -1;
	if (!memcmp(primary, old, info->sector_size))
		return 0;
	im_say(reason, sizeof(reason), "%s backup boot sector: rewritten from the primary", what);
	return im_fs_edits_add(edits, info->backup_off, primary, info->sector_size, reason, err);
}
