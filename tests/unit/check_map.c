/* check_map.c - image maps against the plainest model there is: an array of bytes that is painted on. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crashdev.h"
#include "map/map.h"
#include "run_suite.h"

#define OLD_MAX 600
#define NEW_MAX 900

/* A map beside its model. */
struct pair {
	struct im_map map;
	struct im_dev *old;
	uint8_t want[NEW_MAX];
};

static uint64_t below(uint64_t *seed, uint64_t n)
{
	return n ? im_random(seed) % n : 0;
}

static void pair_make(struct pair *p, uint64_t old_size, uint64_t new_size, uint64_t *seed)
{
	uint8_t *bytes;

	memset(p, 0, sizeof(*p));
	p->old = im_dev_mem(old_size, 512, NULL);
	ck_assert_ptr_nonnull(p->old);
	bytes = im_dev_mem_bytes(p->old);
	for (uint64_t i = 0; i < old_size; i++)
		bytes[i] = (uint8_t)(1 + im_random(seed) % 255);	/* never zero: what is zero was painted so */
	memcpy(p->want, bytes, im_min(old_size, new_size));
	ck_assert_int_eq(im_map_init(&p->map, old_size, new_size, NULL), 0);
}

static void pair_free(struct pair *p)
{
	im_map_free(&p->map);
	im_dev_close(p->old);
}

static void paint_once(struct pair *p, uint64_t *seed)
{
	uint64_t start = below(seed, p->map.new_size + 1), len = below(seed, p->map.new_size - start + 1);
	uint64_t from = below(seed, p->map.old_size + 1);
	uint8_t data[NEW_MAX];

	if (im_random(seed) % 2)
		len = im_min(len, 1 + below(seed, 40));
	switch (im_random(seed) % 5) {
	case 4:
		memset(p->want + start, 0xa5, len);
		ck_assert_int_eq(im_map_fill(&p->map, start, len, 0xa5, "fill", NULL), 0);
		break;
	case 0:
		memset(p->want + start, 0, len);
		ck_assert_int_eq(im_map_zero(&p->map, start, len, "zero", NULL), 0);
		break;
	case 1:
		for (uint64_t i = 0; i < len; i++)
			data[i] = (uint8_t)im_random(seed);
		memcpy(p->want + start, data, len);
		ck_assert_int_eq(im_map_bytes(&p->map, start, data, len, "bytes", NULL), 0);
		break;
	case 2:
		if (im_random(seed) % 4 == 0)
			from = im_min(start, p->map.old_size);
		/* fall through */
	default:
		len = im_min(len, p->map.old_size - from);
		memcpy(p->want + start, im_dev_mem_bytes(p->old) + from, len);
		ck_assert_int_eq(im_map_from(&p->map, start, len, from, "from", NULL), 0);
	}
}

static void check_view(struct pair *p, uint64_t *seed)
{
	struct im_dev *view = im_map_view(&p->map, p->old, NULL);
	uint8_t *got = malloc(NEW_MAX);
	struct im_error err = { 0 };
	struct im_extent ext;

	ck_assert(view && got);
	ck_assert_uint_eq(view->size, p->map.new_size);
	ck_assert_int_eq(im_dev_read(view, 0, got, p->map.new_size, NULL), 0);
	ck_assert_mem_eq(got, p->want, p->map.new_size);
	for (int i = 0; i < 20; i++) {
		uint64_t off = below(seed, p->map.new_size), len = below(seed, p->map.new_size - off + 1);

		ck_assert_int_eq(im_dev_read(view, off, got, len, NULL), 0);
		ck_assert(len == 0 || memcmp(got, p->want + off, len) == 0);
		ck_assert_int_eq(im_dev_extent(view, off, len, &ext, NULL), 0);
		ck_assert(ext.len <= len && (ext.len || !len));
		ck_assert(!ext.is_zero || im_is_zero(p->want + off, ext.len));
	}
	ck_assert_int_eq(im_dev_read(view, p->map.new_size, got, 1, &err), -1);
	ck_assert_int_eq(im_dev_write(view, 0, got, 1, &err), -1);
	free(got);
	im_dev_close(view);
}

static void check_find(const struct im_map *map)
{
	for (uint64_t off = 0; off < map->new_size; off++) {
		const struct im_segment *s = &map->segs.v[im_map_find(map, off)];

		ck_assert(s->start <= off && off - s->start < s->len);
	}
}

