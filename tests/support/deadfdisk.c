/* deadfdisk.c - preloaded into a program, kills the process that starts to use libfdisk. */
#include <stdlib.h>

struct fdisk_context;

struct fdisk_context *fdisk_new_context(void);

struct fdisk_context *fdisk_new_context(void)
{
	abort();
}
