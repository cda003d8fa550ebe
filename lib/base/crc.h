/* crc.h - the two 32-bit CRCs that we need, both reflected, initial and final value all ones. */
#ifndef IM_BASE_CRC_H
#define IM_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli, RFC 3720): our journal. Feed 0 first, then the last result to go on. */
uint32_t im_crc32c(uint32_t crc, const void *p, size_t len);
/* The same of len zero bytes, without a look at them. */
uint32_t im_crc32c_zeros(uint32_t crc, uint64_t len);

/* CRC-32 (IEEE 802.3): GPT (UEFI specification, section 5.3.2). */
uint32_t im_crc32(uint32_t crc, const void *p, size_t len);

#endif
