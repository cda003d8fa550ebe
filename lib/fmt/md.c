/* md.c - members of Linux software RAID, recognised only.
 *
 * Sources: the kernel's include/uapi/linux/raid/md_p.h, and super_90_load() and super_1_load() in
 * drivers/md/md.c. Version 1.1 has its superblock at 0, 1.2 at 4096, 1.0 and 0.90 near the end:
 * there the last partition and the whole disk can both seem to own it, so a superblock which says
 * that it lies elsewhere, or which covers more than this volume, is another volume's.
 */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

#define MAGIC 0xa92b4efcu
#define SECTOR 512u
#define SUPER1_MAX 4096u
#define SUPER1_TAIL 8192u
#define SUPER0_ALIGN 65536u
#define SUPER0_DISKS 27u

struct md_super1 {
	le32 magic;		/* 0 */
	le32 major;		/* 4 */
	le32 features;		/* 8 */
	le32 pad;		/* 12 */
	uint8_t uuid[16];	/* 16 */
	uint8_t name[32];	/* 32 */
	le64 ctime;		/* 64 */
	le32 level, layout;	/* 72 */
	le64 size;		/* 80 sectors */
	le32 chunk, disks;	/* 88 */
	uint8_t reshape[32];	/* 96 */
	le64 data_offset;	/* 128 sectors */
	le64 data_size;		/* 136 sectors */
	le64 super_offset;	/* 144 sectors */
	uint8_t device[64];	/* 152 */
	le32 checksum;		/* 216 */
	le32 max_devices;	/* 220 16-bit roles that follow the header */
	uint8_t pad2[32];	/* 224 */
};

static_assert(sizeof(struct md_super1) == 256, "a version 1 superblock has 256 bytes before its roles");
static_assert(offsetof(struct md_super1, data_offset) == 128, "data offset at 128");
static_assert(offsetof(struct md_super1, checksum) == 216, "checksum at 216");

/* The sum of the little-endian words of len bytes (a last half word counts), its carry added in. */
static uint32_t checksum1(const uint8_t *raw, size_t len)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i + 4 <= len; i += 4)
		if (i != offsetof(struct md_super1, checksum))
			sum += im_get32(raw + i);
	if (i < len)
		sum += im_get16(raw + i);
	return (uint32_t)sum + (uint32_t)(sum >> 32);
}

/* A version 1 superblock at off: enum im_probe or -1. */
static int probe1(struct im_dev *vol, uint64_t off, bool is_at_end, struct im_fs_info *info, struct im_error *err)
{
	uint8_t raw[SUPER1_MAX];
	const struct md_super1 *s = (const void *)raw;
	uint64_t roles, end;
	int got = im_fs_peek(vol, off, raw, sizeof(*s), err);

	if (got <= 0)
		return got < 0 ? -1 : IM_ABSENT;
	if (im_le32(s->magic) != MAGIC || im_le32(s->major) != 1 || im_le64(s->super_offset) != off / SECTOR)
		return IM_ABSENT;
	im_fs_uuid(info->uuid, s->uuid);
	im_fs_label(info->label, sizeof(info->label), s->name, sizeof(s->name));
	roles = (uint64_t)im_le32(s->max_devices) * 2;
	if (roles > sizeof(raw) - sizeof(*s))
		return IM_DAMAGED;
	got = im_fs_peek(vol, off + sizeof(*s), raw + sizeof(*s), roles, err);
	if (got <= 0)
		return got < 0 ? -1 : IM_DAMAGED;
	if (checksum1(raw, sizeof(*s) + roles) != im_le32(s->checksum) ||
	    !im_add(im_le64(s->data_offset), im_le64(s->data_size), &end) || end > INT64_MAX / SECTOR)
		return IM_DAMAGED;
	/* the smallest member whose superblock is there: 1.0 leaves it the last 8 KiB */
	info->size = is_at_end ? off + SUPER1_TAIL : end * SECTOR;
	return IM_FOUND;
}

/* Version 0.90 is written in the byte order of its host: word i of it. */
static uint32_t word0(const uint8_t *raw, unsigned i, bool is_big)
{
	return is_big ? im_get32be(raw + 4 * i) : im_get32(raw + 4 * i);
}

static int probe0(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	static const unsigned id[4] = { 5, 13, 14, 15 };	/* words of the identifier */
	uint64_t end = vol->size - vol->size % SUPER0_ALIGN, off = end - SUPER0_ALIGN;
	uint8_t raw[64], uuid[16];
	bool is_big;
	int got;

	if (end < SUPER0_ALIGN)
		return IM_ABSENT;
	got = im_fs_peek(vol, off, raw, sizeof(raw), err);
	if (got <= 0)
		return got < 0 ? -1 : IM_ABSENT;
	is_big = im_get32(raw) != MAGIC;
	if (word0(raw, 0, is_big) != MAGIC || word0(raw, 1, is_big) != 0 || word0(raw, 2, is_big) < 90 ||
	    word0(raw, 2, is_big) > 91 || (uint64_t)word0(raw, 8, is_big) * 1024 > off)
		return IM_ABSENT;
	for (int i = 0; i < 4; i++) {
		uint32_t v = word0(raw, id[i], is_big);

		for (int k = 0; k < 4; k++)
			uuid[4 * i + k] = (uint8_t)(v >> (24 - 8 * k));
	}
	im_fs_uuid(info->uuid, uuid);
	info->size = end;
	return word0(raw, 9, is_big) <= SUPER0_DISKS && word0(raw, 10, is_big) <= SUPER0_DISKS ? IM_FOUND : IM_DAMAGED;
}

static int probe(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	uint64_t sectors = vol->size / SECTOR;
	int best = IM_ABSENT;

	for (int version = 0; version < 4 && best != IM_FOUND; version++) {
		struct im_fs_info out = { .name = "md" };
		int got = IM_ABSENT;

		if (version == 0)
			got = probe1(vol, 0, false, &out, err);
		else if (version == 1)
			got = probe1(vol, 4096, false, &out, err);
		else if (version == 2 && sectors >= 24)
			got = probe1(vol, (sectors - SUPER1_TAIL / SECTOR) / 8 * 8 * SECTOR, true, &out, err);
		else if (version == 3)
			got = probe0(vol, &out, err);
		if (got < 0)
			return -1;
		if (got == IM_FOUND || (got == IM_DAMAGED && best == IM_ABSENT)) {
			*info = out;
			best = got;
		}
	}
	return best;
}

const struct im_fs_type im_fs_md = {
	.name = "md",
	.probe = probe,
};
