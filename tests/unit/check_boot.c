/* check_boot.c - whose boot code is it, how GRUB lists its sectors, how Windows writes down partitions. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/boot_code.h"
#include "fmt/file_map.h"
#include "fmt/fs.h"
#include "fmt/grub.h"
#include "fmt/regf.h"
#include "fmt/windows_position.h"
#include "run_suite.h"

static uint8_t sector[512];

/* A sector with the mark, code that means nothing, and `text` at `at`. */
static void fill(const char *text, size_t len, size_t at)
{
	memset(sector, 0x90, sizeof(sector));
	memset(sector + 440, 0, 70);
	memcpy(sector + at, text, len);
	im_put16(sector + 510, 0xaa55);
}

/* ---- code ---- */

static const struct sample {
	const char *name;
	enum im_boot_way way;
	const char *text;
	size_t len, at;
} disks[] = {
	{ "unknown", IM_BOOT_UNKNOWN, "", 0, 0 },
	{ "lilo", IM_BOOT_SECTORS, "LILO", 4, 6 },
	{ "isolinux", IM_BOOT_SECTORS, "isolinux.bin missing or corrupt.", 32, 0x110 },
	{ "winiboot", IM_BOOT_TABLE, "WiniBoot v1.0", 13, 0xf8 },
	{ "syslinux", IM_BOOT_TABLE, "\x33\xc0\xfa\x8e\xd8\x8e\xd0\xbc\x00\x7c\x89\xe6\x06\x57\x8e\xc0", 16, 0 },
	{ "table", IM_BOOT_TABLE, "\xbe\xbe\x07", 3, 77 },	/* mov si, 7BEh */
	{ "table", IM_BOOT_TABLE, "\xbd\xbe\x7d", 3, 300 },	/* mov bp, 7DBEh */
	{ "table", IM_BOOT_TABLE, "\xbb\xbe\x01", 3, 437 },	/* mov bx, 1BEh, the last place for it */
	{ "unknown", IM_BOOT_UNKNOWN, "\xbb\xbe\x01", 3, 438 },	/* the rest is the disk's identifier */
	{ "unknown", IM_BOOT_UNKNOWN, "\xbe\xbe\x42", 3, 77 },	/* no place where a boot sector lies */
}, volumes[] = {
	{ "unknown", IM_BOOT_UNKNOWN, "", 0, 0 },
	{ "lilo", IM_BOOT_SECTORS, "LILO", 4, 6 },
	{ "extlinux", IM_BOOT_TABLE, "EXTLINUX", 8, 3 },
	{ "syslinux", IM_BOOT_TABLE, "SYSLINUX", 8, 3 },
	{ "shoelace", IM_BOOT_TABLE, "ShoeLace", 8, 3 },
	{ "syslinux", IM_BOOT_TABLE, "\xfe\x02\xb2\x3e", 4, 0x1f8 },	/* on NTFS its name is not there */
	{ "windows", IM_BOOT_TABLE, "BOOTMGR is missing", 18, 0x180 },
	{ "windows", IM_BOOT_TABLE, "NTLDR is missing", 16, 0x180 },
	{ "message", IM_BOOT_NOTHING, "This is not a bootable disk", 27, 0x77 },
	{ "unknown", IM_BOOT_UNKNOWN, "\xbe\xbe\x07", 3, 77 },	/* a volume has no table */
};

START_TEST(code_is_known)
{
	const struct im_boot_code *code;

	for (size_t i = 0; i < sizeof(disks) / sizeof(*disks); i++) {
		fill(disks[i].text, disks[i].len, disks[i].at);
		code = im_boot_code_of_disk(sector);
		ck_assert_str_eq(code->name, disks[i].name);
		ck_assert_int_eq(code->way, disks[i].way);
	}
	for (size_t i = 0; i < sizeof(volumes) / sizeof(*volumes); i++) {
		fill(volumes[i].text, volumes[i].len, volumes[i].at);
		code = im_boot_code_of_volume(sector, "ext4");
		ck_assert_str_eq(code->name, volumes[i].name);
		ck_assert_int_eq(code->way, volumes[i].way);
	}
}
END_TEST

