/* bitlocker.c - BitLocker and BitLocker To Go, recognised only: the volume is never edited as it lies.
 *
 * Source: libyal's "BitLocker Drive Encryption (BDE)" format description. The boot sector gives the
 * place of three copies of the metadata (Windows Vista: the cluster of one); each copy begins with
 * the same eight characters as the boot sector. All places are relative to the volume.
 */
#include <string.h>

#include "base/bytes.h"
#include "fmt/bpb.h"
#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

#define COPIES 3

/* Byte offsets in the boot sector */
#define VISTA_CLUSTER 0x38
#define TABLE 0xb0
#define TABLE_TO_GO 0x1b8

/* The head of a metadata copy. */
struct fve_block {
	uint8_t magic[8];	/* 0x00 "-FVE-FS-" */
	le16 size;		/* 0x08 */
	le16 version;		/* 0x0A */
	le16 state;		/* 0x0C */
	le16 next_state;	/* 0x0E differs while the volume is being encrypted or decrypted */
	le64 volume_size;	/* 0x10 bytes, encrypted so far */
};

static_assert(sizeof(struct fve_block) == 24, "the head of a metadata block is 24 bytes");

/* The byte offsets of the metadata copies; how many there are. */
static int metadata_offsets(const struct im_bpb *bpb, enum im_bpb_owner owner, uint64_t offs[COPIES])
{
	const uint8_t *sector = (const uint8_t *)bpb;
	uint32_t cluster = im_bpb_sector_size(bpb) * bpb->sectors_per_cluster;

	if (owner == IM_BPB_BITLOCKER && bpb->jump[0] == 0xeb && bpb->jump[1] == 0x52) {
		/* Windows Vista: the rest of an NTFS boot sector, with the metadata for the MFT's mirror */
		return im_mul(im_get64(sector + VISTA_CLUSTER), cluster, &offs[0]) && offs[0] ? 1 : 0;
	}
	for (int i = 0; i < COPIES; i++)
		offs[i] = im_get64(sector + (owner == IM_BPB_BITLOCKER ? TABLE : TABLE_TO_GO) + 8 * i);
	return COPIES;
}

/* 1 when metadata lies at off, 0 when not, -1. */
static int check_copy(struct im_dev *vol, uint64_t off, struct im_fs_info *info, struct im_error *err)
{
	struct fve_block block;
	int got = off ? im_fs_peek(vol, off, &block, sizeof(block), err) : 0;

	if (got <= 0)
		return got;
	if (!memcmp(block.magic, "FVE-EOW", 8))		/* encrypted as it is written: says no size */
		return 1;
	if (memcmp(block.magic, "-FVE-FS-", 8))
		return 0;
	if (im_le16(block.version) >= 2 && im_le16(block.state) == im_le16(block.next_state))
		info->size = im_le64(block.volume_size);
	return 1;
}

static int probe(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	struct im_fs_info out = { .name = "bitlocker" };
	struct im_bpb bpb;
	enum im_bpb_owner owner;
	uint64_t offs[COPIES] = { 0 };
	int got = im_bpb_read(vol, &bpb, err), n;

	if (got <= 0)
		return got < 0 ? -1 : IM_ABSENT;
	owner = im_bpb_owner(&bpb);
	if (owner != IM_BPB_BITLOCKER && owner != IM_BPB_BITLOCKER_TO_GO)
		return IM_ABSENT;
	out.sector_size = im_bpb_sector_size(&bpb);
	out.cluster_size = out.sector_size * bpb.sectors_per_cluster;
	n = metadata_offsets(&bpb, owner, offs);
	got = 0;
	for (int i = 0; i < n && !got; i++)
		got = check_copy(vol, offs[i], &out, err);
	if (got < 0)
		return -1;
	*info = out;
	return got ? IM_FOUND : IM_DAMAGED;
}

const struct im_fs_type im_fs_bitlocker = {
	.name = "bitlocker",
	.probe = probe,
};
