/* reopen.h - what a descriptor is, under a name: its own may be another file's by now. Wants /proc. */
#ifndef IM_BASE_REOPEN_H
#define IM_BASE_REOPEN_H

#define IM_FD_PATH 32

/* The name under which this process, and its children as long as they have it, find what fd is. */
void im_fd_path(char path[IM_FD_PATH], int fd);

/* Open it once more, with a position and flags of its own; O_CLOEXEC is set. -1 and errno where that cannot be. The caller closes it. */
int im_reopen(int fd, int flags);

#endif
