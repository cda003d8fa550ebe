/* repair.c - imgmend_fix and its like: the image, its journal and the executor brought together. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fence.h"
#include "dev/inuse.h"
#include "api/api.h"
#include "fmt/label.h"
#include "scan/beside.h"

/* An image opened for repair, with its journal when it has one. */
struct session {
	const char *path;
	const struct imgmend_options *options;
	struct im_place place;
	struct im_dev *image, *journal;
	char *journal_path;
	struct im_exec exec;
	bool is_open;			/* exec */
	const struct im_map *map;	/* fix: what to carry out */
};

static void session_close(struct session *s)
{
	if (s->is_open)
		im_exec_close(&s->exec);
	im_dev_close(s->journal);
	im_dev_close(s->image);
	im_place_free(&s->place);
	free(s->journal_path);
}

static bool on_progress(void *arg, enum im_phase phase, uint64_t done, uint64_t total)
{
	const struct imgmend_options *o = arg;

	(void)phase;
	return !o->progress || o->progress(o->progress_arg, IMGMEND_PHASE_MOVE, done, total) == 0;
}

static void set_hooks(struct session *s)
{
	s->exec.hooks = (struct im_exec_hooks){ on_progress, (void *)s->options };
}

static int refuse_container(const char *path, struct im_dev *dev, struct im_error *err)
{
	struct im_error quiet = { 0 };
	const char *name = im_container_name(dev, &quiet);
	char descriptor[512];

	if (name)
		return im_error_set(err, IM_EREFUSED, "%s: this is a %s file, not a raw disk image; convert it first (`qemu-img"
				    " convert -O raw`), or attach it with qemu-nbd and name the device", path,
				    im_container_title(name));
	if (im_beside_vmdk(path, descriptor, sizeof(descriptor)))
		return im_error_set(err, IM_EREFUSED, "%s: this is the data of a VMDK disk that %s describes; convert that disk"
				    " to raw first (`qemu-img convert -O raw`)", path, descriptor);
	return 0;
}

/* Open the image for writing: not in use, locked, no container. */
static int open_image(struct session *s, const char *path, const struct imgmend_options *options, struct im_error *err)
{
	*s = (struct session){ .path = path, .options = options };
	if (im_place_of(path, options, &s->place, err) < 0)
		return -1;
	if (!im_api_allows(options, "in-use") && im_inuse_check(path, err) < 0)
		return -1;
	s->image = im_api_open(path, options, true, err);
	if (!s->image) {
		if (err->sys_errno == EACCES || err->sys_errno == EROFS || err->sys_errno == EPERM)
			err->code = IM_EREFUSED;
		return -1;
	}
	/* once more behind the lock: whoever came in between is seen now, whoever comes later sees us */
	if (im_inuse_lock(s->image, path, err) < 0 ||
	    (!im_api_allows(options, "in-use") && im_inuse_check(path, err) < 0))
		return -1;
	if (!im_dev_file_is(s->image, path))
		return im_error_set(err, IM_EBUSY, "%s: replaced by another file just now; try again", path);
	return refuse_container(path, s->image, err);
}

/* Sector size of the image from the journal's head, without judging anything else: the executor wants it. */
static void adopt_sector_size(struct session *s)
{
	uint8_t head[32];

	if (im_dev_read(s->journal, 0, head, sizeof(head), NULL) == 0) {
		uint32_t ss = im_get32(head + 20);

		if (ss == 512 || ss == 4096)
			s->image->sector_size = ss;
	}
}

/* Does the journal at path carry this UUID? */
static bool has_uuid(const char *path, const uint8_t uuid[16])
{
	struct im_dev *dev = im_place_open(path, false, NULL);
	uint8_t head[40];
	bool yes = dev && dev->size >= IM_JOURNAL_BLOCK && im_dev_read(dev, 0, head, sizeof(head), NULL) == 0 &&
		   memcmp(head + 24, uuid, 16) == 0;

	im_dev_close(dev);
	return yes;
}

/* The path of the journal that counts: the one that the fence names, else the newest. NULL: none. */
static char *find_journal(const struct im_place *place, struct im_dev *image)
{
	int newest = im_place_newest(place);
	uint8_t sector[512], uuid[16];

	if (image && image->size >= sizeof(sector) && im_dev_read(image, 0, sector, sizeof(sector), NULL) == 0 &&
	    im_fence_is(sector, uuid)) {
		for (int n = newest; n >= 0; n--) {
			char *path = im_place_path(place, (unsigned)n);

			if (path && has_uuid(path, uuid))
				return path;
			free(path);
		}
		/* a block device may have had another name when the repair began */
		return im_beside_find(place->dir, ".imgmend-journal", has_uuid, uuid);
	}
	return newest < 0 ? NULL : im_place_path(place, (unsigned)newest);
}

