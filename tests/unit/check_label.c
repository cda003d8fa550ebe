/* check_label.c - other partition maps by magic and checksum, and containers by their marks. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/label.h"
#include "run_suite.h"

#define SIZE (64u << 10)

static uint8_t *b;
static struct im_dev *dev;

static void make_dev(void)
{
	dev = im_dev_mem(SIZE, 512, NULL);
	ck_assert_ptr_nonnull(dev);
	b = im_dev_mem_bytes(dev);
}

static void close_dev(void)
{
	im_dev_close(dev);
}

static void put16be(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32be(uint8_t *p, uint32_t v)
{
	put16be(p, (uint16_t)(v >> 16));
	put16be(p + 2, (uint16_t)v);
}

static void expect_label(const char *want)
{
	struct im_error err = { 0 };
	const char *name = im_label_name(dev, &err);

	ck_assert_int_eq(err.code, IM_OK);
	ck_assert_msg(!name == !want && (!name || !strcmp(name, want)), "\"%s\", not \"%s\"", name ? name : "",
		      want ? want : "");
}

/* ---- labels ---- */

START_TEST(no_label)
{
	expect_label(NULL);
	memset(b, 0xff, SIZE);
	expect_label(NULL);
	b[510] = 0x55;
	b[511] = 0xaa;
	expect_label(NULL);
}
END_TEST

START_TEST(sun)
{
	uint16_t sum = 0;

	memcpy(b, "SUN2.1G cyl 2733 alt 2 hd 19 sec 80", 35);
	put16be(b + 508, 0xdabe);
	for (int i = 0; i < 510; i += 2)
		sum ^= im_get16be(b + i);
	put16be(b + 510, sum);
	expect_label("sun");
	b[100] ^= 1;
	expect_label(NULL);
}
END_TEST

START_TEST(sgi)
{
	uint32_t sum = 0;

	put32be(b, 0x0be5a941);
	memcpy(b + 8, "/unix", 5);
	for (int i = 0; i < 512; i += 4)
		sum += im_get32be(b + i);
	put32be(b + 504, 0u - sum);
	expect_label("sgi");
	b[508] ^= 1;
	expect_label(NULL);
}
END_TEST

START_TEST(bsd)
{
	static const int places[] = { 512, 64, 0 };

	im_put32(b + places[_i], 0x82564557);
	expect_label(NULL);		/* both magics are needed */
	im_put32(b + places[_i] + 132, 0x82564557);
	expect_label("bsd");
	b[places[_i] + 1] ^= 1;
	expect_label(NULL);
}
END_TEST

START_TEST(mac)
{
	memcpy(b, "ER", 2);
	put16be(b + 2, 512);
	expect_label(NULL);		/* a descriptor without a map */
	memcpy(b + 512, "PM", 2);
	expect_label("mac");
	memset(b + 512, 0, 2);
	put16be(b + 2, 2048);
	memcpy(b + 2048, "PM", 2);
	expect_label("mac");
	for (unsigned block = 0; block < 65536; block += 85) {	/* any block size is safe */
		put16be(b + 2, (uint16_t)block);
		expect_label(NULL);
	}
}
END_TEST

/* A rigid disk block in sector s. */
static void put_rdb(int s, uint32_t words)
{
	uint8_t *p = b + 512 * s;
	uint32_t sum = 0;

	memcpy(p, "RDSK", 4);
	put32be(p + 4, words);
	put32be(p + 8, 0);
	for (uint32_t i = 0; i < words && i < 128; i++)
		sum += im_get32be(p + 4 * i);
	put32be(p + 8, 0u - sum);
}

START_TEST(amiga)
{
	put_rdb(_i, 64);
	expect_label(_i < 16 ? "amiga" : NULL);
	b[512 * _i + 20] ^= 1;
	expect_label(NULL);
	b[512 * _i + 20] ^= 1;
	put_rdb(_i, 128);
	expect_label(_i < 16 ? "amiga" : NULL);
	put_rdb(_i, 129);
	expect_label(NULL);
	put_rdb(_i, 0);
	expect_label(NULL);
	put_rdb(_i, 0xffffffff);
	expect_label(NULL);
}
END_TEST

START_TEST(labels_of_short_images)
{
	memset(b, 0xff, SIZE);
	put_rdb(1, 128);
	for (uint64_t len = 0; len < 2048; len += 128) {
		struct im_error err = { 0 };
		struct im_dev *cut = im_dev_window(dev, 0, len, NULL);
		const char *name = im_label_name(cut, &err);

		ck_assert_int_eq(err.code, IM_OK);
		ck_assert_int_eq(name != NULL, len >= 1024);
		ck_assert_ptr_null(im_container_name(cut, &err));
		ck_assert_int_eq(err.code, IM_OK);
		im_dev_close(cut);
	}
}
END_TEST

/* ---- containers ---- */

#define MAGIC(text) sizeof(text) - 1, text

