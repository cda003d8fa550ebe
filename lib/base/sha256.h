/* sha256.h - SHA-256 (FIPS 180-4), by libgcrypt. */
#ifndef IM_BASE_SHA256_H
#define IM_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct im_sha256;	/* a running hash */

struct im_sha256 *im_sha256_new(struct im_error *err);
void im_sha256_add(struct im_sha256 *h, const void *p, size_t len);
/* Ends and frees h. */
void im_sha256_end(struct im_sha256 *h, uint8_t digest[32]);
/* Lower-case hexadecimal. */
void im_sha256_text(const uint8_t digest[32], char text[65]);

#endif
