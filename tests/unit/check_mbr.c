/* check_mbr.c - the DOS partition table: its entries, the chain of EBRs, the geometry behind the CHS fields. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/mbr.h"
#include "run_suite.h"

#define SECTORS 4096u
#define GEOMETRY(h, s) (&(struct im_geometry){ .heads = (h), .sectors = (s) })

static const struct im_chs saturated = { 0xfe, 0xff, 0xff };

struct disk {
	struct im_dev *dev;
	uint8_t *b;
	uint32_t ss;
};

static void sign(struct disk *d, uint64_t lba)
{
	d->b[lba * d->ss + 510] = 0x55;
	d->b[lba * d->ss + 511] = 0xaa;
}

static struct disk new_disk(uint32_t ss)
{
	struct disk d = { .dev = im_dev_mem((uint64_t)SECTORS * ss, ss, NULL), .ss = ss };

	ck_assert_ptr_nonnull(d.dev);
	d.b = im_dev_mem_bytes(d.dev);
	sign(&d, 0);
	return d;
}

static uint8_t *slot_of(struct disk *d, uint64_t lba, int slot)
{
	return d->b + lba * d->ss + IM_MBR_TABLE + slot * IM_MBR_ENTRY;
}

/* Numbers as they lie in the entry: relative where the table is an EBR. */
static void put(struct disk *d, uint64_t lba, int slot, uint8_t type, uint32_t start, uint32_t count)
{
	uint8_t *e = slot_of(d, lba, slot);

	e[4] = type;
	im_put32(e + 8, start);
	im_put32(e + 12, count);
}

static void put_chs(struct disk *d, int slot, struct im_chs first, struct im_chs last)
{
	memcpy(slot_of(d, 0, slot) + 1, &first, 3);
	memcpy(slot_of(d, 0, slot) + 5, &last, 3);
}

static int read_disk(struct disk *d, struct im_mbr *mbr)
{
	struct im_error err = { 0 };
	int rc = im_mbr_read(d->dev, d->ss, mbr, &err);

	ck_assert_msg(rc >= 0, "%s", err.message);
	return rc;
}

static void drop(struct disk *d, struct im_mbr *mbr)
{
	im_mbr_free(mbr);
	im_dev_close(d->dev);
}

static void expect_part(const struct im_mbr *mbr, size_t i, int number, uint64_t start, uint64_t count, uint8_t type)
{
	const struct im_mbr_part *p = &mbr->parts.v[i];

	ck_assert_uint_lt(i, mbr->parts.n);
	ck_assert_int_eq(p->number, number);
	ck_assert_uint_eq(p->start, start * mbr->sector_size);
	ck_assert_uint_eq(p->size, count * mbr->sector_size);
	ck_assert_uint_eq(p->type, type);
	ck_assert_int_eq(p->is_logical, number > 4);
}

/* ---- the table ---- */

START_TEST(no_table)
{
	struct disk d = new_disk(512);
	struct im_dev *cut = im_dev_window(d.dev, 0, 511, NULL);
	struct im_mbr mbr;

	ck_assert_int_eq(read_disk(&d, &mbr), IM_FOUND);
	ck_assert(mbr.entries_are_zero && !mbr.parts.n && !mbr.has_entry_at_zero && !mbr.damage[0]);
	im_mbr_free(&mbr);
	*slot_of(&d, 0, 2) = 0x41;	/* no status: text */
	ck_assert_int_eq(read_disk(&d, &mbr), IM_ABSENT);
	*slot_of(&d, 0, 2) = 0x80;
	ck_assert_int_eq(read_disk(&d, &mbr), IM_FOUND);
	ck_assert(!mbr.entries_are_zero && !mbr.parts.n);
	im_mbr_free(&mbr);
	d.b[510] = 0;
	ck_assert_int_eq(read_disk(&d, &mbr), IM_ABSENT);
	ck_assert_int_eq(im_mbr_read(cut, 512, &mbr, NULL), IM_ABSENT);
	im_dev_close(cut);
	im_dev_close(d.dev);
}
END_TEST

