/* recover.c - `imgmend resume`, `undo` and `discard`. */
#include <config.h>
#include <string.h>

#include "program.h"

/* A stop on request is reported with the way on. */
static int failed(const struct settings *s, const struct imgmend_error *err)
{
	int status = report_error(err);
	char name[SHOWN_MAX];

	if (status == EXIT_CANCELLED)
		fprintf(stderr, _("imgmend: go on with `imgmend resume %s` or `imgmend undo %s`\n"), shown(s->images[0], name), name);
	return status;
}

int verb_resume(const struct settings *settings)
{
	struct settings s = *settings;
	struct imgmend_status before;
	enum imgmend_state state;
	struct imgmend_error err;
	char name[SHOWN_MAX];
	bool was_complete;
	int rc;

	rc = ask(&s, _("Finish what was interrupted?"));
	if (rc >= 0)
		return rc;
	progress_install(&s, 0);
	was_complete = imgmend_status(s.images[0], &s.library, &before, NULL) == 0 && before.state == IMGMEND_STATE_REPAIRED;
	rc = imgmend_resume(s.images[0], &s.library, &state, &err);
	progress_end();
	if (rc < 0)
		return failed(&s, &err);
	if (!s.quiet)
		fprintf(stderr, state == IMGMEND_STATE_UNDONE ? _("imgmend: %s is as it was before the repair\n") :
			_("imgmend: %s is repaired\n"), shown(s.images[0], name));
	return state == IMGMEND_STATE_UNDONE || was_complete ? EXIT_FINE : EXIT_CORRECTED;
}

/* The list without the word "changed". True: it was there. */
static bool strike_changed(const char *list, char *out, size_t size)
{
	char copy[256], *save = NULL;
	bool found = false;

	snprintf(copy, sizeof(copy), "%s", list ? list : "");
	*out = 0;
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		size_t n = strlen(out);

		if (strcmp(w, "changed") == 0)
			found = true;
		else
			snprintf(out + n, size - n, "%s%s", n ? "," : "", w);
	}
	return found;
}

/* First as if a change were not allowed: only so is it known whether the image was used since. */
static int undo(const struct settings *s, bool *changed, struct imgmend_error *err)
{
	struct imgmend_options strict = s->library;
	enum imgmend_state state;
	char allow[256];
	bool allowed = strike_changed(s->library.allow, allow, sizeof(allow));
	int rc;

	strict.allow = allow;
	rc = imgmend_undo(s->images[0], &strict, &state, err);
	*changed = rc < 0 && err->code == IMGMEND_ECHANGED && allowed;
	return *changed ? imgmend_undo(s->images[0], &s->library, &state, err) : rc;
}

int verb_undo(const struct settings *settings)
{
	struct settings s = *settings;
	struct imgmend_error err;
	char name[SHOWN_MAX];
	bool changed;
	int rc;

	rc = ask(&s, _("Take the repair back?"));
	if (rc >= 0)
		return rc;
	progress_install(&s, 0);
	rc = undo(&s, &changed, &err);
	progress_end();
	if (rc < 0)
		return failed(&s, &err);
	if (changed)
		fprintf(stderr, _("imgmend: %s is back in its old layout; it had been used since the repair, so its data is"
			" what it was just now, not what it was before the repair\n"), shown(s.images[0], name));
	else if (!s.quiet)
		fprintf(stderr, _("imgmend: %s is as it was before the repair\n"), shown(s.images[0], name));
	return EXIT_FINE;
}

int verb_discard(const struct settings *s)
{
	struct imgmend_error err;
	char name[SHOWN_MAX];
	int rc;

	rc = ask(s, _("Drop the journal? The repair cannot be taken back afterwards."));
	if (rc >= 0)
		return rc;
	if (imgmend_discard(s->images[0], &s->library, &err) < 0)
		return report_error(&err);
	if (!s->quiet)
		fprintf(stderr, _("imgmend: the journal of %s is gone\n"), shown(s->images[0], name));
	return EXIT_FINE;
}
