/* check_fat_reserve.c - boot sectors with more reserved sectors, and what is thought of their boot code. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crashdev.h"
#include "fmt/fat.h"
#include "fmt/fs_types.h"
#include "run_suite.h"

struct shape {
	int kind;
	uint16_t sector, reserved;
	uint32_t total, fat_size;	/* sectors */
	uint16_t backup;		/* FAT32: sector, 0: none */
};

static const struct shape shapes[] = {
	{ 12, 512, 1, 2880, 9, 0 }, { 12, 512, 15, 4000, 12, 0 }, { 12, 4096, 1, 2880, 2, 0 }, { 12, 1024, 3, 2880, 5, 0 },
	{ 16, 512, 1, 8192, 32, 0 }, { 16, 512, 4, 60000, 240, 0 }, { 16, 2048, 2, 8192, 8, 0 },
	{ 32, 512, 2, 2048, 16, 0 }, { 32, 512, 7, 2048, 16, 6 }, { 32, 512, 4, 2048, 16, 2 }, { 32, 4096, 1, 2048, 2, 0 },
	{ 32, 1024, 3, 2048, 8, 2 },
};

#define SHAPES (int)(sizeof(shapes) / sizeof(shapes[0]))

static struct im_dev *dev;
static uint8_t *boot;

/* The volume, with its total in 32 bits and hidden sectors 63. */
static void make(const struct shape *s)
{
	unsigned extended = s->kind == 32 ? 0x42 : 0x26;
	uint8_t *fat;

	dev = im_dev_mem((uint64_t)s->total * s->sector, 512, NULL);
	ck_assert_ptr_nonnull(dev);
	boot = im_dev_mem_bytes(dev);
	memcpy(boot, s->kind == 32 ? "\xeb\x58\x90TESTFAT " : "\xeb\x3c\x90TESTFAT ", 11);
	im_put16(boot + 0x0b, s->sector);
	boot[0x0d] = 1;
	im_put16(boot + 0x0e, s->reserved);
	boot[0x10] = 2;
	boot[0x15] = 0xf8;
	im_put32(boot + 0x1c, 63);
	im_put32(boot + 0x20, s->total);
	boot[extended] = 0x29;
	memcpy(boot + extended + 5, "NO NAME    FAT     ", 19);
	if (s->kind == 32) {
		im_put32(boot + 0x24, s->fat_size);
		im_put32(boot + 0x2c, 2);
		im_put16(boot + 0x30, 1);
		im_put16(boot + 0x32, s->backup);
	} else {
		im_put16(boot + 0x11, 224);
		im_put16(boot + 0x16, (uint16_t)s->fat_size);
	}
	im_put16(boot + 510, 0xaa55);
	fat = boot + s->reserved * s->sector;
	memcpy(fat, s->kind == 32 ? "\xf8\xff\xff\x0f" : "\xf8\xff\xff\xff", 4);
	if (s->backup)
		memcpy(boot + s->backup * s->sector, boot, s->sector);
}

static struct im_fs_info look(void)
{
	struct im_fs_info found[4];
	const struct im_fs_type *types[4];

	ck_assert_int_eq(im_fs_probe(dev, found, types, 4, NULL), 1);
	ck_assert_int_eq(found[0].state, IM_FOUND);
	return found[0];
}

/* The edit at byte off of the new volume; NULL when there is none. */
static const uint8_t *edit_at(const struct im_fs_edits *edits, uint64_t off)
{
	for (size_t i = 0; i < edits->list.n; i++)
		if (edits->list.v[i].off == off)
			return edits->list.v[i].data;
	return NULL;
}

static void lacks(const struct shape *s, struct im_fs_edits *edits)
{
	uint32_t sectors = (8192u + s->sector - 1) / s->sector - s->reserved;
	struct im_fs_info info = look();
	struct im_error err = { 0 };

	ck_assert_msg(im_fat_reserve(dev, &info, sectors, 2048, edits, &err) == 0, "%s", err.message);
}