START_TEST(primaries)
{
	struct disk d = new_disk(_i ? 4096 : 512);
	struct im_mbr mbr;

	im_put32(d.b + 440, 0x12345678);
	put(&d, 0, 0, 7, 8, 100);
	*slot_of(&d, 0, 0) = 0x80;
	put(&d, 0, 1, 0, 200, 100);	/* free: no type */
	put(&d, 0, 2, 0x83, 300, 0);	/* free: no sectors */
	put(&d, 0, 3, 0xc, 0xffffffff, 0xffffffff);
	ck_assert_int_eq(read_disk(&d, &mbr), IM_FOUND);
	ck_assert_uint_eq(mbr.disk_id, 0x12345678);
	ck_assert_uint_eq(mbr.parts.n, 2);
	expect_part(&mbr, 0, 1, 8, 100, 7);
	ck_assert_uint_eq(mbr.parts.v[0].status, 0x80);
	expect_part(&mbr, 1, 4, 0xffffffff, 0xffffffff, 0xc);
	ck_assert_int_eq(mbr.parts.v[1].slot, 3);
	ck_assert(!mbr.is_protective && !mbr.is_hybrid && !mbr.has_entry_at_zero);
	drop(&d, &mbr);
}
END_TEST

START_TEST(special_tables)
{
	struct disk d = new_disk(512);
	struct im_mbr mbr;

	put(&d, 0, 0, 0xee, 1, SECTORS - 1);
	read_disk(&d, &mbr);
	ck_assert(mbr.is_protective && !mbr.is_hybrid);
	im_mbr_free(&mbr);
	put(&d, 0, 1, 0x83, 2048, 100);
	read_disk(&d, &mbr);
	ck_assert(mbr.is_protective && mbr.is_hybrid && !mbr.has_entry_at_zero);
	im_mbr_free(&mbr);
	put(&d, 0, 2, 0x17, 0, 100);
	read_disk(&d, &mbr);
	ck_assert(mbr.has_entry_at_zero);
	drop(&d, &mbr);
}
END_TEST

/* ---- the chain ---- */

/* An extended partition in slot 1 at 1000, 2000 large; EBRs at 1000, 1200 and 1500. */
static struct disk new_chain(uint32_t ss)
{
	struct disk d = new_disk(ss);

	put(&d, 0, 0, 7, 8, 900);
	put(&d, 0, 1, 0x0f, 1000, 2000);
	put(&d, 1000, 0, 0x83, 8, 100);
	put(&d, 1000, 1, 0x05, 200, 200);
	put(&d, 1200, 0, 0x82, 16, 150);
	put(&d, 1200, 1, 0x05, 500, 300);
	put(&d, 1500, 0, 0x07, 1, 299);
	sign(&d, 1000);
	sign(&d, 1200);
	sign(&d, 1500);
	return d;
}

START_TEST(chain)
{
	struct disk d = new_chain(_i ? 4096 : 512);
	struct im_mbr mbr;

	ck_assert_int_eq(read_disk(&d, &mbr), IM_FOUND);
	ck_assert_str_eq(mbr.damage, "");
	ck_assert_uint_eq(mbr.parts.n, 5);
	expect_part(&mbr, 1, 2, 1000, 2000, 0x0f);
	ck_assert(mbr.parts.v[1].is_extended);
	expect_part(&mbr, 2, 5, 1008, 100, 0x83);
	expect_part(&mbr, 3, 6, 1216, 150, 0x82);
	expect_part(&mbr, 4, 7, 1501, 299, 0x07);
	ck_assert_uint_eq(mbr.parts.v[3].base, (uint64_t)1200 * d.ss);
	ck_assert_uint_eq(mbr.parts.v[3].table_off, (uint64_t)1200 * d.ss);
	ck_assert_uint_eq(mbr.ebrs.n, 3);
	ck_assert_uint_eq(mbr.ebrs.v[0].link, (uint64_t)1200 * d.ss);
	ck_assert_int_eq(mbr.ebrs.v[0].link_slot, 1);
	ck_assert_uint_eq(mbr.ebrs.v[2].off, (uint64_t)1500 * d.ss);
	ck_assert_int_eq(mbr.ebrs.v[2].link_slot, -1);
	drop(&d, &mbr);
}
END_TEST

