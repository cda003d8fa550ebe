/* clone.c - the clone of the image that some repairs go by: JOURNAL.imgmend-clone, beside the journal.
 *
 * Behind the image's bytes, from the next multiple of 4096 on, it has a block that says whose it is; nothing without
 * that block is ever removed. Its time of modification is set to one that follows from the block: whatever writes to
 * the clone afterwards changes that.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/session.h"
#include "base/bytes.h"
#include "base/crc.h"
#include "base/fence.h"

#define BLOCK 4096

struct mark {
	char magic[16];
	uint8_t number[16];	/* random */
	le32 crc;		/* of the 32 bytes before it */
};

static const char magic[16] = "IMGMEND CLONE 1\n";

static char *clone_path(const char *journal, struct im_error *err)
{
	char *path = NULL;

	if (asprintf(&path, "%s.imgmend-clone", journal) < 0) {
		im_error_nomem(err);
		return NULL;
	}
	return path;
}

/* The mark at the end of a clone; false: it has none. */
static bool get_mark(int fd, struct mark *mark, struct stat *st)
{
	return fd >= 0 && fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_size >= 2 * BLOCK && st->st_size % BLOCK == 0 &&
	       pread(fd, mark, sizeof(*mark), st->st_size - BLOCK) == sizeof(*mark) &&
	       memcmp(mark->magic, magic, sizeof(magic)) == 0 && im_crc32c(0, mark, sizeof(*mark) - 4) == im_le32(mark->crc);
}

static struct timespec time_of(const struct mark *mark)
{
	return (struct timespec){ .tv_sec = im_get32(mark->number) >> 2, .tv_nsec = im_get32(mark->number + 4) % 1000000000 };
}

int im_session_remove_clone(const char *journal, struct im_error *err)
{
	char *path = clone_path(journal, err);
	struct mark mark;
	struct stat st;
	int fd, rc = 0;

	if (!path)
		return -1;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (get_mark(fd, &mark, &st) && unlink(path) < 0)
		rc = im_error_sys(err, errno, "%s: cannot remove the clone", path);
	if (fd >= 0)
		close(fd);
	free(path);
	return rc;
}

int im_session_drop_clone(struct im_session *s, struct im_error *err)
{
	im_dev_close(s->clone);
	s->clone = s->exec.clone = NULL;
	return im_session_remove_clone(s->journal_path, err);
}

/* Fill the empty clone with the image's blocks, and put the mark behind them. 1: this cannot be done here. */
static int fill(struct im_session *s, const char *path, struct im_error *err)
{
	uint64_t end = (s->image->size + BLOCK - 1) / BLOCK * BLOCK;
	int fd = im_dev_file_fd(s->clone);
	uint8_t block[BLOCK] = { 0 };
	struct mark *mark = (struct mark *)block;
	struct timespec times[2];

	if (ioctl(fd, FICLONE, im_dev_file_fd(s->image)) < 0) {
		if (errno == ENOSPC || errno == EIO || errno == EDQUOT)
			return im_error_sys(err, errno, "%s: cannot clone the image", path);
		return 1;
	}
	memcpy(mark->magic, magic, sizeof(magic));
	im_uuid_random(mark->number);
	mark->crc = im_to_le32(im_crc32c(0, mark, sizeof(*mark) - 4));
	times[0] = times[1] = time_of(mark);
	if (im_dev_resize(s->clone, end + BLOCK, err) < 0 || im_dev_write(s->clone, end, block, BLOCK, err) < 0)
		return -1;
	/* fdatasync would leave the time out */
	if (fdatasync(fd) < 0 || futimens(fd, times) < 0 || fsync(fd) < 0)
		return im_error_sys(err, errno, "%s: cannot make the clone durable", path);
	return im_place_sync_dir(&s->place, err);
}

int im_session_make_clone(struct im_session *s, struct im_error *err)
{
	char *path;
	int rc;

	if (!s->image->share_unit || im_dev_file_fd(s->image) < 0)
		return 1;
	/* one that a power cut left behind */
	if (im_session_drop_clone(s, err) < 0 || !(path = clone_path(s->journal_path, err)))
		return -1;
	s->clone = im_dev_file_create(path, 0, s->image->sector_size, err);
	/* what the page cache holds of the image goes to its blocks first */
	rc = s->clone && im_dev_flush(s->image, err) == 0 ? fill(s, path, err) : -1;
	if (rc && s->clone) {
		im_dev_close(s->clone);
		s->clone = NULL;
		unlink(path);
	}
	free(path);
	return rc;
}

/* Is the clone whole, and not written to since it was made? */
static int check_mark(const struct im_dev *clone, const char *path, struct im_error *err)
{
	struct timespec wanted;
	struct mark mark;
	struct stat st;

	if (get_mark(im_dev_file_fd(clone), &mark, &st)) {
		wanted = time_of(&mark);
		if (st.st_mtim.tv_sec == wanted.tv_sec && st.st_mtim.tv_nsec == wanted.tv_nsec)
			return 0;
	}
	return im_error_set(err, IM_ECHANGED, "%s: this is not the clone that the repair made, or it was written to since, or copied"
			    " without its time of modification; nothing was written", path);
}

int im_session_find_clone(struct im_session *s, struct im_exec *x, const char *journal, struct im_error *err)
{
	const struct im_phase_record *last = im_journal_last(&x->journal);
	int rc = 0;
	char *path;

	/* one that is left of a run that ended is of no use to the next one */
	if (!last || !im_by_clone(last) || x->state == IM_STATE_REPAIRED || x->state == IM_STATE_UNDONE)
		return 0;
	path = clone_path(journal, err);
	if (!path)
		return -1;
	if (access(path, F_OK) == 0) {
		s->clone = im_place_open(path, false, err);
		rc = s->clone ? check_mark(s->clone, path, err) : -1;
		x->clone = rc == 0 ? s->clone : NULL;
	}
	free(path);
	return rc;
}
