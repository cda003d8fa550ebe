/* crc.c - table-driven CRCs, and the SSE4.2 instruction for CRC-32C where the processor has it.
 *
 * The instruction takes three cycles, but a new one can begin in each: so three stretches of a long buffer go at once,
 * and their checksums are put together. The checksum of A followed by B is that of A followed by as many zeros, XOR
 * that of B begun at 0; and what n zeros do to a checksum is linear in its bits, a table for each of its bytes. It is also
 * a product: a checksum is a polynomial over GF(2), and each zero bit behind it multiplies it by x.
 */
#include "base/crc.h"

#include <pthread.h>
#include <string.h>

#ifdef __x86_64__
#include <nmmintrin.h>
#endif

struct table { uint32_t t[8][256]; };

#define STRETCH 4096u		/* bytes */
#define CASTAGNOLI 0x82f63b78u	/* reflected: the highest bit is the coefficient of 1, the one below it that of x */

static struct table castagnoli, ieee;
static uint32_t past_zeros[4][256];	/* what STRETCH zero bytes make of each byte of a checksum */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill(struct table *tab, uint32_t poly)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ poly : c >> 1;
		tab->t[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			tab->t[k][i] = tab->t[k - 1][i] >> 8 ^ tab->t[0][tab->t[k - 1][i] & 0xff];
}

/* a times b, modulo Castagnoli's polynomial. */
static uint32_t times(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
		if (a & bit)
			product ^= b;
		b = b & 1 ? b >> 1 ^ CASTAGNOLI : b >> 1;
	}
	return product;
}

/* What len zero bytes make of c: c times x to the power of 8 len. */
static uint32_t past(uint32_t c, uint64_t len)
{
	for (uint32_t power = 1u << 23; len; len >>= 1) {
		if (len & 1)
			c = times(c, power);
		power = times(power, power);
	}
	return c;
}

static void fill_all(void)
{
	fill(&castagnoli, CASTAGNOLI);
	fill(&ieee, 0xedb88320);
	for (uint32_t bit = 0; bit < 32; bit++) {
		uint32_t c = past(1u << bit, STRETCH), low = 1u << bit % 8;

		for (uint32_t i = low; i < 2 * low; i++)
			past_zeros[bit / 8][i] = past_zeros[bit / 8][i - low] ^ c;
	}
}

/* Eight bytes at a time ("slicing by 8"), then the rest. */
static uint32_t by_table(const struct table *tab, uint32_t c, const uint8_t *p, size_t len)
{
	for (; len >= 8; p += 8, len -= 8) {
		uint32_t lo = c ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);

		c = tab->t[7][lo & 0xff] ^ tab->t[6][lo >> 8 & 0xff] ^ tab->t[5][lo >> 16 & 0xff] ^
		    tab->t[4][lo >> 24] ^ tab->t[3][p[4]] ^ tab->t[2][p[5]] ^ tab->t[1][p[6]] ^ tab->t[0][p[7]];
	}
	for (; len; p++, len--)
		c = c >> 8 ^ tab->t[0][(c ^ *p) & 0xff];
	return c;
}

#ifdef __x86_64__
static uint64_t word_at(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, 8);
	return word;
}

static uint32_t behind_zeros(uint32_t c)
{
	return past_zeros[0][c & 0xff] ^ past_zeros[1][c >> 8 & 0xff] ^ past_zeros[2][c >> 16 & 0xff] ^ past_zeros[3][c >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t by_sse42(uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t c = crc;

	for (; len >= 3 * STRETCH; p += 3 * STRETCH, len -= 3 * STRETCH) {
		uint64_t second = 0, third = 0;

		for (size_t i = 0; i < STRETCH; i += 8) {
			c = _mm_crc32_u64(c, word_at(p + i));
			second = _mm_crc32_u64(second, word_at(p + STRETCH + i));
			third = _mm_crc32_u64(third, word_at(p + 2 * STRETCH + i));
		}
		c = behind_zeros((uint32_t)c) ^ (uint32_t)second;
		c = behind_zeros((uint32_t)c) ^ (uint32_t)third;
	}
	for (; len >= 8; p += 8, len -= 8)
		c = _mm_crc32_u64(c, word_at(p));
	for (; len; p++, len--)
		c = _mm_crc32_u8((uint32_t)c, *p);
	return (uint32_t)c;
}
#endif

uint32_t im_crc32c(uint32_t crc, const void *p, size_t len)
{
	uint32_t c = ~crc;

	pthread_once(&once, fill_all);
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return ~by_sse42(c, p, len);
#endif
	return ~by_table(&castagnoli, c, p, len);
}

uint32_t im_crc32c_zeros(uint32_t crc, uint64_t len)
{
	return ~past(~crc, len);
}

uint32_t im_crc32(uint32_t crc, const void *p, size_t len)
{
	pthread_once(&once, fill_all);
	return ~by_table(&ieee, ~crc, p, len);
}