START_TEST(no_code)
{
	memset(sector, 0, sizeof(sector));
	memset(sector + 440, 0xff, 70);	/* a table is no code */
	ck_assert_str_eq(im_boot_code_of_disk(sector)->name, "none");
	memset(sector, 0x90, sizeof(sector));
	im_put16(sector + 510, 0);	/* without the mark nobody starts it */
	ck_assert_str_eq(im_boot_code_of_volume(sector, "ext4")->name, "none");
	fill("XFSB", 4, 0);
	ck_assert_str_eq(im_boot_code_of_volume(sector, "xfs")->name, "none");
}
END_TEST

START_TEST(both_grubs)
{
	fill("GRUB \0Geom\0Hard Disk\0Read\0 Error", 32, 0x180);
	im_put16(sector + 0x5a, 0x8000);
	ck_assert_str_eq(im_boot_code_of_disk(sector)->name, "grub2");
	ck_assert_int_eq(im_boot_code_of_volume(sector, "fat16")->way, IM_BOOT_GRUB);
	im_put16(sector + 0x5a, 0);
	sector[0x3e] = 3;
	ck_assert_str_eq(im_boot_code_of_disk(sector)->name, "grub");
	ck_assert_int_eq(im_boot_code_of_disk(sector)->way, IM_BOOT_SECTORS);
	sector[0x3e] = 4;
	ck_assert_int_eq(im_boot_code_of_disk(sector)->way, IM_BOOT_UNKNOWN);
}
END_TEST

START_TEST(reading_by_chs)
{
	fill("\xcd\x13", 2, 100);
	ck_assert(im_boot_code_reads_chs(sector));
	memcpy(sector + 90, "\xb4\x42", 2);
	ck_assert(!im_boot_code_reads_chs(sector));
	fill("\xcd\x13", 2, 100);
	memcpy(sector + 90, "\xb8\x00\x42", 3);
	ck_assert(!im_boot_code_reads_chs(sector));
	fill("", 0, 0);
	ck_assert(!im_boot_code_reads_chs(sector));
}
END_TEST

START_TEST(extlinux_records)
{
	fill("EXTLINUX", 8, 3);
	ck_assert(im_boot_code_is_extlinux(sector, "ext4"));
	ck_assert(im_boot_code_is_extlinux(sector, NULL));
	ck_assert(!im_boot_code_is_extlinux(sector, "fat16"));	/* FAT keeps it true itself */
	ck_assert(!im_boot_code_is_extlinux(sector, "ntfs"));
	im_put16(sector + 510, 0);
	ck_assert(!im_boot_code_is_extlinux(sector, "ext4"));
}
END_TEST

/* ---- GRUB ---- */

static unsigned segment;

static void put_list(unsigned i, uint64_t lba, uint16_t n)
{
	uint8_t *p = sector + 0x1f4 - 12 * i;

	im_put64(p, lba);
	im_put16(p + 8, n);
	im_put16(p + 10, (uint16_t)segment);
	segment += n * 32u;
}

/* The first sector of core.img, without lists. */
static void make_diskboot(void)
{
	memset(sector, 0, sizeof(sector));
	memcpy(sector + 0x11c, "loading\0.\0\r\n\0Geom\0Read\0 Error", 30);
	segment = 0x820;
}

START_TEST(grub_lists)
{
	struct im_grub_list lists[IM_GRUB_LISTS_MAX];
	size_t n;

	make_diskboot();
	ck_assert(!im_grub_lists(sector, lists, &n));	/* core.img never is one sector */
	put_list(0, 3647, 1);
	put_list(1, UINT32_MAX + 9ull, 16);
	ck_assert(im_grub_lists(sector, lists, &n));
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(lists[0].sector, 3647);
	ck_assert_uint_eq(lists[0].segment, 0x820);
	ck_assert_uint_eq(lists[1].sector, UINT32_MAX + 9ull);
	ck_assert_uint_eq(lists[1].n, 16);
	ck_assert_uint_eq(lists[1].segment, 0x840);
	sector[0x11c] = 'L';			/* somebody's data, that happens to end like lists */
	ck_assert(!im_grub_lists(sector, lists, &n));
	sector[0x11c] = 'l';
	im_put16(sector + 0x1f4 - 12 + 10, 0x841);	/* a hole in memory */
	ck_assert(!im_grub_lists(sector, lists, &n));
	im_put16(sector + 0x1f4 - 12 + 10, 0x840);
	im_put64(sector + 0x1f4 - 12, UINT64_MAX);
	ck_assert(!im_grub_lists(sector, lists, &n));
	im_put64(sector + 0x1f4 - 12, UINT64_MAX / 512);
	ck_assert(!im_grub_lists(sector, lists, &n));
	make_diskboot();
	for (unsigned i = 0; i < IM_GRUB_LISTS_MAX; i++)
		put_list(i, 5 + i, 1);
	memcpy(sector + 0x90, "loading\0.\0\r\n\0Geom\0Read\0 Error", 30);
	ck_assert(!im_grub_lists(sector, lists, &n));	/* no end */
}
END_TEST

