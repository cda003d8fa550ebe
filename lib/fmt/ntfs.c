/* ntfs.c - NTFS: its boot sector, the start of the MFT, the volume's label.
 *
 * Sources: the on-disk structures as libntfs-3g's layout.h and the "NTFS documentation" of the
 * Linux-NTFS project describe them. The bytes "NTFS    " at 3 are an unmistakable mark: whatever
 * carries them is either sound (a file record lies where the MFT or its mirror must begin) or
 * damaged.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/bpb.h"
#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

#define MAX_RECORD 4096u	/* bytes of the largest file record that any NTFS uses */
#define MAX_CLUSTER (2u << 20)
#define FIXUP_STRIDE 512u
#define RECORD_VOLUME 3		/* $Volume */
#define ATTR_VOLUME_NAME 0x60u
#define ATTR_END 0xffffffffu

/* The boot sector after the part it shares with FAT. */
struct ntfs_boot {
	uint8_t bpb[0x28];
	le64 total_sectors;		/* 0x28 without the backup boot sector */
	le64 mft_lcn;			/* 0x30 */
	le64 mirror_lcn;		/* 0x38 */
	int8_t clusters_per_record;	/* 0x40 negative: the record has 2^-n bytes */
	uint8_t unused[3];
	int8_t clusters_per_index;	/* 0x44 */
	uint8_t unused2[3];
	le64 serial;			/* 0x48 */
};

static_assert(offsetof(struct ntfs_boot, total_sectors) == 0x28, "total sectors at 0x28");
static_assert(offsetof(struct ntfs_boot, serial) == 0x48, "serial number at 0x48");

struct geometry {
	uint32_t sector, cluster, record;	/* bytes */
	uint64_t size;				/* bytes of the counted sectors */
	uint64_t mft, mirror;			/* byte offsets; UINT64_MAX: cannot be one */
};

static uint32_t cluster_size(uint8_t per_cluster, uint32_t sector)
{
	uint64_t size;

	if (per_cluster >= 0xe0)
		size = (uint64_t)sector << (256 - per_cluster);
	else
		size = im_is_pow2(per_cluster) ? (uint64_t)sector * per_cluster : 0;
	return size <= MAX_CLUSTER ? (uint32_t)size : 0;
}

static uint32_t record_size(int8_t per_record, uint32_t cluster)
{
	uint64_t size = per_record > 0 ? (uint64_t)cluster * (uint8_t)per_record
			: per_record < -31 ? 0 : 1ull << -per_record;

	return im_is_pow2(size) && size >= FIXUP_STRIDE && size <= MAX_RECORD ? (uint32_t)size : 0;
}

/* The byte offset of a cluster inside the counted sectors, else UINT64_MAX. */
static uint64_t cluster_offset(uint64_t lcn, const struct geometry *g)
{
	uint64_t off;

	return lcn && im_mul(lcn, g->cluster, &off) && off < g->size ? off : UINT64_MAX;
}

/* Decode what the boot sector says; false when it cannot be true. */
static bool decode(const struct im_bpb *bpb, struct geometry *g)
{
	const struct ntfs_boot *boot = (const void *)bpb;

	memset(g, 0, sizeof(*g));
	g->sector = im_bpb_sector_size(bpb);
	if (!g->sector)
		return false;
	g->cluster = cluster_size(bpb->sectors_per_cluster, g->sector);
	if (!g->cluster || !im_le64(boot->total_sectors) || !im_mul(im_le64(boot->total_sectors), g->sector, &g->size) ||
	    g->size > INT64_MAX)
		return false;
	g->record = record_size(boot->clusters_per_record, g->cluster);
	g->mft = cluster_offset(im_le64(boot->mft_lcn), g);
	g->mirror = cluster_offset(im_le64(boot->mirror_lcn), g);
	return g->record && !im_le16(bpb->reserved) && !bpb->fats && !im_le16(bpb->root_entries) &&
	       !im_le16(bpb->total16) && !im_le16(bpb->fat_size16) && !im_le32(bpb->total32);
}

/* 1 when a file record begins at off, 0 when not, -1. */
static int has_record(struct im_dev *vol, uint64_t off, struct im_error *err)
{
	uint8_t magic[4];
	int got = im_fs_peek(vol, off, magic, sizeof(magic), err);

	return got <= 0 ? got : !memcmp(magic, "FILE", 4) || !memcmp(magic, "BAAD", 4);
}

/* Undo the fixups: the last two bytes of each 512 hold a number, their true values lie in the
 * record's head. False when the record is torn or makes no sense. */
static bool undo_fixups(uint8_t *record, uint32_t size)
{
	uint32_t array = im_get16(record + 4), count = im_get16(record + 6);

	if (count != size / FIXUP_STRIDE + 1 || array + 2 * count > FIXUP_STRIDE - 2)
		return false;
	for (uint32_t i = 1; i < count; i++) {
		uint8_t *end = record + i * FIXUP_STRIDE - 2;

		if (memcmp(end, record + array, 2))
			return false;
		memcpy(end, record + array + 2 * i, 2);
	}
	return true;
}

static void label_from_record(const uint8_t *record, uint32_t size, struct im_fs_info *info)
{
	uint32_t pos = im_get16(record + 0x14);

	while (pos + 24 <= size && im_get32(record + pos) != ATTR_END) {
		const uint8_t *attr = record + pos;
		uint32_t len = im_get32(attr + 4), value_len = im_get32(attr + 16), value = im_get16(attr + 20);

		if (len < 24 || len > size - pos)
			return;
		if (im_get32(attr) == ATTR_VOLUME_NAME && !attr[8]) {
			if (value <= len && value_len <= len - value)
				im_fs_label_utf16le(info->label, sizeof(info->label), attr + value, value_len / 2);
			return;
		}
		pos += len;
	}
}

/* The label lies in record 3, which the first extent of the MFT always holds, and its mirror too. */
static int read_label(struct im_dev *vol, const struct geometry *g, uint64_t mft, struct im_fs_info *info,
		      struct im_error *err)
{
	uint8_t record[MAX_RECORD];
	uint64_t off;
	int got;

	if (!im_add(mft, (uint64_t)RECORD_VOLUME * g->record, &off))
		return 0;
	got = im_fs_peek(vol, off, record, g->record, err);
	if (got <= 0)
		return got;
	if (!memcmp(record, "FILE", 4) && undo_fixups(record, g->record))
		label_from_record(record, g->record, info);
	return 0;
}

static void describe(struct im_dev *vol, const struct im_bpb *bpb, const struct geometry *g, struct im_fs_info *info)
{
	const struct ntfs_boot *boot = (const void *)bpb;

	info->sector_size = g->sector;
	info->cluster_size = g->cluster;
	info->size = g->size + g->sector;
	info->has_hidden = true;
	info->hidden = im_le32(bpb->hidden);
	snprintf(info->uuid, sizeof(info->uuid), "%016llX", (unsigned long long)im_le64(boot->serial));
	im_bpb_check_backup(vol, bpb, g->size, 0, info);
}

static int probe(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	struct im_fs_info out = { .name = "ntfs" };
	struct im_bpb bpb;
	struct geometry g;
	uint64_t records = 0;
	int got = im_bpb_read(vol, &bpb, err);

	if (got <= 0 || im_bpb_owner(&bpb) != IM_BPB_NTFS)
		return got < 0 ? -1 : IM_ABSENT;
	if (!decode(&bpb, &g)) {
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