static void check_same(const struct im_map *a, const struct im_map *b)
{
	ck_assert(a->old_size == b->old_size && a->new_size == b->new_size && a->segs.n == b->segs.n);
	for (size_t i = 0; i < a->segs.n; i++) {
		const struct im_segment *s = &a->segs.v[i], *t = &b->segs.v[i];

		ck_assert(s->start == t->start && s->len == t->len && s->kind == t->kind);
		ck_assert(s->kind != IM_FROM || s->from == t->from);
		ck_assert(s->fill == t->fill);
		ck_assert(s->kind != IM_BYTES || memcmp(s->data, t->data, s->len) == 0);
		/* no reason and an empty one are the same in a file */
		ck_assert_str_eq(s->reason ? s->reason : "", t->reason ? t->reason : "");
	}
}

static void check_round_trip(const struct im_map *map)
{
	struct im_map back;
	struct im_error err = { 0 };
	uint8_t *p;
	size_t len;

	ck_assert_int_eq(im_map_encode(map, &p, &len, NULL), 0);
	ck_assert_msg(im_map_decode(&back, p, len, &err) == 0, "%s", err.message);
	check_same(map, &back);
	im_map_free(&back);
	free(p);
}

START_TEST(painting)
{
	uint64_t seed = (uint64_t)_i + 1;
	struct pair p;

	pair_make(&p, below(&seed, OLD_MAX), below(&seed, NEW_MAX), &seed);
	for (int i = 0; i < 40; i++) {
		paint_once(&p, &seed);
		ck_assert_int_eq(im_map_check(&p.map, NULL), 0);
	}
	if (p.map.new_size)
		check_view(&p, &seed);
	check_find(&p.map);
	check_round_trip(&p.map);
	pair_free(&p);
}
END_TEST

START_TEST(first_map)
{
	struct im_map map;

	ck_assert_int_eq(im_map_init(&map, 100, 100, NULL), 0);
	ck_assert(im_map_is_identity(&map));
	ck_assert_int_eq(im_map_from(&map, 10, 20, 10, "onto itself", NULL), 0);
	ck_assert(im_map_is_identity(&map));		/* from its own place: kept */
	ck_assert_int_eq(im_map_from(&map, 10, 20, 11, "by one", NULL), 0);
	ck_assert(!im_map_is_identity(&map));
	im_map_free(&map);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(im_map_init(&map, 100, i ? 101 : 99, NULL), 0);
		ck_assert_int_eq(im_map_check(&map, NULL), 0);
		ck_assert(!im_map_is_identity(&map));	/* a change of size is a change */
		im_map_free(&map);
	}
	ck_assert_int_eq(im_map_init(&map, 0, 0, NULL), 0);
	ck_assert(im_map_is_identity(&map));
	check_round_trip(&map);
	im_map_free(&map);
}
END_TEST

/* Ranges outside the sizes are refused, and the map stays what it was. */
START_TEST(out_of_range)
{
	static const struct { uint64_t start, len, from; } bad[] = {
		{ 0, 201, 0 }, { 200, 1, 0 }, { 199, 2, 0 }, { UINT64_MAX, 1, 0 }, { UINT64_MAX, UINT64_MAX, 0 },
		{ 1, UINT64_MAX, 0 }, { 0, 101, 0 }, { 0, 1, 100 }, { 0, 2, 99 }, { 0, 2, UINT64_MAX },
		{ 0, 200, UINT64_MAX - 100 }, { 100, 1, UINT64_MAX },
	};
	uint8_t data[256] = { 1 };
	struct im_map map, before;

	ck_assert_int_eq(im_map_init(&map, 100, 200, NULL), 0);
	ck_assert_int_eq(im_map_init(&before, 100, 200, NULL), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct im_error err = { 0 };

		ck_assert_int_eq(im_map_from(&map, bad[i].start, bad[i].len, bad[i].from, "x", &err), -1);
		ck_assert_int_eq(err.code, IM_EUSAGE);
		if (i >= 6)
			continue;
		ck_assert_int_eq(im_map_zero(&map, bad[i].start, bad[i].len, "x", &err), -1);
		ck_assert_int_eq(im_map_fill(&map, bad[i].start, bad[i].len, 0xff, "x", &err), -1);
		ck_assert_int_eq(im_map_bytes(&map, bad[i].start, data, bad[i].len, "x", &err), -1);
	}
	check_same(&before, &map);
	ck_assert_int_eq(im_map_zero(&map, 200, 0, "nothing", NULL), 0);
	ck_assert_int_eq(im_map_from(&map, 200, 0, 100, "nothing", NULL), 0);
	check_same(&before, &map);
	im_map_free(&map);
	im_map_free(&before);
}
END_TEST