START_TEST(more_grub_lists)
{
	struct im_grub_list lists[IM_GRUB_LISTS_MAX];
	size_t n;

	make_diskboot();
	put_list(0, 9, 59);
	lists[0] = (struct im_grub_list){ 700, 7, 0x820 };
	lists[1] = (struct im_grub_list){ 16, 52, 0x820 + 7 * 32 };
	ck_assert(im_grub_put_lists(sector, 1, lists, 2));
	memset(lists, 0, sizeof(lists));
	ck_assert(im_grub_lists(sector, lists, &n));
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(lists[0].sector, 700);
	ck_assert_uint_eq(lists[1].sector, 16);
	ck_assert_uint_eq(lists[1].segment, 0x820 + 7 * 32);
	/* code where the end of the lists would be, and in the old end */
	for (unsigned at = 0x1f4 - 24; at <= 0x1f4 - 12; at += 12) {
		make_diskboot();
		put_list(0, 9, 59);
		sector[at] = 0x90;
		ck_assert(!im_grub_put_lists(sector, 1, lists, 2));
	}
	make_diskboot();
	put_list(0, 9, 59);
	ck_assert(!im_grub_put_lists(sector, 1, lists, IM_GRUB_LISTS_MAX));
}
END_TEST

/* ---- Windows ---- */

static void make_base(uint32_t first, uint32_t second)
{
	uint32_t sum = 0;

	memset(sector, 0, sizeof(sector));
	memcpy(sector, "regf", 4);
	im_put32(sector + 4, first);
	im_put32(sector + 8, second);
	im_put32(sector + 0x14, 1);
	im_put32(sector + 0x18, 5);
	im_put32(sector + 0x20, 1);
	im_put32(sector + 0x28, 4096);
	for (int i = 0; i < 0x1fc; i += 4)
		sum ^= im_get32(sector + i);
	im_put32(sector + 0x1fc, sum);
}

START_TEST(base_blocks)
{
	const char *why;

	make_base(7, 7);
	ck_assert_int_eq(im_regf_check(sector, 8192, &why), IM_FOUND);
	ck_assert_int_eq(im_regf_check(sector, 8191, &why), IM_DAMAGED);
	ck_assert_ptr_nonnull(strstr(why, "cut off"));
	make_base(8, 7);
	ck_assert_int_eq(im_regf_check(sector, 8192, &why), IM_DAMAGED);
	ck_assert_ptr_nonnull(strstr(why, "dirty"));
	make_base(7, 7);
	sector[0x40] ^= 1;
	ck_assert_int_eq(im_regf_check(sector, 8192, &why), IM_DAMAGED);
	ck_assert_ptr_nonnull(strstr(why, "checksum"));
	sector[0] = 'R';
	ck_assert_int_eq(im_regf_check(sector, 8192, &why), IM_ABSENT);
}
END_TEST

static void put_device(uint8_t *p, uint32_t type, uint64_t offset, uint32_t signature, uint32_t style)
{
	im_put32(p, type);
	im_put32(p + 8, 0x48);
	im_put64(p + 0x10, offset);
	im_put32(p + 0x24, style);
	im_put32(p + 0x28, signature);
}

