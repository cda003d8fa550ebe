/* btrfs.c - btrfs, recognised only.
 *
 * Source: the btrfs documentation, "On-disk Format", section "Superblock". The first superblock lies
 * at 64 KiB; all places in it are logical addresses, which we do not follow. A superblock whose
 * checksum is CRC-32C is checked, the other three kinds are taken on trust.
 */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

#define SUPER_OFF 65536u
#define SUPER_SIZE 4096u
#define CHECKSUM_SIZE 32u
#define KIND_CRC32C 0
#define KIND_LAST 3

struct btrfs_super {
	uint8_t checksum[CHECKSUM_SIZE];
	uint8_t uuid[16];		/* 0x20 of the file system */
	le64 offset;			/* 0x30 bytes: where this copy lies */
	le64 flags;			/* 0x38 */
	uint8_t magic[8];		/* 0x40 */
	le64 generation;		/* 0x48 */
	le64 root, chunk_root, log_root;	/* 0x50 logical addresses */
	le64 log_transid;		/* 0x68 */
	le64 total_bytes;		/* 0x70 of all devices */
	le64 bytes_used;		/* 0x78 */
	le64 root_dir;			/* 0x80 */
	le64 devices;			/* 0x88 how many */
	le32 sector_size;		/* 0x90 bytes */
	le32 node_size;			/* 0x94 bytes */
	uint8_t other[0xc4 - 0x98];
	le16 checksum_kind;		/* 0xC4 */
	uint8_t levels[3];		/* 0xC6 */
	le64 device_id;			/* 0xC9 the device item begins here */
	le64 device_bytes;		/* 0xD1 */
	uint8_t other2[0x12b - 0xd9];
	uint8_t label[256];		/* 0x12B */
};

static_assert(offsetof(struct btrfs_super, magic) == 0x40, "magic at 0x40");
static_assert(offsetof(struct btrfs_super, checksum_kind) == 0xc4, "kind of checksum at 0xC4");
static_assert(offsetof(struct btrfs_super, device_bytes) == 0xd1, "device size at 0xD1");
static_assert(offsetof(struct btrfs_super, label) == 0x12b, "label at 0x12B");

/* raw is the whole superblock. */
static bool is_sane(const struct btrfs_super *s, const uint8_t *raw)
{
	uint32_t sector = im_le32(s->sector_size), node = im_le32(s->node_size);
	unsigned kind = im_le16(s->checksum_kind);

	if (kind == KIND_CRC32C &&
	    im_get32(s->checksum) != im_crc32c(0, raw + CHECKSUM_SIZE, SUPER_SIZE - CHECKSUM_SIZE))
		return false;
	return kind <= KIND_LAST && im_le64(s->offset) == SUPER_OFF && im_le64(s->devices) && im_le64(s->root) &&
	       im_is_pow2(sector) && sector >= 512 && sector <= 65536 &&
	       im_is_pow2(node) && node >= sector && node <= 65536 &&
	       im_le64(s->device_bytes) && im_le64(s->device_bytes) <= im_le64(s->total_bytes);
}

static int probe(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	struct im_fs_info out = { .name = "btrfs" };
	uint8_t raw[SUPER_SIZE];
	const struct btrfs_super *s = (const void *)raw;
	int got = im_fs_peek(vol, SUPER_OFF, raw, sizeof(raw), err);

	if (got <= 0 || memcmp(s->magic, "_BHRfS_M", 8))
		return got < 0 ? -1 : IM_ABSENT;
	if (!is_sane(s, raw)) {
		*info = out;
		return IM_DAMAGED;
	}
	out.size = im_le64(s->device_bytes);
	out.cluster_size = im_le32(s->sector_size);
	im_fs_uuid(out.uuid, s->uuid);
	im_fs_label(out.label, sizeof(out.label), s->label, sizeof(s->label));
	*info = out;
	return IM_FOUND;
}

const struct im_fs_type im_fs_btrfs = {
	.name = "btrfs",
	.probe = probe,
};
