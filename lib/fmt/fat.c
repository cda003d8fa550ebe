/* fat.c - FAT12, FAT16 and FAT32: three rows of the table, one decoder.
 *
 * Source: Microsoft's FAT specification, "FAT Type Determination", "BPB" and "FAT Data Structure".
 * FAT has no true magic. A sector is a FAT boot sector when every number in its parameter block
 * makes sense and the first FAT begins with the media byte and ones; a sector that says "FAT16   "
 * of itself and is marked as a boot sector, but is not all that, is a damaged one. Everything else
 * (a random sector with 55AA) is none.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/fat.h"
#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

#define MAX_FAT12 4084u		/* clusters */
#define MAX_FAT16 65524u
#define LABEL_ENTRIES 64u	/* how many directory entries we look at for the label */
#define FAT32_DIRTY 0x41	/* byte in which a primary and a backup boot sector may differ */

static const uint8_t *at(const struct im_bpb *bpb, unsigned off)
{
	return (const uint8_t *)bpb + off;
}

/* The type that the sector claims in its own words, 0 if none. */
static int claimed(const struct im_bpb *bpb)
{
	if (!memcmp(at(bpb, 0x52), "FAT32   ", 8))
		return IM_FAT32;
	if (!memcmp(at(bpb, 0x36), "FAT16   ", 8))
		return IM_FAT16;
	if (!memcmp(at(bpb, 0x36), "FAT12   ", 8))
		return IM_FAT12;
	return 0;
}

static bool has_jump(const struct im_bpb *bpb)
{
	return bpb->jump[0] == 0xeb || bpb->jump[0] == 0xe9;
}

static bool is_media(uint8_t byte)
{
	return byte == 0xf0 || byte >= 0xf8;
}

/* Sectors in all: the 16-bit field, the 32-bit field, or, on FAT32 without either, 64 bits at 0x52. */
static uint64_t total_sectors(const struct im_bpb *bpb)
{
	if (im_le16(bpb->total16))
		return im_le16(bpb->total16);
	if (im_le32(bpb->total32))
		return im_le32(bpb->total32);
	return im_le16(bpb->fat_size16) ? 0 : im_get64(at(bpb, 0x52));
}

/* Which FAT by the number of clusters, as the specification wants; FAT32 is what has no 16-bit FAT
 * size (small FAT32 volumes exist, and every system reads them so). 0: no FAT. */
static int kind_of(bool is_fat32, uint64_t clusters)
{
	if (!clusters)
		return 0;
	if (is_fat32)
		return IM_FAT32;
	return clusters <= MAX_FAT12 ? IM_FAT12 : clusters <= MAX_FAT16 ? IM_FAT16 : 0;
}

/* The byte offset of FAT32's root directory; 0 when its cluster cannot be one. */
static uint64_t root_of_fat32(const struct im_bpb *bpb, uint64_t data_sector, uint64_t clusters, uint32_t sector)
{
	uint32_t first = im_get32(at(bpb, 0x2c));

	if (first < 2 || first - 2 >= clusters)
		return 0;
	return (data_sector + (uint64_t)(first - 2) * bpb->sectors_per_cluster) * sector;
}

/* The FAT that counts: the first, unless FAT32 keeps only one up to date and says that it is another. */
static uint32_t active_fat(const struct im_bpb *bpb)
{
	uint32_t flags = im_get16(at(bpb, 0x28));

	if (im_le16(bpb->fat_size16) || !(flags & 0x80) || (flags & 0xf) >= bpb->fats)
		return 0;
	return flags & 0xf;
}

