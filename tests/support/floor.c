/* floor.c - what the benchmarks measure by: the fastest simple loops, with no care for crashes, and a clock.
 *
 *	floor move FILE FROM TO LENGTH [REQUEST]	move a range within a file: O_DIRECT, one transfer of REQUEST bytes
 *							(4 MiB) at a time, one fdatasync at the end
 *	floor sparse FILE FROM TO LENGTH		the same, but holes become holes
 *	floor scan FILE...				read the first 20 KiB of each
 *	floor time OUT COMMAND [ARGUMENT]...		run it; write nanoseconds, KiB of memory and exit status to OUT
 *
 * Right shifts run from the end, left shifts from the start. Offsets and lengths are bytes, multiples of 512.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SCAN_BYTES (20 << 10)

static void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* Is [off, off+len) of fd a hole? */
static bool is_hole(int fd, uint64_t off, uint64_t len)
{
	off_t data = lseek(fd, (off_t)off, SEEK_DATA);

	return (data < 0 && errno == ENXIO) || (data >= 0 && (uint64_t)data >= off + len);
}

static void move_piece(int fd, uint8_t *buf, uint64_t from, uint64_t to, uint64_t len, bool sparse)
{
	if (sparse && is_hole(fd, from, len)) {
		if (!is_hole(fd, to, len) && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)to, (off_t)len) < 0)
			die("fallocate");
		return;
	}
	if (pread(fd, buf, len, (off_t)from) != (ssize_t)len)
		die("read");
	if (pwrite(fd, buf, len, (off_t)to) != (ssize_t)len)
		die("write");
}

static int move(char **argv, bool sparse)
{
	uint64_t from = strtoull(argv[1], NULL, 0), to = strtoull(argv[2], NULL, 0), len = strtoull(argv[3], NULL, 0);
	uint64_t request = argv[4] ? strtoull(argv[4], NULL, 0) : 4 << 20;
	int fd = open(argv[0], O_RDWR | O_DIRECT);
	uint8_t *buf = aligned_alloc(4096, request);

	if (fd < 0 || !buf)
		die(argv[0]);
	for (uint64_t done = 0, n; done < len; done += n) {
		uint64_t at;

		n = len - done < request ? len - done : request;
		at = to > from ? len - done - n : done;
		move_piece(fd, buf, from + at, to + at, n, sparse);
	}
	if (fdatasync(fd) < 0)
		die("fdatasync");
	return 0;
}

static int scan(char **files)
{
	static uint8_t buf[SCAN_BYTES];

	for (; *files; files++) {
		int fd = open(*files, O_RDONLY);

		if (fd < 0 || pread(fd, buf, SCAN_BYTES, 0) < 0)
			die(*files);
		close(fd);
	}
	return 0;
}

static int timed(char **argv)
{
	struct timespec start, end;
	struct rusage usage;
	int status;
	pid_t pid;
	FILE *f;

	clock_gettime(CLOCK_MONOTONIC, &start);
	pid = fork();
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		die(argv[1]);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		die("wait");
	clock_gettime(CLOCK_MONOTONIC, &end);
	f = fopen(argv[0], "w");
	if (!f)
		die(argv[0]);
	fprintf(f, "%lld %ld %d\n", (end.tv_sec - start.tv_sec) * 1000000000ll + end.tv_nsec - start.tv_nsec, usage.ru_maxrss,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128);
	return fclose(f) ? 2 : 0;
}

int main(int argc, char **argv)
{
	if (argc >= 6 && (!strcmp(argv[1], "move") || !strcmp(argv[1], "sparse")))
		return move(argv + 2, argv[1][0] == 's');
	if (argc >= 3 && !strcmp(argv[1], "scan"))
		return scan(argv + 2);
	if (argc >= 4 && !strcmp(argv[1], "time"))
		return timed(argv + 2);
	fprintf(stderr, "usage: floor move | sparse FILE FROM TO LENGTH; floor scan FILE...; floor time OUT COMMAND...\n");
	return 2;
}
