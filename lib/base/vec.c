/* vec.c - growing arrays. */
#include "base/vec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *im_vec_push_raw(void **v, size_t *n, size_t *cap, size_t size, struct im_error *err)
{
	if (*n == *cap) {
		size_t want = *cap ? *cap * 2 : 8;
		void *grown = want < *cap ? NULL : reallocarray(*v, want, size);

		if (!grown) {
			im_error_nomem(err);
			return NULL;
		}
		*v = grown;
		*cap = want;
	}
	return memset((uint8_t *)*v + (*n)++ * size, 0, size);
}

void im_vec_free_raw(void **v, size_t *n, size_t *cap)
{
	free(*v);
	*v = NULL;
	*n = *cap = 0;
}
