/* check_steps.c - which maps are a few insertions and removals of whole blocks, and which ones. */
#include <check.h>

#include "exec/fills.h"
#include "run_suite.h"

#define UNIT 4096u
#define MIB (1u << 20)

static struct im_map map;
static struct im_steps steps;

static void start(uint64_t old_size, uint64_t new_size)
{
	ck_assert_int_eq(im_map_init(&map, old_size, new_size, NULL), 0);
}

/* LBA 1 to byte 8192, in a disk of as many bytes as before. */
static void start_at_8192(uint64_t size, uint64_t len)
{
	start(size, size);
	ck_assert_int_eq(im_map_zero(&map, 512, 7680, "left", NULL), 0);
	ck_assert_int_eq(im_map_from(&map, 8192, len, 512, "moves", NULL), 0);
}

static void from(uint64_t to, uint64_t len, uint64_t at)
{
	ck_assert_int_eq(im_map_from(&map, to, len, at, "moves", NULL), 0);
}

static void end(void)
{
	im_steps_free(&steps);
	im_map_free(&map);
}

static void check_kind(size_t i, enum im_step_kind kind, uint64_t off, uint64_t len)
{
	struct im_step step;

	ck_assert_uint_lt(i, im_steps_count(&steps));
	step = im_steps_at(&steps, i);
	ck_assert_int_eq(step.kind, kind);
	ck_assert_uint_eq(step.off, off);
	ck_assert_uint_eq(step.len, len);
}

static void check_step(size_t i, bool inserts, uint64_t off, uint64_t len)
{
	check_kind(i, inserts ? IM_STEP_INSERT : IM_STEP_REMOVE, off, len);
}

/* A partition at LBA 8 goes to 1 MiB, and the disk grows. */
START_TEST(insertion)
{
	uint64_t shift = MIB - UNIT;

	start(UNIT + 16 * MIB, 17 * MIB);
	ck_assert_int_eq(im_map_zero(&map, UNIT, shift, "left", NULL), 0);
	from(MIB, 16 * MIB, UNIT);
	ck_assert_int_eq(im_steps_build(&steps, &map, UNIT, NULL), 0);
	ck_assert_uint_eq(steps.list.n, 1);
	check_step(0, true, UNIT, shift);
	ck_assert_uint_eq(steps.edges.n, 0);
	ck_assert_uint_eq(im_steps_size(&steps, &map, 0), UNIT + 16 * MIB);
	ck_assert_uint_eq(im_steps_size(&steps, &map, 1), 17 * MIB);
	end();
}
END_TEST

/* … and what stands behind it stays there: the free room between shrinks. */
START_TEST(insertion_and_removal)
{
	uint64_t shift = MIB - UNIT;

	start(40 * MIB, 40 * MIB);
	from(MIB, 16 * MIB, UNIT);
	ck_assert_int_eq(im_map_zero(&map, UNIT, shift, "left", NULL), 0);
	ck_assert_int_eq(im_steps_build(&steps, &map, UNIT, NULL), 0);
	ck_assert_uint_eq(steps.list.n, 2);
	check_step(0, true, UNIT, shift);
	check_step(1, false, 17 * MIB, shift);
	ck_assert_uint_eq(im_steps_size(&steps, &map, 1), 40 * MIB + shift);
	ck_assert_uint_eq(im_steps_size(&steps, &map, 2), 40 * MIB);
	end();
}
END_TEST

START_TEST(to_the_left)
{
	start(40 * MIB, 40 * MIB);
	from(2 * MIB, 16 * MIB, 3 * MIB);
	ck_assert_int_eq(im_map_zero(&map, 18 * MIB, MIB, "left", NULL), 0);
	ck_assert_int_eq(im_steps_build(&steps, &map, UNIT, NULL), 0);
	ck_assert_uint_eq(steps.list.n, 2);
	check_step(0, false, 2 * MIB, MIB);
	check_step(1, true, 18 * MIB, MIB);
	end();
}
END_TEST

