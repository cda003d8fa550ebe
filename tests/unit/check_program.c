/* check_program.c - programs made from random maps, carried out byte by byte on arrays.
 *
 * The simulation keeps what program.h promises: every byte that changes is written by exactly one batch,
 * no batch is larger than the buffer, and the content of each batch can be read in the state before it,
 * going forward (P1) and going back (P2), where a batch without a data journal never reads what it
 * overwrites. The saved old bytes are those that no origin carries, and sector 0 is never read or written.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crashdev.h"
#include "exec/program.h"
#include "run_suite.h"

#define FENCE 0xfe

/* ck_assert_msg notes every place that it passes; inside loops over bytes that is too slow. */
#define MUST(condition, ...) do { if (!(condition)) ck_abort_msg(__VA_ARGS__); } while (0)

struct scene {
	struct im_map map;
	struct im_program prog;
	uint64_t ss, size;		/* sector; the larger of both sizes */
	uint8_t *old, *new, *now;	/* size bytes each */
	uint8_t *writes;		/* how many batches write each byte */
	bool *written;			/* in the state that `now` shows */
};

static uint64_t below(uint64_t *seed, uint64_t n)
{
	return n ? im_random(seed) % n : 0;
}

/* Copies in both directions, cycles, zeros, literals, growth and shrinking. */
static void random_map(struct scene *s, uint64_t *seed)
{
	uint64_t unit = (uint64_t[]){ 1, 64, 512 }[im_random(seed) % 3];
	uint64_t old_size = s->ss + 2000 + below(seed, 30000), new_size = old_size;

	if (im_random(seed) % 3)
		new_size = s->ss + below(seed, 2 * old_size);
	ck_assert_int_eq(im_map_init(&s->map, old_size, new_size, NULL), 0);
	for (uint64_t k = 1 + below(seed, im_random(seed) % 4 ? 8 : 60); k > 0; k--) {
		uint64_t to = below(seed, new_size) / unit * unit, from = below(seed, old_size) / unit * unit;
		uint64_t len = 1 + below(seed, im_random(seed) % 2 ? old_size : 2000);
		uint8_t data[700];

		if (im_random(seed) % 3 == 0)		/* a short shift */
			to = im_min(from + unit * (1 + below(seed, 5)), new_size);
		len = im_min(len, im_min(old_size - from, new_size - to));
		switch (im_random(seed) % 7) {
		case 6:
			ck_assert_int_eq(im_map_fill(&s->map, to, len, 0xff, "fill", NULL), 0);
			break;
		case 0:
			ck_assert_int_eq(im_map_zero(&s->map, to, len, "zero", NULL), 0);
			break;
		case 1:
			for (size_t i = 0; i < sizeof(data); i++)
				data[i] = (uint8_t)im_random(seed);
			ck_assert_int_eq(im_map_bytes(&s->map, to, data, im_min(len, sizeof(data)), "literal", NULL), 0);
			break;
		default:
			ck_assert_int_eq(im_map_from(&s->map, to, len, from, "copy", NULL), 0);
		}
	}
}

static void scene_make(struct scene *s, uint64_t *seed)
{
	struct im_dev *dev, *view;

	memset(s, 0, sizeof(*s));
	s->ss = im_random(seed) % 4 ? 512 : 4096;
	random_map(s, seed);
	s->size = im_max(s->map.old_size, s->map.new_size);
	s->old = calloc(1, s->size);
	s->new = calloc(1, s->size);
	s->now = calloc(1, s->size);
	s->writes = calloc(1, s->size);
	s->written = calloc(s->size, sizeof(bool));
	dev = im_dev_mem(s->map.old_size, (uint32_t)s->ss, NULL);
	ck_assert(s->old && s->new && s->now && s->writes && s->written && dev);
	for (uint64_t i = 0; i < s->map.old_size; i++)
		s->old[i] = im_dev_mem_bytes(dev)[i] = (uint8_t)im_random(seed);
	view = im_map_view(&s->map, dev, NULL);
	ck_assert_ptr_nonnull(view);
	ck_assert_int_eq(im_dev_read(view, 0, s->new, s->map.new_size, NULL), 0);
	im_dev_close(view);
	im_dev_close(dev);
}

static void scene_free(struct scene *s)
{
	im_program_free(&s->prog);
	im_map_free(&s->map);
	free(s->old);
	free(s->new);
	free(s->now);
	free(s->writes);
	free(s->written);
}

