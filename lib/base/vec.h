/* vec.h - growing arrays.
 *
 *	IM_VEC(struct foo) foos = { 0 };
 *	struct foo *f = im_vec_push(&foos, err);	a zeroed new last element, NULL without memory
 *	for (size_t i = 0; i < foos.n; i++) use(foos.v[i]);
 *	im_vec_free(&foos);
 */
#ifndef IM_BASE_VEC_H
#define IM_BASE_VEC_H

#include <stddef.h>

#include "base/error.h"

#define IM_VEC(type) struct { type *v; size_t n, cap; }

#define im_vec_push(vec, err) \
	((__typeof__((vec)->v))im_vec_push_raw((void **)&(vec)->v, &(vec)->n, &(vec)->cap, sizeof(*(vec)->v), err))
#define im_vec_free(vec) im_vec_free_raw((void **)&(vec)->v, &(vec)->n, &(vec)->cap)

void *im_vec_push_raw(void **v, size_t *n, size_t *cap, size_t size, struct im_error *err);
void im_vec_free_raw(void **v, size_t *n, size_t *cap);

#endif