/* Only the counts change, and they describe the old volume behind a longer reserved area. */
START_TEST(keeps_the_volume)
{
	const struct shape *s = &shapes[_i];
	struct im_fat_geometry old, new;
	struct im_fs_edits edits = { 0 };
	uint32_t lack = (8192u + s->sector - 1) / s->sector - s->reserved;
	const uint8_t *sector;

	make(s);
	lacks(s, &edits);
	sector = edit_at(&edits, 0);
	ck_assert_ptr_nonnull(sector);
	ck_assert(edits.list.v[edits.list.n - 1].off == 0);	/* the backup is written first */
	ck_assert(im_fat_decode((const struct im_bpb *)boot, &old) && im_fat_decode((const struct im_bpb *)sector, &new));
	ck_assert_uint_eq(new.reserved, old.reserved + lack * s->sector);
	ck_assert_uint_ge(new.reserved, 8192);
	ck_assert_uint_eq(new.clusters, old.clusters);
	ck_assert_uint_eq(new.data - old.data, new.reserved - old.reserved);
	ck_assert_uint_eq(new.size - old.size, new.reserved - old.reserved);
	ck_assert_uint_eq(im_get32(sector + 0x1c), 2048);
	for (unsigned i = 0; i < s->sector; i++)
		if (i != 0x0e && i != 0x0f && (i < 0x1c || i > 0x23) && (s->kind != 32 || i != 0x32))
			ck_assert_uint_eq(sector[i], boot[i]);
	im_fs_edits_free(&edits);
	im_dev_close(dev);
}
END_TEST

/* FAT32's backup stays where it was; where there was no room for one, it comes to sector 6 if that is new. */
START_TEST(keeps_the_backup)
{
	const struct shape *s = &shapes[_i];
	struct im_fs_edits edits = { 0 };
	uint32_t reserved = (8192u + s->sector - 1) / s->sector;
	uint16_t want = s->kind != 32 ? 0 : s->backup ? s->backup : reserved > 6 ? 6 : 0;
	const uint8_t *copy;

	make(s);
	lacks(s, &edits);
	ck_assert_uint_eq(edits.list.n, want ? 2 : 1);
	if (want) {
		copy = edit_at(&edits, (uint64_t)want * s->sector);
		ck_assert_ptr_nonnull(copy);
		ck_assert_mem_eq(copy, edit_at(&edits, 0), s->sector);
		ck_assert_uint_eq(im_get16(copy + 0x32), want);
	}
	im_fs_edits_free(&edits);
	im_dev_close(dev);
}
END_TEST

/* A backup that is no copy, or that would lie in a FAT, is made from the primary; else its own bytes stay. */
START_TEST(mends_the_backup)
{
	static const struct shape lost = { 32, 512, 4, 2048, 16, 2 };
	struct im_fs_edits edits = { 0 };

	make(&lost);
	boot[1024 + 0x41] = 1;		/* the dirty byte: may differ */
	lacks(&lost, &edits);
	ck_assert_uint_eq(edit_at(&edits, 1024)[0x41], 1);
	im_fs_edits_free(&edits);
	boot[1024 + 100] ^= 1;
	lacks(&lost, &edits);
	ck_assert_mem_eq(edit_at(&edits, 1024), edit_at(&edits, 0), 512);
	im_fs_edits_free(&edits);
	im_put16(boot + 0x32, 9);	/* not reserved so far */
	lacks(&lost, &edits);
	ck_assert_mem_eq(edit_at(&edits, 9 * 512), edit_at(&edits, 0), 512);
	im_fs_edits_free(&edits);
	im_dev_close(dev);
}
END_TEST

/* Set the counts of sectors, ask for 15 sectors more, and look at both fields. */
static int counted(uint16_t in16, uint32_t in32, uint16_t *out16, uint32_t *out32)
{
	struct im_fs_info info = { .has_hidden = true, .sector_size = 512 };
	struct im_fs_edits edits = { 0 };
	struct im_error err = { 0 };
	int rc;

	im_put16(boot + 0x13, in16);
	im_put32(boot + 0x20, in32);
	rc = im_fat_reserve(dev, &info, 15, 0, &edits, &err);
	if (rc < 0) {
		ck_assert_int_eq(err.code, IM_EREFUSED);
		ck_assert(err.message[0] && !edits.list.n);
	} else {
		*out16 = im_get16(edit_at(&edits, 0) + 0x13);
		*out32 = im_get32(edit_at(&edits, 0) + 0x20);
	}
	im_fs_edits_free(&edits);
	return rc;
}

