/* xfs.c - XFS, recognised only.
 *
 * Source: the "XFS Algorithms & Data Structures" book, chapters "Superblocks" and "AG Free Space
 * Management". All numbers are big-endian but the checksum. The sector after the superblock is the
 * first allocation group's free-space header.
 */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

#define CHECKSUM_OFF 224u
#define MAX_SECTOR 32768u
#define OUR_SECTOR 4096u	/* we check the checksum of superblocks up to this size */

struct xfs_super {
	uint8_t magic[4];		/* 0 "XFSB" */
	be32 block_size;		/* 4 bytes */
	be64 blocks;			/* 8 */
	be64 realtime_blocks;		/* 16 */
	be64 realtime_extents;		/* 24 */
	uint8_t uuid[16];		/* 32 */
	uint8_t roots[36];		/* 48 */
	be32 group_blocks;		/* 84 */
	be32 groups;			/* 88 */
	uint8_t other[8];		/* 92 */
	be16 version;			/* 100 the low four bits */
	be16 sector_size;		/* 102 bytes */
	be16 inode_size;		/* 104 bytes */
	be16 inodes_per_block;		/* 106 */
	uint8_t label[12];		/* 108 */
	uint8_t block_log, sector_log, inode_log;	/* 120 */
};

static_assert(offsetof(struct xfs_super, group_blocks) == 84, "blocks per group at 84");
static_assert(offsetof(struct xfs_super, sector_size) == 102, "sector size at 102");
static_assert(offsetof(struct xfs_super, block_log) == 120, "logarithm of the block size at 120");

static bool is_sane(const struct xfs_super *s)
{
	uint32_t block = im_be32(s->block_size), sector = im_be16(s->sector_size), inode = im_be16(s->inode_size);
	uint64_t groups = im_be32(s->groups), per_group = im_be32(s->group_blocks), blocks = im_be64(s->blocks), bytes;

	return im_is_pow2(block) && block >= 512 && block <= 65536 && s->block_log < 32 && 1u << s->block_log == block &&
	       im_is_pow2(sector) && sector >= 512 && sector <= MAX_SECTOR && sector <= block &&
	       im_is_pow2(inode) && inode >= 256 && inode <= 2048 &&
	       groups && per_group && blocks && (im_be16(s->version) & 0xf) >= 1 && (im_be16(s->version) & 0xf) <= 5 &&
	       blocks <= groups * per_group && blocks > (groups - 1) * per_group &&
	       im_mul(blocks, block, &bytes) && bytes <= INT64_MAX;
}

/* Version 5: CRC-32C of the sector with the checksum itself taken as zeros. 1, 0, -1. */
static int check_checksum(struct im_dev *vol, const struct xfs_super *s, struct im_error *err)
{
	uint8_t sector[OUR_SECTOR];
	uint32_t size = im_be16(s->sector_size), sum;
	int got;

	if ((im_be16(s->version) & 0xf) < 5 || size > sizeof(sector))
		return 1;
	got = im_fs_peek(vol, 0, sector, size, err);
	if (got <= 0)
		return got;
	sum = im_get32(sector + CHECKSUM_OFF);
	im_put32(sector + CHECKSUM_OFF, 0);
	return sum == im_crc32c(0, sector, size);
}

static int check_group(struct im_dev *vol, const struct xfs_super *s, struct im_error *err)
{
	uint8_t magic[4];
	int got = im_fs_peek(vol, im_be16(s->sector_size), magic, sizeof(magic), err);

	return got <= 0 ? got : !memcmp(magic, "XAGF", 4);
}

static int probe(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	struct im_fs_info out = { .name = "xfs" };
	struct xfs_super s;
	int got = im_fs_peek(vol, 0, &s, sizeof(s), err);

	if (got <= 0 || memcmp(s.magic, "XFSB", 4))
		return got < 0 ? -1 : IM_ABSENT;
	if (!is_sane(&s)) {
		*info = out;
		return IM_DAMAGED;
	}
	out.size = im_be64(s.blocks) * im_be32(s.block_size);
	out.sector_size = im_be16(s.sector_size);
	out.cluster_size = im_be32(s.block_size);
	im_fs_uuid(out.uuid, s.uuid);
	im_fs_label(out.label, sizeof(out.label), s.label, sizeof(s.label));
	got = check_checksum(vol, &s, err);
	if (got == 1)
		got = check_group(vol, &s, err);
	if (got < 0)
		return -1;
	*info = out;
	return got ? IM_FOUND : IM_DAMAGED;
}

const struct im_fs_type im_fs_xfs = {
	.name = "xfs",
	.probe = probe,
};
