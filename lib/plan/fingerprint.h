/* fingerprint.h - taking a plan's fingerprint; checking it is public, in plan.h. */
#ifndef IM_PLAN_FINGERPRINT_H
#define IM_PLAN_FINGERPRINT_H

#include "plan/plan.h"

/* Note what was read through the recorder, and hash it. */
int im_plan_take_fingerprint(struct im_plan *plan, struct im_dev *recorder, struct im_dev *raw, struct im_error *err);

#endif