bool im_fat_decode(const struct im_bpb *bpb, struct im_fat_geometry *g)
{
	bool is_fat32 = !im_le16(bpb->fat_size16);
	uint64_t fat_size = is_fat32 ? im_get32(at(bpb, 0x24)) : im_le16(bpb->fat_size16);
	uint64_t total = total_sectors(bpb), data, root_sector, clusters;

	memset(g, 0, sizeof(*g));
	g->sector = im_bpb_sector_size(bpb);
	if (!g->sector || !im_is_pow2(bpb->sectors_per_cluster) || !im_le16(bpb->reserved) || !bpb->fats ||
	    bpb->fats > 4 || !is_media(bpb->media) || !fat_size || !total || total > INT64_MAX / g->sector)
		return false;
	if (!is_fat32 && !im_le16(bpb->root_entries))
		return false;
	g->cluster = g->sector * bpb->sectors_per_cluster;
	g->size = total * g->sector;
	root_sector = im_le16(bpb->reserved) + bpb->fats * fat_size;
	data = root_sector + ((uint64_t)im_le16(bpb->root_entries) * IM_FAT_ENTRY + g->sector - 1) / g->sector;
	if (data >= total)
		return false;
	clusters = (total - data) / bpb->sectors_per_cluster;
	g->reserved = im_le16(bpb->reserved) * g->sector;
	g->fat = (im_le16(bpb->reserved) + active_fat(bpb) * fat_size) * g->sector;
	g->fat_size = fat_size * g->sector;
	g->data = data * g->sector;
	g->clusters = clusters;
	g->kind = (enum im_fat_kind)kind_of(is_fat32, clusters);
	g->root = is_fat32 ? root_of_fat32(bpb, data, clusters, g->sector) : root_sector * g->sector;
	g->root_size = is_fat32 ? 0 : im_le16(bpb->root_entries) * IM_FAT_ENTRY;
	g->root_cluster = is_fat32 ? im_get32(at(bpb, 0x2c)) : 0;
	g->extended = is_fat32 ? 0x42 : 0x26;
	g->has_extended = (*at(bpb, g->extended) & ~1u) == 0x28;
	g->has_hidden = is_fat32 || g->has_extended || !im_le16(bpb->total16);
	g->media = bpb->media;
	return g->kind && g->root;
}

/* 1 when the first FAT begins as it must: a media byte, then ones; 0 when not; -1. A media byte that
 * is not the boot sector's is let pass where the boot sector says in words that it is FAT. */
static int check_fat(struct im_dev *vol, const struct im_bpb *bpb, const struct im_fat_geometry *g,
		     struct im_error *err)
{
	uint32_t ones = g->kind == IM_FAT12 ? 0xf00 : g->kind == IM_FAT16 ? 0xff00 : 0x0fffff00, entry;
	uint8_t first[4];
	int got;

	got = im_fs_peek(vol, g->fat, first, sizeof(first), err);
	if (got <= 0)
		return got;
	entry = im_get32(first);
	return (entry & ones) == ones && is_media(first[0]) && (first[0] == bpb->media || claimed(bpb));
}

/* The label is the root directory's entry with the volume attribute; else the boot sector's. */
static int read_label(struct im_dev *vol, const struct im_bpb *bpb, const struct im_fat_geometry *g,
		      struct im_fs_info *info, struct im_error *err)
{
	uint8_t dir[LABEL_ENTRIES * IM_FAT_ENTRY];
	size_t len = g->kind == IM_FAT32 ? g->cluster : im_le16(bpb->root_entries) * IM_FAT_ENTRY;
	int got;

	len = len < sizeof(dir) ? len : sizeof(dir);
	got = im_fs_peek(vol, g->root, dir, len, err);
	if (got < 0)
		return -1;
	for (size_t i = 0; got && i + IM_FAT_ENTRY <= len && dir[i]; i += IM_FAT_ENTRY) {
		if (dir[i] == 0xe5 || (dir[i + 11] & 0x3f) == 0x0f || (dir[i + 11] & 0x18) != 0x08)
			continue;
		im_fs_label(info->label, sizeof(info->label), dir + i, 11);
		return 0;
	}
	if (g->has_extended && *at(bpb, g->extended) == 0x29 && memcmp(at(bpb, g->extended + 5), "NO NAME    ", 11))
		im_fs_label(info->label, sizeof(info->label), at(bpb, g->extended + 5), 11);
	return 0;
}

/* A boot sector of the same shape, or nothing: anything else at the backup's place is somebody's, and stays. */
static bool may_be_backup(struct im_dev *vol, const struct im_bpb *bpb, uint64_t off)
{
	struct im_bpb backup;

	if (im_fs_peek(vol, off, &backup, sizeof(backup), NULL) != 1)
		return true;	/* unreadable: stale */
	return im_is_zero(&backup, sizeof(backup)) || (im_bpb_has_mark(&backup) && has_jump(&backup) &&
	       im_le16(backup.bytes_per_sector) == im_le16(bpb->bytes_per_sector));
}

