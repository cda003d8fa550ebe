/* check_vss.c - the shadow copies' header and catalog, sound, damaged and hostile. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crashdev.h"
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
	return s;
}

int main(void)
{
	return run_suite(suite());
}
