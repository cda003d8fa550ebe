/* check_vss.c - the shadow copies' header, catalog and stores, sound, damaged and hostile. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crashdev.h"
#include "fmt/fs_util.h"
#include "fmt/vss.h"
#include "run_suite.h"

#define SIZE (1u << 20)
#define CATALOG 0x8000u
#define MUTATIONS 3000

static const uint8_t guid[16] = {
	0x6b, 0x87, 0x08, 0x38, 0x76, 0xc1, 0x48, 0x4e, 0xb7, 0xae, 0x04, 0x04, 0x6e, 0x6c, 0xc7, 0x52,
};

static void record(uint8_t *p, uint32_t type, uint64_t own, uint64_t next)
{
	memcpy(p, guid, 16);
	im_put32(p + 16, 1);
	im_put32(p + 20, type);
	im_put64(p + 32, own);
	im_put64(p + 40, next);
}

/* A volume with a header, and a catalog of two blocks with one snapshot and its store. */
static struct im_dev *make(uint64_t catalog)
{
	struct im_dev *dev = im_dev_mem(SIZE, 512, NULL);
	uint8_t *b = im_dev_mem_bytes(dev);

	record(b + IM_VSS_HEADER, 1, IM_VSS_HEADER, 0);
	im_put64(b + IM_VSS_HEADER + 24, IM_VSS_HEADER);
	im_put64(b + IM_VSS_HEADER + 48, catalog);
	record(b + CATALOG, 2, CATALOG, CATALOG + 0x4000);
	im_put64(b + CATALOG + 0x80, 2);
	record(b + CATALOG + 0x4000, 2, CATALOG + 0x4000, 0);
	im_put64(b + CATALOG + 0x4000 + 0x100, 3);
	return dev;
}

START_TEST(sound)
{
	struct im_dev *dev = make(CATALOG);
	struct im_vss vss;

	ck_assert_int_eq(im_vss_look(dev, &vss, NULL), IM_FOUND);
	ck_assert(vss.is_sound && !vss.catalog_is_damaged);
	ck_assert_uint_eq(vss.catalog, CATALOG);
	ck_assert_uint_eq(vss.entries, 2);
	im_put64(im_dev_mem_bytes(dev) + IM_VSS_HEADER + 48, 0);
	ck_assert_int_eq(im_vss_look(dev, &vss, NULL), IM_FOUND);
	ck_assert(vss.is_sound && !vss.catalog && !vss.entries && !vss.catalog_is_damaged);
	im_dev_mem_bytes(dev)[IM_VSS_HEADER] ^= 1;
	ck_assert_int_eq(im_vss_look(dev, &vss, NULL), IM_ABSENT);
	im_dev_close(dev);
}
END_TEST

START_TEST(too_short)
{
	struct im_dev *dev = im_dev_mem(IM_VSS_HEADER + 511, 512, NULL);
	struct im_vss vss;

	ck_assert_int_eq(im_vss_look(dev, &vss, NULL), IM_ABSENT);
	im_dev_close(dev);
}
END_TEST

static const struct {
	const char *what;
	unsigned at, value;		/* a u32 of the volume */
	bool is_sound, is_damaged;
} damages[] = {
	{ "a header of another type", IM_VSS_HEADER + 20, 2, false, false },
	{ "a header of an unknown version", IM_VSS_HEADER + 16, 3, false, false },
	{ "a header from elsewhere", IM_VSS_HEADER + 32, 0, false, false },
	{ "a header of another place", IM_VSS_HEADER + 24, 0, false, false },
	{ "a header that goes on", IM_VSS_HEADER + 40, 0x4000, false, false },
	{ "text behind the identifier", IM_VSS_HEADER + 300, 0x41414141, false, false },
	{ "a catalog that is not on the grid", IM_VSS_HEADER + 48, 0x8200, false, false },
	{ "a catalog past the end", IM_VSS_HEADER + 48, SIZE, true, true },
	{ "a catalog far past the end", IM_VSS_HEADER + 52, 0x7fffffff, true, true },
	{ "a catalog of another type", CATALOG + 20, 3, true, true },
	{ "a catalog from elsewhere", CATALOG + 32, 0x4000, true, true },
	{ "a catalog that goes on off the grid", CATALOG + 40, 0xc001, true, true },
	{ "a catalog that is its own next block", CATALOG + 40, CATALOG, true, true },
	{ "a catalog that comes back to its start", CATALOG + 0x4000 + 40, CATALOG, true, true },
};

