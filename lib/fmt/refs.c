/* refs.c - ReFS, recognised only.
 *
 * Source: libyal's "Resilient File System (ReFS)" format description; the checksum was verified on
 * a volume of version 3.14. Versions 3 keep their first superblock ("SUPB") in cluster 30. ReFS
 * records no position on the disk, and its backup boot sector at the end is not ours to change.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/bpb.h"
#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

#define SUPERBLOCK_CLUSTER 30u

struct refs_boot {
	uint8_t jump[3];
	uint8_t name[8];		/* 0x03 "ReFS" and zeros */
	uint8_t zero[5];
	uint8_t magic[4];		/* 0x10 "FSRS" */
	le16 length;			/* 0x14 bytes of this structure */
	le16 checksum;			/* 0x16 */
	le64 total_sectors;		/* 0x18 */
	le32 bytes_per_sector;		/* 0x20 */
	le32 sectors_per_cluster;	/* 0x24 */
	uint8_t major, minor;		/* 0x28 */
	uint8_t unknown[14];
	le64 serial;			/* 0x38 */
};

static_assert(offsetof(struct refs_boot, checksum) == 0x16, "checksum at 0x16");
static_assert(offsetof(struct refs_boot, serial) == 0x38, "serial number at 0x38");

/* Every byte from the name on, without the checksum itself: rotate right by one and add. */
static uint16_t checksum_of(const uint8_t *sector, unsigned len)
{
	uint16_t sum = 0;

	for (unsigned i = 3; i < len; i++)
		if (i != 0x16 && i != 0x17)
			sum = (uint16_t)((sum << 15 | sum >> 1) + sector[i]);
	return sum;
}

static bool is_sane(const struct refs_boot *boot)
{
	unsigned len = im_le16(boot->length);
	uint32_t sector = im_le32(boot->bytes_per_sector), per_cluster = im_le32(boot->sectors_per_cluster);
	uint64_t bytes;

	return !memcmp(boot->magic, "FSRS", 4) && len >= sizeof(*boot) && len <= IM_BPB_SIZE &&
	       im_is_pow2(sector) && sector >= 512 && sector <= 65536 &&
	       im_is_pow2(per_cluster) && per_cluster <= 65536 && (uint64_t)sector * per_cluster <= 1u << 20 &&
	       im_le64(boot->total_sectors) && im_mul(im_le64(boot->total_sectors), sector, &bytes) &&
	       im_le16(boot->checksum) == checksum_of((const uint8_t *)boot, len);
}

static int probe(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	struct im_fs_info out = { .name = "refs" };
	const struct refs_boot *boot;
	struct im_bpb bpb;
	uint8_t magic[4];
	int got = im_bpb_read(vol, &bpb, err);

	if (got <= 0 || im_bpb_owner(&bpb) != IM_BPB_REFS)
		return got < 0 ? -1 : IM_ABSENT;
	boot = (const void *)&bpb;
	if (!is_sane(boot)) {
		*info = out;
		return IM_DAMAGED;
	}
	out.sector_size = im_le32(boot->bytes_per_sector);
	out.cluster_size = out.sector_size * im_le32(boot->sectors_per_cluster);
	out.size = im_le64(boot->total_sectors) * out.sector_size;
	snprintf(out.uuid, sizeof(out.uuid), "%016llX", (unsigned long long)im_le64(boot->serial));
	got = 1;
	if (boot->major == 3) {
		got = im_fs_peek(vol, (uint64_t)SUPERBLOCK_CLUSTER * out.cluster_size, magic, sizeof(magic), err);
		if (got == 1)
			got = !memcmp(magic, "SUPB", 4);
	}
	if (got < 0)
		return -1;
	*info = out;
	return got ? IM_FOUND : IM_DAMAGED;
}

const struct im_fs_type im_fs_refs = {
	.name = "refs",
	.probe = probe,
};
