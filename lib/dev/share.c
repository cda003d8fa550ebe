/* share.c - see share.h.
 *
 * A file of btrfs that took blocks over is logged in whole when it is flushed: every extent that it took since the last commit of the
 * file system, with the checksums of all its blocks, and that once more at the next flush. Commits come every 30 s. By one in
 * between, after every few times, 6 GiB in batches of 8 MiB wrote 6,371 MiB and not 6,982. It leaves alone what other programs have
 * in the page cache, which syncfs would not.
 */
#include "dev/share.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MOST 8

int im_share_range(int to, uint64_t off, int from, uint64_t from_off, uint64_t len)
{
	struct file_clone_range range = { .src_fd = from, .src_offset = from_off, .src_length = len, .dest_offset = off };

	if (TEMP_FAILURE_RETRY(ioctl(to, FICLONERANGE, &range)) == 0)
		return 0;
	return errno == EOPNOTSUPP || errno == ENOTTY || errno == EINVAL || errno == EXDEV || errno == EPERM || errno == ETXTBSY ? 1 : -1;
}

int im_share_take(struct im_share *s, int to, uint64_t off, int from, uint64_t from_off, uint64_t len)
{
	int rc = im_share_range(to, off, from, from_off, len);

	s->n += rc == 0;
	return rc;
}

void im_share_shorten(struct im_share *s, int fd)
{
	__u64 commit;

	if (!s->has_log || s->n < MOST)
		return;
	s->n = 0;
	if (ioctl(fd, BTRFS_IOC_START_SYNC, &commit) == 0)
		ioctl(fd, BTRFS_IOC_WAIT_SYNC, &commit);
}