/* What may be wrong with the second EBR or the link from it; how many partitions and EBRs remain. */
static const struct {
	const char *what;
	uint32_t link;		/* relative to the extended partition */
	bool unsigned_third;
	size_t ebrs;
} broken[] = {
	{ "loops", 200, false, 2 },		/* to itself */
	{ "loops", 0, false, 2 },		/* to the first */
	{ "outside", 2000, false, 2 },		/* right behind the extended partition */
	{ "outside", 0xffffffff, false, 2 },
	{ "no 0x55AA", 500, true, 2 },
	{ "no 0x55AA", 1999, false, 2 },	/* the last sector: inside, and empty */
};

START_TEST(broken_chain)
{
	struct disk d = new_chain(512);
	struct im_mbr mbr;

	put(&d, 1200, 1, 0x05, broken[_i].link, 300);
	if (broken[_i].unsigned_third)
		d.b[1500 * 512 + 510] = 0;
	ck_assert_int_eq(read_disk(&d, &mbr), IM_FOUND);
	ck_assert_msg(strstr(mbr.damage, broken[_i].what), "\"%s\"", mbr.damage);
	ck_assert_uint_eq(mbr.ebrs.n, broken[_i].ebrs);
	ck_assert_uint_eq(mbr.parts.n, 2 + broken[_i].ebrs);
	drop(&d, &mbr);
}
END_TEST

/* An extended partition that begins past the image, ends past it, or at sector 0. */
START_TEST(extended_partition_misplaced)
{
	static const uint32_t starts[] = { SECTORS, SECTORS - 1, 0xffffffff, 0 };
	struct disk d = new_disk(512);
	struct im_mbr mbr;

	for (size_t i = 0; i < 4; i++) {
		put(&d, 0, 1, 0x85, starts[i], 0xffffffff);
		sign(&d, SECTORS - 1);
		put(&d, SECTORS - 1, 1, 5, 1, 1);	/* the next one: past the image */
		ck_assert_int_eq(read_disk(&d, &mbr), IM_FOUND);
		ck_assert_uint_eq(mbr.ebrs.n, starts[i] == SECTORS - 1);
		ck_assert(starts[i] == 0 ? !mbr.damage[0] : !!strstr(mbr.damage, "outside"));
		im_mbr_free(&mbr);
	}
	im_dev_close(d.dev);
}
END_TEST

START_TEST(ebr_with_three_entries)
{
	struct disk d = new_chain(512);
	struct im_mbr mbr;

	put(&d, 1200, 2, 0x83, 170, 20);
	put(&d, 1200, 3, 0x05, 900, 20);	/* a second link: not followed */
	ck_assert_int_eq(read_disk(&d, &mbr), IM_FOUND);
	ck_assert_uint_eq(mbr.parts.n, 6);
	expect_part(&mbr, 4, 7, 1370, 20, 0x83);
	ck_assert_int_eq(mbr.parts.v[4].slot, 2);
	expect_part(&mbr, 5, 8, 1501, 299, 0x07);
	ck_assert_uint_eq(mbr.ebrs.n, 3);
	drop(&d, &mbr);
}
END_TEST

START_TEST(link_in_first_slot)
{
	struct disk d = new_chain(512);
	struct im_mbr mbr;

	memset(slot_of(&d, 1000, 0), 0, 32);
	put(&d, 1000, 0, 0x05, 500, 300);
	ck_assert_int_eq(read_disk(&d, &mbr), IM_FOUND);
	ck_assert_uint_eq(mbr.ebrs.n, 2);
	ck_assert_int_eq(mbr.ebrs.v[0].link_slot, 0);
	expect_part(&mbr, 2, 5, 1501, 299, 0x07);
	drop(&d, &mbr);
}
END_TEST

/* A chain without end through a large image stops. */
START_TEST(endless_chain)
{
	struct disk d = new_disk(512);
	struct im_mbr mbr;

	put(&d, 0, 0, 5, 1, SECTORS - 1);
	for (uint32_t i = 1; i < SECTORS; i++) {
		put(&d, i, 1, 5, i, 1);		/* the link to i + 1 */
		sign(&d, i);
	}
	ck_assert_int_eq(read_disk(&d, &mbr), IM_FOUND);
	ck_assert_uint_ge(mbr.ebrs.n, 100);
	ck_assert_uint_lt(mbr.ebrs.n, 1000);
	ck_assert(mbr.damage[0]);
	drop(&d, &mbr);
}
END_TEST

