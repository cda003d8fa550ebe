/* bytes.h - integers as they lie on disk, and arithmetic that cannot overflow unseen.
 *
 * On-disk structures are built of these types: byte arrays of alignment 1 that cannot be used
 * as numbers until they are decoded.
 */
#ifndef IM_BASE_BYTES_H
#define IM_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct { uint8_t b[2]; } le16;
typedef struct { uint8_t b[4]; } le32;
typedef struct { uint8_t b[8]; } le64;
typedef struct { uint8_t b[2]; } be16;
typedef struct { uint8_t b[4]; } be32;
typedef struct { uint8_t b[8]; } be64;

static inline uint16_t im_get16(const void *p)
{
	const uint8_t *b = p;
	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t im_get32(const void *p)
{
	const uint8_t *b = p;
	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t im_get64(const void *p)
{
	return im_get32(p) | (uint64_t)im_get32((const uint8_t *)p + 4) << 32;
}

static inline void im_put16(void *p, uint16_t v)
{
	uint8_t *b = p;
	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

static inline void im_put32(void *p, uint32_t v)
{
	im_put16(p, (uint16_t)v);
	im_put16((uint8_t *)p + 2, (uint16_t)(v >> 16));
}

static inline void im_put64(void *p, uint64_t v)
{
	im_put32(p, (uint32_t)v);
	im_put32((uint8_t *)p + 4, (uint32_t)(v >> 32));
}

static inline uint16_t im_get16be(const void *p)
{
	const uint8_t *b = p;
	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t im_get32be(const void *p)
{
	return (uint32_t)im_get16be(p) << 16 | im_get16be((const uint8_t *)p + 2);
}

static inline uint64_t im_get64be(const void *p)
{
	return (uint64_t)im_get32be(p) << 32 | im_get32be((const uint8_t *)p + 4);
}

static inline uint16_t im_le16(le16 v) { return im_get16(v.b); }
static inline uint32_t im_le32(le32 v) { return im_get32(v.b); }
static inline uint64_t im_le64(le64 v) { return im_get64(v.b); }
static inline uint16_t im_be16(be16 v) { return im_get16be(v.b); }
static inline uint32_t im_be32(be32 v) { return im_get32be(v.b); }
static inline uint64_t im_be64(be64 v) { return im_get64be(v.b); }
static inline le32 im_to_le32(uint32_t v) { le32 r; im_put32(r.b, v); return r; }
static inline le64 im_to_le64(uint64_t v) { le64 r; im_put64(r.b, v); return r; }

/* *r = a + b, a * b; false (and *r untouched by meaning) when the result does not fit. */
static inline bool im_add(uint64_t a, uint64_t b, uint64_t *r) { return !__builtin_add_overflow(a, b, r); }
static inline bool im_mul(uint64_t a, uint64_t b, uint64_t *r) { return !__builtin_mul_overflow(a, b, r); }

/* Round up to a multiple of a (any a > 0); false on overflow. */
static inline bool im_round_up(uint64_t v, uint64_t a, uint64_t *r)
{
	uint64_t rest = v % a;

	if (!rest) {
		*r = v;
		return true;
	}
	return im_add(v, a - rest, r);
}

static inline uint64_t im_min(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t im_max(uint64_t a, uint64_t b) { return a > b ? a : b; }
static inline bool im_is_pow2(uint64_t v) { return v && !(v & (v - 1)); }

/* Do [a, a+alen) and [b, b+blen) share a byte? The sums must not overflow. */
static inline bool im_overlaps(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	return a < b + blen && b < a + alen && alen && blen;
}

/* Is byte off in [start, start+n)? *len, not 0, is cut to where that changes. */
static inline bool im_is_in(uint64_t start, uint64_t n, uint64_t off, uint64_t *len)
{
	if (off < start) {
		*len = im_min(*len, start - off);
		return false;
	}
	if (off - start >= n)
		return false;
	*len = im_min(*len, n - (off - start));
	return true;
}

/* Are all len bytes zero? */
bool im_is_zero(const void *p, size_t len);

#endif
