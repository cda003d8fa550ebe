/* direct.h - large transfers of a file or block device past the page cache (O_DIRECT).
 *
 * A repair touches every byte once: in the page cache that would push out what the host works with, and cost a copy.
 * Small or unaligned pieces still go through the page cache, to which the kernel keeps both ways consistent.
 */
#ifndef IM_DEV_DIRECT_H
#define IM_DEV_DIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct im_direct {
	int fd;			/* -1: not to be had */
	size_t align;		/* of offset and length, bytes: a power of two */
	size_t mem_align;	/* of addresses */
};

#define IM_DIRECT_MIN (64u << 10)	/* bytes that are worth it */

/* A second descriptor of the file that fd is. Where the file system or the device cannot, d->fd is -1. */
void im_direct_open(struct im_direct *d, int fd, bool write);
void im_direct_close(struct im_direct *d);

/* Transfer what can be transferred from off on: as pread(2), pwrite(2). 0: nothing of it, the page cache is the way
 * for the next im_direct_head bytes. -1 with errno. */
ssize_t im_direct_read(const struct im_direct *d, uint64_t off, void *buf, size_t len);
ssize_t im_direct_write(const struct im_direct *d, uint64_t off, const void *buf, size_t len);
/* Bytes from off on to go through the page cache, at most len: up to where a write can begin, or all. */
size_t im_direct_head(const struct im_direct *d, uint64_t off, size_t len);

#endif
