/* status.c - imgmend_status: what a journal says, and what it makes of its image. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/session.h"
#include "base/fence.h"
#include "dev/nbd.h"

static void describe(struct imgmend_status *st, const struct im_journal *j)
{
	im_uuid_text(j->uuid, st->uuid);
	st->created = j->created;
	st->old_size = j->map.old_size;
	st->new_size = j->map.new_size;
	st->journal_size = j->dev->size;
	memcpy(st->image, j->image, sizeof(st->image));
}

/* What the journal says, and what it makes of the image (NULL: the image it names, if that opens). */
static int status_of(struct im_session *s, struct imgmend_status *st, struct im_error *err)
{
	struct im_journal j;
	struct im_error why = { 0 };

	snprintf(st->journal, sizeof(st->journal), "%s", s->journal_path);
	s->journal = im_place_open(s->journal_path, false, err);
	if (!s->journal)
		return -1;
	st->journal_size = s->journal->size;
	if (im_session_is_unfinished(s->image, s->journal)) {
		st->state = IMGMEND_STATE_NOT_STARTED;
		return 0;
	}
	st->state = IMGMEND_STATE_FOREIGN;
	if (im_journal_load(&j, s->journal, &why) < 0) {
		snprintf(st->message, sizeof(st->message), "%s", why.message);
		return 0;
	}
	describe(st, &j);
	im_journal_free(&j);
	/* a journal is anybody's file: it does not decide whom we connect to */
	if (!s->image && im_nbd_is_uri(st->image))
		im_error_set(&why, IM_EREFUSED, "its image is %s; name that, and this journal with --journal, to see where it stands", st->image);
	else if (!s->image)
		s->image = im_api_open(st->image, s->options, false, &why);
	if (s->image)
		im_session_adopt_sector_size(s->image, s->journal);
	if (s->image && im_exec_open(&s->exec, s->image, s->journal, &why) == 0) {
		s->is_open = true;
		st->state = im_session_public_state(s->exec.state);
		if (s->exec.state == IM_STATE_REPAIRED && im_exec_check_committed(&s->exec, &why) < 0) {
			/* used since, or not this image at all */
			snprintf(st->message, sizeof(st->message), "%s", why.message);
			if (why.code == IM_EREFUSED)
				st->state = IMGMEND_STATE_FOREIGN;
		}
		return 0;
	}
	snprintf(st->message, sizeof(st->message), "%s", why.message);
	return 0;
}

/* Without a journal the image itself may tell of a repair that was interrupted. */
static int status_of_fence(struct im_session *s, struct imgmend_status *st, struct im_error *err)
{
	uint8_t sector[512], uuid[16];
	char text[37];

	if (s->image->size < sizeof(sector))
		return 0;
	if (im_dev_read(s->image, 0, sector, sizeof(sector), err) < 0)
		return -1;
	if (!im_fence_is(sector, uuid))
		return 0;
	st->state = IMGMEND_STATE_REPAIRING;
	im_uuid_text(uuid, text);
	im_say(st->message, sizeof(st->message), "its journal, with the UUID %s, was not found (looked for %s/%s); name it"
	       " with --journal", text, s->place.dir, s->place.base);
	return 0;
}

/* The image cannot be opened, as somebody (perhaps a repair that is running) has it: what its journal says. */
static int status_by_journal(struct im_session *s, struct imgmend_status *st, const struct im_error *busy, struct im_error *err)
{
	static const enum imgmend_state running[] = { IMGMEND_STATE_REPAIRING, IMGMEND_STATE_UNDOING };
	static const enum imgmend_state over[] = { IMGMEND_STATE_REPAIRED, IMGMEND_STATE_UNDONE };
	const struct im_phase_record *last;
	struct im_journal j;

	if (im_place_of(s->path, s->options, &s->place, err) < 0 ||
	    im_session_find_journal(&s->place, NULL, &s->journal_path, err) < 0)
		return -1;
	snprintf(st->message, sizeof(st->message), "%s", busy->message);
	if (!s->journal_path)
		return 0;
	snprintf(st->journal, sizeof(st->journal), "%s", s->journal_path);
	s->journal = im_dev_file(s->journal_path, false, 0, err);
	if (!s->journal)
		return -1;
	st->state = IMGMEND_STATE_NOT_STARTED;
	if (im_journal_load(&j, s->journal, NULL) < 0)
		return 0;
	describe(st, &j);
	last = im_journal_last(&j);
	if (last && last->phase >= IM_COMMITTED)
		st->state = over[last->dir];
	else if (last && (last->phase > IM_PREPARED || last->dir == IM_BACKWARD))
		st->state = running[last->dir];
	im_journal_free(&j);
	return 0;
}

static int status(struct im_session *s, struct imgmend_status *st, struct im_error *err)
{
	if (im_session_find(s, err) < 0) {
		struct im_error busy = *err;

		return err->code == IM_EBUSY ? status_by_journal(s, st, &busy, err) : -1;
	}
	return s->journal_path ? status_of(s, st, err) : status_of_fence(s, st, err);
}

int imgmend_status(const char *path, const struct imgmend_options *options, struct imgmend_status *st,
		   struct imgmend_error *error)
{
	struct imgmend_options none = { 0 };
	struct im_session s = { .path = path, .options = options ? options : &none, .lock = -1 };
	struct im_error err = { 0 };
	int rc;

	memset(st, 0, sizeof(*st));
	rc = status(&s, st, &err);
	im_session_close(&s);
	return rc < 0 ? im_api_fail(error, &err) : 0;
}