/* One byte of the old image as recovery gets it: from where it was carried to, or as saved. */
static uint8_t old_byte(const struct scene *s, uint64_t off, uint64_t *at)
{
	const struct im_origin *o = im_program_origin(&s->prog, off);

	MUST(o->old <= off && off - o->old < o->len, "im_program_origin finds the wrong origin");
	*at = UINT64_MAX;
	if (!o->is_carried)
		return s->old[off];
	*at = o->at + (off - o->old);
	MUST(*at >= s->ss && *at < s->size, "an origin lies outside");
	return s->now[*at];
}

/* Origins: sorted, without gaps, over the whole old image. */
static void check_origins(const struct scene *s)
{
	uint64_t at = 0;

	for (size_t i = 0; i < s->prog.origins.n; i++) {
		ck_assert_uint_eq(s->prog.origins.v[i].old, at);
		ck_assert_uint_gt(s->prog.origins.v[i].len, 0);
		at += s->prog.origins.v[i].len;
	}
	ck_assert_uint_eq(at, s->map.old_size);
}

/* Every byte behind sector 0 that the map does not keep is written once, every other one never. */
static void check_cover(struct scene *s)
{
	struct im_op ops[IM_BATCH_OPS];
	bool journalled;

	for (uint64_t p = 0; p < s->prog.n_batches; p++) {
		size_t n = im_program_batch(&s->prog, p, ops, &journalled);
		uint64_t sum = 0;

		ck_assert(n >= 1 && n <= IM_BATCH_OPS);
		for (size_t i = 0; i < n; i++) {
			ck_assert(ops[i].len > 0 && ops[i].dst >= s->ss && ops[i].dst + ops[i].len <= s->size);
			sum += ops[i].len;
			for (uint64_t b = ops[i].dst; b < ops[i].dst + ops[i].len; b++)
				s->writes[b]++;
		}
		ck_assert_uint_le(sum, s->prog.params.buffer);
	}
	for (uint64_t b = 0; b < s->size; b++) {
		bool keeps = b < s->ss || (b < s->map.new_size &&
					   s->map.segs.v[im_map_find(&s->map, b)].kind == IM_KEEP);

		MUST(s->writes[b] == !keeps, "byte %lu of %lu is written %d times", (unsigned long)b,
			      (unsigned long)s->size, s->writes[b]);
	}
}

static uint8_t forward_byte(const struct scene *s, const struct im_op *op, uint64_t i)
{
	uint64_t at;

	switch (op->kind) {
	case IM_OP_COPY:
		MUST(op->src + i >= s->ss, "a copy reads sector 0, where the fence is");
		MUST(!s->written[op->src + i], "P1: the source was overwritten by a batch before");
		return s->now[op->src + i];
	case IM_OP_OLD:
		(void)old_byte(s, op->src + i, &at);
		MUST(at == UINT64_MAX, "old bytes that a batch needs are not saved");
		return s->old[op->src + i];
	case IM_OP_LITERAL:
		return op->data[i];
	case IM_OP_FILL:
		return op->fill;
	default:
		return 0;
	}
}

static bool in_batch(const struct im_op *ops, size_t n, uint64_t off)
{
	for (size_t i = 0; i < n; i++)
		if (off >= ops[i].dst && off - ops[i].dst < ops[i].len)
			return true;
	return false;
}

static void forward(struct scene *s, uint64_t p, uint8_t *content)
{
	struct im_op ops[IM_BATCH_OPS];
	bool journalled;
	size_t n = im_program_batch(&s->prog, p, ops, &journalled), k = 0;

	for (size_t j = 0; j < n; j++)
		for (uint64_t i = 0; i < ops[j].len; i++) {
			content[k++] = forward_byte(s, &ops[j], i);
			MUST(journalled || ops[j].kind != IM_OP_COPY || !in_batch(ops, n, ops[j].src + i),
			     "P1: a batch without journal overwrites its own source");
		}
	k = 0;
	for (size_t j = 0; j < n; j++)
		for (uint64_t i = 0; i < ops[j].len; i++, k++) {
			uint64_t dst = ops[j].dst + i;

			s->written[dst] = true;
			if (ops[j].kind == IM_OP_CUT)
				continue;
			s->now[dst] = content[k];
			MUST(content[k] == s->new[dst], "batch %lu: byte %lu is not the new one",
				      (unsigned long)p, (unsigned long)dst);
		}
}

