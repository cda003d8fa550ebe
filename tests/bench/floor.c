/* floor.c - the floor of the benchmarks: moves a range of a file the fastest simple way, with no care for crashes.
 *
 *	floor FILE FROM TO LENGTH [REQUEST]	bytes; REQUEST: bytes of one transfer (4 MiB)
 *
 * Right shifts run from the end, left shifts from the start. O_DIRECT where offsets and file system allow it, one
 * transfer at a time, one fdatasync at the end. All offsets must be multiples of 512.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(2);
}

int main(int argc, char **argv)
{
	unsigned long long from, to, len, request = 4 << 20, done = 0;
	uint8_t *buf;
	int fd;

	if (argc < 5)
		return 2;
	from = strtoull(argv[2], NULL, 0);
	to = strtoull(argv[3], NULL, 0);
	len = strtoull(argv[4], NULL, 0);
	if (argc > 5)
		request = strtoull(argv[5], NULL, 0);
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0)
		die(argv[1]);
	if (posix_memalign((void **)&buf, 4096, request))
		return 2;
	while (done < len) {
		unsigned long long n = len - done < request ? len - done : request;
		unsigned long long at = to > from ? len - done - n : done;

		if (pread(fd, buf, n, (off_t)(from + at)) != (ssize_t)n)
			die("read");
		if (pwrite(fd, buf, n, (off_t)(to + at)) != (ssize_t)n)
			die("write");
		done += n;
	}
	if (fdatasync(fd) < 0)
		die("fdatasync");
	return 0;
}
