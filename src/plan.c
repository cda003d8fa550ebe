/* plan.c - `imgmend plan`: shows what a repair would change. */
#include <config.h>
#include <stdlib.h>

#include "program.h"

static int save(const imgmend_plan *plan, const char *file)
{
	char *json = imgmend_plan_json(plan);
	int rc = save_text(json, file, _("the plan"));

	free(json);
	return rc;
}

int verb_plan(const struct settings *s)
{
	struct imgmend_error err;
	imgmend_plan *plan;
	char *json;
	int status;

	if (imgmend_plan_image(s->images[0], &s->library, &plan, &err) < 0)
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