static void describe(struct im_dev *vol, const struct im_bpb *bpb, const struct im_fat_geometry *g,
		     struct im_fs_info *info)
{
	info->sector_size = g->sector;
	info->cluster_size = g->cluster;
	info->size = g->size;
	info->has_hidden = g->has_hidden;
	info->hidden = g->has_hidden ? im_le32(bpb->hidden) : 0;
	if (g->has_extended && im_get32(at(bpb, g->extended + 1)))
		im_fs_serial(info->uuid, im_get32(at(bpb, g->extended + 1)));
	if (g->kind == IM_FAT32) {
		uint16_t backup = im_get16(at(bpb, 0x32));

		if (backup && backup < im_le16(bpb->reserved) && backup != im_get16(at(bpb, 0x30)) &&
		    may_be_backup(vol, bpb, (uint64_t)backup * g->sector))
			im_bpb_check_backup(vol, bpb, (uint64_t)backup * g->sector, FAT32_DIRTY, info);
	}
}

static int probe(struct im_dev *vol, enum im_fat_kind kind, const char *name, struct im_fs_info *info,
		 struct im_error *err)
{
	struct im_fs_info out = { .name = name };
	struct im_bpb bpb;
	struct im_fat_geometry g;
	bool is_claimed, is_sane;
	int got = im_bpb_read(vol, &bpb, err);

	if (got <= 0 || im_bpb_owner(&bpb) != IM_BPB_OTHER || !(im_bpb_has_mark(&bpb) || has_jump(&bpb)))
		return got < 0 ? -1 : IM_ABSENT;
	is_sane = im_fat_decode(&bpb, &g);
	is_claimed = claimed(&bpb) && im_bpb_has_mark(&bpb) && has_jump(&bpb);
	if ((is_sane ? (int)g.kind : claimed(&bpb)) != (int)kind || (!is_sane && !is_claimed))
		return IM_ABSENT;
	got = is_sane ? check_fat(vol, &bpb, &g, err) : 0;
	if (got < 0)
		return -1;
	if (!got && !is_claimed)
		return IM_ABSENT;
	if (is_sane) {
		describe(vol, &bpb, &g, &out);
		if (read_label(vol, &bpb, &g, &out, err) < 0)
			return -1;
	}
	*info = out;
	return got ? IM_FOUND : IM_DAMAGED;
}

static int probe_fat12(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	return probe(vol, IM_FAT12, "fat12", info, err);
}

static int probe_fat16(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	return probe(vol, IM_FAT16, "fat16", info, err);
}

static int probe_fat32(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	return probe(vol, IM_FAT32, "fat32", info, err);
}

static int relocate(struct im_dev *vol, const struct im_fs_info *info, uint64_t hidden, struct im_fs_edits *edits,
		    struct im_error *err)
{
	return im_bpb_relocate(vol, info, "FAT", hidden, edits, err);
}

static int relocate_fat32(struct im_dev *vol, const struct im_fs_info *info, uint64_t hidden,
			  struct im_fs_edits *edits, struct im_error *err)
{
	return im_bpb_relocate(vol, info, "FAT32", hidden, edits, err);
}

static int refresh_backup(struct im_dev *vol, const struct im_fs_info *info, struct im_fs_edits *edits,
			  struct im_error *err)
{
	return im_bpb_refresh_backup(vol, info, "FAT32", edits, err);
}

const struct im_fs_type im_fs_fat12 = {
	.name = "fat12",
	.probe = probe_fat12,
	.relocate = relocate,
};

const struct im_fs_type im_fs_fat16 = {
	.name = "fat16",
	.probe = probe_fat16,
	.relocate = relocate,
};

const struct im_fs_type im_fs_fat32 = {
	.name = "fat32",
	.probe = probe_fat32,
	.relocate = relocate_fat32,
	.refresh_backup = refresh_backup,
};
