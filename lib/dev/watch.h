/* watch.h - somebody follows long work, and may stop it.
 *
 * Work whose length is known takes steps; whatever is read through a device with a watch is a beat, so that nothing takes
 * long in silence. Once stopped, every step and beat is an error: a reader that takes an error for damage stops as well.
 */
#ifndef IM_DEV_WATCH_H
#define IM_DEV_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct im_watch {
	/* Called now and then with bytes done of bytes to do; both 0: nobody knows. false stops. NULL: nobody follows. */
	bool (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
	uint64_t done, total;		/* of the work under way */
	bool is_stopped;
};

/* 0, or -1 with IM_ECANCELLED. watch may be NULL. */
int im_watch_step(struct im_watch *watch, uint64_t done, uint64_t total, struct im_error *err);
/* The same, where it is not known that anything was done. */
int im_watch_beat(struct im_watch *watch, struct im_error *err);
/* The work whose length was known is over. */
void im_watch_end(struct im_watch *watch);

#endif
