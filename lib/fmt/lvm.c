/* lvm.c - LVM2 physical volumes, recognised only.
 *
 * Source: libyal's "Logical Volume Manager (LVM) format" description, section "Physical volume
 * label". The label lies in one of the first four 512-byte sectors and names the sector; its
 * checksum is a CRC-32 with a start value of its own and no final inversion. All places in it are
 * relative to the volume.
 */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

#define LABEL_SECTORS 4u
#define SECTOR 512u
#define CRC_START 0xf597a6cfu
#define ID_LEN 32u

struct lvm_label {
	uint8_t magic[8];	/* 0 "LABELONE" */
	le64 sector;		/* 8 where this lies */
	le32 crc;		/* 16 of all that follows in the sector */
	le32 header_off;	/* 20 bytes from the label */
	uint8_t type[8];	/* 24 "LVM2 001" */
};

static_assert(sizeof(struct lvm_label) == 32, "the label has 32 bytes");
static_assert(offsetof(struct lvm_label, header_off) == 20, "what the checksum covers begins at 20");

static bool is_good(const uint8_t *sector, uint64_t number)
{
	const struct lvm_label *label = (const void *)sector;
	uint32_t off = im_le32(label->header_off);

	return im_le64(label->sector) == number && off >= sizeof(*label) && off <= SECTOR - ID_LEN - 8 &&
	       im_le32(label->crc) == ~im_crc32(~CRC_START, sector + 20, SECTOR - 20);
}

/* The header of the physical volume: its identifier, written with hyphens, and its size. */
static void describe(const uint8_t *header, struct im_fs_info *info)
{
	uint8_t id[ID_LEN + 6];
	size_t n = 0;

	for (size_t i = 0; i < ID_LEN; i++) {
		if (i == 6 || (i > 6 && i < 30 && (i - 6) % 4 == 0))
			id[n++] = '-';
		id[n++] = header[i];
	}
	im_fs_label(info->uuid, sizeof(info->uuid), id, n);
	info->size = im_get64(header + ID_LEN);
}

static int probe(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	struct im_fs_info out = { .name = "lvm" };
	bool is_marked = false;

	for (uint64_t i = 0; i < LABEL_SECTORS; i++) {
		uint8_t sector[SECTOR];
		const struct lvm_label *label = (const void *)sector;
		int got = im_fs_peek(vol, i * SECTOR, sector, sizeof(sector), err);

		if (got < 0)
			return -1;
		if (!got || memcmp(label->magic, "LABELONE", 8) || memcmp(label->type, "LVM2 001", 8))
			continue;
		is_marked = true;
		if (is_good(sector, i)) {
			describe(sector + im_le32(label->header_off), &out);
			*info = out;
			return IM_FOUND;
		}
	}
	if (!is_marked)
		return IM_ABSENT;
	*info = out;
	return IM_DAMAGED;
}

const struct im_fs_type im_fs_lvm = {
	.name = "lvm",
	.probe = probe,
};