static void backward(struct scene *s, uint64_t p, uint8_t *content)
{
	struct im_op ops[IM_BATCH_OPS];
	bool journalled;
	size_t n = im_program_batch(&s->prog, p, ops, &journalled), k = 0;
	uint64_t at;

	for (size_t j = 0; j < n; j++)
		for (uint64_t i = 0; i < ops[j].len && ops[j].dst + i < s->map.old_size; i++) {
			content[k++] = old_byte(s, ops[j].dst + i, &at);
			MUST(journalled || at == UINT64_MAX || !in_batch(ops, n, at),
			     "P2: a batch without journal overwrites its own source");
		}
	k = 0;
	for (size_t j = 0; j < n; j++)
		for (uint64_t i = 0; i < ops[j].len; i++) {
			uint64_t dst = ops[j].dst + i;

			s->written[dst] = false;
			if (dst >= s->map.old_size)
				continue;
			s->now[dst] = content[k++];
			MUST(s->now[dst] == s->old[dst], "batch %lu: byte %lu is not the old one",
				      (unsigned long)p, (unsigned long)dst);
		}
}

static void check_state(const struct scene *s, const uint8_t *want, uint64_t size)
{
	for (uint64_t i = 0; i < s->ss; i++)
		MUST(s->now[i] == FENCE, "sector 0 was written");
	ck_assert_mem_eq(s->now + s->ss, want + s->ss, size - s->ss);
}

START_TEST(random_programs)
{
	uint64_t seed = 1000 + (uint64_t)_i;
	struct im_exec_params params = { .buffer = 512u << im_random(&seed) % 6 };
	struct im_error err = { 0 };
	struct scene s;
	uint8_t *content;

	params.direct_min = (uint64_t[]){ 1, 64, 1024, 4096, 1 << 20 }[im_random(&seed) % 5];
	params.strands = (uint32_t[]){ 1, 2, 3, 7, 16 }[_i % 5];
	scene_make(&s, &seed);
	content = malloc(params.buffer);
	ck_assert_ptr_nonnull(content);
	ck_assert_msg(im_program_build(&s.prog, &s.map, (uint32_t)s.ss, &params, &err) == 0, "%s", err.message);
	check_origins(&s);
	check_cover(&s);
	memcpy(s.now, s.old, s.size);
	memset(s.now, FENCE, s.ss);
	for (uint64_t p = 0; p < s.prog.n_batches; p++)
		forward(&s, p, content);
	check_state(&s, s.new, s.map.new_size);
	for (uint64_t p = s.prog.n_batches; p-- > 0;)
		backward(&s, p, content);
	check_state(&s, s.old, s.map.old_size);
	free(content);
	scene_free(&s);
}
END_TEST

/* Pieces that change places in a ring: one of them is saved, no more. */
START_TEST(cycles)
{
	struct im_exec_params params = { .buffer = 1024, .direct_min = 512, .strands = 1 };
	uint64_t n = 2 + (uint64_t)_i, len = 4096, size = 512 + n * len;
	struct im_program prog;
	struct im_map map;

	ck_assert_int_eq(im_map_init(&map, size, size, NULL), 0);
	for (uint64_t i = 0; i < n; i++)
		ck_assert_int_eq(im_map_from(&map, 512 + i * len, len, 512 + (i + 1) % n * len, "round", NULL), 0);
	ck_assert_int_eq(im_program_build(&prog, &map, 512, &params, NULL), 0);
	ck_assert_uint_eq(prog.stash_bytes, len);
	im_program_free(&prog);
	im_map_free(&map);
}
END_TEST

START_TEST(too_small)
{
	struct im_error err = { 0 };
	struct im_program prog;
	struct im_map map;

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(im_map_init(&map, i ? 511 : 1024, i ? 1024 : 511, NULL), 0);
		ck_assert_int_eq(im_program_build(&prog, &map, 512, &im_exec_defaults, &err), -1);
		ck_assert_int_eq(err.code, IM_EREFUSED);
		im_map_free(&map);
	}
}
END_TEST

/* Nothing to do: no batch, and every byte but sector 0 is where it was. */
START_TEST(identity)
{
	struct im_program prog;
	struct im_map map;

	ck_assert_int_eq(im_map_init(&map, 10000, 10000, NULL), 0);
	ck_assert_int_eq(im_program_build(&prog, &map, 4096, &im_exec_defaults, NULL), 0);
	ck_assert_uint_eq(prog.n_batches, 0);
	ck_assert(!im_program_origin(&prog, 4095)->is_carried);
	ck_assert(im_program_origin(&prog, 4096)->is_carried);
	im_program_free(&prog);
	im_map_free(&map);
}
END_TEST

