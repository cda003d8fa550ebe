/* host.c - see host.h. */
#include "dev/host.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/pages.h"
#include "base/reopen.h"
#include "dev/share.h"
#include "dev/shift.h"

#define PROBE (8u << 20)	/* bytes that are written to see how fast that goes */
#define BATCH (1u << 20)
#define FLUSHES 5
#define SEEKS 5
#define SEEK_LOOK_UPS 64
/* Not seen by the probe, which writes nothing to the image; measured on a virtio disk, on ext4 and on a loop device over it. */
#define HANDOVER_FILE 350000u	/* ns */
#define HANDOVER_DEVICE 650000u

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void name_fs(struct im_host *host, const char *folder)
{
	static const struct { unsigned long magic; const char *name; } known[] = {
		{ EXT4_SUPER_MAGIC, "ext4" }, { XFS_SUPER_MAGIC, "xfs" }, { BTRFS_SUPER_MAGIC, "btrfs" },
		{ TMPFS_MAGIC, "tmpfs" }, { NFS_SUPER_MAGIC, "nfs" },
	};
	struct statfs fs;

	if (statfs(folder, &fs) < 0)
		return;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if ((unsigned long)fs.f_type == known[i].magic)
			strcpy(host->fs, known[i].name);
}

static int nameless(const char *folder, int flags)
{
	return open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0600);
}

/* Can these two files share a block? Both are closed. */
static bool share_one(int a, int b, uint32_t unit)
{
	bool can = a >= 0 && b >= 0 && ftruncate(a, unit) == 0 && im_share_range(b, 0, a, 0, unit) == 0;

	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return can;
}

static bool is_there(struct im_dev *image, const char *folder)
{
	struct stat here, there;
	int fd = im_dev_file_fd(image);

	return fd >= 0 && fstat(fd, &here) == 0 && stat(folder, &there) == 0 && here.st_dev == there.st_dev;
}

