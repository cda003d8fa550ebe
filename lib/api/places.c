/* places.c - where the journals of an image are, and whether a place may hold one. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "api/api.h"
#include "base/crc.h"
#include "dev/backing.h"
#include "dev/inuse.h"
#include "dev/nbd.h"

#define BLOCK_DIR "/var/lib/imgmend"
#define SUFFIX ".imgmend-journal"
#define DEPTH_MAX 16

static int split(const char *path, const char *suffix, struct im_place *place, struct im_error *err)
{
	char a[PATH_MAX], b[PATH_MAX];

	snprintf(a, sizeof(a), "%s", path);
	snprintf(b, sizeof(b), "%s", path);
	place->dir = strdup(dirname(a));
	if (asprintf(&place->base, "%s%s", basename(b), suffix) < 0)
		place->base = NULL;
	return place->dir && place->base ? 0 : im_error_nomem(err);
}

/* A file name made of the URI: what is not allowed in one, or might be confused, becomes _. */
static int place_of_uri(const char *uri, struct im_place *place, struct im_error *err)
{
	char name[161];
	size_t n = 0;

	for (; uri[n] && n < sizeof(name) - 1; n++)
		name[n] = isalnum((unsigned char)uri[n]) || uri[n] == '.' || uri[n] == '-' ? uri[n] : '_';
	name[n] = 0;
	place->dir = strdup(BLOCK_DIR);
	if (asprintf(&place->base, "%s-%08x%s", name, im_crc32c(0, uri, strlen(uri)), SUFFIX) < 0)
		place->base = NULL;
	return place->dir && place->base ? 0 : im_error_nomem(err);
}

int im_place_of(const char *path, const struct imgmend_options *options, struct im_place *place, struct im_error *err)
{
	char real[PATH_MAX];
	struct stat st;

	*place = (struct im_place){ 0 };
	if (options->journal)
		return split(options->journal, "", place, err);
	if (options->storage)
		return im_error_set(err, IM_EUSAGE, "%s: storage of the caller's own needs a place for the journal (options->journal)", path);
	if (im_nbd_is_uri(path))
		return place_of_uri(path, place, err);
	if (!realpath(path, real) || stat(real, &st) < 0)
		return im_error_sys(err, errno, "%s: cannot look at it", path);
	if (split(real, SUFFIX, place, err) < 0)
		return -1;
	if (!S_ISBLK(st.st_mode))
		return 0;
	free(place->dir);
	place->dir = strdup(BLOCK_DIR);
	return place->dir ? 0 : im_error_nomem(err);
}

void im_place_free(struct im_place *place)
{
	free(place->dir);
	free(place->base);
	*place = (struct im_place){ 0 };
}

char *im_place_path(const struct im_place *place, unsigned n)
{
	char *path = NULL;
	int rc = n ? asprintf(&path, "%s/%s.%u", place->dir, place->base, n) :
		     asprintf(&path, "%s/%s", place->dir, place->base);

	return rc < 0 ? NULL : path;
}

int im_place_newest(const struct im_place *place)
{
	int newest = -1;

	for (unsigned n = 0; n < 10000; n++) {
		char path[PATH_MAX + NAME_MAX + 16];
		int len = n ? snprintf(path, sizeof(path), "%s/%s.%u", place->dir, place->base, n) :
			      snprintf(path, sizeof(path), "%s/%s", place->dir, place->base);
		bool there = len < (int)sizeof(path) && access(path, F_OK) == 0;

		/* numbers are given in order and taken back from the end: the first hole ends the row */
		if (!there)
			break;
		newest = (int)n;
	}
	return newest;
}

/* ---- is the place durable, and elsewhere than what is repaired? ---- */

static bool is_volatile(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 &&
	       ((unsigned long)fs.f_type == TMPFS_MAGIC || (unsigned long)fs.f_type == RAMFS_MAGIC);
}

