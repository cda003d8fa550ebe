/* check_gpt.c - the GUID partition table: what is accepted, which copy counts, and what an edit changes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "fmt/gpt.h"
#include "run_suite.h"

/* Offsets in a header and in an entry: UEFI specification 2.10, tables 5.5 and 5.6. */
enum {
	H_SIZE = 12, H_CRC = 16, H_MY = 24, H_OTHER = 32, H_FIRST = 40, H_LAST = 48, H_GUID = 56, H_ARRAY = 72, H_N = 80,
	H_ENTRY = 84, H_ARRAY_CRC = 88,
};

struct table {
	struct im_dev *dev;
	uint8_t *b;
	uint32_t ss, n, entry, header_size;
	uint64_t sectors, array, backup_array;	/* in sectors */
};

static uint8_t *header_of(struct table *t, bool backup)
{
	return t->b + (backup ? t->sectors - 1 : 1) * t->ss;
}

static uint8_t *array_of(struct table *t, bool backup)
{
	return t->b + (backup ? t->backup_array : t->array) * t->ss;
}

static uint8_t *entry_of(struct table *t, bool backup, int number)
{
	return array_of(t, backup) + (size_t)(number - 1) * t->entry;
}

/* Make the checksums of one copy right. */
static void seal(struct table *t, bool backup)
{
	uint8_t *h = header_of(t, backup);

	im_put32(h + H_ARRAY_CRC, im_crc32(0, array_of(t, backup), (size_t)t->n * t->entry));
	im_put32(h + H_CRC, 0);
	im_put32(h + H_CRC, im_crc32(0, h, t->header_size));
}

