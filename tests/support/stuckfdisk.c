/* stuckfdisk.c - preloaded into a program, stops the process that starts to use libfdisk, for ever. */
#include <pthread.h>

struct fdisk_context;

struct fdisk_context *fdisk_new_context(void);

struct fdisk_context *fdisk_new_context(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	pthread_mutex_lock(&lock);
	return NULL;
}