/* Pieces of blocks at the ends are edges, and so is what the first block loses. */
START_TEST(ends_of_blocks)
{
	start(20 * MIB, 21 * MIB);
	ck_assert_int_eq(im_map_zero(&map, 512, MIB, "left", NULL), 0);
	from(MIB + 512, 18 * MIB, 512);
	ck_assert_int_eq(im_steps_build(&steps, &map, UNIT, NULL), 0);
	check_step(0, true, UNIT, MIB);
	ck_assert_uint_ge(steps.edges.n, 2);
	ck_assert_uint_eq(steps.edges.v[0].old, 512);
	ck_assert_uint_eq(steps.edges.v[0].new, MIB + 512);
	ck_assert_uint_eq(steps.edges.v[0].len, UNIT - 512);
	ck_assert_uint_eq(steps.edges.v[1].old, 18 * MIB);
	ck_assert_uint_eq(steps.edges.v[1].new, 19 * MIB);
	ck_assert_uint_eq(steps.edges.v[1].len, 512);
	end();
}
END_TEST

static void refuse(void)
{
	ck_assert_int_eq(im_steps_build(&steps, &map, UNIT, NULL), 1);
	end();
}

START_TEST(not_possible)
{
	/* by what is no multiple of a block */
	start(17 * MIB, 18 * MIB);
	from(MIB, 16 * MIB, 512);
	refuse();
	/* two pieces change places */
	start(64 * MIB, 64 * MIB);
	from(MIB, 16 * MIB, 32 * MIB);
	from(32 * MIB, 16 * MIB, MIB);
	refuse();
	/* a sector goes to two places */
	start(20 * MIB, 21 * MIB);
	ck_assert_int_eq(im_map_zero(&map, UNIT, MIB, "left", NULL), 0);
	from(MIB + UNIT, 19 * MIB, UNIT);
	from(2 * MIB, 512, 512);
	refuse();
	/* nothing moves, or too little to be worth it */
	start(64 * MIB, 65 * MIB);
	refuse();
	start(64 * MIB, 64 * MIB);
	from(32 * MIB, 2 * UNIT, MIB);
	refuse();
}
END_TEST

/* More pieces than steps that a log should hold. */
START_TEST(too_many)
{
	start(64 * MIB, 128 * MIB);
	for (uint64_t i = 1; i < 63; i++)
		from(i * MIB + i * UNIT, MIB, i * MIB);
	refuse();
}
END_TEST

/* ---- a gap that goes through ---- */

/* LBA 1 to byte 8192, with room behind: a gap of 4 MiB in parts of 512 KiB from the end to the start. */
START_TEST(parts)
{
	start_at_8192(40 * MIB, 16 * MIB);
	ck_assert_int_eq(im_fills_build(&steps, &map, UNIT, 4 * MIB, NULL), 0);
	/* 33 parts, of which the first has the block that is vacated, or undo could not bring back what is carried from it */
	ck_assert_uint_eq(im_steps_count(&steps), 36);
	ck_assert_uint_eq(im_steps_window(&steps), 8);
	check_kind(0, IM_STEP_INSERT, 8192 + 16 * MIB, 4 * MIB + 2 * UNIT);
	check_kind(1, IM_STEP_FILL, 8192 + 16 * MIB - MIB / 2, MIB / 2);
	check_kind(32, IM_STEP_FILL, 8192, MIB / 2);
	check_kind(33, IM_STEP_FILL, UNIT, UNIT);
	check_kind(34, IM_STEP_REMOVE, UNIT, 4 * MIB);
	check_kind(35, IM_STEP_REMOVE, 8192 + 16 * MIB, 2 * UNIT);
	/* what comes from the first block */
	ck_assert_uint_eq(steps.edges.n, 1);
	ck_assert_uint_eq(steps.edges.v[0].old, 512);
	ck_assert_uint_eq(steps.edges.v[0].new, 8192);
	ck_assert_uint_eq(steps.edges.v[0].len, UNIT - 512);
	ck_assert_uint_eq(im_steps_size(&steps, &map, 0), 40 * MIB);
	ck_assert_uint_eq(im_steps_size(&steps, &map, 1), 44 * MIB + 2 * UNIT);
	ck_assert_uint_eq(im_steps_size(&steps, &map, 34), 44 * MIB + 2 * UNIT);
	ck_assert_uint_eq(im_steps_size(&steps, &map, 35), 40 * MIB + 2 * UNIT);
	ck_assert_uint_eq(im_steps_size(&steps, &map, 36), 40 * MIB);
	ck_assert(im_steps_are_fills(&steps, 1, 34));
	ck_assert(!im_steps_are_fills(&steps, 0, 2));
	ck_assert(!im_steps_are_fills(&steps, 33, 35));
	end();
}
END_TEST