START_TEST(counts_in_16_and_32_bits)
{
	static const struct shape s = { 16, 512, 1, 8192, 256, 0 };
	uint16_t out16;
	uint32_t out32;

	make(&s);
	boot[0x0d] = 1;
	ck_assert_int_eq(counted(8192, 0, &out16, &out32), 0);
	ck_assert(out16 == 8207 && out32 == 0);
	ck_assert_int_eq(counted(8192, 8192, &out16, &out32), 0);
	ck_assert(out16 == 8207 && out32 == 8207);
	ck_assert_int_eq(counted(65520, 0, &out16, &out32), 0);
	ck_assert(out16 == 65535 && out32 == 0);
	ck_assert_int_eq(counted(65521, 0, &out16, &out32), 0);
	ck_assert(out16 == 0 && out32 == 65536);
	boot[0x26] = 0;			/* as before DOS 4: code may be where the 32 bits are */
	ck_assert_int_eq(counted(65521, 0, &out16, &out32), -1);
	boot[0x26] = 0x29;
	boot[0x0d] = 128;
	im_put16(boot + 0x16, 65535);
	ck_assert_int_eq(counted(0, 8000000, &out16, &out32), 0);
	ck_assert(out16 == 0 && out32 == 8000015);
	im_dev_close(dev);

	/* FAT32 up to the last sector that 32 bits can count, and with 64 bits */
	make(&shapes[7]);
	boot[0x0d] = 128;
	im_put32(boot + 0x24, 0x40000);
	ck_assert_int_eq(counted(0, UINT32_MAX - 15, &out16, &out32), 0);
	ck_assert(out16 == 0 && out32 == UINT32_MAX);
	ck_assert_int_eq(counted(0, UINT32_MAX - 14, &out16, &out32), -1);
	memset(boot + 0x42, 0, 24);
	im_put64(boot + 0x52, (uint64_t)1 << 33);
	ck_assert_int_eq(counted(0, 0, &out16, &out32), 0);
	ck_assert(out16 == 0 && out32 == 0);
	im_dev_close(dev);
}
END_TEST

START_TEST(refuses)
{
	struct im_fs_edits edits = { 0 };
	struct im_error err = { 0 };
	struct im_fs_info info;

	make(&shapes[0]);
	info = look();
	ck_assert_int_eq(im_fat_reserve(dev, &info, 65535, 0, &edits, &err), -1);
	ck_assert_int_eq(im_fat_reserve(dev, &info, UINT32_MAX, 0, &edits, &err), -1);
	ck_assert_int_eq(im_fat_reserve(dev, &info, 15, (uint64_t)UINT32_MAX + 1, &edits, &err), -1);
	ck_assert_int_eq(err.code, IM_EREFUSED);
	boot[0x0d] = 3;
	ck_assert_int_eq(im_fat_reserve(dev, &info, 15, 0, &edits, &err), -1);
	ck_assert_int_eq(err.code, IM_EFORMAT);
	ck_assert_uint_eq(edits.list.n, 0);
	im_dev_close(dev);
}
END_TEST

/* Whatever a boot sector says: refused, or the same volume with a longer reserved area. */
START_TEST(absurd_boot_sectors)
{
	const struct shape *s = &shapes[_i];
	uint64_t seed = 77 + (uint64_t)_i;

	make(s);
	for (int i = 0; i < 20000; i++) {
		struct im_fs_info info = { .has_hidden = true, .has_backup = im_random(&seed) % 2, .sector_size = 512 };
		struct im_fs_edits edits = { 0 };
		struct im_fat_geometry old, new;
		struct im_error err = { 0 };
		uint32_t sectors = (uint32_t)(im_random(&seed) % 3 ? im_random(&seed) % 40 : im_random(&seed));
		uint8_t kept[512];
		int rc;

		memcpy(kept, boot, sizeof(kept));
		for (uint64_t k = im_random(&seed) % 6; k > 0; k--)
			boot[0x0b + im_random(&seed) % 0x50] = (uint8_t)(im_random(&seed) % 3 ? im_random(&seed) : 255);
		rc = im_fat_reserve(dev, &info, sectors, im_random(&seed) % 5000, &edits, &err);
		if (rc == 0) {
			ck_assert(im_fat_decode((const struct im_bpb *)boot, &old));
			ck_assert(im_fat_decode((const struct im_bpb *)edit_at(&edits, 0), &new));
			ck_assert(new.clusters == old.clusters && new.kind == old.kind && new.root_size == old.root_size);
			ck_assert_uint_eq(new.reserved, old.reserved + (uint64_t)sectors * old.sector);
		} else {
			ck_assert(err.code && err.message[0]);
		}
		im_fat_code_of((const struct im_bpb *)boot);
		im_fs_edits_free(&edits);
		memcpy(boot, kept, sizeof(kept));
	}
	im_dev_close(dev);
}
END_TEST

/* ---- boot code */

static enum im_fat_code code_of(int kind, size_t at, const void *code, size_t len)
{
	enum im_fat_code found;

	make(kind == 32 ? &shapes[7] : &shapes[4]);
	memcpy(boot + at, code, len);
	found = im_fat_code_of((const struct im_bpb *)boot);
	im_dev_close(dev);
	return found;
}

