/* session.h - an image opened for repair, with its journal and the executor. Used by repair.c, status.c and manifest.c. */
#ifndef IM_API_SESSION_H
#define IM_API_SESSION_H

#include "api/api.h"

/* An image opened for repair, with its journal when it has one. */
struct im_session {
	const char *path;
	const struct imgmend_options *options;
	struct im_place place;
	struct im_dev *image, *journal;
	struct im_dev *file;		/* of the image: itself, or its container, and as long open; NULL: an NBD export */
	int lock;			/* of an export (im_place_lock), -1: none */
	struct im_dev *clone;		/* NULL: there is none */
	char *journal_path;
	struct im_exec exec;
	bool is_open;			/* exec */
	const imgmend_plan *plan;	/* fix: what to carry out */
};

/* Close everything that is open. */
void im_session_close(struct im_session *s);

/* Open the image for writing: not in use, locked, no container. Fills *s, which the caller closes in any case. */
int im_session_open_image(struct im_session *s, const char *path, const struct imgmend_options *options,
			  struct im_error *err);

/* Open image, journal and executor. *unfinished: the journal never became whole; exec is not open then. */
int im_session_open(struct im_session *s, const char *path, const struct imgmend_options *options, bool *unfinished,
		    struct im_error *err);

/* Was the making of this journal interrupted? Never where sector 0 of the image (NULL: not known) holds a fence. */
bool im_session_is_unfinished(struct im_dev *image, struct im_dev *journal);

/* The path of the journal that counts: the one that the fence names, else the newest; malloc'd into *path, NULL: none.
 * -1 where that cannot be told. */
int im_session_find_journal(const struct im_place *place, struct im_dev *image, char **path, struct im_error *err);

/* For reading only: s->path is an image, whose journal is looked for, or a journal itself. Sets journal_path (NULL:
 * there is none) and, in the first case, image. */
int im_session_find(struct im_session *s, struct im_error *err);

/* Take the image's sector size from the journal's head, without judging anything else: the executor wants it. */
void im_session_adopt_sector_size(struct im_dev *image, struct im_dev *journal);

/* Have the executor report to the caller's progress function. */
void im_session_set_hooks(struct im_session *s);

/* Make a durable clone of the image for a run to go by. 1: that is not possible here. (clone.c) */
int im_session_make_clone(struct im_session *s, struct im_error *err);
/* Give the executor of this journal the clone that its interrupted run goes by, if it is there. */
int im_session_find_clone(struct im_session *s, struct im_exec *x, const char *journal, struct im_error *err);
int im_session_drop_clone(struct im_session *s, struct im_error *err);
/* Remove the clone beside this journal, if there is one; other people's files of that name stay. */
int im_session_remove_clone(const char *journal, struct im_error *err);

/* Remove the journal, and what lies beside it, durably. */
int im_session_remove_journal(struct im_session *s, struct im_error *err);

/* Before a repair: put right what an earlier one left that is over or never began, and remove its journal; refuse where one is
 * still to be ended. (leftover.c) */
int im_leftover_clear(struct im_session *s, struct im_error *err);

enum imgmend_state im_session_public_state(enum im_exec_state state);

#endif