/* The disk grows: what goes behind its last whole block is kept by the journal. No gap is larger than what goes through it. */
START_TEST(parts_and_growth)
{
	start(512 + 16 * MIB, 16 * MIB + 8192);
	ck_assert_int_eq(im_map_zero(&map, 512, 7680, "left", NULL), 0);
	from(8192, 16 * MIB, 512);
	ck_assert_int_eq(im_fills_build(&steps, &map, UNIT, 64 * MIB, NULL), 0);
	/* 16 MiB less a block, an eighth of which is no multiple of one */
	ck_assert_uint_eq(im_steps_count(&steps), 11);
	ck_assert_uint_eq(im_steps_window(&steps), 7);
	check_kind(0, IM_STEP_INSERT, 16 * MIB, 16 * MIB + UNIT);
	check_kind(1, IM_STEP_FILL, 14 * MIB, 2 * MIB);
	check_kind(8, IM_STEP_FILL, UNIT, 2 * MIB - UNIT);
	check_kind(9, IM_STEP_REMOVE, UNIT, 16 * MIB - UNIT);
	ck_assert_uint_eq(steps.edges.n, 2);
	ck_assert_uint_eq(steps.edges.v[1].old, 16 * MIB - 7680);
	ck_assert_uint_eq(steps.edges.v[1].new, 16 * MIB);
	ck_assert_uint_eq(steps.edges.v[1].len, 8192);
	end();
}
END_TEST

/* Parts are held in memory, however large the gap is. */
START_TEST(large_gap)
{
	start_at_8192(4096ull * MIB, 4000ull * MIB);
	ck_assert_int_eq(im_fills_build(&steps, &map, UNIT, 1024 * MIB, NULL), 0);
	ck_assert_uint_eq(im_steps_window(&steps), 128);
	check_kind(1, IM_STEP_FILL, 8192 + 3992ull * MIB, 8 * MIB);
	end();
}
END_TEST

static void refuse_parts(uint64_t part)
{
	ck_assert_int_eq(im_fills_build(&steps, &map, UNIT, part, NULL), 1);
	end();
}

START_TEST(no_parts)
{
	/* to the left */
	start(40 * MIB, 40 * MIB);
	from(8192, 16 * MIB, 8192 + 512);
	refuse_parts(MIB);
	/* nothing moves */
	start(40 * MIB, 40 * MIB);
	refuse_parts(MIB);
	/* not of whole blocks, or of none */
	start_at_8192(40 * MIB, 16 * MIB);
	refuse_parts(MIB + 512);
	start_at_8192(40 * MIB, 16 * MIB);
	refuse_parts(0);
	/* a block goes to two places */
	start_at_8192(40 * MIB, 16 * MIB);
	from(30 * MIB, UNIT, MIB);
	refuse_parts(MIB);
	/* a little of much */
	start_at_8192(40 * MIB, MIB);
	ck_assert_int_eq(im_map_zero(&map, 31 * MIB, MIB, "left", NULL), 0);
	from(32 * MIB, MIB, 31 * MIB);
	refuse_parts(MIB);
	/* more of them than a log should hold */
	start_at_8192(140 * MIB, 138 * MIB);
	refuse_parts(2 * UNIT);
	/* a gap of a single part */
	start_at_8192(40 * MIB, 16 * MIB);
	refuse_parts(UNIT);
	/* the image grows by as much as is inserted: its size would not tell when */
	start(40 * MIB, 41 * MIB + 2 * UNIT);
	ck_assert_int_eq(im_map_zero(&map, 512, 7680, "left", NULL), 0);
	from(8192, 16 * MIB, 512);
	refuse_parts(MIB);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("steps");
	TCase *t = tcase_create("steps");

	tcase_add_test(t, insertion);
	tcase_add_test(t, insertion_and_removal);
	tcase_add_test(t, to_the_left);
	tcase_add_test(t, ends_of_blocks);
	tcase_add_test(t, not_possible);
	tcase_add_test(t, too_many);
	tcase_add_test(t, parts);
	tcase_add_test(t, parts_and_growth);
	tcase_add_test(t, large_gap);
	tcase_add_test(t, no_parts);
	suite_add_tcase(s, t);
	return run_suite(s);
}