START_TEST(damaged)
{
	struct im_dev *dev = make(CATALOG);
	struct im_vss vss;

	im_put32(im_dev_mem_bytes(dev) + damages[_i].at, damages[_i].value);
	ck_assert_int_eq(im_vss_look(dev, &vss, NULL), IM_FOUND);
	ck_assert_msg(vss.is_sound == damages[_i].is_sound && vss.catalog_is_damaged == damages[_i].is_damaged, "%s",
		      damages[_i].what);
	im_dev_close(dev);
}
END_TEST

START_TEST(mutations)
{
	uint64_t seed = 5;

	for (int i = 0; i < MUTATIONS; i++) {
		struct im_dev *dev = make(CATALOG);
		uint8_t *b = im_dev_mem_bytes(dev);
		struct im_vss vss;

		for (int k = 0; k < 4; k++)
			b[(im_random(&seed) % 2 ? IM_VSS_HEADER + 16 : CATALOG + 16) + im_random(&seed) % 48] = (uint8_t)im_random(&seed);
		ck_assert_int_eq(im_vss_look(dev, &vss, NULL), IM_FOUND);
		im_dev_close(dev);
	}
}
END_TEST

/* ---- stores ---- */

#define VOLUME (4u << 20)
#define B(n) ((n) * 0x4000ull)		/* the nth block */

/* The first store: lists in blocks 32 to 35, copies from 40 on; the second: 64 to 67, and 72 on. */
static struct im_dev *vol;
static size_t n_descriptors[2];

static void store_at(uint64_t first, uint8_t id, uint64_t created, size_t entry)
{
	uint8_t *b = im_dev_mem_bytes(vol), *e = b + B(16) + 0x80 + entry * 0x100;

	im_put64(e, 2);
	im_put64(e + 8, VOLUME);
	e[16] = id;
	im_put64(e + 48, created);
	im_put64(e + 0x80, 3);
	im_put64(e + 0x88, B(first + 1));
	e[0x90] = id;
	im_put64(e + 0xa0, B(first));
	im_put64(e + 0xa8, B(first + 2));
	im_put64(e + 0xb0, B(first + 3));
	record(b + B(first), 4, B(first), 0);
	record(b + B(first + 1), 3, B(first + 1), 0);
	record(b + B(first + 2), 5, B(first + 2), 0);
	record(b + B(first + 3), 6, B(first + 3), 0);
	im_put64(b + B(first + 2) + 0x80, B(first));
	im_put64(b + B(first + 2) + 0x90, B(24));
}

/* Two snapshots on a volume whose blocks all hold their number; the newer one is the first in the catalog. */
static void two_snapshots(void)
{
	uint8_t *b;

	vol = im_dev_mem(VOLUME, 512, NULL);
	b = im_dev_mem_bytes(vol);
	for (size_t i = 0; i < VOLUME; i++)
		b[i] = (uint8_t)(i / 0x4000);
	memset(b + B(16), 0, 0x4000);
	memset(b + B(32), 0, B(4));
	memset(b + B(64), 0, B(4));
	record(b + B(16), 2, B(16), 0);
	store_at(64, 2, 2000, 0);
	store_at(32, 1, 1000, 1);
	n_descriptors[0] = n_descriptors[1] = 0;
}

/* A descriptor for store 0 (older) or 1. */
static void descriptor(int store, uint64_t original, uint64_t relative, uint64_t copy, uint32_t flags, uint32_t sectors)
{
	uint8_t *p = im_dev_mem_bytes(vol) + B(store ? 65 : 33) + 0x80 + 32 * n_descriptors[store]++;

	im_put64(p, original);
	im_put64(p + 8, relative);
	im_put64(p + 16, copy);
	im_put32(p + 24, flags);
	im_put32(p + 28, sectors);
}

