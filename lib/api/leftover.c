/* leftover.c - what an earlier repair left beside its image: a journal that is in the way, one that is over, one of a repair that
 * never began. */
#include "api/session.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int remove_leftover(struct im_session *s, const char *path, struct im_error *err)
{
	if (unlink(path) < 0)
		return im_error_sys(err, errno, "%s: cannot remove the old journal", path);
	return im_session_remove_clone(path, err) < 0 ? -1 : im_place_sync_dir(&s->place, err);
}

/* What is left of a repair that is over, or never began, is at most a size. */
static int put_right(struct im_session *s, struct im_exec *x, const char *path, struct im_error *err)
{
	int rc = im_session_find_clone(s, x, path, err) < 0 ? -1 : im_exec_undo(x, false, err);

	im_dev_close(s->clone);
	s->clone = NULL;
	return rc;
}

/* State of the repair of this journal, once it is put right if that is all that it takes. */
static int settle(struct im_session *s, struct im_dev *journal, const char *path, enum im_exec_state *state, struct im_error *err)
{
	struct im_exec x;
	int rc = 0;

	*state = IM_STATE_NOT_STARTED;
	if (im_session_is_unfinished(s->image, journal))
		return 0;
	if (im_exec_open(&x, s->image, journal, err) < 0)
		return -1;
	*state = x.state;
	if (x.state == IM_STATE_NOT_STARTED || x.state == IM_STATE_UNDONE)
		rc = put_right(s, &x, path, err);
	im_exec_close(&x);
	return rc;
}

static int refuse_interrupted(const struct im_session *s, const char *path, enum im_exec_state state, struct im_error *err)
{
	return im_error_set(err, IM_EREFUSED, state == IM_STATE_REPAIRING ?
			    N_("%s: an earlier repair was interrupted (journal %s); finish it with `imgmend resume` or take it back"
			       " with `imgmend undo`") :
			    N_("%s: an earlier undo was interrupted (journal %s); finish it with `imgmend resume` or take it back"
			       " with `imgmend undo`"), s->path, path);
}

/* Is it the journal that is no good, or does not belong here, rather than the reading or the system? */
static bool is_of_journal(const struct im_error *err)
{
	return err->code == IM_EFORMAT || err->code == IM_ECHANGED || err->code == IM_EREFUSED;
}

static int clear(struct im_session *s, const char *path, struct im_error *err)
{
	struct im_dev *journal = im_place_open(path, true, err);
	enum im_exec_state state;
	int rc;

	if (!journal)
		return -1;
	rc = settle(s, journal, path, &state, err);
	im_dev_close(journal);
	if (rc < 0 && is_of_journal(err)) {
		im_error_prefix(err, "%s is in the way: drop it with `imgmend discard`, or move it away", path);
		err->code = IM_EREFUSED;
	}
	if (rc < 0)
		return -1;
	if (state == IM_STATE_REPAIRING || state == IM_STATE_UNDOING)
		return refuse_interrupted(s, path, state, err);
	return state == IM_STATE_REPAIRED ? 0 : remove_leftover(s, path, err);
}

int im_leftover_clear(struct im_session *s, struct im_error *err)
{
	char *path;
	int rc;

	if (im_session_find_journal(&s->place, s->image, &path, err) < 0)
		return -1;
	rc = path ? clear(s, path, err) : 0;
	free(path);
	return rc;
}

/* The size that the journal at `path` says an image has which its repair never touched, else the one that it has. */
static uint64_t size_by_journal(struct im_dev *image, const char *path)
{
	uint32_t sector_size = image->sector_size;
	/* a device of fixed size was not made longer by us */
	struct im_dev *journal = image->is_block ? NULL : im_place_open(path, false, NULL);
	uint64_t size = image->size;
	struct im_exec x;

	if (!journal)
		return size;
	im_session_adopt_sector_size(image, journal);
	if (!im_session_is_unfinished(image, journal) && im_exec_open(&x, image, journal, NULL) == 0) {
		size = im_exec_size_at_rest(&x);
		im_exec_close(&x);
	}
	image->sector_size = sector_size;
	im_dev_close(journal);
	return size;
}

struct im_dev *im_leftover_open(const char *path, const struct imgmend_options *options, struct im_error *err)
{
	struct im_dev *image = im_api_open(path, options, false, err);
	struct im_place place;
	char *journal;

	if (!image || im_place_of(path, options, &place, NULL) < 0)
		return image;
	if (im_session_find_journal(&place, image, &journal, NULL) == 0 && journal) {
		image->size = size_by_journal(image, journal);
		free(journal);
	}
	im_place_free(&place);
	return image;
}