START_TEST(two_extended_partitions)
{
	struct disk d = new_chain(512);
	struct im_mbr mbr;

	put(&d, 0, 2, 0x85, 3200, 500);
	put(&d, 3200, 0, 0x83, 63, 100);
	sign(&d, 3200);
	ck_assert_int_eq(read_disk(&d, &mbr), IM_FOUND);
	ck_assert_str_eq(mbr.damage, "");
	ck_assert_uint_eq(mbr.ebrs.n, 4);
	expect_part(&mbr, 6, 8, 3263, 100, 0x83);
	drop(&d, &mbr);
}
END_TEST

/* ---- geometry and CHS ---- */

static struct im_chs chs(unsigned cylinder, unsigned head, unsigned sector)
{
	return (struct im_chs){ (uint8_t)head, (uint8_t)(sector | (cylinder >> 8 << 6)), (uint8_t)cylinder };
}

static struct im_geometry geometry_of(struct disk *d)
{
	struct im_mbr mbr;
	struct im_geometry g;

	ck_assert_int_eq(read_disk(d, &mbr), IM_FOUND);
	g = im_mbr_geometry(&mbr);
	drop(d, &mbr);
	return g;
}

static void expect_geometry(struct disk *d, uint32_t heads, uint32_t sectors, bool ends)
{
	struct im_geometry g = geometry_of(d);

	ck_assert_msg(g.heads == heads && g.sectors == sectors, "%u/%u, not %u/%u", g.heads, g.sectors, heads, sectors);
	ck_assert_int_eq(g.ends_on_cylinder, ends);
}

/* The CHS form in any geometry, by the definition. */
static struct im_chs plain_chs(uint64_t lba, uint32_t heads, uint32_t sectors)
{
	return chs((unsigned)(lba / sectors / heads), (unsigned)(lba / sectors % heads), (unsigned)(lba % sectors) + 1);
}

/* Partitions with true CHS fields in this geometry. */
static struct disk disk_in(uint32_t heads, uint32_t sectors, const uint32_t (*parts)[2], int n)
{
	struct disk d = new_disk(512);

	for (int i = 0; i < n; i++) {
		put(&d, 0, i, 0x83, parts[i][0], parts[i][1]);
		put_chs(&d, i, plain_chs(parts[i][0], heads, sectors),
			plain_chs(parts[i][0] + parts[i][1] - 1, heads, sectors));
	}
	return d;
}

static const uint32_t geometries[][2] = { { 16, 63 }, { 255, 63 }, { 4, 17 }, { 64, 32 }, { 240, 63 }, { 1, 9 } };

START_TEST(geometry_with_cylinder_ends)
{
	uint32_t h = geometries[_i][0], s = geometries[_i][1], c = h * s;
	struct disk d = disk_in(h, s, (const uint32_t[][2]){ { s, 10 * c - s }, { 10 * c, 300 * c } }, 2);

	expect_geometry(&d, h, s, true);
}
END_TEST

/* As partitioning programs of today write small disks: aligned to 1 MiB, ending anywhere. */
START_TEST(geometry_without_cylinder_ends)
{
	uint32_t h = geometries[_i][0], s = geometries[_i][1], c = h * s;
	struct disk d = disk_in(h, s, (const uint32_t[][2]){ { 2 * s + 1, 3 * c + 5 }, { 20 * c + 7, 50 * c + 3 } }, 2);

	expect_geometry(&d, h, s, false);
}
END_TEST

START_TEST(geometry_of_one_aligned_partition)
{
	struct disk d = disk_in(255, 63, (const uint32_t[][2]){ { 2048, 202752 } }, 1);

	expect_geometry(&d, 255, 63, false);
}
END_TEST