static void set_unused(int store, uint64_t block)
{
	im_dev_mem_bytes(vol)[B(store ? 67 : 35) + 0x80 + block / 8] |= (uint8_t)(1 << block % 8);
}

/* The number that snapshot i shows in this sector of a block. */
static unsigned shown(size_t i, uint64_t block, unsigned sector)
{
	struct im_vss_catalog cat;
	const char *why = "";
	struct im_dev *view;
	uint8_t buf[512];

	ck_assert_int_eq(im_vss_catalog_read(vol, B(16), &cat, &why, NULL), IM_FOUND);
	ck_assert_uint_eq(cat.list.n, 2);
	for (size_t k = 0; k < 2; k++) {
		ck_assert_int_eq(im_vss_snapshot_look(vol, &cat.list.v[k], NULL), 0);
		ck_assert_msg(!cat.list.v[k].fault, "%s", cat.list.v[k].fault);
	}
	ck_assert_uint_eq(cat.list.v[0].created, 1000);
	view = im_vss_view(vol, &cat, i, NULL);
	ck_assert_ptr_nonnull(view);
	ck_assert_int_eq(im_dev_read(view, B(block) + sector * 512, buf, 512, NULL), 0);
	for (int k = 1; k < 512; k++)
		ck_assert_uint_eq(buf[k], buf[0]);
	im_dev_close(view);
	im_vss_catalog_free(&cat);
	return buf[0];
}

START_TEST(copies)
{
	two_snapshots();
	ck_assert_uint_eq(shown(0, 3, 0), 3);
	descriptor(1, B(3), B(8), B(72), 0, 0);
	ck_assert_uint_eq(shown(1, 3, 0), 72);
	/* what the newer one keeps, the older one needs not */
	ck_assert_uint_eq(shown(0, 3, 5), 72);
	descriptor(0, B(3), B(8), B(40), 0, 0);
	ck_assert_uint_eq(shown(0, 3, 0), 40);
	ck_assert_uint_eq(shown(1, 3, 0), 72);
	/* the later of two, and one that does not count */
	descriptor(0, B(3), B(9), B(41), 0, 0);
	descriptor(0, B(3), B(10), B(42), 4, 0);
	ck_assert_uint_eq(shown(0, 3, 0), 41);
	im_dev_close(vol);
}
END_TEST

START_TEST(overlays)
{
	two_snapshots();
	descriptor(1, B(3), B(8), B(72), 2, 0x6);
	ck_assert_uint_eq(shown(1, 3, 0), 3);
	ck_assert_uint_eq(shown(1, 3, 1), 72);
	ck_assert_uint_eq(shown(1, 3, 2), 72);
	ck_assert_uint_eq(shown(1, 3, 3), 3);
	/* older ones do not see it */
	ck_assert_uint_eq(shown(0, 3, 1), 3);
	/* it is extended, and stays over a copy that comes later */
	descriptor(1, B(3), 1, B(73), 2, 0x80000000);
	descriptor(1, B(3), B(10), B(74), 0, 0);
	ck_assert_uint_eq(shown(1, 3, 1), 72);
	ck_assert_uint_eq(shown(1, 3, 31), 72);
	ck_assert_uint_eq(shown(1, 3, 0), 74);
	ck_assert_uint_eq(shown(0, 3, 1), 74);
	im_dev_close(vol);
}
END_TEST

START_TEST(forwarders)
{
	two_snapshots();
	/* block 3 is what stands at block 5 */
	descriptor(0, B(3), B(5), 0, 1, 0);
	ck_assert_uint_eq(shown(0, 3, 0), 5);
	descriptor(1, B(5), B(8), B(72), 0, 0);
	ck_assert_uint_eq(shown(0, 3, 0), 72);
	/* a copy of block 5 behind it is one of block 3 */
	descriptor(0, B(5), B(9), B(40), 0, 0);
	ck_assert_uint_eq(shown(0, 3, 0), 40);
	ck_assert_uint_eq(shown(0, 5, 0), 72);
	/* one that leads to itself counts for nothing */
	descriptor(0, B(7), B(7), 0, 1, 0);
	ck_assert_uint_eq(shown(0, 7, 0), 7);
	im_dev_close(vol);
}
END_TEST

