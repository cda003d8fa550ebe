/* share.h - blocks of one file that another file of the same file system takes over by FICLONERANGE. */
#ifndef IM_DEV_SHARE_H
#define IM_DEV_SHARE_H

#include <stdbool.h>
#include <stdint.h>

/* Of a file that takes blocks over. */
struct im_share {
	bool has_log;		/* it lies on btrfs, whose log of it grows */
	unsigned n;		/* times that it took some since the log was short */
};

/* Make [off, off+len) of `to` what [from_off, …) of `from` is. 0, or 1 when that cannot be here, and nothing was done; -1 and errno. */
int im_share_range(int to, uint64_t off, int from, uint64_t from_off, uint64_t len);

/* Take blocks over as above, and count it. */
int im_share_take(struct im_share *s, int to, uint64_t off, int from, uint64_t from_off, uint64_t len);

/* Call this before a flush of the file, so that the flush need not log all that was taken over in the last half minute. Makes nothing
 * durable that the flush is to. */
void im_share_shorten(struct im_share *s, int fd);

#endif
