/* watch.c - steps and beats of long work. */
#include "dev/watch.h"

#include <stddef.h>

int im_watch_step(struct im_watch *watch, uint64_t done, uint64_t total, struct im_error *err)
{
	if (!watch || !watch->progress)
		return 0;
	watch->done = done;
	watch->total = total;
	if (!watch->is_stopped && watch->progress(watch->arg, done, total))
		return 0;
	watch->is_stopped = true;
	return im_error_set(err, IM_ECANCELLED, "stopped; the image is as it was");
}

int im_watch_beat(struct im_watch *watch, struct im_error *err)
{
	return watch ? im_watch_step(watch, watch->done, watch->total, err) : 0;
}

void im_watch_end(struct im_watch *watch)
{
	if (watch)
		watch->done = watch->total = 0;
}
