/* repair.c - imgmend_fix, resume, undo, discard: the image, its journal and the executor brought together. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/session.h"
#include "dev/inuse.h"

/* ---- fix ---- */

/* Write the journal into its new file, behind the clone where the repair goes by one. */
static int prepare(struct im_session *s, struct im_error *err)
{
	struct im_watch watch = im_api_watch(s->options, IMGMEND_PHASE_HASH);
	struct im_exec_params params;
	char real[PATH_MAX];

	if (im_strategy_ready(&s->plan->strategy, s->image, &s->plan->plan.map, &params, err) < 0)
		return -1;
	params.manifest = s->options->manifest || s->options->verify;
	params.watch = &watch;
	/* one without a journal is left of a fix that was killed */
	if (im_inuse_lock(s->journal, s->journal_path, err) < 0 || im_session_drop_clone(s, err) < 0)
		return -1;
	/* where none can be made after all, the other ways remain */
	if (s->plan->strategy.by_clone && im_session_make_clone(s, err) < 0)
		return -1;
	params.clone = s->clone;
	return im_exec_prepare(&s->exec, s->image, s->journal, &s->plan->plan.map, &params,
			       im_api_is_path(s->path, s->options) && realpath(s->path, real) ? real : s->path, err);
}

static int create_journal(struct im_session *s, struct im_error *err)
{
	s->journal_path = im_place_path(&s->place, (unsigned)(im_place_newest(&s->place) + 1));
	if (!s->journal_path)
		return im_error_nomem(err);
	s->journal = im_dev_file_create(s->journal_path, 0, 0, err);
	if (!s->journal)
		return -1;
	if (prepare(s, err) < 0) {
		if (err->code == IM_ECANCELLED)
			im_error_prefix(err, "%s: nothing was written", s->path);
		unlink(s->journal_path);
		im_session_drop_clone(s, NULL);
		return -1;
	}
	s->is_open = true;
	im_session_set_hooks(s);
	if (im_place_sync_dir(&s->place, err) < 0)
		return -1;
	if (!im_dev_file_is(s->journal, s->journal_path))
		return im_error_set(err, IM_EBUSY, "%s: somebody removed or replaced the journal just now; nothing was written",
				    s->journal_path);
	return 0;
}

/* Work on the image between taking the kernel's partitions away and having it look at the table again: at the new
 * one, at the old one where the work refused, at none where the fence stands. */
