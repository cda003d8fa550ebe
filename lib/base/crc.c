/* crc.c - table-driven CRCs, and the SSE4.2 instruction for CRC-32C where the processor has it. */
#include "base/crc.h"

#include <pthread.h>
#include <string.h>

#ifdef __x86_64__
#include <nmmintrin.h>
#endif

struct table { uint32_t t[8][256]; };

static struct table castagnoli, ieee;
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

static void fill_both(void)
{
	fill(&castagnoli, 0x82f63b78);
	fill(&ieee, 0xedb88320);
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
__attribute__((target("sse4.2"))) static uint32_t by_sse42(uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t c = crc;

	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		c = _mm_crc32_u64(c, word);
	}
	for (; len; p++, len--)
		c = _mm_crc32_u8((uint32_t)c, *p);
	return (uint32_t)c;
}
#endif

uint32_t im_crc32c(uint32_t crc, const void *p, size_t len)
{
	uint32_t c = ~crc;

#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return ~by_sse42(c, p, len);
#endif
	pthread_once(&once, fill_both);
	return ~by_table(&castagnoli, c, p, len);
}

uint32_t im_crc32(uint32_t crc, const void *p, size_t len)
{
	pthread_once(&once, fill_both);
	return ~by_table(&ieee, ~crc, p, len);
}
