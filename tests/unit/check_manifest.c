/* check_manifest.c - hashes of both sides of a map: what libgcrypt gives over the same bytes, and what a wrong byte does. */
#include <check.h>
#include <gcrypt.h>
#include <string.h>

#include "base/bytes.h"
#include "crashdev.h"
#include "exec/manifest.h"
#include "run_suite.h"

#define OLD 20000u
#define NEW 30000u

/* The start moves right, a literal, zeros, a fill, growth. */
static void make_map(struct im_map *map, uint64_t new_size)
{
	ck_assert_int_eq(im_map_init(map, OLD, new_size, NULL), 0);
	ck_assert_int_eq(im_map_from(map, 4096, 8192, 512, "moves", NULL), 0);
	ck_assert_int_eq(im_map_zero(map, 512, 3584, "leaves", NULL), 0);
	ck_assert_int_eq(im_map_bytes(map, 0, "table", 5, "table", NULL), 0);
	ck_assert_int_eq(im_map_fill(map, 13000, 700, 0xff, "log", NULL), 0);
}

static struct im_dev *noise(uint64_t size)
{
	struct im_dev *dev = im_dev_mem(size, 512, NULL);
	uint64_t seed = 3;

	for (uint64_t i = 0; i < size; i++)
		im_dev_mem_bytes(dev)[i] = (uint8_t)im_random(&seed);
	return dev;
}

static struct im_dev *render(const struct im_map *map, struct im_dev *old)
{
	struct im_dev *view = im_map_view(map, old, NULL), *out = im_dev_mem(map->new_size, 512, NULL);

	ck_assert_int_eq(im_dev_read(view, 0, im_dev_mem_bytes(out), map->new_size, NULL), 0);
	im_dev_close(view);
	return out;
}

static void check_hash(const uint8_t *got, const uint8_t *p, size_t len)
{
	uint8_t want[32];

	gcry_md_hash_buffer(GCRY_MD_SHA256, want, p, len);
	ck_assert_mem_eq(got, want, 32);
}

START_TEST(hashes)
{
	uint64_t new_size = _i == 0 ? NEW : _i == 1 ? OLD : 15000;
	struct im_dev *old = noise(OLD), *new;
	struct im_map map;
	struct im_manifest *m;
	size_t k = 0;

	make_map(&map, new_size);
	new = render(&map, old);
	m = im_manifest_make(&map, old, NULL, NULL);
	ck_assert_ptr_nonnull(m);
	check_hash(m->whole.old, im_dev_mem_bytes(old), OLD);
	check_hash(m->whole.new, im_dev_mem_bytes(new), new_size);
	for (size_t i = 0; i < map.segs.n; i++) {
		const struct im_segment *s = &map.segs.v[i];

		if (s->kind == IM_KEEP)
			continue;
		check_hash(m->ranges.v[k].new, im_dev_mem_bytes(new) + s->start, s->len);
		check_hash(m->ranges.v[k++].old, im_dev_mem_bytes(old) + im_min(s->start, OLD),
			   s->start < OLD ? im_min(s->len, OLD - s->start) : 0);
	}
	ck_assert_uint_eq(k, m->ranges.n);
	ck_assert_uint_eq(k, new_size > OLD ? 5 : 4);
	ck_assert_int_eq(im_manifest_check(m, &map, new, NULL, NULL), 0);
	im_manifest_free(m);
	im_map_free(&map);
	im_dev_close(old);
	im_dev_close(new);
}
END_TEST

/* One byte that reads back wrong is found wherever it is, kept ranges included, and its range is named. */
START_TEST(wrong_bytes)
{
	struct im_dev *old = noise(OLD), *new;
	struct im_error err = { 0 };
	struct im_map map;
	struct im_manifest *m;

	make_map(&map, NEW);
	new = render(&map, old);
	m = im_manifest_make(&map, old, NULL, NULL);
	for (uint64_t off = 0; off < NEW; off += 97) {
		const struct im_segment *s = &map.segs.v[im_map_find(&map, off)];

		im_dev_mem_bytes(new)[off] ^= 0x10;
		ck_assert_int_eq(im_manifest_check(m, &map, new, NULL, &err), -1);
		ck_assert_int_eq(err.code, IM_EIO);
		if (s->kind != IM_KEEP)
			ck_assert_uint_eq(err.off, s->start);
		im_dev_mem_bytes(new)[off] ^= 0x10;
	}
	ck_assert_int_eq(im_manifest_check(m, &map, new, NULL, NULL), 0);
	im_manifest_free(m);
	im_map_free(&map);
	im_dev_close(old);
	im_dev_close(new);
}
END_TEST

START_TEST(file_form)
{
	struct im_dev *old = noise(OLD);
	struct im_map map;
	struct im_manifest *m, *back;
	uint8_t *p;
	size_t len;

	make_map(&map, NEW);
	m = im_manifest_make(&map, old, NULL, NULL);
	ck_assert_int_eq(im_manifest_encode(m, &p, &len, NULL), 0);
	ck_assert_uint_eq(len, 64 + 64 * m->ranges.n);
	back = im_manifest_decode(p, len, &map, NULL);
	ck_assert_ptr_nonnull(back);
	ck_assert_mem_eq(&back->whole, &m->whole, 64);
	ck_assert_mem_eq(back->ranges.v, m->ranges.v, 64 * m->ranges.n);
	for (size_t cut = 0; cut < len; cut += 32)
		ck_assert_ptr_null(im_manifest_decode(p, cut, &map, NULL));
	im_manifest_free(back);
	im_manifest_free(m);
	free(p);
	im_map_free(&map);
	im_dev_close(old);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("manifest");
	TCase *t = tcase_create("manifest");

	tcase_add_loop_test(t, hashes, 0, 3);
	tcase_add_test(t, wrong_bytes);
	tcase_add_test(t, file_form);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	gcry_check_version(NULL);
	return run_suite(suite());
}