static const uint8_t mkfs_stub[] = {
	0x0e, 0x1f, 0xbe, 0x5b, 0x7c, 0xac, 0x22, 0xc0, 0x74, 0x0b, 0x56, 0xb4, 0x0e, 0xbb, 0x07, 0x00, 0xcd, 0x10, 0x5e,
	0xeb, 0xf0, 0x32, 0xe4, 0xcd, 0x16, 0xcd, 0x19, 0xeb, 0xfe, 'T', 'h', 'i', 's', ' ', 'i', 's', ' ', 'n', 'o', 't',
};
static const uint8_t mformat_stub[] = {
	0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0xfc, 0xb9, 0x00, 0x01, 0xbe, 0x00, 0x7c, 0xbf, 0x00, 0x80, 0xf3, 0xa5, 0xea,
	0x56, 0x00, 0x00, 0x08, 0xb8, 0x01, 0x02, 0xbb, 0x00, 0x7c, 0xba, 0x80, 0x00, 0xb9, 0x01, 0x00, 0xcd, 0x13, 0x72, 0x05,
	0xea, 0x00, 0x7c, 0x00, 0x00, 0xcd, 0x19,
};
/* reads sector 5 of the first hard disk and jumps to it */
static const uint8_t fixed_sector[] = {
	0xb8, 0x01, 0x02, 0xbb, 0x00, 0x7e, 0xb9, 0x05, 0x00, 0xba, 0x80, 0x00, 0xcd, 0x13, 0xea, 0x00, 0x7e, 0x00, 0x00,
};

START_TEST(knows_boot_code)
{
	static const char *const loaders[] = {
		"NTLDR      ", "BOOTMGR    ", "IO      SYSMSDOS   SYS", "KERNEL  SYS", "WINBOOT SYS",
	};
	uint8_t stub[sizeof(mkfs_stub)];

	ck_assert_int_eq(code_of(16, 0x3e, "", 0), IM_FAT_CODE_NONE);
	ck_assert_int_eq(code_of(32, 0x5a, "", 0), IM_FAT_CODE_NONE);
	ck_assert_int_eq(code_of(16, 0x3e, mkfs_stub, sizeof(mkfs_stub)), IM_FAT_CODE_NONE);
	ck_assert_int_eq(code_of(16, 0x3e, mformat_stub, sizeof(mformat_stub)), IM_FAT_CODE_NONE);
	memcpy(stub, mkfs_stub, sizeof(stub));
	stub[3] = 0x77;			/* the text's address on FAT32 */
	ck_assert_int_eq(code_of(32, 0x5a, stub, sizeof(stub)), IM_FAT_CODE_NONE);
	for (size_t i = 0; i < sizeof(mkfs_stub); i++) {
		if (i == 3 || i == 4)
			continue;
		memcpy(stub, mkfs_stub, sizeof(stub));
		stub[i] ^= 0x40;
		ck_assert_int_eq(code_of(16, 0x3e, stub, sizeof(stub)), i < 29 ? IM_FAT_CODE_UNKNOWN : IM_FAT_CODE_NONE);
	}
	for (size_t i = 0; i < sizeof(loaders) / sizeof(loaders[0]); i++) {
		ck_assert_int_eq(code_of(16, 510 - strlen(loaders[i]), loaders[i], strlen(loaders[i])), IM_FAT_CODE_BPB);
		ck_assert_int_eq(code_of(32, 0x5a, loaders[i], strlen(loaders[i])), IM_FAT_CODE_BPB);
	}
	ck_assert_int_eq(code_of(16, 3, "SYSLINUX", 8), IM_FAT_CODE_SYSLINUX);
	ck_assert_int_eq(code_of(32, 400, "LDLINUX SYS", 11), IM_FAT_CODE_SYSLINUX);
	ck_assert_int_eq(code_of(16, 0x3e, fixed_sector, sizeof(fixed_sector)), IM_FAT_CODE_UNKNOWN);
	ck_assert_int_eq(code_of(32, 0x5a, fixed_sector, sizeof(fixed_sector)), IM_FAT_CODE_UNKNOWN);
	ck_assert_int_eq(code_of(16, 509, "\x90", 1), IM_FAT_CODE_UNKNOWN);
	/* code of a parameter block of DOS 2 begins at 0x1E */
	ck_assert_int_eq(code_of(16, 1, "\x1c", 1), IM_FAT_CODE_UNKNOWN);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("fat_reserve");
	TCase *c = tcase_create("fat_reserve");

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, keeps_the_volume, 0, SHAPES);
	tcase_add_loop_test(c, keeps_the_backup, 0, SHAPES);
	tcase_add_test(c, mends_the_backup);
	tcase_add_test(c, counts_in_16_and_32_bits);
	tcase_add_test(c, refuses);
	tcase_add_loop_test(c, absurd_boot_sectors, 0, SHAPES);
	tcase_add_test(c, knows_boot_code);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