static int remove_journal(struct session *s, struct im_error *err)
{
	if (unlink(s->journal_path) < 0)
		return im_error_sys(err, errno, "%s: cannot remove the journal", s->journal_path);
	return im_place_sync_dir(&s->place, err);
}

static int no_journal(const struct session *s, struct im_error *err)
{
	return im_error_set(err, IM_EREFUSED, "%s: no journal of a repair was found (looked for %s/%s); name it with"
			    " --journal", s->path, s->place.dir, s->place.base);
}

/* Open image, journal and executor. *unfinished: the journal never became whole; exec is not open then. */
static int open_session(struct session *s, const char *path, const struct imgmend_options *options, bool *unfinished,
			struct im_error *err)
{
	enum im_journal_kind kind;

	*unfinished = false;
	if (open_image(s, path, options, err) < 0)
		return -1;
	s->journal_path = find_journal(&s->place, s->image);
	if (!s->journal_path)
		return no_journal(s, err);
	s->journal = im_place_open(s->journal_path, true, err);
	if (!s->journal)
		return -1;
	kind = im_journal_kind_of(s->journal);
	*unfinished = kind == IM_JOURNAL_UNFINISHED;
	if (*unfinished)
		return 0;
	if (kind == IM_JOURNAL_NOT)
		return im_error_set(err, IM_EREFUSED, "%s: this is no journal of imgmend; it is left alone", s->journal_path);
	adopt_sector_size(s);
	if (im_exec_open(&s->exec, s->image, s->journal, err) < 0)
		return im_error_prefix(err, "%s", s->journal_path);
	s->is_open = true;
	set_hooks(s);
	return 0;
}

/* ---- fix ---- */

/* A journal of an earlier repair: in the way, or finished? */
static int check_leftover(struct session *s, struct im_error *err)
{
	enum im_exec_state state;
	struct im_exec x;
	struct im_dev *journal;
	char *path = find_journal(&s->place, s->image);
	int rc = 0;

	if (!path)
		return 0;
	journal = im_place_open(path, true, err);
	if (!journal) {
		free(path);
		return -1;
	}
	if (im_journal_kind_of(journal) == IM_JOURNAL_UNFINISHED) {
		state = IM_STATE_NOT_STARTED;
	} else if (im_exec_open(&x, s->image, journal, err) == 0) {
		state = x.state;
		/* what is left of one that is over, or never began, is at most a size: put it right */
		if (state == IM_STATE_NOT_STARTED || state == IM_STATE_UNDONE)
			rc = im_exec_undo(&x, false, err);
		im_exec_close(&x);
	} else {
		im_dev_close(journal);
		im_error_prefix(err, "%s is in the way: drop it with `imgmend discard`, or move it away", path);
		err->code = IM_EREFUSED;
		free(path);
		return -1;
	}
	im_dev_close(journal);
	if (rc < 0) {
		free(path);
		return -1;
	}
	if (state == IM_STATE_REPAIRING || state == IM_STATE_UNDOING)
		rc = im_error_set(err, IM_EREFUSED, "%s: an earlier %s was interrupted (journal %s); finish it with `imgmend"
				  " resume` or take it back with `imgmend undo`", s->path,
				  state == IM_STATE_REPAIRING ? "repair" : "undo", path);
	else if (state != IM_STATE_REPAIRED && (unlink(path) < 0 || im_place_sync_dir(&s->place, err) < 0))
		rc = im_error_sys(err, errno, "%s: cannot remove the old journal", path);
	free(path);
	return rc;
}

static int create_journal(struct session *s, const struct im_map *map, struct im_error *err)
{
	char real[PATH_MAX];

	s->journal_path = im_place_path(&s->place, (unsigned)(im_place_newest(&s->place) + 1));
	if (!s->journal_path)
		return im_error_nomem(err);
	s->journal = im_dev_file_create(s->journal_path, 0, 0, err);
	if (!s->journal)
		return -1;
	if (im_inuse_lock(s->journal, s->journal_path, err) < 0 ||
	    im_exec_prepare(&s->exec, s->image, s->journal, map, &im_exec_defaults,
			    realpath(s->path, real) ? real : s->path, err) < 0) {
		unlink(s->journal_path);
		return -1;
	}
	s->is_open = true;
	set_hooks(s);
	if (im_place_sync_dir(&s->place, err) < 0)
		return -1;
	if (!im_dev_file_is(s->journal, s->journal_path))
		return im_error_set(err, IM_EBUSY, "%s: somebody removed or replaced the journal just now; nothing was written",
				    s->journal_path);
	return 0;
}