/* A piece about as long as the buffer, wherever it begins and whatever follows it, is written to its end. */
START_TEST(piece_like_the_buffer)
{
	uint64_t start = (uint64_t[]){ 512, 4096, 5000 }[_i % 3], len = 8192 - 2048 + (uint64_t)_i / 3 * 512;
	struct im_exec_params params = { .buffer = 8192, .direct_min = 1, .strands = 1 };
	struct scene s = { .ss = 512, .size = 40000 };

	ck_assert_int_eq(im_map_init(&s.map, s.size, s.size, NULL), 0);
	ck_assert_int_eq(im_map_zero(&s.map, start, len, "vacated", NULL), 0);
	ck_assert_int_eq(im_map_zero(&s.map, 30000, 4096, "elsewhere", NULL), 0);
	ck_assert_int_eq(im_program_build(&s.prog, &s.map, 512, &params, NULL), 0);
	s.writes = calloc(1, s.size);
	check_cover(&s);
	scene_free(&s);
}
END_TEST

/* The parameters stand in the journal's head, and a map from there may call a byte moved that stays. */
START_TEST(parameters_from_a_file)
{
	struct im_segment segs[] = {
		{ .len = 1024, .kind = IM_KEEP },
		{ .start = 1024, .len = 9000, .kind = IM_FROM, .from = 1024 },
	};
	struct im_map map = { .old_size = 10024, .new_size = 10024, .segs = { segs, 2, 2 } };
	struct im_exec_params params = { .buffer = 512, .direct_min = 0, .strands = 1 };
	struct im_error err = { 0 };
	struct im_program prog;

	ck_assert_int_eq(im_map_check(&map, NULL), -1);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(im_program_build(&prog, &map, 512, &params, &err), -1);
		ck_assert_int_eq(err.code, IM_EFORMAT);
		params = (struct im_exec_params){ .buffer = 512, .direct_min = 1, .strands = 0 };
	}
}
END_TEST

/* May both be written before one flush? */
static bool are_apart(const struct im_op *a, const struct im_op *b)
{
	return a->dst >= b->src + b->len || b->src >= a->dst + a->len;
}

/* A long move in strands: batches of each in turn, of which none overwrites what another one of its round is made of, on whole
 * blocks; and the journal keeps a shift's length between two of them, no more. */
START_TEST(strands)
{
	uint64_t mib = 1 << 20, shift = mib - 512, start = 512, len = 96 * mib + 512 * (uint64_t)_i, kept = mib;
	struct im_exec_params params = { .buffer = 16 * mib, .direct_min = 1 << 19, .strands = 16 };
	struct im_op ops[4][IM_BATCH_OPS];
	struct im_program prog, single;
	struct im_map map;
	bool journalled;
	size_t rounds = 0;

	ck_assert_int_eq(im_map_init(&map, start + len + shift, start + len + shift, NULL), 0);
	ck_assert_int_eq(im_map_from(&map, start + shift, len, start, "move", NULL), 0);
	ck_assert_int_eq(im_program_build(&prog, &map, 512, &params, NULL), 0);
	ck_assert_uint_eq(prog.stash_bytes, 3 * kept);
	for (uint64_t p = _i ? 1 : 0; p + 4 < prog.n_batches; p += 4) {
		for (size_t i = 0; i < 4; i++)
			ck_assert_uint_eq(im_program_batch(&prog, p + i, ops[i], &journalled), 1);
		if (ops[3][0].len != ops[0][0].len || ops[3][0].kind != IM_OP_COPY || ops[1][0].dst + mib > ops[0][0].dst)
			break;
		rounds++;
		for (size_t i = 0; i < 4; i++) {
			ck_assert(!journalled && (ops[i][0].dst + ops[i][0].len) % IM_HOST_BLOCK == 0);
			for (size_t k = 0; k < 4; k++)
				ck_assert(are_apart(&ops[i][0], &ops[k][0]));
		}
	}
	ck_assert_uint_ge(rounds, 22);
	params.strands = 1;
	ck_assert_int_eq(im_program_build(&single, &map, 512, &params, NULL), 0);
	ck_assert_uint_eq(single.stash_bytes, 0);
	im_program_free(&single);
	im_program_free(&prog);
	im_map_free(&map);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("program");
	TCase *c = tcase_create("program");

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, random_programs, 0, 400);
	tcase_add_loop_test(c, cycles, 0, 5);
	tcase_add_test(c, too_small);
	tcase_add_test(c, identity);
	tcase_add_loop_test(c, piece_like_the_buffer, 0, 3 * 9);
	tcase_add_test(c, parameters_from_a_file);
	tcase_add_loop_test(c, strands, 0, 8);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