START_TEST(unused)
{
	two_snapshots();
	set_unused(1, 3);
	set_unused(0, 3);
	ck_assert_uint_eq(shown(1, 3, 0), 0);
	ck_assert_uint_eq(shown(1, 4, 0), 4);
	/* only the newest one looks */
	ck_assert_uint_eq(shown(0, 3, 0), 3);
	descriptor(1, B(3), B(8), B(72), 0, 0);
	ck_assert_uint_eq(shown(1, 3, 0), 72);
	im_dev_close(vol);
}
END_TEST

static const struct {
	const char *what, *fault;
	uint64_t at;			/* a u64 of the volume */
	uint64_t value;
} faults[] = {
	{ "a list of blocks that is its own next one", "circle", B(33) + 40, B(33) },
	{ "a list of blocks past the end", "no block", B(33) + 40, VOLUME },
	{ "a list of blocks from elsewhere", "elsewhere", B(33) + 32, B(3) },
	{ "a list of another type", "no block of it", B(33) + 16, 1 | 5ull << 32 },
	{ "a store's header from elsewhere", "elsewhere", B(32) + 32, B(33) },
	{ "a range past the end", "leaves the volume", B(34) + 0x90, VOLUME },
	{ "a range of halves of blocks", "leaves the volume", B(34) + 0x80, B(32) + 512 },
	{ "bitmaps without an end", "circle|longer", B(35) + 40, B(35) },
	{ "an entry without lists", "leaves out", B(16) + 0x80 + 0x100 + 0xb0, 0 },
	{ "lists that are another store's", "", B(16) + 0x80 + 0x100 + 0xb0, B(67) },
};

/* Is one of the words of the pattern in the text? */
static bool matches(const char *text, const char *pattern)
{
	char copy[64];

	strcpy(copy, pattern);
	for (char *save = NULL, *w = strtok_r(copy, "|", &save); w; w = strtok_r(NULL, "|", &save))
		if (strstr(text, w))
			return true;
	return false;
}

START_TEST(faulty)
{
	struct im_vss_catalog cat;
	const char *why;

	two_snapshots();
	im_put64(im_dev_mem_bytes(vol) + faults[_i].at, faults[_i].value);
	ck_assert_int_eq(im_vss_catalog_read(vol, B(16), &cat, &why, NULL), IM_FOUND);
	ck_assert_int_eq(im_vss_snapshot_look(vol, &cat.list.v[0], NULL), 0);
	if (faults[_i].fault[0])
		ck_assert_msg(cat.list.v[0].fault && matches(cat.list.v[0].fault, faults[_i].fault), "%s: %s", faults[_i].what,
			      cat.list.v[0].fault ? cat.list.v[0].fault : "no fault");
	else
		ck_assert_msg(!cat.list.v[0].fault, "%s: %s", faults[_i].what, cat.list.v[0].fault);
	ck_assert_int_eq(im_vss_snapshot_look(vol, &cat.list.v[1], NULL), 0);
	ck_assert(!cat.list.v[1].fault);
	im_vss_catalog_free(&cat);
	im_dev_close(vol);
}
END_TEST

/* A long list is no circle. */
START_TEST(long_list)
{
	struct im_vss_catalog cat;
	const char *why;
	uint8_t *b;

	two_snapshots();
	b = im_dev_mem_bytes(vol);
	im_put64(b + B(33) + 40, B(100));
	for (uint64_t i = 100; i < 200; i++) {
		memset(b + B(i), 0, 0x4000);
		record(b + B(i), 3, B(i), i < 199 ? B(i + 1) : 0);
	}
	ck_assert_int_eq(im_vss_catalog_read(vol, B(16), &cat, &why, NULL), IM_FOUND);
	ck_assert_int_eq(im_vss_snapshot_look(vol, &cat.list.v[0], NULL), 0);
	ck_assert(!cat.list.v[0].fault);
	im_put64(b + B(199) + 40, B(150));
	ck_assert_int_eq(im_vss_snapshot_look(vol, &cat.list.v[0], NULL), 0);
	ck_assert_str_eq(cat.list.v[0].fault, "it runs in a circle");
	im_vss_catalog_free(&cat);
	im_dev_close(vol);
}
END_TEST

