/* recover.c - `imgmend resume`, `undo` and `discard`. */
#include <config.h>

#include "program.h"

/* A stop on request is reported with the way on. */
static int failed(const struct settings *s, const struct imgmend_error *err)
{
	int status = report_error(err);

	if (status == EXIT_CANCELLED)
		fprintf(stderr, _("imgmend: go on with `imgmend resume %s` or `imgmend undo %s`\n"), s->images[0],
			s->images[0]);
	return status;
}

int verb_resume(const struct settings *settings)
{
	struct settings s = *settings;
	enum imgmend_state state;
	struct imgmend_error err;
	int rc;

	rc = ask(&s, _("Finish what was interrupted?"));
	if (rc >= 0)
		return rc;
	progress_install(&s);
	rc = imgmend_resume(s.images[0], &s.library, &state, &err);
	progress_end();
	if (rc < 0)
		return failed(&s, &err);
	if (!s.quiet)
		fprintf(stderr, state == IMGMEND_STATE_UNDONE ? _("imgmend: %s is as it was before the repair\n") :
			_("imgmend: %s is repaired\n"), s.images[0]);
	return state == IMGMEND_STATE_UNDONE ? EXIT_FINE : EXIT_CORRECTED;
}

int verb_undo(const struct settings *settings)
{
	struct settings s = *settings;
	enum imgmend_state state;
	struct imgmend_error err;
	int rc;

	rc = ask(&s, _("Take the repair back?"));
	if (rc >= 0)
		return rc;
	progress_install(&s);
	rc = imgmend_undo(s.images[0], &s.library, &state, &err);
	progress_end();
	if (rc < 0)
		return failed(&s, &err);
	if (!s.quiet)
		fprintf(stderr, _("imgmend: %s is as it was before the repair\n"), s.images[0]);
	return EXIT_FINE;
}

int verb_discard(const struct settings *s)
{
	struct imgmend_error err;
	int rc;

	rc = ask(s, _("Drop the journal? The repair cannot be taken back afterwards."));
	if (rc >= 0)
		return rc;
	if (imgmend_discard(s->images[0], &s->library, &err) < 0)
		return report_error(&err);
	if (!s->quiet)
		fprintf(stderr, _("imgmend: the journal of %s is gone\n"), s->images[0]);
	return EXIT_FINE;
}
