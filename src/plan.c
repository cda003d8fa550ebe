/* plan.c - `imgmend plan`: shows what a repair would change. */
#include <config.h>
#include <stdlib.h>

#include "program.h"

int get_plan(struct settings *s, imgmend_plan **plan, struct imgmend_error *err)
{
	int rc;

	if (s->plan_file)
		return imgmend_plan_load(s->plan_file, plan, err);
	progress_follow(s, 1, false);
	rc = imgmend_plan_image(s->images[0], &s->library, plan, err);
	progress_clear();
	return rc;
}

static int save(const imgmend_plan *plan, const char *file)
{
	char *json = imgmend_plan_json(plan);
	int rc = save_text(json, file, _("the plan"));

	free(json);
	return rc;
}

int verb_plan(const struct settings *settings)
{
	struct settings own = *settings, *s = &own;
	struct imgmend_error err;
	imgmend_plan *plan;
	char *json;
	int status;

	if (get_plan(s, &plan, &err) < 0)
		return report_error(&err);
	status = imgmend_plan_is_empty(plan) ? EXIT_FINE : EXIT_UNCORRECTED;
	if (s->output && save(plan, s->output) < 0)
		status = EXIT_FAILED;
	if (s->json) {
		json = imgmend_plan_json(plan);
		if (json)
			puts(json);
		free(json);
	} else if (!s->quiet) {
		print_plan(s, stdout, plan, s->images[0]);
	}
	imgmend_plan_free(plan);
	return status;
}