START_TEST(searching)
{
	struct im_vss_carving c;
	struct im_vss_header h = { .version = 2, .catalog = B(16) };
	uint8_t *b;

	two_snapshots();
	b = im_dev_mem_bytes(vol);
	/* a copy of a first block, and a header that is in none */
	memcpy(b + B(50) + 3, "NTFS    ", 8);
	im_vss_header_encode(b + B(50) + IM_VSS_HEADER, &h);
	im_vss_header_encode(b + B(51) + IM_VSS_HEADER, &h);
	ck_assert_int_eq(im_vss_carve(vol, &c, NULL), 0);
	ck_assert_uint_eq(c.list.n, 4);
	ck_assert_uint_eq(c.records, 11);
	ck_assert(c.list.v[0].at == B(16) && c.list.v[0].own == B(16) && c.list.v[0].type == IM_VSS_CATALOG);
	ck_assert(c.list.v[1].at == B(32) && c.list.v[1].type == IM_VSS_STORE);
	ck_assert(c.list.v[2].at == B(50) + IM_VSS_HEADER && c.list.v[2].type == IM_VSS_VOLUME);
	ck_assert(c.list.v[3].at == B(64) && c.list.v[3].type == IM_VSS_STORE);
	im_vss_carving_free(&c);
	im_dev_close(vol);
}
END_TEST

START_TEST(headers)
{
	uint8_t sector[IM_VSS_HEADER_SIZE];
	struct im_vss_header h = { .version = 1, .catalog = B(7), .max_size = 99, .volume = { 1, 2 }, .storage = { 3 } }, got;

	im_vss_header_encode(sector, &h);
	ck_assert_int_eq(im_vss_header_decode(sector, &got), IM_FOUND);
	ck_assert(got.version == 1 && got.catalog == B(7) && got.max_size == 99);
	ck_assert(!memcmp(got.volume, h.volume, 16) && !memcmp(got.storage, h.storage, 16));
}
END_TEST

START_TEST(guids)
{
	static const uint8_t id[16] = { 0x69, 0x0b, 0x0f, 0x60, 0xdf, 0x5b, 0xe3, 0x11, 0x9d, 0x6c, 0x00, 0x50, 0x56, 0xc0, 0x00, 0x08 };
	uint8_t got[16];
	char text[40];

	im_fs_guid(text, id);
	ck_assert_str_eq(text, "600F0B69-5BDF-11E3-9D6C-005056C00008");
	ck_assert(im_fs_guid_parse(got, text) && !memcmp(got, id, 16));
	ck_assert(im_fs_guid_parse(got, "600f0b69-5bdf-11e3-9d6c-005056c00008}"));
	ck_assert(!im_fs_guid_parse(got, "600F0B69-5BDF-11E3-9D6C-005056C0000"));
	ck_assert(!im_fs_guid_parse(got, "600F0B69+5BDF-11E3-9D6C-005056C00008"));
	ck_assert(!im_fs_guid_parse(got, "600F0B69-5BDF-11E3-9D6C-005056C0000G"));
	ck_assert(!im_fs_guid_parse(got, ""));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("vss");
	TCase *t = tcase_create("header");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, sound);
	tcase_add_test(t, too_short);
	tcase_add_loop_test(t, damaged, 0, sizeof(damages) / sizeof(*damages));
	tcase_add_test(t, mutations);
	suite_add_tcase(s, t);
	t = tcase_create("stores");
	tcase_add_test(t, copies);
	tcase_add_test(t, overlays);
	tcase_add_test(t, forwarders);
	tcase_add_test(t, unused);
	tcase_add_loop_test(t, faulty, 0, sizeof(faults) / sizeof(*faults));
	tcase_add_test(t, long_list);
	tcase_add_test(t, searching);
	tcase_add_test(t, headers);
	tcase_add_test(t, guids);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