static const struct {
	const char *name, *title;
	size_t off, len;
	const char *magic;
} marks[] = {
	{ "qcow2", "qcow2", 0, MAGIC("QFI\xfb\0\0\0\3") },
	{ "qed", "QED", 0, MAGIC("QED\0") },
	{ "vpc", "VHD", 0, MAGIC("conectix\0\0\0\2") },
	{ "vhdx", "VHDX", 0, MAGIC("vhdxfile") },
	{ "vmdk", "VMDK", 0, MAGIC("KDMV\1\0\0\0") },
	{ "vmdk", "VMDK", 0, MAGIC("COWD\1\0\0\0") },
	{ "vmdk", "VMDK", 0, MAGIC("# Disk DescriptorFile\nversion=1\n") },
	{ "vdi", "VDI", 0x40, MAGIC("\x7f\x10\xda\xbe") },
	{ "parallels", "Parallels", 0, MAGIC("WithoutFreeSpace") },
	{ "parallels", "Parallels", 0, MAGIC("WithouFreSpacExt") },
	{ "ewf", "EWF (EnCase)", 0, MAGIC("EVF\x09\x0d\x0a\xff\0") },
	{ "ewf", "EWF (EnCase)", 0, MAGIC("LVF\x09\x0d\x0a\xff\0") },
	{ "ewf", "EWF (EnCase)", 0, MAGIC("EVF2\x0d\x0a\x81\0") },
	{ "aff", "AFF", 0, MAGIC("AFF10\x0d\x0a\0") },
	{ "gzip", "gzip", 0, MAGIC("\x1f\x8b\x08") },
	{ "xz", "xz", 0, MAGIC("\xfd\x37zXZ\0") },
	{ "zstd", "zstd", 0, MAGIC("\x28\xb5\x2f\xfd") },
	{ "bzip2", "bzip2", 0, MAGIC("BZh91AY&SY") },
	{ "bzip2", "bzip2", 0, MAGIC("BZh11AY&SY") },
	{ "7z", "7z", 0, MAGIC("7z\xbc\xaf\x27\x1c") },
	{ "dmg", "DMG", SIZE - 512, MAGIC("koly\0\0\0\4\0\0\2\0") },
	{ "vpc", "VHD", SIZE - 512, MAGIC("conectix\0\0\0\2") },
	{ "vpc", "VHD", SIZE - 511, MAGIC("conectix\0\0\0\2") },
};

#define MARKS (int)(sizeof(marks) / sizeof(*marks))

START_TEST(container)
{
	struct im_error err = { 0 };
	const char *name;

	ck_assert_ptr_null(im_container_name(dev, &err));
	memcpy(b + marks[_i].off, marks[_i].magic, marks[_i].len);
	name = im_container_name(dev, &err);
	ck_assert_msg(name != NULL, "%s was not seen", marks[_i].name);
	ck_assert_str_eq(name, marks[_i].name);
	ck_assert_str_eq(im_container_title(name), marks[_i].title);
	dev->is_block = true;		/* what is in a block device is raw */
	ck_assert_ptr_null(im_container_name(dev, &err));
	dev->is_block = false;
	b[marks[_i].off + 2] ^= 0x20;
	if (strcmp(marks[_i].name, "bzip2") != 0)
		ck_assert_ptr_null(im_container_name(dev, &err));
	ck_assert_int_eq(err.code, IM_OK);
}
END_TEST

START_TEST(fixed_vhd)
{
	ck_assert(!im_container_is_fixed_vhd(dev, NULL));
	memcpy(b + SIZE - 512 + _i, "conectix", 8);
	ck_assert(im_container_is_fixed_vhd(dev, NULL));
	memcpy(b, "conectix", 8);	/* a dynamic one has a copy in front */
	ck_assert(!im_container_is_fixed_vhd(dev, NULL));
	memcpy(b, "vhdxfile", 8);
	ck_assert(!im_container_is_fixed_vhd(dev, NULL));
}
END_TEST

/* A disk is no container for holding a mark elsewhere. */
START_TEST(marks_elsewhere)
{
	for (size_t off = 1; off < 4096; off += 509)
		memcpy(b + off, "QFI\xfb""conectix", 12);
	memcpy(b + SIZE - 1024, "conectix", 8);
	memcpy(b + SIZE - 510, "conectix", 8);
	ck_assert_ptr_null(im_container_name(dev, NULL));
}
END_TEST

static int fail_read(struct im_dev *broken, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	(void)broken, (void)buf, (void)len;
	return im_error_at(err, IM_EIO, off, "a read failed");
}

START_TEST(reads_that_fail)
{
	static const struct im_dev_ops ops = { .read = fail_read };
	struct im_dev broken = { .ops = &ops, .size = SIZE, .sector_size = 512 };
	struct im_error err = { 0 };

	ck_assert_ptr_null(im_label_name(&broken, &err));
	ck_assert_int_eq(err.code, IM_EIO);
	err.code = IM_OK;
	ck_assert_ptr_null(im_container_name(&broken, &err));
	ck_assert_int_eq(err.code, IM_EIO);
	ck_assert(!im_container_is_fixed_vhd(&broken, NULL));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("label");
	TCase *l = tcase_create("labels"), *c = tcase_create("containers");

	tcase_add_checked_fixture(l, make_dev, close_dev);
	tcase_add_test(l, no_label);
	tcase_add_test(l, sun);
	tcase_add_test(l, sgi);
	tcase_add_loop_test(l, bsd, 0, 3);
	tcase_add_test(l, mac);
	tcase_add_loop_test(l, amiga, 0, 17);
	tcase_add_test(l, labels_of_short_images);
	suite_add_tcase(s, l);
	tcase_add_checked_fixture(c, make_dev, close_dev);
	tcase_add_loop_test(c, container, 0, MARKS);
	tcase_add_loop_test(c, fixed_vhd, 0, 2);
	tcase_add_test(c, marks_elsewhere);
	tcase_add_test(c, reads_that_fail);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