/* The mountinfo line of the mount that holds device number dev: its source and its super options. */
static bool find_mount(dev_t dev, char source[512], char options[2048])
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t cap = 0;
	bool found = false;

	while (f && !found && getline(&line, &cap, f) > 0) {
		unsigned int ma, mi;
		char *rest = strstr(line, " - ");

		if (!rest || sscanf(line, "%*d %*d %u:%u", &ma, &mi) != 2 || makedev(ma, mi) != dev)
			continue;
		found = sscanf(rest, " - %*s %511s %2047s", source, options) == 2;
	}
	if (f)
		fclose(f);
	free(line);
	return found;
}

/* An overlay keeps what is written in its upper directory. */
static bool is_volatile_overlay(const char *dir)
{
	char source[512], options[2048], *upper, *end;
	struct statfs fs;
	struct stat st;

	if (statfs(dir, &fs) < 0 || (unsigned long)fs.f_type != OVERLAYFS_SUPER_MAGIC || stat(dir, &st) < 0 ||
	    !find_mount(st.st_dev, source, options) || !(upper = strstr(options, "upperdir=")))
		return false;
	upper += strlen("upperdir=");
	end = strchr(upper, ',');
	if (end)
		*end = 0;
	return is_volatile(upper);
}

static dev_t number_in(const char *path)
{
	unsigned int ma = 0, mi = 0;
	FILE *f = fopen(path, "re");
	bool ok = f && fscanf(f, "%u:%u", &ma, &mi) == 2;

	if (f)
		fclose(f);
	return ok ? makedev(ma, mi) : 0;
}

static bool lies_on(dev_t dev, dev_t target, int depth);

/* A loop device lies on the file system of its backing file. */
static bool loop_lies_on(const char *sysfs, dev_t target, int depth)
{
	char file[4096];
	struct stat st;

	return im_loop_backing_file(sysfs, file) && stat(file, &st) == 0 && lies_on(st.st_dev, target, depth + 1);
}

/* Does the block device dev, through partitions, device mapper, RAID and loops, store its bytes on target? */
static bool lies_on(dev_t dev, dev_t target, int depth)
{
	char sysfs[64], path[400], source[512], options[2048];
	struct dirent *e;
	struct stat st;
	bool found = false;
	DIR *d;

	if (dev == target)
		return true;
	if (depth > DEPTH_MAX)
		return false;
	/* btrfs and its like have device numbers of their own: ask what was mounted */
	if (major(dev) == 0)
		return find_mount(dev, source, options) && stat(source, &st) == 0 && S_ISBLK(st.st_mode) &&
		       lies_on(st.st_rdev, target, depth + 1);
	snprintf(sysfs, sizeof(sysfs), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	snprintf(path, sizeof(path), "%s/partition", sysfs);
	if (access(path, F_OK) == 0) {
		snprintf(path, sizeof(path), "%s/../dev", sysfs);
		return lies_on(number_in(path), target, depth + 1);
	}
	if (loop_lies_on(sysfs, target, depth))
		return true;
	snprintf(path, sizeof(path), "%s/slaves", sysfs);
	d = opendir(path);
	while (d && !found && (e = readdir(d))) {
		char slave[700];

		if (e->d_name[0] == '.')
			continue;
		snprintf(slave, sizeof(slave), "%s/slaves/%s/dev", sysfs, e->d_name);
		found = lies_on(number_in(slave), target, depth + 1);
	}
	if (d)
		closedir(d);
	return found;
}

/* The folder of journals that have no image to lie beside is ours to make. */
static int make_block_dir(const struct im_place *place, struct im_error *err)
{
	struct im_place parent = { .dir = (char *)"/var/lib" };

	return strcmp(place->dir, BLOCK_DIR) == 0 && mkdir(BLOCK_DIR, 0700) == 0 ? im_place_sync_dir(&parent, err) : 0;
}

static char *lock_path(const struct im_place *place, struct im_error *err)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s.lock", place->dir, place->base) < 0) {
		im_error_nomem(err);
		return NULL;
	}
	return path;
}

