/* floor.c - what the benchmarks measure by: the fastest simple loops, with no care for crashes, and a clock.
 *
 *	floor move FILE FROM TO LENGTH [REQUEST]	move a range within a file: O_DIRECT, one transfer of REQUEST bytes
 *							(4 MiB) at a time, one fdatasync at the end
 *	floor sparse FILE FROM TO LENGTH		the same, but holes become holes
 *	floor scan RANGES FILE...			read of each what the file RANGES says, lines of offset and length
 *	floor time OUT COMMAND [ARGUMENT]...		run it; write nanoseconds, KiB of memory and exit status to OUT
 *
 * Right shifts run from the end, left shifts from the start. Offsets and lengths are bytes, multiples of 512.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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

#define RANGES 256

static void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* The piece at off, at most len long, that is all hole or all data. */
static uint64_t piece_at(int fd, uint64_t off, uint64_t len, bool *hole)
{
	off_t next = lseek(fd, (off_t)off, SEEK_DATA);

	*hole = next != (off_t)off;
	if (*hole && next < 0)
		return len;
	if (!*hole)
		next = lseek(fd, (off_t)off, SEEK_HOLE);
	return (uint64_t)next - off < len ? (uint64_t)next - off : len;
}

#define PIECES 4096

/* Read all the data of a request, then write it; where nothing is, nothing shall be. */
static void move_request(int fd, uint8_t *buf, uint64_t from, uint64_t to, uint64_t len, bool sparse)
{
	struct { uint64_t at, len; bool hole; } piece[PIECES];
	size_t n = 0;

	for (uint64_t at = 0; at < len; at += piece[n++].len) {
		if (n == PIECES)
			die("too many holes");
		piece[n].at = at;
		piece[n].len = len - at;
		piece[n].hole = false;
		if (sparse)
			piece[n].len = piece_at(fd, from + at, len - at, &piece[n].hole);
		if (!piece[n].hole && pread(fd, buf + at, piece[n].len, (off_t)(from + at)) != (ssize_t)piece[n].len)
			die("read");
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t dst = to + piece[i].at;
		bool free = false;

		if (!piece[i].hole) {
			if (pwrite(fd, buf + piece[i].at, piece[i].len, (off_t)dst) != (ssize_t)piece[i].len)
				die("write");
			continue;
		}
		if (piece_at(fd, dst, piece[i].len, &free) < piece[i].len || !free)
			if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)dst, (off_t)piece[i].len) < 0)
				die("fallocate");
	}
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
		move_request(fd, buf, from + at, to + at, n, sparse);
	}
	if (fdatasync(fd) < 0)
		die("fdatasync");
	return 0;
}

static int scan(const char *ranges, char **files)
{
	static uint8_t buf[1 << 20];
	uint64_t off[RANGES], len[RANGES];
	FILE *f = fopen(ranges, "r");
	int n = 0;

	if (!f)
		die(ranges);
	while (n < RANGES && fscanf(f, "%" SCNu64 " %" SCNu64, &off[n], &len[n]) == 2 && len[n] <= sizeof(buf))
		n++;
	fclose(f);
	for (; *files; files++) {
		int fd = open(*files, O_RDONLY);

		if (fd < 0)
			die(*files);
		for (int i = 0; i < n; i++)
			if (pread(fd, buf, len[i], (off_t)off[i]) < 0)
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
	if (argc >= 4 && !strcmp(argv[1], "scan"))
		return scan(argv[2], argv + 3);
	if (argc >= 4 && !strcmp(argv[1], "time"))
		return timed(argv + 2);
	fprintf(stderr, "usage: floor move | sparse FILE FROM TO LENGTH; floor scan RANGES FILE...; floor time OUT COMMAND...\n");
	return 2;
}
