/* iso9660.c - ISO 9660, recognised only.
 *
 * Source: ECMA-119, sections 8.4 (primary volume descriptor) and 9.1 (directory records). Numbers
 * are written in both byte orders; where one of the two is wrong the other still leads to the root
 * directory, and readers accept such discs.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

#define FIRST_DESCRIPTOR 16u
#define MAX_DESCRIPTORS 8u
#define DESCRIPTOR_SIZE 2048u
#define TYPE_PRIMARY 1
#define TYPE_LAST 255

struct both16 { le16 le; be16 be; };
struct both32 { le32 le; be32 be; };

struct iso_primary {
	uint8_t type;			/* 0 */
	uint8_t magic[5];		/* 1 "CD001" */
	uint8_t version;		/* 6 */
	uint8_t unused;
	uint8_t system[32];		/* 8 */
	uint8_t label[32];		/* 40 */
	uint8_t unused2[8];
	struct both32 blocks;		/* 80 */
	uint8_t unused3[32];
	struct both16 set_size, sequence;	/* 120 */
	struct both16 block_size;	/* 128 bytes */
	uint8_t path_tables[24];
	uint8_t root_len;		/* 156 34: bytes of this directory record */
	uint8_t root_extended;
	struct both32 root_block;	/* 158 */
	uint8_t root_rest[24];
	uint8_t names[623];		/* 190 */
	uint8_t created[17];		/* 813 */
	uint8_t modified[17];		/* 830 */
};

static_assert(offsetof(struct iso_primary, block_size) == 128, "block size at 128");
static_assert(offsetof(struct iso_primary, root_block) == 158, "place of the root directory at 158");
static_assert(offsetof(struct iso_primary, created) == 813, "creation date at 813");
static_assert(sizeof(struct iso_primary) <= DESCRIPTOR_SIZE, "a descriptor has 2048 bytes");

/* Find the primary descriptor. 1; 0 when there is none at all; -1. *is_marked: some descriptor is there. */
static int find_primary(struct im_dev *vol, struct iso_primary *p, bool *is_marked, struct im_error *err)
{
	*is_marked = false;
	for (unsigned i = 0; i < MAX_DESCRIPTORS; i++) {
		int got = im_fs_peek(vol, (FIRST_DESCRIPTOR + i) * DESCRIPTOR_SIZE, p, sizeof(*p), err);

		if (got <= 0)
			return got;
		if (memcmp(p->magic, "CD001", 5) || p->type == TYPE_LAST)
			return 0;
		*is_marked = true;
		if (p->type == TYPE_PRIMARY)
			return 1;
	}
	return 0;
}

/* Does a directory that names itself begin at this block? 1, 0, -1. */
static int has_root(struct im_dev *vol, uint32_t block, uint32_t block_size, struct im_error *err)
{
	uint8_t record[34];
	int got = block ? im_fs_peek(vol, (uint64_t)block * block_size, record, sizeof(record), err) : 0;

	return got <= 0 ? got : record[0] >= 34 && record[25] & 2 && record[32] == 1 && record[33] == 0;
}

/* libblkid's UUID of a disc is its date of modification, else of creation: sixteen digits. */
static void uuid_of(const struct iso_primary *p, char uuid[40])
{
	const uint8_t *d = p->modified;

	for (int k = 0; k < 2; k++, d = p->created) {
		bool is_date = false, is_digits = true;

		for (int i = 0; i < 16; i++) {
			is_date = is_date || d[i] != '0';
			is_digits = is_digits && d[i] >= '0' && d[i] <= '9';
		}
		if (is_date && is_digits) {
			const char *s = (const char *)d;

			snprintf(uuid, 40, "%.4s-%.2s-%.2s-%.2s-%.2s-%.2s-%.2s", s, s + 4, s + 6, s + 8, s + 10, s + 12, s + 14);
			return;
		}
	}
}

static int probe(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	struct im_fs_info out = { .name = "iso9660" };
	struct iso_primary p;
	uint32_t block, blocks;
	bool is_marked;
	int got = find_primary(vol, &p, &is_marked, err), root = 0;

	if (got < 0)
		return -1;
	if (!is_marked)
		return IM_ABSENT;
	if (got) {
		block = im_le16(p.block_size.le);
		if (block != 512 && block != 1024 && block != 2048)
			block = im_be16(p.block_size.be);
		got = block == 512 || block == 1024 || block == 2048;
	}
	if (got) {
		blocks = im_le32(p.blocks.le) ? im_le32(p.blocks.le) : im_be32(p.blocks.be);
		out.size = (uint64_t)blocks * block;
		out.cluster_size = block;
		im_fs_label(out.label, sizeof(out.label), p.label, sizeof(p.label));
		uuid_of(&p, out.uuid);
		root = has_root(vol, im_le32(p.root_block.le), block, err);
		if (root == 0)
			root = has_root(vol, im_be32(p.root_block.be), block, err);
		if (root < 0)
			return -1;
	}
	*info = out;
	return got && root && p.root_len >= 34 ? IM_FOUND : IM_DAMAGED;
}

const struct im_fs_type im_fs_iso9660 = {
	.name = "iso9660",
	.probe = probe,
};