/* Work on the image between taking the kernel's partitions away and having it look at the table again: at the new
 * one, at the old one where the work refused, at none where the fence stands. */
static int with_partitions_away(struct session *s, int (*work)(struct session *s, struct im_error *err),
				struct im_error *err)
{
	bool had;
	int rc = im_kernel_partitions_drop(s->image, s->path, &had, err);

	if (rc == 0)
		rc = work(s, err);
	/* what was done is durable by now; that the kernel did not look again changes nothing about it */
	if (s->image->is_block)
		im_kernel_partitions_read(s->image, s->path, NULL);
	return rc;
}

static int do_resume(struct session *s, struct im_error *err)
{
	return im_exec_resume(&s->exec, err) < 0 ? im_error_prefix(err, "%s", s->path) : 0;
}

static int do_undo(struct session *s, struct im_error *err)
{
	return im_exec_undo(&s->exec, im_api_allows(s->options, "changed"), err) < 0 ?
		im_error_prefix(err, "%s", s->path) : 0;
}

static int do_fix(struct session *s, struct im_error *err)
{
	return create_journal(s, s->map, err) < 0 ? -1 : do_resume(s, err);
}

static int fix(struct session *s, const char *path, const imgmend_plan *plan, const struct imgmend_options *options,
	       struct im_error *err)
{
	bool allow_volatile = im_api_allows(options, "volatile-journal");

	if (open_image(s, path, options, err) < 0)
		return -1;
	s->image->sector_size = plan->plan.sector_size;
	if (check_leftover(s, err) < 0 || im_plan_check_fingerprint(&plan->plan, s->image, err) < 0 ||
	    im_place_check(&s->place, path, allow_volatile, err) < 0)
		return -1;
	if (plan->plan.map.new_size != s->image->size && !im_dev_can_resize(s->image))
		return im_error_set(err, IM_EREFUSED, "%s: the plan changes the size, and this cannot", path);
	s->map = &plan->plan.map;
	return with_partitions_away(s, do_fix, err);
}

int imgmend_fix(const char *path, const imgmend_plan *plan, const struct imgmend_options *options, char **journal,
		struct imgmend_error *error)
{
	struct imgmend_options none = { 0 };
	struct im_error err = { 0 };
	struct session s = { 0 };
	int rc = 0;

	if (journal)
		*journal = NULL;
	if (imgmend_plan_is_empty(plan))
		return 0;
	rc = fix(&s, path, plan, options ? options : &none, &err);
	if (journal && s.is_open)
		*journal = strdup(s.journal_path);
	session_close(&s);
	return rc < 0 ? im_api_fail(error, &err) : 0;
}

/* ---- resume, undo, discard ---- */

static enum imgmend_state public_state(enum im_exec_state state)
{
	static const enum imgmend_state states[] = {
		IMGMEND_STATE_NOT_STARTED, IMGMEND_STATE_REPAIRING, IMGMEND_STATE_REPAIRED, IMGMEND_STATE_UNDOING,
		IMGMEND_STATE_UNDONE,
	};

	return states[state];
}

static int resume(struct session *s, bool unfinished, struct im_error *err)
{
	if (unfinished || s->exec.state == IM_STATE_NOT_STARTED)
		return im_error_set(err, IM_EREFUSED, "%s: nothing was written to the image yet, so there is nothing to resume;"
				    " run `imgmend fix` again", s->path);
	if (with_partitions_away(s, do_resume, err) < 0)
		return -1;
	return s->exec.state == IM_STATE_UNDONE ? remove_journal(s, err) : 0;
}

static int undo(struct session *s, bool unfinished, struct im_error *err)
{
	if (unfinished)
		return remove_journal(s, err);
	if (with_partitions_away(s, do_undo, err) < 0)
		return -1;
	return remove_journal(s, err);
}