START_TEST(geometry_unknown)
{
	struct disk d = new_disk(512);

	put(&d, 0, 0, 7, 2048, 100000);		/* all saturated */
	put_chs(&d, 0, saturated, saturated);
	expect_geometry(&d, 0, 0, false);
	d = new_disk(512);			/* zeros */
	put(&d, 0, 0, 7, 2048, 100000);
	expect_geometry(&d, 0, 0, false);
	expect_geometry(&(struct disk[]){ new_disk(512) }[0], 0, 0, false);
	d = disk_in(16, 63, (const uint32_t[][2]){ { 63, 1008 * 10 - 63 }, { 10080, 1008 * 300 } }, 2);
	put_chs(&d, 1, plain_chs(10080, 255, 63), plain_chs(10080 + 1008 * 300 - 1, 255, 63));	/* at odds */
	expect_geometry(&d, 0, 0, false);
	d = disk_in(16, 63, (const uint32_t[][2]){ { 2, 100 } }, 1);	/* within one cylinder: could be any */
	expect_geometry(&d, 0, 0, false);
	d = disk_in(16, 63, (const uint32_t[][2]){ { 63, 10017 } }, 1);
	slot_of(&d, 0, 0)[6] &= 0xc0;		/* sector 0 does not exist */
	expect_geometry(&d, 0, 0, false);
}
END_TEST

/* Logical partitions may say anything; a second entry past cylinder 1023 is saturated. */
START_TEST(geometry_with_others)
{
	struct disk d = disk_in(16, 63, (const uint32_t[][2]){ { 63, 1008 * 10 - 63 }, { 10080, 1008 * 2000 } }, 2);

	put_chs(&d, 1, plain_chs(10080, 16, 63), saturated);
	expect_geometry(&d, 16, 63, true);
	d = disk_in(16, 63, (const uint32_t[][2]){ { 63, 945 }, { 1008, 1008 } }, 2);
	slot_of(&d, 0, 1)[4] = 5;
	put(&d, 1008, 0, 7, 63, 800);
	memset(slot_of(&d, 1008, 0) + 1, 0x11, 3);
	sign(&d, 1008);
	expect_geometry(&d, 16, 63, true);
}
END_TEST

START_TEST(chs_forms)
{
	static const struct {
		uint64_t lba;
		uint32_t heads, sectors;
		uint8_t want[3];
	} forms[] = {
		{ 0, 255, 63, { 0, 1, 0 } },
		{ 2048, 255, 63, { 32, 33, 0 } },
		{ 62, 16, 63, { 0, 63, 0 } },
		{ 63, 16, 63, { 1, 1, 0 } },
		{ 16065, 255, 63, { 0, 1, 1 } },
		{ 16065 * 256 - 1, 255, 63, { 254, 63, 255 } },
		{ 16065 * 256, 255, 63, { 0, 0x41, 0 } },
		{ 16065 * 1023 + 5, 255, 63, { 0, 0xc6, 0xff } },
		{ 16065 * 1024 - 1, 255, 63, { 0xfe, 0xff, 0xff } },
		{ 16065 * 1024, 255, 63, { 0xfe, 0xff, 0xff } },
		{ 1008 * 1024, 16, 63, { 15, 0xff, 0xff } },
		{ 17 * 4 * 2000, 4, 17, { 3, 0xd1, 0xff } },
		{ UINT64_MAX, 255, 63, { 0xfe, 0xff, 0xff } },
		{ (uint64_t)256 * 63 * 1024, 256, 63, { 0xfe, 0xff, 0xff } },
		{ 0, 0, 0, { 0xfe, 0xff, 0xff } },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct im_chs c = im_chs_of(forms[i].lba, GEOMETRY(forms[i].heads, forms[i].sectors));

		ck_assert_msg(!memcmp(&c, forms[i].want, 3), "form %zu: %02x %02x %02x", i, c.head, c.sector, c.cylinder);
	}
	ck_assert(im_chs_is_saturated(saturated));
	ck_assert(im_chs_is_saturated((struct im_chs){ 15, 0xff, 0xff }));
	ck_assert(!im_chs_is_saturated((struct im_chs){ 0xfe, 0x3f, 0xff }));
	ck_assert(!im_chs_is_saturated((struct im_chs){ 0 }));
}
END_TEST

