/* backing.h - the file behind a loop device.
 *
 * A loop device that goes through the page cache serves one request after the other, and a flush is one, which takes as long
 * as the file is written (loop_process_work and lo_req_flush of the kernel's drivers/block/loop.c): what is read meanwhile
 * waits. The file itself can be read into the page cache at that time, from where the device takes it. That is advice and
 * no more: whatever the file says, the image is read through the device.
 */
#ifndef IM_DEV_BACKING_H
#define IM_DEV_BACKING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IM_BACKING_STREAMS 16

/* Reads that follow each other, to the right or to the left. */
struct im_stream {
	uint64_t start, end;	/* of the last one, bytes of the device */
	int direction;		/* 1 to the right, -1 to the left; 0: it is the first one */
	uint64_t advised;	/* up to where, seen from there, the file is on its way into the page cache */
	uint64_t age;
};

struct im_backing {
	int fd;			/* -1: none */
	uint64_t offset;	/* where in the file the device begins, bytes */
	uint64_t clock;
	struct im_stream streams[IM_BACKING_STREAMS];
	pthread_mutex_t lock;
};

/* The path of the file behind a loop device, given its directory in /sys; false for every other device. */
bool im_loop_backing_file(const char *sysfs, char file[4096]);

/* For the device that dev_fd is. b->fd is -1 where it is no loop device, one that goes past the page cache, or one whose file
 * has no name here. im_backing_close is due in any case. */
void im_backing_open(struct im_backing *b, int dev_fd);
void im_backing_close(struct im_backing *b);

/* [off, off+len) was read: have what follows it read ahead, if it follows what was read before. Not earlier, as what was asked for the
 * last time is to be read from the page cache before the next flush begins, which reading would wait for. */
void im_backing_expect(struct im_backing *b, uint64_t off, size_t len);

#endif