static int with_partitions_away(struct im_session *s, int (*work)(struct im_session *s, struct im_error *err),
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

/* Read the repaired image back, from the storage and not from the cache. */
static int verify(struct im_session *s, struct im_error *err)
{
	struct im_watch watch = im_api_watch(s->options, IMGMEND_PHASE_HASH);
	const struct im_journal *j = &s->exec.journal;

	if (!s->options->verify || s->exec.state != IM_STATE_REPAIRED)
		return 0;
	im_dev_forget(s->image);
	return im_manifest_check(j->manifest, &j->map, s->image, &watch, err);
}

/* The work is done, on the files that were opened. Are they still the ones of these names? */
static int check_names(const struct im_session *s, struct im_error *err)
{
	bool undone = s->exec.state == IM_STATE_UNDONE;

	if (s->file && !s->file->is_block && !im_dev_file_is(s->file, s->path))
		return im_error_set(err, IM_ECHANGED, undone ?
				    N_("%s: somebody renamed or replaced this file meanwhile; the one that was here is taken back, wherever"
				       " it is now, and its journal is kept: %s") :
				    N_("%s: somebody renamed or replaced this file meanwhile; the one that was here is repaired, wherever it"
				       " is now, and its journal is kept: %s"), s->path, s->journal_path);
	if (s->exec.state == IM_STATE_REPAIRED && !im_dev_file_is(s->journal, s->journal_path))
		return im_error_set(err, IM_ECHANGED, "%s: it is repaired, but somebody removed or replaced its journal %s"
				    " meanwhile; without that the repair cannot be taken back", s->path, s->journal_path);
	return 0;
}

static int do_resume(struct im_session *s, struct im_error *err)
{
	if (im_exec_resume(&s->exec, err) < 0 || verify(s, err) < 0 || im_session_drop_clone(s, err) < 0)
		return im_error_prefix(err, "%s", s->path);
	return check_names(s, err);
}

/* What went by a clone goes back by one, if it can: this one is of the image as it is now. */
static int clone_for_undo(struct im_session *s, struct im_error *err)
{
	if (s->exec.state != IM_STATE_REPAIRED || !im_by_clone(&s->exec.journal.log.v[0]))
		return 0;
	if (im_session_make_clone(s, err) < 0)
		return -1;
	s->exec.clone = s->clone;
	return 0;
}

static int do_undo(struct im_session *s, struct im_error *err)
{
	if (clone_for_undo(s, err) < 0 || im_exec_undo(&s->exec, im_api_allows(s->options, "changed"), err) < 0) {
		/* refused: nobody needs the new clone */
		if (s->exec.state == IM_STATE_REPAIRED)
			im_session_drop_clone(s, NULL);
		return im_error_prefix(err, "%s", s->path);
	}
	return check_names(s, err);
}

/* The repair stopped before it wrote anything: leave nothing behind. What cannot be removed, the next fix removes. */
static void drop_unused_journal(struct im_session *s)
{
	struct im_error ignored = { 0 };

	if (!s->is_open || s->exec.state != IM_STATE_NOT_STARTED || im_exec_undo(&s->exec, false, &ignored) < 0 ||
	    im_session_remove_journal(s, &ignored) < 0)
		return;
	im_exec_close(&s->exec);
	s->is_open = false;
}

static int do_fix(struct im_session *s, struct im_error *err)
{
	if (create_journal(s, err) == 0 && do_resume(s, err) == 0)
		return 0;
	drop_unused_journal(s);
	return -1;
}

static int fix(struct im_session *s, const char *path, const imgmend_plan *plan, const struct imgmend_options *options,
	       struct im_error *err)
{
	bool allow_volatile = im_api_allows(options, "volatile-journal");

	if (im_session_open_image(s, path, options, err) < 0)
		return -1;
	s->image->sector_size = plan->plan.sector_size;
	if (im_leftover_clear(s, err) < 0)
		return -1;
	if (im_api_check_plan(plan, s->image, options, err) < 0)
		return im_error_prefix(err, "%s", path);
	if (im_place_check(&s->place, path, allow_volatile, err) < 0)
		return -1;
	if (plan->plan.map.new_size != s->image->size && !im_dev_can_resize(s->image))
		return im_error_set(err, IM_EREFUSED, "%s: the plan changes the size, and this cannot", path);
	s->plan = plan;
	return with_partitions_away(s, do_fix, err);
}

int imgmend_fix(const char *path, const imgmend_plan *plan, const struct imgmend_options *options, char **journal,
		struct imgmend_error *error)
{
	struct imgmend_options none = { 0 };
	struct im_error err = { 0 };
	struct im_session s = { .lock = -1 };
	int rc = 0;

	if (journal)
		*journal = NULL;
	if (imgmend_plan_is_empty(plan))
		return 0;
	rc = fix(&s, path, plan, options ? options : &none, &err);
	if (journal && s.is_open && im_dev_file_is(s.journal, s.journal_path))
		*journal = strdup(s.journal_path);
	im_session_close(&s);
	return rc < 0 ? im_api_fail(error, &err) : 0;
}

/* ---- resume, undo, discard ---- */

/* Nothing to resume; but room for the new image may have been made at its end. */
static int refuse_not_started(const struct im_session *s, bool unfinished, struct im_error *err)
{
	uint64_t old = s->exec.journal.map.old_size;

	/* a journal that never became whole is not even loaded; nothing is done before it is */
	if (!unfinished && s->image->size > old)
		return im_error_set(err, IM_EREFUSED, "%s: nothing was written to the image yet, it was only made %" PRIu64 " bytes longer,"
				    " so there is nothing to resume; run `imgmend fix` again, or `imgmend undo`, which gives these back",
				    s->path, s->image->size - old);
	return im_error_set(err, IM_EREFUSED, "%s: nothing was written to the image yet, so there is nothing to resume;"
			    " run `imgmend fix` again", s->path);
}

static int resume(struct im_session *s, bool unfinished, struct im_error *err)
{
	if (unfinished || s->exec.state == IM_STATE_NOT_STARTED)
		return refuse_not_started(s, unfinished, err);
	if (s->options->verify && !s->exec.journal.manifest)
		return im_error_set(err, IM_EREFUSED, "%s: there is nothing to verify by, as the repair was begun without --verify"
				    " and --manifest; resume it without --verify", s->path);
	if (with_partitions_away(s, do_resume, err) < 0)
		return -1;
	return s->exec.state == IM_STATE_UNDONE ? im_session_remove_journal(s, err) : 0;
}

static int undo(struct im_session *s, bool unfinished, struct im_error *err)
{
	if (unfinished)
		return im_session_remove_journal(s, err);
	if (with_partitions_away(s, do_undo, err) < 0)
		return -1;
	return im_session_remove_journal(s, err);
}

static int run(const char *path, const struct imgmend_options *options, enum imgmend_state *state,
	       int (*verb)(struct im_session *s, bool unfinished, struct im_error *err), struct imgmend_error *error)
{
	struct imgmend_options none = { 0 };
	struct im_error err = { 0 };
	struct im_session s;
	bool unfinished;
	int rc = im_session_open(&s, path, options ? options : &none, &unfinished, &err);

	if (rc == 0)
		rc = verb(&s, unfinished, &err);
	if (state)
		*state = s.is_open ? im_session_public_state(s.exec.state) : IMGMEND_STATE_NONE;
	im_session_close(&s);
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
static bool is_of_finished_repair(struct im_session *s)
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
	struct im_session s;
	bool unfinished;
	int rc = im_session_open(&s, path, options ? options : &none, &unfinished, &err);

	if (rc == 0 && !unfinished && (s.exec.state == IM_STATE_REPAIRING || s.exec.state == IM_STATE_UNDOING))
		rc = im_error_set(&err, IM_EREFUSED, "%s: its repair was interrupted, and only this journal can end it; run"
				  " `imgmend resume` or `imgmend undo`", path);
	else if (rc < 0 && s.journal && err.code == IM_ECHANGED && is_of_finished_repair(&s))
		rc = 0;
	if (rc == 0 && !unfinished && s.is_open && s.exec.state == IM_STATE_UNDONE)
		rc = im_exec_resume(&s.exec, &err);
	if (rc == 0)
		rc = im_session_remove_journal(&s, &err);
	im_session_close(&s);
	return rc < 0 ? im_api_fail(error, &err) : 0;
}