/* Only CHS, start and count of one entry change. */
START_TEST(puts_an_entry)
{
	static const uint8_t want[2][16] = {
		{ 0xa5, 32, 33, 0, 0xa5, 127, 57, 6, 0, 8, 0, 0, 0, 0x90, 1, 0 },
		{ 0xa5, 0xfe, 0xff, 0xff, 0xa5, 0xfe, 0xff, 0xff, 0, 4, 0, 0, 0, 0x90, 1, 0 },
	};
	uint8_t sector[512], expected[512];

	memset(sector, 0xa5, sizeof(sector));
	memcpy(expected, sector, sizeof(sector));
	ck_assert_int_eq(im_mbr_put_entry(sector, _i ? 3 : 0, 2048 * 512, 102400 * 512, _i ? 1024 * 512 : 0, 512,
					  GEOMETRY(_i ? 0 : 255, _i ? 0 : 63), NULL), 0);
	memcpy(expected + IM_MBR_TABLE + (_i ? 3 : 0) * IM_MBR_ENTRY, want[_i], 16);
	ck_assert_mem_eq(sector, expected, sizeof(sector));
}
END_TEST

START_TEST(refuses_an_entry)
{
	static const uint64_t max = UINT32_MAX;
	uint8_t sector[512] = { 0 };
	struct im_error err = { 0 };
	const struct im_geometry none = { 0 };

	ck_assert_int_eq(im_mbr_put_entry(sector, 0, 512 * (max + 1), 512, 0, 512, &none, &err), -1);
	ck_assert_int_eq(err.code, IM_EREFUSED);
	ck_assert_int_eq(im_mbr_put_entry(sector, 0, 512, 512 * (max + 1), 0, 512, &none, NULL), -1);
	ck_assert_int_eq(im_mbr_put_entry(sector, 0, 512, 512, 1024, 512, &none, NULL), -1);
	ck_assert_int_eq(im_mbr_put_entry(sector, 0, 512, 0, 0, 512, &none, NULL), -1);
	ck_assert(im_is_zero(sector, sizeof(sector)));
	ck_assert_int_eq(im_mbr_put_entry(sector, 0, 512 * max, 512 * max, 0, 512, &none, NULL), 0);
	ck_assert_int_eq(im_mbr_put_entry(sector, 0, 4096 * (max + 1), 4096, 4096, 4096, &none, NULL), 0);
	ck_assert_uint_eq(im_get32(sector + IM_MBR_TABLE + 8), UINT32_MAX);
}
END_TEST

/* Any bytes: read without an error, within bounds, in time. */
START_TEST(survives_random_changes)
{
	struct disk d = new_chain(512);
	uint32_t r = 1;

	for (int i = 0; i < 20000; i++) {
		static const uint32_t tables[] = { 0, 1000, 1200, 1500 };
		uint8_t old[64], *table = slot_of(&d, tables[i % 4], 0);
		struct im_mbr mbr;

		memcpy(old, table, 64);
		for (int j = 0; j < 4; j++) {
			r = r * 1664525 + 1013904223;
			table[r >> 8 & 63] = (uint8_t)(r >> 16);
		}
		if (read_disk(&d, &mbr) == IM_FOUND)
			im_mbr_geometry(&mbr);
		im_mbr_free(&mbr);
		memcpy(table, old, 64);
	}
	im_dev_close(d.dev);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("mbr");
	TCase *t = tcase_create("table"), *g = tcase_create("geometry");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, no_table);
	tcase_add_loop_test(t, primaries, 0, 2);
	tcase_add_test(t, special_tables);
	tcase_add_loop_test(t, chain, 0, 2);
	tcase_add_loop_test(t, broken_chain, 0, (int)(sizeof(broken) / sizeof(*broken)));
	tcase_add_test(t, extended_partition_misplaced);
	tcase_add_test(t, ebr_with_three_entries);
	tcase_add_test(t, link_in_first_slot);
	tcase_add_test(t, endless_chain);
	tcase_add_test(t, two_extended_partitions);
	tcase_add_test(t, survives_random_changes);
	suite_add_tcase(s, t);
	tcase_add_loop_test(g, geometry_with_cylinder_ends, 0, 6);
	tcase_add_loop_test(g, geometry_without_cylinder_ends, 0, 6);
	tcase_add_test(g, geometry_of_one_aligned_partition);
	tcase_add_test(g, geometry_unknown);
	tcase_add_test(g, geometry_with_others);
	tcase_add_test(g, chs_forms);
	tcase_add_loop_test(g, puts_an_entry, 0, 2);
	tcase_add_test(g, refuses_an_entry);
	suite_add_tcase(s, g);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