static int run(const char *path, const struct imgmend_options *options, enum imgmend_state *state,
	       int (*verb)(struct session *s, bool unfinished, struct im_error *err), struct imgmend_error *error)
{
	struct imgmend_options none = { 0 };
	struct im_error err = { 0 };
	struct session s;
	bool unfinished;
	int rc = open_session(&s, path, options ? options : &none, &unfinished, &err);

	if (rc == 0)
		rc = verb(&s, unfinished, &err);
	if (state)
		*state = s.is_open ? public_state(s.exec.state) : IMGMEND_STATE_NONE;
	session_close(&s);
	return rc < 0 ? im_api_fail(error, &err) : 0;
}

int imgmend_resume(const char *path, const struct imgmend_options *options, enum imgmend_state *state,
		   struct imgmend_error *error)
{
	return run(path, options, state, resume, error);
}

int imgmend_undo(const char *path, const struct imgmend_options *options, enum imgmend_state *state,
		 struct imgmend_error *error)
{
	return run(path, options, state, undo, error);
}

/* A journal that does not fit this image may be the only help for another one, unless its repair is over. */
static bool is_of_finished_repair(struct session *s)
{
	struct im_journal j;
	const struct im_phase_record *last;
	bool yes;

	if (im_journal_load(&j, s->journal, NULL) < 0)
		return false;
	last = im_journal_last(&j);
	yes = last && last->phase >= IM_COMMITTED;
	im_journal_free(&j);
	return yes;
}

int imgmend_discard(const char *path, const struct imgmend_options *options, struct imgmend_error *error)
{
	struct imgmend_options none = { 0 };
	struct im_error err = { 0 };
	struct session s;
	bool unfinished;
	int rc = open_session(&s, path, options ? options : &none, &unfinished, &err);

	if (rc == 0 && !unfinished && (s.exec.state == IM_STATE_REPAIRING || s.exec.state == IM_STATE_UNDOING))
		rc = im_error_set(&err, IM_EREFUSED, "%s: its repair was interrupted, and only this journal can end it; run"
				  " `imgmend resume` or `imgmend undo`", path);
	else if (rc < 0 && s.journal && err.code == IM_ECHANGED && is_of_finished_repair(&s))
		rc = 0;
	if (rc == 0 && !unfinished && s.is_open && s.exec.state == IM_STATE_UNDONE)
		rc = im_exec_resume(&s.exec, &err);
	if (rc == 0)
		rc = remove_journal(&s, &err);
	session_close(&s);
	return rc < 0 ? im_api_fail(error, &err) : 0;
}

/* ---- status ---- */

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
static int status_of(struct session *s, struct imgmend_status *st, struct im_error *err)
{
	struct im_journal j;
	struct im_error why = { 0 };

	snprintf(st->journal, sizeof(st->journal), "%s", s->journal_path);
	s->journal = im_place_open(s->journal_path, false, err);
	if (!s->journal)
		return -1;
	st->journal_size = s->journal->size;
	if (im_journal_kind_of(s->journal) == IM_JOURNAL_UNFINISHED) {
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
	if (!s->image)
		s->image = im_api_open(st->image, s->options, false, &why);
	if (s->image)
		adopt_sector_size(s);
	if (s->image && im_exec_open(&s->exec, s->image, s->journal, &why) == 0) {
		s->is_open = true;
		st->state = public_state(s->exec.state);
		return 0;
	}
	snprintf(st->message, sizeof(st->message), "%s", why.message);
	return 0;
}

/* Is the file at path itself a journal? */
static bool is_journal(const char *path)
{
	struct im_dev *dev = im_dev_file(path, false, 0, NULL);
	bool yes = dev && dev->size && im_journal_kind_of(dev) != IM_JOURNAL_NOT;

	im_dev_close(dev);
	return yes;
}

static int status(struct session *s, struct imgmend_status *st, struct im_error *err)
{
	if (is_journal(s->path)) {
		s->journal_path = strdup(s->path);
	} else {
		s->image = im_api_open(s->path, s->options, false, err);
		if (!s->image || im_place_of(s->path, s->options, &s->place, err) < 0)
			return -1;
		s->journal_path = find_journal(&s->place, s->image);
	}
	return s->journal_path ? status_of(s, st, err) : 0;
}

int imgmend_status(const char *path, const struct imgmend_options *options, struct imgmend_status *st,
		   struct imgmend_error *error)
{
	struct imgmend_options none = { 0 };
	struct session s = { .path = path, .options = options ? options : &none };
	struct im_error err = { 0 };
	int rc;

	memset(st, 0, sizeof(*st));
	rc = status(&s, st, &err);
	session_close(&s);
	return rc < 0 ? im_api_fail(error, &err) : 0;
}
