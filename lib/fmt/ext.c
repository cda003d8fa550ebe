/* ext.c - ext2, ext3 and ext4, told apart by their feature flags.
 *
 * Source: the kernel's Documentation/filesystems/ext4 ("Super Block", "Block Group Descriptors").
 * The magic has only 16 bits, so a superblock counts as one when its small enumerations make sense,
 * too. Volumes often leave a stale superblock behind: sound is only one whose first group
 * descriptor leads to a root directory. A separate journal device is none of the three.
 */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

#define SUPER_OFF 1024u
#define SUPER_SIZE 1024u
#define CHECKED_SIZE 0x3fcu
#define ROOT_INODE 2u
#define MODE_OFF 0u

#define COMPAT_JOURNAL 0x4u
#define INCOMPAT_FILETYPE 0x2u
#define INCOMPAT_RECOVER 0x4u
#define INCOMPAT_JOURNAL_DEV 0x8u
#define INCOMPAT_META_BG 0x10u
#define INCOMPAT_64BIT 0x80u
#define RO_COMPAT_EXT3 0x7u		/* sparse_super, large_file, btree_dir */
#define RO_COMPAT_BIGALLOC 0x200u
#define RO_COMPAT_CSUM 0x400u

struct ext_super {
	le32 inodes;			/* 0x00 */
	le32 blocks;			/* 0x04 */
	le32 reserved_blocks;		/* 0x08 */
	le32 free_blocks;		/* 0x0C */
	le32 free_inodes;		/* 0x10 */
	le32 first_data_block;		/* 0x14 */
	le32 log_block_size;		/* 0x18 1024 bytes shifted by this */
	le32 log_cluster_size;		/* 0x1C */
	le32 blocks_per_group;		/* 0x20 */
	le32 clusters_per_group;	/* 0x24 */
	le32 inodes_per_group;		/* 0x28 */
	uint8_t times[12];		/* 0x2C */
	le16 magic;			/* 0x38 */
	le16 state;			/* 0x3A */
	le16 errors;			/* 0x3C */
	le16 minor;			/* 0x3E */
	uint8_t checks[8];		/* 0x40 */
	le32 creator;			/* 0x48 */
	le32 revision;			/* 0x4C */
	uint8_t owner[8];		/* 0x50 */
	le16 inode_size;		/* 0x58 from revision 1 on */
	le16 group_number;		/* 0x5A */
	le32 compat, incompat, ro_compat;	/* 0x5C */
	uint8_t uuid[16];		/* 0x68 */
	uint8_t label[16];		/* 0x78 */
	uint8_t other[0xfe - 0x88];
	le16 descriptor_size;		/* 0xFE */
	uint8_t other2[0x150 - 0x100];
	le32 blocks_high;		/* 0x150 */
	uint8_t other3[0x3fc - 0x154];
	le32 checksum;			/* 0x3FC */
};

static_assert(sizeof(struct ext_super) == SUPER_SIZE, "the superblock has 1024 bytes");
static_assert(offsetof(struct ext_super, magic) == 0x38, "magic at 0x38");
static_assert(offsetof(struct ext_super, label) == 0x78, "label at 0x78");
static_assert(offsetof(struct ext_super, blocks_high) == 0x150, "high half of the block count at 0x150");

struct geometry {
	uint32_t block;		/* bytes */
	uint32_t inode;		/* bytes */
	uint64_t blocks;
};

static bool has_mark(const struct ext_super *s)
{
	return im_le16(s->magic) == 0xef53 && im_le32(s->revision) <= 1 && im_le32(s->log_block_size) <= 6 &&
	       im_le32(s->creator) <= 4 && im_le16(s->errors) <= 3 && !(im_le32(s->incompat) & INCOMPAT_JOURNAL_DEV);
}

