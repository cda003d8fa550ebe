/* hold.c - see hold.h. */
#include "base/hold.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void im_hold(void)
{
	pthread_mutex_lock(&lock);
}

void im_release(void)
{
	pthread_mutex_unlock(&lock);
}

/* A caller's forks too: their children may go on with the library. */
__attribute__((constructor)) static void hold_around_forks(void)
{
	pthread_atfork(im_hold, im_release, im_release);
}
