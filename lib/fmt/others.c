/* others.c - formats that we only name: known by one mark, never edited.
 *
 * Their rows say what lies in a partition; whoever needs more asks libblkid. Sources: the headers of the
 * Linux kernel (fs/<name>), ECMA-167 for UDF, SNIA DDF 2.0 for DDF.
 */
#include <string.h>

#include "base/bytes.h"
#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

struct mark {
	const char *name;
	uint64_t off;
	uint32_t len;
	const char *bytes;
};

static const struct mark marks[] = {
	{ "hfsplus", 1024, 4, "H+\0\4" }, { "hfsplus", 1024, 4, "HX\0\5" },
	{ "hpfs", 8192, 8, "\x49\xe8\x95\xf9\xc5\xe9\x53\xfa" },
	{ "ufs", 65536 + 1372, 4, "\x19\x01\x54\x19" }, { "ufs", 8192 + 1372, 4, "\x54\x19\x01\0" },
	{ "bcachefs", 4096 + 24, 16, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81" },
	{ "erofs", 1024, 4, "\xe2\xe1\xf5\xe0" },
	{ "f2fs", 1024, 4, "\x10\x20\xf5\xf2" },
	{ "squashfs", 0, 4, "hsqs" },
	{ "reiserfs", 65536 + 52, 6, "ReIsEr" },
	{ "jfs", 32768, 4, "JFS1" },
	{ "apfs", 32, 4, "NXSB" },
	{ "udf", 32768 + 1, 5, "NSR02" }, { "udf", 32768 + 1, 5, "NSR03" },
	{ "udf", 32768 + 2048 + 1, 5, "NSR02" }, { "udf", 32768 + 2048 + 1, 5, "NSR03" },
	/* two bytes are little: these come last */
	{ "minix", 1024 + 16, 2, "\x7f\x13" }, { "minix", 1024 + 16, 2, "\x8f\x13" },
	{ "minix", 1024 + 16, 2, "\x68\x24" }, { "minix", 1024 + 16, 2, "\x78\x24" },
	{ "minix", 1024 + 24, 2, "\x5a\x4d" },
};

/* Minix' mark is only two bytes: the first inode table must make sense too (blocks before inodes end). */
static bool is_minix(const uint8_t sb[64])
{
	uint16_t inodes = im_get16(sb), zones = im_get16(sb + 2), imap = im_get16(sb + 4), zmap = im_get16(sb + 6);
	uint16_t state = im_get16(sb + 18);

	if (im_get16(sb + 24) == 0x4d5a)		/* version 3 has its own layout */
		return im_get32(sb) && im_get16(sb + 6) && im_get16(sb + 8);
	return inodes && imap && zmap && imap <= 8 && zmap <= 64 && state <= 3 &&
	       (zones || im_get32(sb + 20)) && (uint32_t)imap * 8192 >= inodes;
}

/* UDF's NSR descriptor stands behind a BEA01 one, in the volume recognition sequence from 32768 on. */
static int is_udf(struct im_dev *vol, struct im_error *err)
{
	uint8_t id[6];

	for (uint64_t off = 32768; off < 32768 + 4 * 2048; off += 2048) {
		int got = im_fs_peek(vol, off, id, sizeof(id), err);

		if (got <= 0)
			return got;
		if (memcmp(id + 1, "BEA01", 5) == 0)
			return 1;
	}
	return 0;
}

static int confirm(struct im_dev *vol, const struct mark *m, struct im_error *err)
{
	uint8_t sb[64];
	int got;

	if (strcmp(m->name, "udf") == 0)
		return is_udf(vol, err);
	if (strcmp(m->name, "minix") != 0)
		return 1;
	got = im_fs_peek(vol, 1024, sb, sizeof(sb), err);
	return got <= 0 ? got : is_minix(sb);
}

static int is_ddf(struct im_dev *vol, struct im_error *err)
{
	uint8_t anchor[4];

	if (vol->size < 1024)
		return 0;
	return im_fs_peek(vol, vol->size / 512 * 512 - 512, anchor, sizeof(anchor), err) > 0 &&
	       memcmp(anchor, "\xde\x11\xde\x11", 4) == 0;
}

static int probe(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	uint8_t bytes[16];

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		int got = im_fs_peek(vol, marks[i].off, bytes, marks[i].len, err);

		if (got < 0)
			return -1;
		if (!got || memcmp(bytes, marks[i].bytes, marks[i].len) != 0)
			continue;
		got = confirm(vol, &marks[i], err);
		if (got < 0)
			return -1;
		if (!got)
			continue;
		*info = (struct im_fs_info){ .name = marks[i].name };
		return IM_FOUND;
	}
	if (is_ddf(vol, err)) {
		*info = (struct im_fs_info){ .name = "ddf_raid_member" };
		return IM_FOUND;
	}
	return IM_ABSENT;
}

const struct im_fs_type im_fs_others = { .name = "others", .probe = probe };
