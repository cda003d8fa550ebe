/* check_crc.c - both CRCs against published values and against one bit at a time. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "run_suite.h"

#define MOST 320		/* longest piece */
#define SHIFTS 16		/* alignments */

typedef uint32_t crc_fn(uint32_t crc, const void *p, size_t len);

static const struct {
	crc_fn *fn;
	uint32_t poly;		/* reflected */
} crcs[] = {
	{ im_crc32c, 0x82f63b78 },
	{ im_crc32, 0xedb88320 },
};

static uint32_t bitwise(uint32_t poly, const uint8_t *p, size_t len)
{
	uint32_t c = ~0u;

	while (len--) {
		c ^= *p++;
		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? poly : 0);
	}
	return ~c;
}

/* RFC 3720, appendix B.4, and the check value of the catalogue of CRCs. */
START_TEST(castagnoli)
{
	uint8_t up[32], down[32], b[32];

	for (int i = 0; i < 32; i++) {
		up[i] = (uint8_t)i;
		down[i] = (uint8_t)(31 - i);
	}
	ck_assert_uint_eq(im_crc32c(0, "123456789", 9), 0xe3069283);
	ck_assert_uint_eq(im_crc32c(0, memset(b, 0, 32), 32), 0x8a9136aa);
	ck_assert_uint_eq(im_crc32c(0, memset(b, 0xff, 32), 32), 0x62a8ab43);
	ck_assert_uint_eq(im_crc32c(0, up, 32), 0x46dd794e);
	ck_assert_uint_eq(im_crc32c(0, down, 32), 0x113fdb5c);
	ck_assert_uint_eq(im_crc32c(0, "", 0), 0);
}
END_TEST

START_TEST(ieee)
{
	static const char fox[] = "The quick brown fox jumps over the lazy dog";

	ck_assert_uint_eq(im_crc32(0, "123456789", 9), 0xcbf43926);
	ck_assert_uint_eq(im_crc32(0, fox, strlen(fox)), 0x414fa339);
	ck_assert_uint_eq(im_crc32(0, "a", 1), 0xe8b7be43);
	ck_assert_uint_eq(im_crc32(0, "", 0), 0);
}
END_TEST

static uint8_t *noise(size_t len)
{
	uint8_t *p = malloc(len);
	uint32_t r = 12345;

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < len; i++) {
		r = r * 1664525 + 1013904223;
		p[i] = (uint8_t)(r >> 24);
	}
	return p;
}

/* Long enough for what goes in stretches, with a rest of every kind behind it. */
START_TEST(long_buffers)
{
	size_t most = 64 << 10;
	uint8_t *p = noise(most + 8);

	for (size_t len = 12270; len < most; len += len < 12310 ? 1 : 997)
		ck_assert_uint_eq(im_crc32c(0, p + len % 8, len), bitwise(0x82f63b78, p + len % 8, len));
	free(p);
}
END_TEST

START_TEST(every_length_and_alignment)
{
	uint8_t *p = noise(MOST + SHIFTS);

	for (size_t shift = 0; shift < SHIFTS; shift++)
		for (size_t len = 0; len <= MOST; len++)
			ck_assert_msg(crcs[_i].fn(0, p + shift, len) == bitwise(crcs[_i].poly, p + shift, len),
				      "%zu bytes at alignment %zu", len, shift);
	free(p);
}
END_TEST

/* Fed in two pieces, however they are cut, the result is that of the whole. */
START_TEST(in_pieces)
{
	uint8_t *p = noise(MOST);
	uint32_t whole = bitwise(crcs[_i].poly, p, MOST);

	for (size_t cut = 0; cut <= MOST; cut++) {
		uint32_t crc = crcs[_i].fn(0, p, cut);

		ck_assert_uint_eq(crcs[_i].fn(crc, p + cut, MOST - cut), whole);
	}
	free(p);
}
END_TEST

START_TEST(zeros)
{
	static const uint8_t none[5000];

	for (size_t len = 0; len <= sizeof(none); len += len < 70 ? 1 : 493) {
		ck_assert_uint_eq(im_crc32c_zeros(0, len), bitwise(0x82f63b78, none, len));
		ck_assert_uint_eq(im_crc32c_zeros(0xe3069283, len), im_crc32c(0xe3069283, none, len));
	}
	/* more than one can look at: in two pieces, and in one */
	ck_assert_uint_eq(im_crc32c_zeros(im_crc32c_zeros(7, 1ull << 40), 12345), im_crc32c_zeros(7, (1ull << 40) + 12345));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("crc");
	TCase *c = tcase_create("crc");

	tcase_add_test(c, castagnoli);
	tcase_add_test(c, ieee);
	tcase_add_test(c, long_buffers);
	tcase_add_test(c, zeros);
	tcase_add_loop_test(c, every_length_and_alignment, 0, 2);
	tcase_add_loop_test(c, in_pieces, 0, 2);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
