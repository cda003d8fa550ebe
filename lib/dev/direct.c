/* direct.c - O_DIRECT transfers.
 *
 * What the file system wants aligned, statx(2) tells (STATX_DIOALIGN, Linux 6.1); where it does not, blocks of 4096
 * bytes suit every file system there is. Where an address or the start of a read does not fit, the bytes go through an
 * aligned buffer.
 */
#include "dev/direct.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/reopen.h"

#define BOUNCE (4u << 20)
/* Of larger reads a write or a flush of another thread would wait for more. */
#define READ_MOST (4u << 20)

void im_direct_open(struct im_direct *d, int fd, bool write)
{
	d->align = d->mem_align = 4096;
	d->fd = im_reopen(fd, (write ? O_RDWR : O_RDONLY) | O_DIRECT | O_NOCTTY);
#ifdef STATX_DIOALIGN
	struct statx st;

	if (d->fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) < 0 || !(st.stx_mask & STATX_DIOALIGN))
		return;
	if (!st.stx_dio_offset_align || !st.stx_dio_mem_align) {	/* not supported after all */
		im_direct_close(d);
		return;
	}
	d->align = im_max(st.stx_dio_offset_align, 512);
	d->mem_align = im_max(st.stx_dio_mem_align, sizeof(void *));
#endif
}

void im_direct_close(struct im_direct *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

size_t im_direct_head(const struct im_direct *d, uint64_t off, size_t len)
{
	size_t head = (size_t)(-off % d->align);

	return !head || len < head + IM_DIRECT_MIN ? len : head;
}

/* A file system that opens a file this way may still refuse a transfer. */
static ssize_t refused_is_none(ssize_t n)
{
	return n < 0 && errno == EINVAL ? 0 : n;
}

/* One transfer through an aligned buffer: the range around [off, off+len), of which the caller gets what was asked for. */
static ssize_t read_around(const struct im_direct *d, uint64_t off, void *buf, size_t len)
{
	size_t skip = (size_t)(off % d->align);
	uint8_t *bounce = aligned_alloc(im_max(d->mem_align, 4096), BOUNCE);
	ssize_t n;

	if (!bounce)
		return 0;
	len = im_min(len, BOUNCE - skip);
	n = pread(d->fd, bounce, (skip + len + d->align - 1) / d->align * d->align, (off_t)(off - skip));
	if (n > (ssize_t)skip) {
		n = (ssize_t)im_min((size_t)n - skip, len);
		memcpy(buf, bounce + skip, (size_t)n);
	} else if (n > 0) {
		n = 0;
	}
	free(bounce);
	return n;
}

static ssize_t write_around(const struct im_direct *d, uint64_t off, const void *buf, size_t len)
{
	uint8_t *bounce = aligned_alloc(im_max(d->mem_align, 4096), BOUNCE);
	ssize_t n;

	if (!bounce)
		return 0;
	len = im_min(len, BOUNCE);
	memcpy(bounce, buf, len);
	n = pwrite(d->fd, bounce, len, (off_t)off);
	free(bounce);
	return n;
}

static bool fits(const struct im_direct *d, uint64_t off, const void *buf)
{
	return off % d->align == 0 && (uintptr_t)buf % d->mem_align == 0;
}

ssize_t im_direct_read(const struct im_direct *d, uint64_t off, void *buf, size_t len)
{
	if (d->fd < 0 || len < IM_DIRECT_MIN)
		return 0;
	if (!fits(d, off, buf))
		return refused_is_none(read_around(d, off, buf, len));
	len = im_min(len, READ_MOST);
	return refused_is_none(pread(d->fd, buf, len - len % d->align, (off_t)off));
}

ssize_t im_direct_write(const struct im_direct *d, uint64_t off, const void *buf, size_t len)
{
	if (d->fd < 0 || len < IM_DIRECT_MIN || off % d->align)
		return 0;
	len -= len % d->align;
	return refused_is_none(fits(d, off, buf) ? pwrite(d->fd, buf, len, (off_t)off) : write_around(d, off, buf, len));
}
