/* sha256.c - SHA-256 by libgcrypt. */
#include "base/sha256.h"

#include <gcrypt.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static gcry_md_hd_t handle(struct im_sha256 *h)
{
	return (gcry_md_hd_t)(void *)h;
}

/* Unless the program that uses the library has done it. */
static void set_up(void)
{
	if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P))
		return;
	/* no secrets are hashed here: secure memory would only ask for locked pages */
	gcry_check_version(NULL);
	gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}

struct im_sha256 *im_sha256_new(struct im_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	gcry_md_hd_t md;

	pthread_once(&once, set_up);
	if (gcry_md_open(&md, GCRY_MD_SHA256, 0)) {
		im_error_nomem(err);
		return NULL;
	}
	return (struct im_sha256 *)(void *)md;
}

void im_sha256_add(struct im_sha256 *h, const void *p, size_t len)
{
	gcry_md_write(handle(h), p, len);
}

void im_sha256_end(struct im_sha256 *h, uint8_t digest[32])
{
	memcpy(digest, gcry_md_read(handle(h), GCRY_MD_SHA256), 32);
	gcry_md_close(handle(h));
}

void im_sha256_text(const uint8_t digest[32], char text[65])
{
	for (int i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
}
