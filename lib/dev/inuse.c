/* inuse.c - who uses an image: mounts, swap, loop devices, holders, qemu. */
#include "dev/inuse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "dev/backing.h"

/* ---- block devices ---- */

/* Is dev the whole disk `disk`, or a partition of it? */
static bool belongs_to(dev_t dev, dev_t disk)
{
	char path[96];

	if (dev == disk)
		return true;
	/* a partition's directory lies in its disk's: /sys/dev/block/M:m/../dev is the disk's number */
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", major(dev), minor(dev));
	if (access(path, F_OK) != 0)
		return false;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", major(dev), minor(dev));

	unsigned int ma = 0, mi = 0;
	FILE *f = fopen(path, "re");
	bool ok = f && fscanf(f, "%u:%u", &ma, &mi) == 2;

	if (f)
		fclose(f);
	return ok && makedev(ma, mi) == disk;
}

static int check_mounts(const char *path, dev_t disk, struct im_error *err)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, where[256];
	size_t cap = 0;
	int rc = 0;

	while (f && rc == 0 && getline(&line, &cap, f) > 0) {
		unsigned int ma, mi;

		if (sscanf(line, "%*d %*d %u:%u %*s %255s", &ma, &mi, where) == 3 && belongs_to(makedev(ma, mi), disk))
			rc = im_error_set(err, IM_EBUSY, "%s: it, or a partition of it, is mounted at %s; unmount it first",
					  path, where);
	}
	if (f)
		fclose(f);
	free(line);
	return rc;
}

static int check_swaps(const char *path, dev_t disk, struct im_error *err)
{
	FILE *f = fopen("/proc/swaps", "re");
	char *line = NULL, name[256];
	size_t cap = 0;
	struct stat st;
	int rc = 0;

	while (f && rc == 0 && getline(&line, &cap, f) > 0)
		if (sscanf(line, "%255s", name) == 1 && stat(name, &st) == 0 && S_ISBLK(st.st_mode) &&
		    belongs_to(st.st_rdev, disk))
			rc = im_error_set(err, IM_EBUSY, "%s: the system swaps to %s; run `swapoff` first", path, name);
	if (f)
		fclose(f);
	free(line);
	return rc;
}

/* The first name in a directory, "" when it is empty or absent. */
static void first_entry(const char *dir, char out[256])
{
	DIR *d = opendir(dir);
	struct dirent *e;

	out[0] = 0;
	while (d && !out[0] && (e = readdir(d)))
		if (e->d_name[0] != '.')
			snprintf(out, 256, "%s", e->d_name);
	if (d)
		closedir(d);
}

