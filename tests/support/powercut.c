/* powercut.c - a test helper: a disk with a volatile cache, whose power can be cut behind any write.
 *
 *	powercut serve FILE LOG PLACE [LOG:CUT:MODE:SEED]...
 *		show FILE as the regular file PLACE, for a loop device to be set up on, until PLACE is unmounted.
 *		FILE itself is never written to: what is written to PLACE is in memory, and in the new file LOG. Each
 *		further argument is a power cut that the disk has seen already, the first one on FILE.
 *	powercut list LOG
 *		one line a record: number, kind, position, length
 *
 * The log holds every write, zeroing and flush in the order in which they came. A cut behind CUT records
 * leaves what was written before the last flush of them, and of the rest, by MODE:
 *	none		nothing
 *	all		everything: the disk as it was at that moment
 *	prefix		a random number of writes in their order, the last one torn
 *	random		any of them; torn ones too, and in any order
 *	random4k	the same, for file systems that trust in sectors of 4096 bytes
 * A write is torn at the borders of sectors, of 512 bytes where it does not say otherwise. SEED chooses.
 *
 * PLACE is served by the FUSE protocol alone, as a mount whose root is a regular file (linux/fuse.h). A loop device
 * hands its flushes down as fsync, and its discards as fallocate.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_WRITE (1u << 20)
#define BLOCK 4096u

enum kind { WRITE, ZERO, FLUSH };

struct record {
	uint32_t kind, zero;
	uint64_t off, len;	/* a WRITE's bytes follow the record */
};

struct disk {
	uint8_t *bytes;
	uint64_t size;
	int log;
};

