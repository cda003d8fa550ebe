/* ntfs_boot.c - the geometry that an NTFS boot sector gives. */
#include <string.h>

#include "fmt/ntfs.h"

#define FIXUP_STRIDE 512u
#define MAX_CLUSTER (2u << 20)

/* The boot sector after the part it shares with FAT. */
struct ntfs_boot {
	uint8_t bpb[0x28];
	le64 total_sectors;		/* 0x28 without the backup boot sector */
	le64 mft_lcn;			/* 0x30 */
	le64 mirror_lcn;		/* 0x38 */
	int8_t clusters_per_record;	/* 0x40 negative: the record has 2^-n bytes */
};

static_assert(offsetof(struct ntfs_boot, total_sectors) == 0x28, "total sectors at 0x28");
static_assert(offsetof(struct ntfs_boot, clusters_per_record) == 0x40, "record size at 0x40");

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

	return im_is_pow2(size) && size >= FIXUP_STRIDE && size <= IM_NTFS_MAX_RECORD ? (uint32_t)size : 0;
}

/* The byte offset of a cluster inside the counted sectors, else UINT64_MAX. */
static uint64_t cluster_offset(uint64_t lcn, const struct im_ntfs_geometry *g)
{
	uint64_t off;

	return lcn && im_mul(lcn, g->cluster, &off) && off < g->size ? off : UINT64_MAX;
}

bool im_ntfs_decode(const struct im_bpb *bpb, struct im_ntfs_geometry *g)
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
	g->clusters = g->size / g->cluster;
	g->record = record_size(boot->clusters_per_record, g->cluster);
	g->mft = cluster_offset(im_le64(boot->mft_lcn), g);
	g->mirror = cluster_offset(im_le64(boot->mirror_lcn), g);
	return g->record && !im_le16(bpb->reserved) && !bpb->fats && !im_le16(bpb->root_entries) &&
	       !im_le16(bpb->total16) && !im_le16(bpb->fat_size16) && !im_le32(bpb->total32);
}
