/* shift.h - files of which a part moves by a change of their extents alone: fallocate(2) with INSERT_RANGE and
 * COLLAPSE_RANGE, and FIEMAP to see it. */
#ifndef IM_DEV_SHIFT_H
#define IM_DEV_SHIFT_H

#include <sys/statfs.h>

#include "dev/dev.h"

/* What offsets and lengths must be multiples of, bytes; 0: this file cannot be changed so. fs: of its file system. */
uint32_t im_shift_unit(int fd, const struct statfs *fs);
/* 0 done, 1 the file system cannot, -1 with errno: perhaps done in part. */
int im_shift_insert(int fd, uint64_t off, uint64_t len);
int im_shift_collapse(int fd, uint64_t off, uint64_t len);
/* The extents of [0, size) in units of that many bytes, what is dirty being written first. 1: the file system does not say
 * where they are. */
int im_shift_physical(int fd, const char *path, uint64_t size, uint32_t unit, struct im_physicals *out, struct im_error *err);

#endif