static void die(const char *what)
{
	fprintf(stderr, "powercut: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t random_next(uint64_t *seed)	/* splitmix64 */
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* ---- the log, and what a cut leaves of it ---- */

struct log {
	uint8_t *bytes;
	size_t len;
	const struct record **records;
	size_t n;
};

static void log_open(struct log *log, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t at = 0, cap = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	*log = (struct log){ .len = (size_t)st.st_size };
	if (log->len)
		log->bytes = mmap(NULL, log->len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (log->bytes == MAP_FAILED)
		die(path);
	close(fd);
	while (log->len - at >= sizeof(struct record)) {
		const struct record *r = (const struct record *)(log->bytes + at);
		/* bytes of records stay aligned for the next one */
		size_t data = r->kind == WRITE ? (r->len + 7) / 8 * 8 : 0;

		if (log->len - at - sizeof(*r) < data)	/* being written just now */
			break;
		if (log->n == cap) {
			cap = cap ? 2 * cap : 1024;
			log->records = realloc(log->records, cap * sizeof(*log->records));
			if (!log->records)
				die(path);
		}
		log->records[log->n++] = r;
		at += sizeof(*r) + data;
	}
}

static void log_close(struct log *log)
{
	free(log->records);
	if (log->bytes)
		munmap(log->bytes, log->len);
}

static void change(struct disk *d, const struct record *r, uint64_t from, uint64_t len)
{
	if (r->off > d->size || r->len > d->size - r->off)
		return;
	if (r->kind == WRITE)
		memcpy(d->bytes + r->off + from, (const uint8_t *)(r + 1) + from, len);
	else if (r->kind == ZERO)
		memset(d->bytes + r->off + from, 0, len);
}

/* Of each sector the new content or the old one. */
static void tear(struct disk *d, const struct record *r, unsigned sector, uint64_t *seed)
{
	for (uint64_t done = 0, n; done < r->len; done += n) {
		n = sector - (r->off + done) % sector;
		if (n > r->len - done)
			n = r->len - done;
		if (random_next(seed) % 2)
			change(d, r, done, n);
	}
}

static void survive(struct disk *d, const struct log *log, size_t from, size_t cut, const char *mode, uint64_t seed)
{
	size_t prefix = from + random_next(&seed) % (cut - from + 1);
	unsigned sector = strcmp(mode, "random4k") == 0 ? 4096 : 512;

	for (size_t i = from; i < cut; i++) {
		const struct record *r = log->records[i];

		if (strcmp(mode, "all") == 0 || (strcmp(mode, "prefix") == 0 && i < prefix)) {
			change(d, r, 0, r->len);
		} else if (strcmp(mode, "prefix") == 0 && i == prefix) {
			/* in order inside the write too */
			change(d, r, 0, random_next(&seed) % (r->len / BLOCK + 1) * BLOCK);
		} else if (strncmp(mode, "random", 6) == 0) {
			uint64_t fate = random_next(&seed) % 4;

			if (fate == 0)
				tear(d, r, sector, &seed);
			else if (fate == 1)
				change(d, r, 0, r->len);
		}
	}
}

/* "LOG:CUT:MODE:SEED" */
static void cut_power(struct disk *d, const char *spec)
{
	char path[4096], mode[16];
	unsigned long long cut, seed;
	struct log log;
	size_t durable = 0;

	if (sscanf(spec, "%4095[^:]:%llu:%15[a-z0-9]:%llu", path, &cut, mode, &seed) != 4) {
		errno = EINVAL;
		die(spec);
	}
	log_open(&log, path);
	if (cut > log.n)
		cut = log.n;
	for (size_t i = 0; i < cut; i++)
		if (log.records[i]->kind == FLUSH)
			durable = i + 1;
	for (size_t i = 0; i < durable; i++)
		change(d, log.records[i], 0, log.records[i]->len);
	if (strcmp(mode, "none") != 0)
		survive(d, &log, durable, cut, mode, seed);
	log_close(&log);
}

static int list(const char *path)
{
	static const char *const names[] = { "write", "zero", "flush" };
	struct log log;

	log_open(&log, path);
	for (size_t i = 0; i < log.n; i++)
		printf("%zu %s %" PRIu64 " %" PRIu64 "\n", i + 1, names[log.records[i]->kind], log.records[i]->off,
		       log.records[i]->len);
	log_close(&log);
	return 0;
}

/* ---- the disk as a file ---- */

/* The record is in the log before the kernel is told that it was carried out. */
static int append(struct disk *d, enum kind kind, uint64_t off, uint64_t len, const void *data)
{
	static const uint8_t zeros[8];
	struct record r = { .kind = kind, .off = off, .len = len };
	size_t pad = kind == WRITE ? (8 - len % 8) % 8 : 0;
	struct iovec v[3] = {
		{ &r, sizeof(r) }, { (void *)data, kind == WRITE ? len : 0 }, { (void *)zeros, pad },
	};

	if (off > d->size || len > d->size - off)
		return -ENOSPC;
	if (writev(d->log, v, 3) != (ssize_t)(sizeof(r) + v[1].iov_len + pad))
		return -EIO;
	if (kind == WRITE)
		memcpy(d->bytes + off, data, len);
	else if (kind == ZERO)
		memset(d->bytes + off, 0, len);
	return 0;
}

static void reply(int fuse, uint64_t unique, int error, const void *data, size_t len)
{
	struct fuse_out_header out = { .len = (uint32_t)(sizeof(out) + (error ? 0 : len)), .error = error, .unique = unique };
	struct iovec v[2] = { { &out, sizeof(out) }, { (void *)data, len } };

	/* ENOENT: the caller was interrupted; nothing is to be done about it */
	if (writev(fuse, v, error ? 1 : 2) < 0 && errno != ENOENT)
		exit(2);
}

static void reply_attr(int fuse, uint64_t unique, const struct disk *d)
{
	struct fuse_attr_out out = {
		.attr_valid = 3600,
		.attr = { .ino = 1, .size = d->size, .blocks = d->size / 512, .mode = S_IFREG | 0600, .nlink = 1,
			  .blksize = BLOCK },
	};

	reply(fuse, unique, 0, &out, sizeof(out));
}

static void reply_init(int fuse, uint64_t unique, const struct fuse_init_in *in)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = in->minor < FUSE_KERNEL_MINOR_VERSION ? in->minor : FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = in->max_readahead,
		.flags = FUSE_BIG_WRITES | FUSE_MAX_PAGES,
		.max_background = 16,
		.congestion_threshold = 12,
		.max_write = MAX_WRITE,
		.time_gran = 1,
		.max_pages = MAX_WRITE / BLOCK,
	};

	reply(fuse, unique, 0, &out, sizeof(out));
}

static int do_fallocate(struct disk *d, const struct fuse_fallocate_in *in)
{
	uint32_t mode = in->mode & ~(uint32_t)FALLOC_FL_KEEP_SIZE;

	if (mode != FALLOC_FL_PUNCH_HOLE && mode != FALLOC_FL_ZERO_RANGE)
		return -EOPNOTSUPP;
	return append(d, ZERO, in->offset, in->length, NULL);
}

static void do_read(int fuse, uint64_t unique, const struct disk *d, const struct fuse_read_in *in)
{
	uint64_t off = in->offset < d->size ? in->offset : d->size;

	reply(fuse, unique, 0, d->bytes + off, d->size - off < in->size ? d->size - off : in->size);
}

static void do_write(int fuse, uint64_t unique, struct disk *d, const struct fuse_write_in *in)
{
	struct fuse_write_out out = { .size = in->size };

	reply(fuse, unique, append(d, WRITE, in->offset, in->size, in + 1), &out, sizeof(out));
}

static void handle(int fuse, struct disk *d, const struct fuse_in_header *in)
{
	/* direct: the page cache of the loop's backing file would only stand between it and us */
	static const struct fuse_open_out opened = { .open_flags = FOPEN_DIRECT_IO };
	static const struct fuse_statfs_out statfs = { .st = { .bsize = BLOCK, .frsize = BLOCK, .namelen = 255 } };

	switch (in->opcode) {
	case FUSE_INIT: reply_init(fuse, in->unique, (const void *)(in + 1)); break;
	case FUSE_GETATTR:
	case FUSE_SETATTR: reply_attr(fuse, in->unique, d); break;
	case FUSE_OPEN: reply(fuse, in->unique, 0, &opened, sizeof(opened)); break;
	case FUSE_READ: do_read(fuse, in->unique, d, (const void *)(in + 1)); break;
	case FUSE_WRITE: do_write(fuse, in->unique, d, (const void *)(in + 1)); break;
	case FUSE_FSYNC: reply(fuse, in->unique, append(d, FLUSH, 0, 0, NULL), NULL, 0); break;
	case FUSE_FALLOCATE: reply(fuse, in->unique, do_fallocate(d, (const void *)(in + 1)), NULL, 0); break;
	case FUSE_STATFS: reply(fuse, in->unique, 0, &statfs, sizeof(statfs)); break;
	case FUSE_FLUSH:
	case FUSE_RELEASE: reply(fuse, in->unique, 0, NULL, 0); break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT: break;	/* have no answer */
	default: reply(fuse, in->unique, -ENOSYS, NULL, 0);
	}
}

static void loop(int fuse, struct disk *d)
{
	size_t cap = MAX_WRITE + 2 * BLOCK;
	uint8_t *buf = aligned_alloc(BLOCK, cap);

	while (buf) {
		ssize_t n = read(fuse, buf, cap);

		if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
			continue;
		if (n < (ssize_t)sizeof(struct fuse_in_header))	/* ENODEV: unmounted */
			break;
		handle(fuse, d, (const void *)buf);
	}
	free(buf);
}

static void disk_open(struct disk *d, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	d->size = (uint64_t)st.st_size;
	d->bytes = mmap(NULL, d->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
	if (d->bytes == MAP_FAILED)
		die(path);
	close(fd);
}

/* Returns once PLACE can be used; a child serves it. */
static int serve(const char *file, const char *log, const char *place, char **cuts)
{
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC), nowhere;
	struct disk d;
	char options[100];
	pid_t child;

	if (fuse < 0)
		die("/dev/fuse");
	disk_open(&d, file);
	for (; *cuts; cuts++)
		cut_power(&d, *cuts);
	d.log = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (d.log < 0)
		die(log);
	snprintf(options, sizeof(options), "fd=%d,rootmode=100600,user_id=0,group_id=0,max_read=%u", fuse, MAX_WRITE);
	if (mount("powercut", place, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		die(place);
	child = fork();
	if (child < 0)
		die("fork");
	if (child > 0)
		return 0;
	/* whoever waits for the end of our output must not wait for the disk's */
	nowhere = open("/dev/null", O_RDWR);
	if (nowhere < 0 || dup2(nowhere, 0) < 0 || dup2(nowhere, 1) < 0 || dup2(nowhere, 2) < 0 || setsid() < 0)
		exit(2);
	loop(fuse, &d);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "list") == 0)
		return list(argv[2]);
	if (argc >= 5 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2], argv[3], argv[4], argv + 5);
	fprintf(stderr, "usage: powercut serve FILE LOG PLACE [LOG:CUT:MODE:SEED]...\n       powercut list LOG\n");
	return 16;
}