static void put_header(struct table *t, bool backup)
{
	uint8_t *h = header_of(t, backup);

	memcpy(h, "EFI PART\0\0\1\0", 12);
	im_put32(h + H_SIZE, t->header_size);
	im_put64(h + (backup ? H_OTHER : H_MY), 1);
	im_put64(h + (backup ? H_MY : H_OTHER), t->sectors - 1);
	im_put64(h + H_FIRST, 300);
	im_put64(h + H_LAST, t->sectors - 300);
	memcpy(h + H_GUID, "\x33\x22\x11\0\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16);
	im_put64(h + H_ARRAY, backup ? t->backup_array : t->array);
	im_put32(h + H_N, t->n);
	im_put32(h + H_ENTRY, t->entry);
	seal(t, backup);
}

static void put_entry(struct table *t, int number, uint64_t first, uint64_t last, const char *name)
{
	for (int i = 0; i < 2; i++) {
		uint8_t *e = entry_of(t, i, number);

		memcpy(e, im_gpt_type_linux, 16);
		memset(e + 16, number, 16);
		im_put64(e + 32, first);
		im_put64(e + 40, last);
		im_put64(e + 48, 4);
		for (size_t j = 0; j < strlen(name); j++)
			e[56 + 2 * j] = (uint8_t)name[j];
		seal(t, i);
	}
}

/* A disk of 8192 sectors with n entries; partition 1 at sectors 400–499, partition n at 600–799. */
static struct table new_table(uint32_t ss, uint32_t n, uint32_t entry, uint64_t array)
{
	uint64_t sectors = ((uint64_t)n * entry + ss - 1) / ss;
	struct table t = { .ss = ss, .n = n, .entry = entry, .header_size = 92, .sectors = 8192, .array = array };

	t.backup_array = t.sectors - 1 - sectors;
	t.dev = im_dev_mem(t.sectors * ss, ss, NULL);
	ck_assert_ptr_nonnull(t.dev);
	t.b = im_dev_mem_bytes(t.dev);
	put_header(&t, false);
	put_header(&t, true);
	put_entry(&t, 1, 400, 499, "first");
	put_entry(&t, (int)n, 600, 799, "last");
	return t;
}

static struct table usual(void)
{
	return new_table(512, 128, 128, 2);
}

static int read_table(struct table *t, struct im_gpt *gpt)
{
	struct im_error err = { 0 };
	int rc = im_gpt_read(t->dev, t->ss, gpt, &err);

	ck_assert_msg(rc >= 0, "%s", err.message);
	return rc;
}

static void expect_both(struct table *t, const struct im_gpt *gpt)
{
	ck_assert_str_eq(gpt->disk_guid, "00112233-4455-6677-8899-AABBCCDDEEFF");
	ck_assert_uint_eq(gpt->parts.n, 2);
	ck_assert_int_eq(gpt->parts.v[0].number, 1);
	ck_assert_uint_eq(gpt->parts.v[0].start, 400 * t->ss);
	ck_assert_uint_eq(gpt->parts.v[0].size, 100 * t->ss);
	ck_assert_str_eq(gpt->parts.v[0].type, "0FC63DAF-8483-4772-8E79-3D69D8477DE4");
	ck_assert_str_eq(gpt->parts.v[0].guid, "01010101-0101-0101-0101-010101010101");
	ck_assert_str_eq(gpt->parts.v[0].name, "first");
	ck_assert_uint_eq(gpt->parts.v[0].attributes, 4);
	ck_assert_int_eq(gpt->parts.v[1].number, (int)t->n);
	ck_assert_uint_eq(gpt->parts.v[1].size, 200 * t->ss);
}

static void drop(struct table *t, struct im_gpt *gpt)
{
	im_gpt_free(gpt);
	im_dev_close(t->dev);
}

START_TEST(crc_is_the_one_of_ieee)
{
	ck_assert_uint_eq(im_crc32(0, "123456789", 9), 0xcbf43926);
}
END_TEST

/* ---- reading ---- */

static const struct {
	uint32_t ss, n, entry;
	uint64_t array;
} shapes[] = {
	{ 512, 128, 128, 2 },
	{ 4096, 128, 128, 2 },
	{ 512, 4, 128, 2 },		/* one sector */
	{ 512, 3, 128, 2 },		/* less than one */
	{ 512, 248, 128, 2 },
	{ 512, 700, 128, 2 },
	{ 4096, 700, 128, 2 },
	{ 512, 128, 256, 2 },
	{ 4096, 33, 4096, 2 },
	{ 512, 128, 136, 2 },		/* entries that are not a power of two */
	{ 512, 128, 128, 268 },		/* array elsewhere */
	{ 512, 4096, 128, 2000 },	/* as large as it may be */
};

#define SHAPES (int)(sizeof(shapes) / sizeof(*shapes))

START_TEST(reads_any_shape)
{
	struct table t = new_table(shapes[_i].ss, shapes[_i].n, shapes[_i].entry, shapes[_i].array);
	uint64_t bytes = (uint64_t)t.n * t.entry;
	struct im_gpt gpt;

	ck_assert_int_eq(read_table(&t, &gpt), IM_FOUND);
	ck_assert_int_eq(gpt.primary.state, IM_FOUND);
	ck_assert_int_eq(gpt.backup.state, IM_FOUND);
	ck_assert(!gpt.copies_differ);
	ck_assert_ptr_eq(im_gpt_in_use(&gpt), &gpt.primary);
	ck_assert_uint_eq(gpt.primary.off, t.ss);
	ck_assert_uint_eq(gpt.primary.array_lba, t.array);
	ck_assert_uint_eq(gpt.backup.off, (t.sectors - 1) * t.ss);
	ck_assert_uint_eq(im_gpt_array_size(&gpt.primary, t.ss) % t.ss, 0);
	ck_assert_uint_ge(im_gpt_array_size(&gpt.primary, t.ss), bytes);
	ck_assert_uint_lt(im_gpt_array_size(&gpt.primary, t.ss), bytes + t.ss);
	expect_both(&t, &gpt);
	drop(&t, &gpt);
}
END_TEST

START_TEST(nothing_there)
{
	struct im_dev *dev = im_dev_mem(100 * 512, 512, NULL);
	struct im_gpt gpt;

	for (uint64_t len = 0; len <= dev->size; len += 256) {
		struct im_dev *cut = im_dev_window(dev, 0, len, NULL);

		ck_assert_int_eq(im_gpt_read(cut, 512, &gpt, NULL), IM_ABSENT);
		im_gpt_free(&gpt);
		ck_assert_int_eq(im_gpt_read(cut, 4096, &gpt, NULL), IM_ABSENT);
		im_gpt_free(&gpt);
		im_dev_close(cut);
	}
	im_dev_close(dev);
}
END_TEST

START_TEST(other_sector_size)
{
	struct table t = usual();
	struct im_gpt gpt;

	t.ss = 4096;
	ck_assert_int_eq(read_table(&t, &gpt), IM_ABSENT);
	drop(&t, &gpt);
}
END_TEST

/* One field of a header made wrong, the checksums made right again where it says so. */
static const struct {
	int off, len;
	uint64_t value;
	bool sealed;
	const char *why;
} faults[] = {
	{ H_CRC, 4, 1, false, "header fails its checksum" },
	{ H_GUID, 4, 1, false, "header fails its checksum" },
	{ H_SIZE, 4, 91, true, "header size" },
	{ H_SIZE, 4, 513, true, "header size" },
	{ H_SIZE, 4, 0xffffffff, true, "header size" },
	{ H_MY, 8, 2, true, "belongs elsewhere" },
	{ H_N, 4, 0, true, "entry count" },
	{ H_N, 4, 0xffffffff, true, "entry count" },
	{ H_N, 4, 4097, true, "entry count" },
	{ H_N, 4, 127, true, "array fails its checksum" },
	{ H_ENTRY, 4, 0, true, "entry size" },
	{ H_ENTRY, 4, 64, true, "entry size" },
	{ H_ENTRY, 4, 129, true, "entry size" },
	{ H_ENTRY, 4, 0x80000000, true, "entry size" },
	{ H_ARRAY, 8, 8192 - 31, true, "outside the image" },
	{ H_ARRAY, 8, UINT64_MAX, true, "outside the image" },
	{ H_ARRAY, 8, UINT64_MAX / 512, true, "outside the image" },
	{ H_ARRAY, 8, 3, true, "array fails its checksum" },
	{ H_ARRAY_CRC, 4, 1, true, "array fails its checksum" },
};

#define FAULTS (int)(sizeof(faults) / sizeof(*faults))

static void spoil(struct table *t, bool backup, int i)
{
	uint8_t *h = header_of(t, backup);

	if (faults[i].len == 4)
		im_put32(h + faults[i].off, (uint32_t)faults[i].value);
	else
		im_put64(h + faults[i].off, faults[i].value);
	if (faults[i].sealed) {
		im_put32(h + H_CRC, 0);
		im_put32(h + H_CRC, im_crc32(0, h, t->header_size));
	}
}

START_TEST(one_copy_damaged)
{
	for (int backup = 0; backup < 2; backup++) {
		struct table t = usual();
		struct im_gpt gpt;
		const struct im_gpt_copy *bad = backup ? &gpt.backup : &gpt.primary;
		const struct im_gpt_copy *good = backup ? &gpt.primary : &gpt.backup;

		spoil(&t, backup, _i);
		ck_assert_int_eq(read_table(&t, &gpt), IM_FOUND);
		ck_assert_int_eq(bad->state, IM_DAMAGED);
		ck_assert_msg(strstr(bad->why, faults[_i].why), "\"%s\"", bad->why);
		ck_assert_ptr_eq(im_gpt_in_use(&gpt), good);
		ck_assert(!gpt.copies_differ);
		expect_both(&t, &gpt);
		drop(&t, &gpt);
	}
}
END_TEST

START_TEST(both_copies_damaged)
{
	struct table t = usual();
	struct im_gpt gpt;

	spoil(&t, false, _i);
	spoil(&t, true, (_i + 3) % FAULTS);
	ck_assert_int_eq(read_table(&t, &gpt), IM_DAMAGED);
	ck_assert_uint_eq(gpt.parts.n, 0);
	drop(&t, &gpt);
}
END_TEST

START_TEST(one_copy_only)
{
	struct table t = usual();
	struct im_gpt gpt;

	memset(header_of(&t, false), 0, 512);
	ck_assert_int_eq(read_table(&t, &gpt), IM_FOUND);
	ck_assert_int_eq(gpt.primary.state, IM_ABSENT);
	expect_both(&t, &gpt);
	drop(&t, &gpt);
	t = usual();
	memset(header_of(&t, true), 0, 512);
	ck_assert_int_eq(read_table(&t, &gpt), IM_FOUND);
	ck_assert_int_eq(gpt.backup.state, IM_ABSENT);
	expect_both(&t, &gpt);
	drop(&t, &gpt);
}
END_TEST

/* The image was cut, or has grown since. */
START_TEST(image_of_another_size)
{
	struct table t = usual();
	struct im_gpt gpt;

	ck_assert_int_eq(im_dev_resize(t.dev, t.dev->size + (1 << 20), NULL), 0);
	t.b = im_dev_mem_bytes(t.dev);
	ck_assert_int_eq(read_table(&t, &gpt), IM_FOUND);
	ck_assert_int_eq(gpt.backup.state, IM_FOUND);
	im_gpt_free(&gpt);
	/* the primary's header is whole, so it still tells where the backup is */
	entry_of(&t, false, 1)[60] ^= 1;
	ck_assert_int_eq(read_table(&t, &gpt), IM_FOUND);
	ck_assert_int_eq(gpt.primary.state, IM_DAMAGED);
	ck_assert_int_eq(gpt.backup.state, IM_FOUND);
	expect_both(&t, &gpt);
	im_gpt_free(&gpt);
	entry_of(&t, false, 1)[60] ^= 1;
	ck_assert_int_eq(im_dev_resize(t.dev, 1 << 20, NULL), 0);
	t.b = im_dev_mem_bytes(t.dev);
	ck_assert_int_eq(read_table(&t, &gpt), IM_FOUND);
	ck_assert_int_eq(gpt.backup.state, IM_DAMAGED);
	ck_assert(strstr(gpt.backup.why, "outside the image"));
	expect_both(&t, &gpt);
	drop(&t, &gpt);
}
END_TEST

START_TEST(copies_differ)
{
	struct table t = usual();
	struct im_gpt gpt;

	im_put64(entry_of(&t, true, 1) + 40, 498);
	seal(&t, true);
	ck_assert_int_eq(read_table(&t, &gpt), IM_FOUND);
	ck_assert(gpt.copies_differ);
	expect_both(&t, &gpt);		/* the primary counts */
	drop(&t, &gpt);
	for (int i = 0; i < 3; i++) {
		static const int fields[] = { H_FIRST, H_LAST, H_GUID };

		t = usual();
		header_of(&t, true)[fields[i]] ^= 1;
		seal(&t, true);
		ck_assert_int_eq(read_table(&t, &gpt), IM_FOUND);
		ck_assert(gpt.copies_differ);
		drop(&t, &gpt);
	}
}
END_TEST

/* Positions that make no sense are clipped so that start + size never overflows. */
START_TEST(wild_entries)
{
	static const uint64_t values[] = { 0, 1, 400, UINT64_MAX / 512, UINT64_MAX / 512 + 1, INT64_MAX, UINT64_MAX };
	struct im_gpt gpt;

	for (size_t i = 0; i < 7; i++)
		for (size_t j = 0; j < 7; j++) {
			struct table t = usual();
			uint64_t end;

			put_entry(&t, 1, values[i], values[j], "");
			ck_assert_int_eq(read_table(&t, &gpt), IM_FOUND);
			ck_assert(im_add(gpt.parts.v[0].start, gpt.parts.v[0].size, &end));
			ck_assert_int_eq(gpt.parts.v[0].size == 0, values[j] < values[i]);
			drop(&t, &gpt);
		}
}
END_TEST

START_TEST(names_are_safe_to_print)
{
	struct table t = usual();
	struct im_gpt gpt;
	uint8_t *name = entry_of(&t, false, 1) + 56;

	for (int i = 0; i < 36; i++)
		im_put16(name + 2 * i, 0x20ac);		/* as long as it can be in UTF-8 */
	seal(&t, false);
	read_table(&t, &gpt);
	ck_assert_uint_eq(strlen(gpt.parts.v[0].name), 108);
	im_gpt_free(&gpt);
	memset(name, 0, 72);
	memcpy(name, "a\0\x1b\0[\0\x9b\0\x00\xd8" "b\0\x3d\xd8\x00\xde", 16);
	seal(&t, false);
	read_table(&t, &gpt);
	ck_assert_str_eq(gpt.parts.v[0].name, "a\xef\xbf\xbd[\xef\xbf\xbd\xef\xbf\xbd" "b\xf0\x9f\x98\x80");
	drop(&t, &gpt);
}
END_TEST

START_TEST(survives_random_changes)
{
	struct table t = usual();
	uint32_t r = 1;

	for (int i = 0; i < 5000; i++) {
		uint8_t old[92], *h = header_of(&t, i & 1);
		struct im_gpt gpt;

		memcpy(old, h, sizeof(old));
		for (int j = 0; j < 3; j++) {
			r = r * 1664525 + 1013904223;
			h[24 + (r >> 8) % 68] = (uint8_t)(r >> 16);
		}
		im_put32(h + H_CRC, 0);
		im_put32(h + H_CRC, im_crc32(0, h, 92));
		read_table(&t, &gpt);
		im_gpt_free(&gpt);
		memcpy(h, old, sizeof(old));
	}
	im_dev_close(t.dev);
}
END_TEST

/* ---- editing ---- */

/* Only the two positions of the entry change. */
START_TEST(puts_an_entry)
{
	struct table t = new_table(_i ? 4096 : 512, 128, 256, 2);
	struct im_gpt gpt;
	uint8_t *array, *want;

	read_table(&t, &gpt);
	array = gpt.primary.array;
	for (size_t i = 0; i < 128 * 256; i++)
		array[i] = (uint8_t)(i * 7);
	want = malloc(128 * 256);
	ck_assert_ptr_nonnull(want);
	memcpy(want, array, 128 * 256);
	im_gpt_put_entry(array, &gpt.primary, 128, 2048 * t.ss, 1000 * t.ss, t.ss);
	im_put64(want + 127 * 256 + 32, 2048);
	im_put64(want + 127 * 256 + 40, 3047);
	ck_assert_mem_eq(array, want, 128 * 256);
	free(want);
	drop(&t, &gpt);
}
END_TEST

/* Only positions and checksums of the header change, also behind its 92 bytes; and it is read again. */
START_TEST(puts_a_header)
{
	struct table t = usual();
	struct im_gpt_place place = { .my_lba = 1, .other_lba = 9000, .array_lba = 40, .last_usable = 8900,
				      .first_usable = 35 };
	uint8_t sector[512] = { 0 }, want[512];
	struct im_gpt gpt;

	t.header_size = 120;
	for (int i = 92; i < 512; i++)
		header_of(&t, false)[i] = (uint8_t)i;
	im_put32(header_of(&t, false) + H_SIZE, 120);
	header_of(&t, false)[20] = 0x77;	/* reserved */
	seal(&t, false);
	read_table(&t, &gpt);
	ck_assert_int_eq(gpt.primary.state, IM_FOUND);
	gpt.primary.array[500] ^= 1;
	im_gpt_put_header(sector, &gpt.primary, &place, gpt.primary.array);
	memcpy(want, header_of(&t, false), 512);
	im_put64(want + H_OTHER, 9000);
	im_put64(want + H_ARRAY, 40);
	im_put64(want + H_LAST, 8900);
	im_put64(want + H_FIRST, 35);
	im_put32(want + H_ARRAY_CRC, im_crc32(0, gpt.primary.array, 128 * 128));
	im_put32(want + H_CRC, 0);
	im_put32(want + H_CRC, im_crc32(0, want, 120));
	ck_assert_mem_eq(sector, want, 512);
	drop(&t, &gpt);
}
END_TEST

/* Nothing to change: the same bytes. */
START_TEST(puts_the_same_header)
{
	struct table t = usual();
	struct im_gpt gpt;

	read_table(&t, &gpt);
	for (int i = 0; i < 2; i++) {
		const struct im_gpt_copy *c = i ? &gpt.backup : &gpt.primary;
		struct im_gpt_place same = { c->my_lba, c->other_lba, c->array_lba, c->last_usable, 0 };
		uint8_t sector[512] = { 0 };

		im_gpt_put_header(sector, c, &same, c->array);
		ck_assert_mem_eq(sector, header_of(&t, i), 512);
	}
	drop(&t, &gpt);
}
END_TEST

/* A fresh table that is written out is found again. */
START_TEST(makes_a_new_table)
{
	uint32_t ss = _i ? 4096 : 512;
	uint64_t sectors = 4096, array = 128 * 128 / ss;
	struct im_dev *dev = im_dev_mem(sectors * ss, ss, NULL);
	uint8_t *b = im_dev_mem_bytes(dev), seed[32];
	struct im_gpt_copy copy;
	struct im_gpt gpt;

	memset(seed, 0xff, sizeof(seed));
	ck_assert_int_eq(im_gpt_new(&copy, dev->size, ss, seed, NULL), 0);
	im_gpt_name_entry(copy.array, 2, im_gpt_type_basic_data, seed + 16);
	im_gpt_put_entry(copy.array, &copy, 2, 64 * ss, 100 * ss, ss);
	im_gpt_put_header(b + ss, &copy, &(struct im_gpt_place){ 1, copy.other_lba, 2, copy.last_usable, 0 }, copy.array);
	im_gpt_put_header(b + (sectors - 1) * ss, &copy, &(struct im_gpt_place){ copy.other_lba, 1,
			  copy.other_lba - array, copy.last_usable, 0 }, copy.array);
	memcpy(b + 2 * ss, copy.array, 128 * 128);
	memcpy(b + (sectors - 1 - array) * ss, copy.array, 128 * 128);
	free(copy.array);
	ck_assert_int_eq(im_gpt_read(dev, ss, &gpt, NULL), IM_FOUND);
	ck_assert_int_eq(gpt.primary.state, IM_FOUND);
	ck_assert_int_eq(gpt.backup.state, IM_FOUND);
	ck_assert(!gpt.copies_differ);
	ck_assert_uint_eq(gpt.primary.first_usable, 2 + array);
	ck_assert_uint_eq(gpt.primary.last_usable, sectors - 2 - array);
	ck_assert_str_eq(gpt.disk_guid, "FFFFFFFF-FFFF-4FFF-BFFF-FFFFFFFFFFFF");
	ck_assert_int_eq(gpt.parts.v[0].number, 2);
	ck_assert_str_eq(gpt.parts.v[0].type, "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7");
	ck_assert_str_eq(gpt.parts.v[0].guid, "FFFFFFFF-FFFF-4FFF-BFFF-FFFFFFFFFFFF");
	im_gpt_free(&gpt);
	im_dev_close(dev);
}
END_TEST

START_TEST(no_room_for_a_new_table)
{
	uint64_t least = (2 + 32 + 1 + 32 + 1) * 512;
	uint8_t seed[32] = { 0 };
	struct im_gpt_copy copy;
	struct im_error err = { 0 };

	for (uint64_t size = 0; size < least; size += 512) {
		ck_assert_int_eq(im_gpt_new(&copy, size, 512, seed, &err), -1);
		ck_assert_int_eq(err.code, IM_EREFUSED);
		ck_assert_ptr_null(copy.array);
	}
	ck_assert_int_eq(im_gpt_new(&copy, least, 512, seed, &err), 0);
	ck_assert_uint_eq(copy.first_usable, copy.last_usable);
	free(copy.array);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("gpt");
	TCase *r = tcase_create("reading"), *e = tcase_create("editing");

	tcase_set_timeout(r, 120);
	tcase_add_test(r, crc_is_the_one_of_ieee);
	tcase_add_loop_test(r, reads_any_shape, 0, SHAPES);
	tcase_add_test(r, nothing_there);
	tcase_add_test(r, other_sector_size);
	tcase_add_loop_test(r, one_copy_damaged, 0, FAULTS);
	tcase_add_loop_test(r, both_copies_damaged, 0, FAULTS);
	tcase_add_test(r, one_copy_only);
	tcase_add_test(r, image_of_another_size);
	tcase_add_test(r, copies_differ);
	tcase_add_test(r, wild_entries);
	tcase_add_test(r, names_are_safe_to_print);
	tcase_add_test(r, survives_random_changes);
	suite_add_tcase(s, r);
	tcase_add_loop_test(e, puts_an_entry, 0, 2);
	tcase_add_test(e, puts_a_header);
	tcase_add_test(e, puts_the_same_header);
	tcase_add_loop_test(e, makes_a_new_table, 0, 2);
	tcase_add_test(e, no_room_for_a_new_table);
	suite_add_tcase(s, e);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
