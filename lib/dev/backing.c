/* backing.c - see backing.h. */
#include "dev/backing.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/reopen.h"
#include "dev/direct.h"

#define AHEAD (16u << 20)	/* bytes: what is read while a wave or a buffer is made durable */
#define PIECE (128u << 10)	/* the least that is read ahead unless somebody set less */

bool im_loop_backing_file(const char *sysfs, char file[4096])
{
	char path[400];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "%s/loop/backing_file", sysfs);
	f = fopen(path, "re");
	ok = f && fgets(file, 4096, f);
	if (f)
		fclose(f);
	if (ok)
		file[strcspn(file, "\n")] = 0;
	return ok;
}

/* The file of that name, if it is the one that the device has. Whatever else stands there by now is not opened: with some devices
 * that does something. */
static int open_same(const char *file, const struct loop_info64 *info)
{
	int path = open(file, O_PATH | O_CLOEXEC), fd = -1;
	struct stat st;

	if (path < 0)
		return -1;
	if (fstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_ino == info->lo_inode && st.st_dev == info->lo_device)
		fd = im_reopen(path, O_RDONLY);
	close(path);
	return fd;
}

void im_backing_open(struct im_backing *b, int dev_fd)
{
	char sysfs[64], file[4096];
	struct loop_info64 info;
	struct stat st;

	*b = (struct im_backing){ .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };
	if (fstat(dev_fd, &st) < 0 || !S_ISBLK(st.st_mode) || ioctl(dev_fd, LOOP_GET_STATUS64, &info) < 0 ||
	    (info.lo_flags & LO_FLAGS_DIRECT_IO))
		return;
	snprintf(sysfs, sizeof(sysfs), "/sys/dev/block/%u:%u", major(st.st_rdev), minor(st.st_rdev));
	b->offset = info.lo_offset;
	if (im_loop_backing_file(sysfs, file))
		b->fd = open_same(file, &info);
}

void im_backing_close(struct im_backing *b)
{
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
}

/* The stream that this read goes on; else the oldest one, which ends. */
static struct im_stream *find_stream(struct im_backing *b, uint64_t off, uint64_t end)
{
	struct im_stream *oldest = &b->streams[0];

	for (size_t i = 0; i < IM_BACKING_STREAMS; i++) {
		struct im_stream *s = &b->streams[i];

		if (s->age && (s->end == off || s->start == end))
			return s;
		if (s->age < oldest->age)
			oldest = s;
	}
	*oldest = (struct im_stream){ 0 };
	return oldest;
}

/* In pieces, as of each call no more is read than the disk's read_ahead_kb or its largest request (force_page_cache_ra of the
 * kernel's mm/readahead.c). */
static void advise(const struct im_backing *b, uint64_t start, uint64_t end)
{
	for (; start < end && end <= INT64_MAX - b->offset; start += im_min(PIECE, end - start))
		posix_fadvise(b->fd, (off_t)(b->offset + start), (off_t)im_min(PIECE, end - start), POSIX_FADV_WILLNEED);
}

/* This read goes on s: what is behind it, but for what that was done for already, is next. */
static void go_on(const struct im_backing *b, struct im_stream *s, uint64_t off, uint64_t end)
{
	int direction = s->start == end ? -1 : 1;
	uint64_t from = direction < 0 ? off : end;
	uint64_t to = direction < 0 ? off - im_min(off, AHEAD) : end + AHEAD;

	if (s->direction == direction)
		from = direction < 0 ? im_min(s->advised, from) : im_max(s->advised, from);
	advise(b, im_min(from, to), im_max(from, to));
	s->advised = to;
	s->direction = direction;
}

void im_backing_expect(struct im_backing *b, uint64_t off, size_t len)
{
	uint64_t end = off + len;
	struct im_stream *s;

	if (b->fd < 0 || len < IM_DIRECT_MIN)
		return;
	pthread_mutex_lock(&b->lock);
	s = find_stream(b, off, end);
	if (s->age)
		go_on(b, s, off, end);
	s->start = off;
	s->end = end;
	s->age = ++b->clock;
	pthread_mutex_unlock(&b->lock);
}
