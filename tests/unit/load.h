/* load.h - the data of one device in the memory of another; holes stay what calloc has made. */
#ifndef IM_TESTS_UNIT_LOAD_H
#define IM_TESTS_UNIT_LOAD_H

#include <check.h>

#include "dev/dev.h"

/* All of from at byte `at` of mem (im_dev_mem), which is zero there. */
static inline void load_device(struct im_dev *from, struct im_dev *mem, uint64_t at)
{
	struct im_extent ext;

	ck_assert(at <= mem->size && from->size <= mem->size - at);
	for (uint64_t off = 0; off < from->size; off += ext.len) {
		ck_assert_int_eq(im_dev_extent(from, off, from->size - off, &ext, NULL), 0);
		if (!ext.is_zero)
			ck_assert_int_eq(im_dev_read(from, off, im_dev_mem_bytes(mem) + at + off, ext.len, NULL), 0);
	}
}

#endif