static bool decode(const struct ext_super *s, struct geometry *g)
{
	bool is_64bit = im_le32(s->incompat) & INCOMPAT_64BIT;
	uint32_t per_group = im_le32(s->blocks_per_group);
	uint64_t bytes;

	g->block = 1024u << im_le32(s->log_block_size);
	g->inode = im_le32(s->revision) ? im_le16(s->inode_size) : 128;
	g->blocks = im_le32(s->blocks) | (is_64bit ? (uint64_t)im_le32(s->blocks_high) << 32 : 0);
	if (!(im_le32(s->ro_compat) & RO_COMPAT_BIGALLOC) &&
	    (per_group > 8 * g->block || im_le32(s->first_data_block) != (g->block == 1024)))
		return false;
	return per_group && im_le32(s->inodes) >= ROOT_INODE && im_le32(s->inodes_per_group) >= ROOT_INODE &&
	       im_is_pow2(g->inode) && g->inode >= 128 && g->inode <= g->block &&
	       im_le32(s->first_data_block) < g->blocks && im_le32(s->free_inodes) <= im_le32(s->inodes) &&
	       im_mul(g->blocks, g->block, &bytes) && bytes <= INT64_MAX;
}

/* metadata_csum: CRC-32C of all before the checksum, without the final inversion. */
static bool checksum_holds(const struct ext_super *s)
{
	return !(im_le32(s->ro_compat) & RO_COMPAT_CSUM) ||
	       im_le32(s->checksum) == ~im_crc32c(0, s, CHECKED_SIZE);
}

/* 1 when the first group's descriptor leads to an inode table whose second inode is a directory, as
 * the root must be; 0 when not; -1. */
static int check_root(struct im_dev *vol, const struct ext_super *s, const struct geometry *g, struct im_error *err)
{
	bool is_wide = im_le32(s->incompat) & INCOMPAT_64BIT && im_le16(s->descriptor_size) >= 64;
	uint8_t group[64] = { 0 }, mode[2];
	uint64_t table;
	int got = im_fs_peek(vol, g->block == 1024 ? 2048 : g->block, group, sizeof(group), err);

	if (got <= 0)
		return got;
	table = im_get32(group + 8) | (is_wide ? (uint64_t)im_get32(group + 0x28) << 32 : 0);
	if (!table || table >= g->blocks)
		return 0;
	got = im_fs_peek(vol, table * g->block + (ROOT_INODE - 1) * g->inode + MODE_OFF, mode, sizeof(mode), err);
	return got <= 0 ? got : (im_get16(mode) & 0xf000) == 0x4000;
}

/* As libblkid decides: ext4 is what has a feature that ext3's driver does not know. */
static const char *name_of(const struct ext_super *s)
{
	uint32_t ext3 = INCOMPAT_FILETYPE | INCOMPAT_RECOVER | INCOMPAT_META_BG;

	if (im_le32(s->ro_compat) & ~RO_COMPAT_EXT3 || im_le32(s->incompat) & ~ext3)
		return "ext4";
	return im_le32(s->compat) & COMPAT_JOURNAL ? "ext3" : "ext2";
}

static int probe(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	struct im_fs_info out = { 0 };
	struct ext_super s;
	struct geometry g;
	bool is_sane;
	int got = im_fs_peek(vol, SUPER_OFF, &s, sizeof(s), err);

	if (got <= 0 || !has_mark(&s))
		return got < 0 ? -1 : IM_ABSENT;
	out.name = name_of(&s);
	is_sane = decode(&s, &g);
	if (is_sane) {
		out.size = g.blocks * g.block;
		out.cluster_size = g.block;
		im_fs_uuid(out.uuid, s.uuid);
		im_fs_label(out.label, sizeof(out.label), s.label, sizeof(s.label));
	}
	got = is_sane && checksum_holds(&s) ? check_root(vol, &s, &g, err) : 0;
	if (got < 0)
		return -1;
	*info = out;
	return got ? IM_FOUND : IM_DAMAGED;
}

const struct im_fs_type im_fs_ext = {
	.name = "ext",
	.probe = probe,
};