/* Call fn for every partition of the disk that the kernel knows, until it fails. */
static int each_partition(dev_t disk, int (*fn)(const char *sysfs, void *arg, struct im_error *err), void *arg,
			  struct im_error *err)
{
	char dir[64], path[400];
	struct dirent *e;
	DIR *d;
	int rc = 0;

	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", major(disk), minor(disk));
	d = opendir(dir);
	while (d && rc == 0 && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s/partition", dir, e->d_name);
		if (access(path, F_OK) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		rc = fn(path, arg, err);
	}
	if (d)
		closedir(d);
	return rc;
}

static int check_holders_of(const char *sysfs, void *arg, struct im_error *err)
{
	char dir[420], holder[256];

	snprintf(dir, sizeof(dir), "%s/holders", sysfs);
	first_entry(dir, holder);
	if (!holder[0])
		return 0;
	return im_error_set(err, IM_EBUSY, "%s: held by %s (device mapper, RAID or the like); stop that first",
			    (const char *)arg, holder);
}

static int check_block(const char *path, dev_t disk, struct im_error *err)
{
	char dir[64];

	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", major(disk), minor(disk));
	if (check_mounts(path, disk, err) < 0 || check_swaps(path, disk, err) < 0 ||
	    check_holders_of(dir, (void *)path, err) < 0)
		return -1;
	return each_partition(disk, check_holders_of, (void *)path, err);
}

/* ---- regular files ---- */

static bool is_backed_by(const char *name, const struct stat *st)
{
	char sysfs[300], file[4096];
	struct stat backing;

	snprintf(sysfs, sizeof(sysfs), "/sys/block/%s", name);
	return im_loop_backing_file(sysfs, file) && stat(file, &backing) == 0 && backing.st_ino == st->st_ino &&
	       backing.st_dev == st->st_dev;
}

static int check_loop(const char *name, const char *path, const struct stat *st, struct im_error *err)
{
	struct loop_info64 info = { 0 };
	char dev[300];
	int fd, rc = 0;

	snprintf(dev, sizeof(dev), "/dev/%s", name);
	fd = open(dev, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		/* not ours to open: the kernel names the file that it backs */
		return is_backed_by(name, st) ? im_error_set(err, IM_EBUSY, "%s: attached to the loop device %s; have it"
			" detached", path, dev) : 0;
	if (ioctl(fd, LOOP_GET_STATUS64, &info) == 0 && info.lo_inode == st->st_ino && info.lo_device == st->st_dev)
		rc = im_error_set(err, IM_EBUSY, "%s: attached to the loop device %s; detach it (`losetup -d %s`) or repair"
				  " that device instead", path, dev, dev);
	close(fd);
	return rc;
}

static int check_loops(const char *path, const struct stat *st, struct im_error *err)
{
	DIR *d = opendir("/sys/block");
	struct dirent *e;
	int rc = 0;

	while (d && rc == 0 && (e = readdir(d))) {
		char backing[300];

		snprintf(backing, sizeof(backing), "/sys/block/%s/loop/backing_file", e->d_name);
		if (access(backing, F_OK) == 0)
			rc = check_loop(e->d_name, path, st, err);
	}
	if (d)
		closedir(d);
	return rc;
}

/* qemu locks bytes 100-299 of an image that it uses (its block/file-posix.c); ask without taking a lock. The locks
 * of an open file do not stand against itself. */
static int check_qemu(const char *path, const struct im_dev *ours, struct im_error *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 200 };
	int fd = ours ? im_dev_file_fd(ours) : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;

	if (fd < 0)
		return 0;
	if (fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
		rc = im_error_set(err, IM_EBUSY, "%s: a running qemu, or another program that locks images as qemu does, has it"
				  " open; stop it first", path);
	if (!ours)
		close(fd);
	return rc;
}

int im_inuse_check(const char *path, const struct im_dev *ours, struct im_error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return im_error_sys(err, errno, "%s: cannot look at it", path);
	if (S_ISBLK(st.st_mode))
		return check_block(path, st.st_rdev, err);
	if (!S_ISREG(st.st_mode))
		return 0;
	return check_loops(path, &st, err) < 0 ? -1 : check_qemu(path, ours, err);
}

int im_inuse_flock(struct im_dev *dev, const char *path, struct im_error *err)
{
	int fd = im_dev_file_fd(dev);

	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno != EWOULDBLOCK)
		return im_error_sys(err, errno, "%s: cannot lock it", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return im_error_set(err, IM_EBUSY, "%s: another program holds a lock on it (another imgmend?); wait for it to"
				    " end", path);
	return 0;
}

int im_inuse_lock(struct im_dev *dev, const char *path, struct im_error *err)
{
	static const off_t qemu_bytes[] = { 101, 103, 201, 203 };
	int fd = im_dev_file_fd(dev);

	if (im_inuse_flock(dev, path, err) < 0)
		return -1;
	if (dev->is_block)
		return 0;
	for (size_t i = 0; i < sizeof(qemu_bytes) / sizeof(qemu_bytes[0]); i++) {
		struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = qemu_bytes[i], .l_len = 1 };

		if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
			return im_error_set(err, IM_EBUSY, "%s: a running qemu has it open; stop it first", path);
	}
	return 0;
}