START_TEST(positions_in_elements)
{
	uint8_t value[300] = { 0 };
	size_t at = 0;

	ck_assert(im_bcd_is_device(0x11000001) && im_bcd_is_device(0x21000001) && im_bcd_is_device(0x31000003));
	ck_assert(!im_bcd_is_device(0x12000004) && !im_bcd_is_device(0x23000003));
	put_device(value + 16, 6, 4096, 0x1234, 1);
	put_device(value + 160, 6, 8192, 0x1234, 1);
	ck_assert(im_bcd_next_position(value, sizeof(value), 0x1234, &at));
	ck_assert_uint_eq(at, 0x20);
	at += 8;
	ck_assert(im_bcd_next_position(value, sizeof(value), 0x1234, &at));
	ck_assert_uint_eq(at, 160 + 0x10);
	at += 8;
	ck_assert(!im_bcd_next_position(value, sizeof(value), 0x1234, &at));
	at = 0;
	ck_assert(!im_bcd_next_position(value, sizeof(value), 0x4321, &at));
	at = 0;
	ck_assert(!im_bcd_next_position(value, 16 + 0x37, 0x1234, &at));	/* cut off */
	ck_assert(im_bcd_next_position(value, 16 + 0x38, 0x1234, &at));
	/* of a GPT, of another kind, in no sector */
	put_device(value + 16, 6, 4096, 0x1234, 0);
	at = 0;
	ck_assert(im_bcd_next_position(value, sizeof(value), 0x1234, &at));
	ck_assert_uint_eq(at, 160 + 0x10);
	put_device(value + 16, 5, 4096, 0x1234, 1);
	put_device(value + 160, 6, 8191, 0x1234, 1);
	at = 0;
	ck_assert(!im_bcd_next_position(value, sizeof(value), 0x1234, &at));
	ck_assert(im_windows_may_name(value, sizeof(value), 0x1234, 4096));
	ck_assert(!im_windows_may_name(value, sizeof(value), 0x1234, 12345));
}
END_TEST

START_TEST(positions_of_letters)
{
	uint8_t value[13] = { 0x34, 0x12, 0, 0, 0, 0x10 };
	size_t at;

	ck_assert(im_mounted_position(value, 12, 0x1234, &at));
	ck_assert_uint_eq(at, 4);
	ck_assert(!im_mounted_position(value, 13, 0x1234, &at));
	ck_assert(!im_mounted_position(value, 11, 0x1234, &at));
	ck_assert(!im_mounted_position(value, 12, 0x1235, &at));
}
END_TEST

/* ---- files in pieces ---- */

START_TEST(file_maps)
{
	struct im_file_map map = { .size = 700, .valid = 700 };
	struct im_dev *vol = im_dev_mem(4096, 512, NULL);
	uint8_t got[700];
	uint64_t left;

	ck_assert_ptr_nonnull(vol);
	for (int i = 0; i < 4096; i++)
		im_dev_mem_bytes(vol)[i] = (uint8_t)(i / 16);
	ck_assert_int_eq(im_file_map_add(&map, 1024, 256, NULL), 0);
	ck_assert_int_eq(im_file_map_add(&map, 1280, 256, NULL), 0);	/* joins */
	ck_assert_int_eq(im_file_map_add(&map, 0, 256, NULL), 0);
	ck_assert_uint_eq(map.pieces.n, 2);
	ck_assert_uint_eq(im_file_map_at(&map, 511, &left), 1535);
	ck_assert_uint_eq(left, 1);
	ck_assert_uint_eq(im_file_map_at(&map, 512, &left), 0);
	ck_assert_uint_eq(left, 256);
	ck_assert_uint_eq(im_file_map_at(&map, 768, &left), UINT64_MAX);
	ck_assert_uint_eq(left, 0);
	ck_assert_int_eq(im_file_map_read(&map, vol, 0, got, 700, NULL), 0);
	ck_assert_mem_eq(got, im_dev_mem_bytes(vol) + 1024, 512);
	ck_assert_mem_eq(got + 512, im_dev_mem_bytes(vol), 188);
	ck_assert_int_eq(im_file_map_read(&map, vol, 100, got, 700, NULL), -1);
	im_file_map_free(&map);
	im_dev_close(vol);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("boot");
	TCase *t = tcase_create("boot");

	tcase_add_test(t, code_is_known);
	tcase_add_test(t, no_code);
	tcase_add_test(t, both_grubs);
	tcase_add_test(t, reading_by_chs);
	tcase_add_test(t, extlinux_records);
	tcase_add_test(t, grub_lists);
	tcase_add_test(t, more_grub_lists);
	tcase_add_test(t, base_blocks);
	tcase_add_test(t, positions_in_elements);
	tcase_add_test(t, positions_of_letters);
	tcase_add_test(t, file_maps);
	suite_add_tcase(s, t);
	return run_suite(s);
}
