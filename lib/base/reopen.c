/* reopen.c - see reopen.h. */
#include "base/reopen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

void im_fd_path(char path[IM_FD_PATH], int fd)
{
	snprintf(path, IM_FD_PATH, "/proc/self/fd/%d", fd);
}

int im_reopen(int fd, int flags)
{
	char path[IM_FD_PATH];

	im_fd_path(path, fd);
	return TEMP_FAILURE_RETRY(open(path, flags | O_CLOEXEC));
}
