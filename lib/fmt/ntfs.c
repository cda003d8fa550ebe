/* ntfs.c - the row of NTFS: its boot sector, the start of the MFT, the volume's label.
 *
 * The bytes "NTFS    " at 3 are an unmistakable mark: whatever carries them is either sound (a file record
 * lies where the MFT or its mirror must begin) or damaged. What lies deeper is read by the other ntfs_*.c.
 */
#include <stdio.h>
#include <string.h>

#include "fmt/fs_types.h"
#include "fmt/fs_util.h"
#include "fmt/ntfs.h"

#define SERIAL 0x48	/* of the boot sector */

/* 1 when a file record begins at off, 0 when not, -1. */
static int has_record(struct im_dev *vol, uint64_t off, struct im_error *err)
{
	uint8_t magic[4];
	int got = im_fs_peek(vol, off, magic, sizeof(magic), err);

	return got <= 0 ? got : !memcmp(magic, "FILE", 4) || !memcmp(magic, "BAAD", 4);
}

static void label_from_record(const uint8_t *record, struct im_fs_info *info)
{
	struct im_ntfs_attr attr;
	uint32_t pos = 0;

	while (im_ntfs_attr_next(record, &pos, &attr) == 1)
		if (attr.type == IM_NTFS_VOLUME_NAME && attr.is_resident) {
			im_fs_label_utf16le(info->label, sizeof(info->label), attr.value, attr.value_len / 2);
			return;
		}
}

/* The label lies in record 3, which the first extent of the MFT always holds, and its mirror too. */
static int read_label(struct im_dev *vol, const struct im_ntfs_geometry *g, uint64_t mft, struct im_fs_info *info,
		      struct im_error *err)
{
	uint8_t record[IM_NTFS_MAX_RECORD];
	uint64_t off;
	int got;

	if (!im_add(mft, (uint64_t)IM_NTFS_VOLUME * g->record, &off))
		return 0;
	got = im_fs_peek(vol, off, record, g->record, err);
	if (got <= 0)
		return got;
	if (im_ntfs_record_open(record, g->record) == IM_FOUND)
		label_from_record(record, info);
	return 0;
}

static void describe(struct im_dev *vol, const struct im_bpb *bpb, const struct im_ntfs_geometry *g,
		     struct im_fs_info *info)
{
	info->sector_size = g->sector;
	info->cluster_size = g->cluster;
	info->size = g->size + g->sector;
	info->has_hidden = true;
	info->hidden = im_le32(bpb->hidden);
	snprintf(info->uuid, sizeof(info->uuid), "%016llX", (unsigned long long)im_get64((const uint8_t *)bpb + SERIAL));
	im_bpb_check_backup(vol, bpb, g->size, 0, info);
}

static int probe(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	struct im_fs_info out = { .name = "ntfs" };
	struct im_bpb bpb;
	struct im_ntfs_geometry g;
	uint64_t records = 0;
	int got = im_bpb_read(vol, &bpb, err);

	if (got <= 0 || im_bpb_owner(&bpb) != IM_BPB_NTFS)
		return got < 0 ? -1 : IM_ABSENT;
	if (!im_ntfs_decode(&bpb, &g)) {
		*info = out;
		return IM_DAMAGED;
	}
	got = has_record(vol, records = g.mft, err);
	if (got == 0)
		got = has_record(vol, records = g.mirror, err);
	if (got < 0)
		return -1;
	describe(vol, &bpb, &g, &out);
	if (got && read_label(vol, &g, records, &out, err) < 0)
		return -1;
	*info = out;
	return got ? IM_FOUND : IM_DAMAGED;
}

static int relocate(struct im_dev *vol, const struct im_fs_info *info, uint64_t hidden, struct im_fs_edits *edits,
		    struct im_error *err)
{
	return im_bpb_relocate(vol, info, "NTFS", hidden, edits, err);
}

static int refresh_backup(struct im_dev *vol, const struct im_fs_info *info, struct im_fs_edits *edits,
			  struct im_error *err)
{
	return im_bpb_refresh_backup(vol, info, "NTFS", edits, err);
}

const struct im_fs_type im_fs_ntfs = {
	.name = "ntfs",
	.probe = probe,
	.relocate = relocate,
	.refresh_backup = refresh_backup,
};