/* Whatever decoding accepts must be total and readable; what it refuses it leaves empty. */
static void decode_any(const uint8_t *p, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);	/* so that a read too far is seen */
	struct im_error err = { 0 };
	struct im_map map;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, p, len);
	if (im_map_decode(&map, exact, len, &err) < 0) {
		ck_assert(err.code == IM_EFORMAT || err.code == IM_ENOMEM);
		ck_assert_uint_eq(map.segs.n, 0);
	} else {
		ck_assert_int_eq(im_map_check(&map, NULL), 0);
		check_round_trip(&map);
		im_map_free(&map);
	}
	free(exact);
}

START_TEST(hostile_files)
{
	static const uint64_t values[] = { 0, 1, 4, 255, 4097, 1ull << 31, 1ull << 32, INT64_MAX, UINT64_MAX - 7, UINT64_MAX };
	uint64_t seed = 77 + (uint64_t)_i;
	struct pair p;
	uint8_t *bytes, *copy;
	size_t len;

	pair_make(&p, 300, 500, &seed);
	for (int i = 0; i < 6; i++)
		paint_once(&p, &seed);
	ck_assert_int_eq(im_map_encode(&p.map, &bytes, &len, NULL), 0);
	copy = malloc(len + 16);
	ck_assert_ptr_nonnull(copy);
	for (size_t n = 0; n < len; n++) {
		struct im_map map;
		struct im_error err;

		ck_assert_int_eq(im_map_decode(&map, bytes, n, &err), -1);
		decode_any(bytes, n);
	}
	for (size_t at = 0; at + 8 <= len; at++) {
		memcpy(copy, bytes, len);
		copy[at] ^= (uint8_t)(1 + im_random(&seed) % 255);
		decode_any(copy, len);
		memcpy(copy, bytes, len);
		im_put64(copy + at, values[im_random(&seed) % 10]);
		decode_any(copy, len);
	}
	memcpy(copy, bytes, len);
	memset(copy + len, 0, 16);
	decode_any(copy, len + 16);
	free(copy);
	free(bytes);
	pair_free(&p);
}
END_TEST

/* im_map_check finds each kind of fault that a file could bring. */
START_TEST(check_finds)
{
	static uint8_t byte[1];
	struct im_segment segs[2];
	struct im_map map = { .old_size = 100, .new_size = 100, .segs = { segs, 2, 2 } };

	for (int i = 0; i < 10; i++) {
		segs[0] = (struct im_segment){ .start = 0, .len = 60, .kind = IM_KEEP };
		segs[1] = (struct im_segment){ .start = 60, .len = 40, .kind = IM_FROM, .from = 1 };
		map.new_size = map.old_size = 100;
		switch (i) {
		case 0: segs[1].start = 61; break;
		case 1: segs[1].start = 59; break;
		case 2: segs[1].len = 41; break;
		case 3: segs[1].len = 39; break;
		case 4: segs[1].len = UINT64_MAX; break;
		case 5: segs[1].from = 61; break;
		case 6: segs[1].from = UINT64_MAX; break;
		case 7: segs[1] = (struct im_segment){ .start = 60, .len = 40, .kind = IM_BYTES }; break;
		case 8: segs[1].kind = (enum im_kind)7; break;
		case 9: map.old_size = 50; break;
		}
		ck_assert_msg(im_map_check(&map, NULL) == -1, "fault %d is not found", i);
	}
	segs[0] = (struct im_segment){ .len = 99, .kind = IM_ZERO };
	segs[1] = (struct im_segment){ .start = 99, .len = 1, .kind = IM_BYTES, .data = byte };
	map.old_size = 0;
	ck_assert_int_eq(im_map_check(&map, NULL), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("map");
	TCase *c = tcase_create("map");

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, painting, 0, 150);
	tcase_add_test(c, first_map);
	tcase_add_test(c, out_of_range);
	tcase_add_loop_test(c, hostile_files, 0, 10);
	tcase_add_test(c, check_finds);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
