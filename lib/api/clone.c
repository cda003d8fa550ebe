/* clone.c - the clone of the image that some repairs go by: JOURNAL.imgmend-clone, beside the journal. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/session.h"

static char *clone_path(const char *journal, struct im_error *err)
{
	char *path = NULL;

	if (asprintf(&path, "%s.imgmend-clone", journal) < 0) {
		im_error_nomem(err);
		return NULL;
	}
	return path;
}

int im_session_drop_clone(struct im_session *s, struct im_error *err)
{
	char *path = clone_path(s->journal_path, err);
	struct stat st;
	int rc = 0;

	if (!path)
		return -1;
	im_dev_close(s->clone);
	s->clone = s->exec.clone = NULL;
	/* what is left is as good as nothing to its owner: the repair that it was for has ended, or never began */
	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && unlink(path) < 0)
		rc = im_error_sys(err, errno, "%s: cannot remove the clone", path);
	free(path);
	return rc;
}

/* Fill the clone with the image's blocks, durably. 1: this cannot be done here. */
static int fill(struct im_session *s, const char *path, struct im_error *err)
{
	if (ioctl(im_dev_file_fd(s->clone), FICLONE, im_dev_file_fd(s->image)) < 0) {
		if (errno == ENOSPC || errno == EIO || errno == EDQUOT)
			return im_error_sys(err, errno, "%s: cannot clone the image", path);
		return 1;
	}
	if (im_dev_flush(s->clone, err) < 0)
		return -1;
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
	s->clone = im_dev_file_create(path, s->image->size, s->image->sector_size, err);
	/* what the page cache holds of the image goes to its blocks first */
	rc = s->clone && im_dev_flush(s->image, err) == 0 ? fill(s, path, err) : -1;
	free(path);
	if (rc)
		im_session_drop_clone(s, rc < 0 ? NULL : err);
	return rc;
}

int im_session_find_clone(struct im_session *s, struct im_exec *x, const char *journal, struct im_error *err)
{
	const struct im_phase_record *last = im_journal_last(&x->journal);
	int rc = 0;
	char *path;

	/* one that is left of a run that ended is of no use to the next one */
	if (!last || !last->base || x->state == IM_STATE_REPAIRED || x->state == IM_STATE_UNDONE)
		return 0;
	path = clone_path(journal, err);
	if (!path)
		return -1;
	if (access(path, F_OK) == 0) {
		x->clone = s->clone = im_place_open(path, false, err);
		rc = s->clone ? 0 : -1;
	}
	free(path);
	return rc;
}
