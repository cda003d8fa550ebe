/* jobs.c - the same work on many images, several at a time; the results are taken in the order of the images. */
#include <config.h>
#include <pthread.h>
#include <stdlib.h>

#include "program.h"

struct work {
	const struct job *job;
	size_t n, next;
	bool *done;		/* NULL: there was no memory for it */
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

/* Look at the next one, the lock being held before and after; false: there is none left. */
static bool take(struct work *w)
{
	size_t i = w->next;

	if (i == w->n)
		return false;
	w->next++;
	pthread_mutex_unlock(&w->lock);
	w->job->look(w->job->arg, i);
	pthread_mutex_lock(&w->lock);
	w->done[i] = true;
	pthread_cond_signal(&w->changed);
	return true;
}

static void *worker(void *arg)
{
	struct work *w = arg;

	pthread_mutex_lock(&w->lock);
	while (take(w))
		;
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Until this one was looked at. Who waits looks at others, and without workers at this one. */
static void await(struct work *w, size_t i)
{
	pthread_mutex_lock(&w->lock);
	while (!w->done[i])
		if (!take(w))
			pthread_cond_wait(&w->changed, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

/* Each as soon as it and those before it are there. */
static int collect(struct work *w)
{
	int status = 0;

	for (size_t i = 0; i < w->n; i++) {
		if (w->done)
			await(w, i);
		else
			w->job->look(w->job->arg, i);
		progress_clear();
		status |= w->job->settle(w->job->arg, i);
		progress_image();
	}
	return status;
}

int jobs_run(const struct job *job, size_t n, unsigned jobs)
{
	struct work w = { .job = job, .n = n, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	unsigned wanted = jobs > n ? (unsigned)n : jobs, started = 0;
	pthread_t *threads = calloc(wanted + 1, sizeof(*threads));
	int status;

	w.done = calloc(n + 1, sizeof(*w.done));
	if (!threads || !w.done)
		wanted = 0;
	while (started + 1 < wanted && pthread_create(&threads[started], NULL, worker, &w) == 0)
		started++;
	status = collect(&w);
	progress_end();
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	free(w.done);
	return status;
}
