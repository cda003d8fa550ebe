/* fuzz_plan.c - saved plans. Oracle: what is accepted is a sound map that survives its file form. */
#include <string.h>

#include "fuzz.h"
#include "oracle.h"
#include "plan/plan.h"

FUZZ_TARGET(plan)
{
	struct im_error err = { 0 };
	struct im_plan plan;
	struct im_dev *old;
	char *text = malloc(size + 1);		/* so that a read too far is seen */

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	if (im_plan_parse(&plan, text, size, &err) < 0) {
		FUZZ_CHECK(err.code == IM_EFORMAT && err.message[0], "code %d: %s", (int)err.code, err.message);
		free(text);
		return 0;
	}
	free(text);
	FUZZ_CHECK(plan.sector_size == 512 || plan.sector_size == 4096, "sectors of %u", plan.sector_size);
	old = fuzz_dev(plan.map.old_size, plan.map.old_size);
	fuzz_check_map(&plan.map, old);
	for (size_t i = 0; i < plan.read.n; i++)
		if (plan.read.v[i].len > 1 << 20)
			plan.read.v[i].len = 1 << 20;
	im_plan_check_fingerprint(&plan, old, &err);
	im_dev_close(old);
	im_plan_free(&plan);
	return 0;
}
