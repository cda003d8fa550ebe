/* mutate.c - libFuzzer's mutations, applied mostly inside one chunk of an input, so that its form survives.
 *
 * Linked into the targets whose inputs are devices (fuzz.h); never into the replay program.
 */
#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Where chunk number n modulo their number begins; false when there is none. *len is clipped to what is there. */
static bool find_chunk(const uint8_t *data, size_t size, uint32_t n, size_t *at, size_t *len)
{
	size_t starts[FUZZ_CHUNKS_MAX], count = 0;

	for (size_t pos = FUZZ_HEAD; pos + FUZZ_CHUNK < size && count < FUZZ_CHUNKS_MAX;
	     pos += FUZZ_CHUNK + im_get16(data + pos + 4))
		starts[count++] = pos;
	if (!count)
		return false;
	*at = starts[n % count];
	*len = (size_t)im_min(im_get16(data + *at + 4), size - *at - FUZZ_CHUNK);
	return *len > 0;
}

/* A number that decides something: small, at a border, or near what stands there. */
static void put_number(uint8_t *p, size_t width, uint32_t *seed)
{
	static const uint64_t borders[] = {
		0, 1, 2, 7, 8, 15, 16, 17, 63, 64, 255, 256, 511, 512, 2047, 2048, 4095, 4096, 8191, 8192, 32767, 65535, 65536,
		1 << 20, INT32_MAX, UINT32_MAX, 1ull << 32, 1ull << 52, INT64_MAX, UINT64_MAX - 511, UINT64_MAX,
	};
	uint8_t v[8] = { 0 };
	uint64_t n;

	memcpy(v, p, width);
	n = im_get64(v);
	switch (next(seed) % 4) {
	case 0:
		n = borders[next(seed) % (sizeof(borders) / sizeof(borders[0]))];
		break;
	case 1:
		n += next(seed) % 33 - 16ull;
		break;
	case 2:
		n = next(seed) % 2 ? n << 1 : n >> 1;
		break;
	default:
		n = next(seed) % 4096;
	}
	im_put64(v, n);
	memcpy(p, v, width);
}

static size_t mutate_chunk(uint8_t *data, size_t size, size_t max, uint32_t *seed)
{
	size_t at, len, width = 1u << next(seed) % 4;

	if (!find_chunk(data, size, next(seed), &at, &len))
		return LLVMFuzzerMutate(data, size, max);
	switch (next(seed) % 8) {
	case 0:		/* elsewhere */
		put_number(data + at, 4, seed);
		break;
	case 1:		/* once more, at another place */
		if (size + FUZZ_CHUNK + len > max)
			break;
		memmove(data + size, data + at, FUZZ_CHUNK + len);
		put_number(data + size, 4, seed);
		return size + FUZZ_CHUNK + len;
	case 2:
	case 3:
	case 4:
		if (len < width)
			break;
		at += FUZZ_CHUNK + next(seed) % (len / width) * width;
		put_number(data + at, width, seed);
		break;
	default:
		LLVMFuzzerMutate(data + at + FUZZ_CHUNK, len, len);
	}
	return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	uint32_t s = seed;

	if (size < FUZZ_HEAD || next(&s) % 8 == 0)
		return LLVMFuzzerMutate(data, size, max);
	if (next(&s) % 8 == 0) {
		data[next(&s) % FUZZ_HEAD] = (uint8_t)next(&s);
		return size;
	}
	return mutate_chunk(data, size, max, &s);
}