/* A file without a name in the folder of the image. */
static int beside(int fd)
{
	char link[IM_FD_PATH], path[PATH_MAX];
	ssize_t n;

	im_fd_path(link, fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = 0;
	return n > 0 ? nameless(dirname(path), 0) : -1;
}

bool im_host_has_room(struct im_dev *image, uint64_t room)
{
	int fd = im_dev_file_fd(image);
	struct statfs fs;

	return fd < 0 || !room || (fstatfs(fd, &fs) == 0 && fs.f_bsize > 0 &&
				   (uint64_t)fs.f_bavail > (room + room / 4) / (uint64_t)fs.f_bsize);
}

bool im_host_shares(struct im_dev *image)
{
	int fd = im_dev_file_fd(image);

	return fd >= 0 && image->share_unit && share_one(beside(fd), beside(fd), image->share_unit);
}

bool im_host_shifts(struct im_dev *image, uint64_t room)
{
	int own = im_dev_file_fd(image), fd = own < 0 ? -1 : beside(own);
	uint64_t unit = image->shift_unit;
	struct stat here, there;
	bool can = fd >= 0 && fstat(own, &here) == 0 && fstat(fd, &there) == 0 && here.st_dev == there.st_dev &&
		   im_host_has_room(image, room) && im_dev_physical(image, NULL, NULL) == 0;

	if (can)
		can = ftruncate(fd, (off_t)(4 * unit)) == 0 && im_shift_insert(fd, unit, unit) == 0 &&
		      im_shift_collapse(fd, unit, unit) == 0;
	if (fd >= 0)
		close(fd);
	return can;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* What a batch costs beside its bytes: it is made durable, and so is a record of it. The file's blocks are there
 * already, as is what a repair overwrites. */
static bool time_flushes(int fd, const void *batch, struct im_watch *watch, uint64_t *median)
{
	uint64_t took[FLUSHES];

	for (int i = 0; i < FLUSHES; i++) {
		uint64_t start;

		im_watch_beat(watch, NULL);
		if (pwrite(fd, batch, BATCH, i * (off_t)BATCH) != BATCH)
			return false;
		start = now_ns();
		if (fdatasync(fd) < 0 || pwrite(fd, batch, 4096, PROBE - 4096) != 4096 || fdatasync(fd) < 0)
			return false;
		took[i] = now_ns() - start;
	}
	qsort(took, FLUSHES, sizeof(took[0]), by_value);
	*median = took[FLUSHES / 2];
	return true;
}

/* One request of PROBE bytes, all of them the same batch: to touch that much memory would take longer than to write it. */
static bool write_all(int fd, void *batch)
{
	struct iovec parts[PROBE / BATCH];

	for (size_t i = 0; i < PROBE / BATCH; i++)
		parts[i] = (struct iovec){ batch, BATCH };
	return pwritev(fd, parts, PROBE / BATCH, 0) == PROBE && fdatasync(fd) == 0;
}

static bool time_write(int fd, void *batch, struct im_watch *watch, uint64_t *rate)
{
	uint64_t start, took;

	im_watch_beat(watch, NULL);
	start = now_ns();
	if (!write_all(fd, batch))
		return false;
	took = now_ns() - start;
	*rate = (uint64_t)PROBE * 1000000000 / (took ? took : 1);
	return true;
}

/* A block of the image, read from the disk. */
static bool time_read(int fd, void *block, uint64_t off, uint64_t *took)
{
	uint64_t start = now_ns();

	if (pread(fd, block, 4096, (off_t)off) != 4096)
		return false;
	*took = now_ns() - start;
	return true;
}

/* Two blocks of data, the first one at *off or behind it. */
static bool find_data(struct im_dev *image, uint64_t *off)
{
	struct im_extent ext;

	for (int i = 0; i < SEEK_LOOK_UPS && *off + 8192 <= image->size; i++, *off += ext.len) {
		if (!im_round_up(*off, 4096, off) || *off + 8192 > image->size || im_dev_extent(image, *off, image->size - *off, &ext, NULL) < 0)
			return false;
		if (!ext.is_zero && ext.len >= 8192)
			return true;
	}
	return false;
}

/* A disk of platters has to go there; its neighbour it has read by then. */
static bool time_seek(struct im_dev *image, int fd, void *block, uint64_t off, uint64_t *took)
{
	uint64_t near;

	im_watch_beat(image->watch, NULL);
	if (!time_read(fd, block, off, took) || !time_read(fd, block, off + 4096, &near))
		return false;
	*took -= im_min(*took, near);
	return true;
}

/* Between data all over the image; where there is none, or the image is not one file, it is not known. */
static void time_seeks(struct im_host *host, struct im_dev *image, void *block)
{
	static const int order[SEEKS] = { 1, 4, 2, 5, 3 };
	int own = im_dev_file_fd(image), fd;
	uint64_t took[SEEKS], part = image->size / (SEEKS + 1), before = UINT64_MAX;

	fd = own < 0 ? -1 : im_reopen(own, O_RDONLY | O_DIRECT);
	if (fd < 0)
		return;
	host->knows_seeks = true;
	for (int i = 0; i < SEEKS && host->knows_seeks; i++) {
		uint64_t off = part * (uint64_t)order[i];

		host->knows_seeks = find_data(image, &off) && (off > before ? off - before : before - off) >= part / 2 &&
				    time_seek(image, fd, block, off, &took[i]);
		before = off;
	}
	close(fd);
	if (!host->knows_seeks)
		return;
	qsort(took, SEEKS, sizeof(took[0]), by_value);
	host->seek_ns = took[SEEKS / 2];
}

/* A slow disk takes seconds for this; who wants to stop is heard by what reads next. */
void im_host_measure(struct im_host *host, struct im_dev *image, const char *folder)
{
	int fd = nameless(folder, O_DIRECT);
	uint64_t flush, rate;
	uint8_t *batch;

	if (fd < 0)
		fd = nameless(folder, 0);
	if (fd < 0)
		return;
	batch = im_pages(BATCH);
	if (batch) {
		memset(batch, 0xa5, BATCH);
		if (write_all(fd, batch) && time_write(fd, batch, image->watch, &rate) && time_flushes(fd, batch, image->watch, &flush)) {
			host->is_probed = true;
			host->flush_ns = flush;
			host->write_rate = rate;
			time_seeks(host, image, batch);
		}
	}
	free(batch);
	close(fd);
}

void im_host_look(struct im_host *host, struct im_dev *image, const char *folder)
{
	/* a disk of spinning platters: what a wrong guess costs most on */
	*host = (struct im_host){ .flush_ns = 5000000, .write_rate = 100000000 };
	host->handover_ns = image->is_block ? HANDOVER_DEVICE : HANDOVER_FILE;
	host->share_unit = im_host_shares(image) ? image->share_unit : 0;
	name_fs(host, folder);
	/* what stands in a journal begins at multiples of 4096 */
	host->can_share = host->share_unit && host->share_unit <= 4096 && is_there(image, folder) &&
			  share_one(nameless(folder, 0), nameless(folder, 0), host->share_unit);
	host->shift_unit = image->shift_unit;
}
