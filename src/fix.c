/* fix.c - `imgmend fix`: shows the plan, asks, repairs. */
#include <config.h>
#include <stdlib.h>

#include "program.h"

static int write_new(struct settings *s, const imgmend_plan *plan)
{
	struct imgmend_plan_figures figures;
	char new_name[SHOWN_MAX], name[SHOWN_MAX];
	struct imgmend_error err;
	int rc;

	imgmend_plan_figures(plan, &figures);
	progress_install(s, figures.new_size);
	rc = imgmend_copy(s->images[0], plan, s->new_image, &s->library, &err);
	progress_end();
	if (rc < 0)
		return report_error(&err);
	if (!s->quiet)
		fprintf(stderr, _("imgmend: the corrected image is %s; %s is as it was\n"), shown(s->new_image, new_name),
			shown(s->images[0], name));
	return EXIT_CORRECTED;
}

/* Did the repair come to its end, and only its verification fail? */
static bool is_repaired(const struct settings *s)
{
	struct imgmend_status st;

	return imgmend_status(s->images[0], &s->library, &st, NULL) == 0 && st.state == IMGMEND_STATE_REPAIRED;
}

static int repair(struct settings *s, const imgmend_plan *plan)
{
	struct imgmend_plan_figures figures;
	char name[SHOWN_MAX], place[SHOWN_MAX];
	struct imgmend_error err;
	char *journal;
	int rc, status;

	imgmend_plan_figures(plan, &figures);
	progress_install(s, figures.bytes_moved);
	rc = imgmend_fix(s->images[0], plan, &s->library, &journal, &err);
	progress_end();
	shown(s->images[0], name);
	shown(journal ? journal : "", place);
	if (rc < 0) {
		status = report_error(&err);
		if (journal && (err.code == IMGMEND_EIO || err.code == IMGMEND_ECANCELLED) && s->library.verify && is_repaired(s))
			fprintf(stderr, _("imgmend: the repair is complete, its journal is %s; take it back with `imgmend"
				" undo %s`\n"), place, name);
		else if (journal && err.code == IMGMEND_ECHANGED)
			fprintf(stderr, _("imgmend: the journal is %s\n"), place);
		else if (journal)
			fprintf(stderr, _("imgmend: the journal is %s; finish the repair with `imgmend resume %s` or take it"
				" back with `imgmend undo %s`\n"), place, name, name);
		/* a repair that had begun and stopped is more than a refusal */
		if (journal && status == EXIT_UNCORRECTED)
			status = EXIT_FAILED;
		free(journal);
		return status;
	}
	if (!s->quiet)
		fprintf(stderr, _("imgmend: %s is repaired; `imgmend undo %s` takes it back, `imgmend discard %s` drops the"
			" journal %s\n"), name, name, name, place);
	free(journal);
	return save_manifest(s) == EXIT_FINE ? EXIT_CORRECTED : EXIT_FAILED;
}

int verb_fix(const struct settings *settings)
{
	struct settings s = *settings;
	struct imgmend_error err;
	imgmend_plan *plan;
	int status;

	if (get_plan(&s, &plan, &err) < 0)
		return report_error(&err);
	if (!s.quiet)
		print_plan(&s, stdout, plan, s.images[0]);
	if (!flush_output())
		status = EXIT_FAILED;	/* what nobody can have read is not done */
	else if (imgmend_plan_is_empty(plan))
		status = EXIT_FINE;
	else if (s.dry_run)
		status = EXIT_UNCORRECTED;
	else
		status = ask(&s, s.new_image ? _("Write the corrected image?") : _("Repair the image in place?"));
	if (status < 0)
		status = s.new_image ? write_new(&s, plan) : repair(&s, plan);
	imgmend_plan_free(plan);
	return status;
}
