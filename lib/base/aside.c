/* aside.c - a thread that waits for work. */
#include "base/aside.h"

#include <signal.h>

static void *serve(void *arg)
{
	struct im_aside *a = arg;

	pthread_mutex_lock(&a->lock);
	for (;;) {
		while (!a->is_busy && !a->ends)
			pthread_cond_wait(&a->changed, &a->lock);
		if (a->ends)
			break;
		pthread_mutex_unlock(&a->lock);
		a->rc = a->work(a->arg, &a->err);
		pthread_mutex_lock(&a->lock);
		a->is_busy = false;
		pthread_cond_broadcast(&a->changed);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

void im_aside_start(struct im_aside *a, bool wants_thread)
{
	sigset_t all, before;

	*a = (struct im_aside){ .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	if (!wants_thread)
		return;
	/* signals are for the threads of whoever uses the library */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	a->has_thread = pthread_create(&a->thread, NULL, serve, a) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void im_aside_run(struct im_aside *a, im_aside_fn *work, void *arg)
{
	a->err = (struct im_error){ 0 };
	if (!a->has_thread) {
		a->rc = work(arg, &a->err);
		return;
	}
	pthread_mutex_lock(&a->lock);
	a->work = work;
	a->arg = arg;
	a->is_busy = true;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

bool im_aside_is_busy(struct im_aside *a)
{
	bool busy;

	pthread_mutex_lock(&a->lock);
	busy = a->is_busy;
	pthread_mutex_unlock(&a->lock);
	return busy;
}

int im_aside_wait(struct im_aside *a, struct im_error *err)
{
	int rc;

	pthread_mutex_lock(&a->lock);
	while (a->is_busy)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
	rc = a->rc;
	a->rc = 0;
	if (rc < 0 && err)
		*err = a->err;
	return rc;
}

void im_aside_stop(struct im_aside *a)
{
	if (a->has_thread) {
		pthread_mutex_lock(&a->lock);
		a->ends = true;
		pthread_cond_broadcast(&a->changed);
		pthread_mutex_unlock(&a->lock);
		pthread_join(a->thread, NULL);
	}
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->changed);
}
