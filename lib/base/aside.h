/* aside.h - one more thread, which does one piece of work at a time while its owner does something else. */
#ifndef IM_BASE_ASIDE_H
#define IM_BASE_ASIDE_H

#include <pthread.h>
#include <stdbool.h>

#include "base/error.h"

typedef int im_aside_fn(void *arg, struct im_error *err);

struct im_aside {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool has_thread, is_busy, ends;
	im_aside_fn *work;
	void *arg;
	int rc;
	struct im_error err;
};

/* Where no thread can be had, or none is wanted, im_aside_run does the work itself, before it returns. */
void im_aside_start(struct im_aside *a, bool wants_thread);
/* Waits for nothing: the one before must have been waited for. arg is borrowed until im_aside_wait. */
void im_aside_run(struct im_aside *a, im_aside_fn *work, void *arg);
/* Has the work not ended yet? */
bool im_aside_is_busy(struct im_aside *a);
/* What the work returned, and its error. Without work since the last call: 0. */
int im_aside_wait(struct im_aside *a, struct im_error *err);
void im_aside_stop(struct im_aside *a);

#endif