int im_place_lock(const struct im_place *place, const char *image, int *fd, struct im_error *err)
{
	struct stat opened = { 0 }, named = { 0 };
	char *path;
	int rc = -1;

	*fd = -1;
	if (make_block_dir(place, err) < 0 || !(path = lock_path(place, err)))
		return -1;
	/* whoever held it before us has removed the name: then once more */
	for (int i = 0; i < 100 && rc < 0; i++) {
		*fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
		if (*fd < 0 || flock(*fd, LOCK_EX | LOCK_NB) < 0)
			break;
		if (fstat(*fd, &opened) == 0 && lstat(path, &named) == 0 && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev)
			rc = 0;
		else
			close(*fd);
	}
	if (rc < 0 && *fd >= 0 && errno == EWOULDBLOCK)
		im_error_set(err, IM_EBUSY, "%s: another imgmend works on it (it holds %s); wait for it to end", image, path);
	else if (rc < 0)
		im_error_sys(err, errno, "%s: cannot lock it", path);
	if (rc < 0 && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	free(path);
	return rc;
}

void im_place_unlock(const struct im_place *place, int fd)
{
	char *path = fd < 0 ? NULL : lock_path(place, NULL);

	if (path)
		unlink(path);
	free(path);
	if (fd >= 0)
		close(fd);
}

int im_place_check(const struct im_place *place, const char *image, bool allow_volatile, struct im_error *err)
{
	struct stat dir, img;

	if (make_block_dir(place, err) < 0)
		return -1;
	if (strcmp(place->dir, BLOCK_DIR) == 0 && access(BLOCK_DIR, F_OK) < 0)
		return im_error_sys(err, errno, "cannot make the folder %s for journals; name another place with --journal",
				    BLOCK_DIR);
	if (stat(place->dir, &dir) < 0)
		return im_error_sys(err, errno, "%s: cannot look at the journal's folder", place->dir);
	if (!allow_volatile && (is_volatile(place->dir) || is_volatile_overlay(place->dir)))
		return im_error_set(err, IM_EREFUSED, "%s lies in memory: a journal there would not survive a power cut; name"
				    " another place with --journal, or accept that with --allow=volatile-journal", place->dir);
	if (stat(image, &img) == 0 && S_ISBLK(img.st_mode) && lies_on(dir.st_dev, img.st_rdev, 0))
		return im_error_set(err, IM_EREFUSED, "the journal's folder %s lies on %s, the device under repair; name another"
				    " place with --journal", place->dir, image);
	return 0;
}

int im_place_sync_dir(const struct im_place *place, struct im_error *err)
{
	int fd = TEMP_FAILURE_RETRY(open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int rc = 0;

	if (fd < 0 || TEMP_FAILURE_RETRY(fsync(fd)) < 0)
		rc = im_error_sys(err, errno, "%s: cannot make the journal's folder durable", place->dir);
	if (fd >= 0)
		close(fd);
	return rc;
}

struct im_dev *im_place_open(const char *journal, bool write, struct im_error *err)
{
	struct stat st, opened;
	struct im_dev *dev;

	if (lstat(journal, &st) < 0) {
		im_error_sys(err, errno, "%s: cannot look at the journal", journal);
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		im_error_set(err, IM_EREFUSED, "%s: not a regular file, so not a journal that imgmend made", journal);
		return NULL;
	}
	if (st.st_uid != geteuid() && st.st_uid != 0) {
		im_error_set(err, IM_EREFUSED, "%s: the journal belongs to user %u, neither to you nor to root; it is not"
			     " trusted", journal, st.st_uid);
		return NULL;
	}
	dev = im_dev_file(journal, write, 0, err);
	if (dev && (fstat(im_dev_file_fd(dev), &opened) < 0 || opened.st_ino != st.st_ino || opened.st_dev != st.st_dev)) {
		im_error_set(err, IM_EREFUSED, "%s: the journal was replaced just now; it is not trusted", journal);
		im_dev_close(dev);
		return NULL;
	}
	if (dev && write && flock(im_dev_file_fd(dev), LOCK_EX | LOCK_NB) < 0) {
		im_error_set(err, IM_EBUSY, "%s: another imgmend is working with this journal", journal);
		im_dev_close(dev);
		return NULL;
	}
	return dev;
}
