/* shift.c - see shift.h. */
#include "dev/shift.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/bytes.h"

#define EXTENTS 1024u		/* of one call */
#define MAP_SIZE (sizeof(struct fiemap) + EXTENTS * sizeof(struct fiemap_extent))
#define ALL_SEEN FIEMAP_MAX_OFFSET
#define UNPLACED (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_ENCODED | FIEMAP_EXTENT_DATA_ENCRYPTED | \
		  FIEMAP_EXTENT_NOT_ALIGNED | FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_DATA_TAIL)

uint32_t im_shift_unit(int fd, const struct statfs *fs)
{
	int flags = 0;

	if (fs->f_type != EXT4_SUPER_MAGIC && fs->f_type != XFS_SUPER_MAGIC)
		return 0;
	/* ext2 and ext3 have the same magic, and no extents; an ext4 may hold files from their time */
	if (fs->f_type == EXT4_SUPER_MAGIC && (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & FS_EXTENT_FL)))
		return 0;
	return (uint32_t)fs->f_bsize;
}

/* Never tried again: it may be done in part. */
static int change(int fd, int mode, uint64_t off, uint64_t len)
{
	if (off > INT64_MAX || len > INT64_MAX) {
		errno = EFBIG;
		return -1;
	}
	if (fallocate(fd, mode, (off_t)off, (off_t)len) == 0)
		return 0;
	return errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS || errno == EPERM || errno == ETXTBSY ? 1 : -1;
}

int im_shift_insert(int fd, uint64_t off, uint64_t len)
{
	return change(fd, FALLOC_FL_INSERT_RANGE, off, len);
}

int im_shift_collapse(int fd, uint64_t off, uint64_t len)
{
	return change(fd, FALLOC_FL_COLLAPSE_RANGE, off, len);
}

/* FIEMAP. The first call has ext4 read all of its tree in one go, which takes little more than half the time; to the others
 * that flag is unknown. */
static int ask(int fd, struct fiemap *map, uint64_t start)
{
	uint32_t cache = start ? 0 : FIEMAP_FLAG_CACHE;

	for (;;) {
		int rc;

		memset(map, 0, MAP_SIZE);
		map->fm_start = start;
		map->fm_length = FIEMAP_MAX_OFFSET - start;
		map->fm_flags = FIEMAP_FLAG_SYNC | cache;
		map->fm_extent_count = EXTENTS;
		rc = ioctl(fd, FS_IOC_FIEMAP, map);
		if (rc == 0 || errno != EBADR || !cache)
			return rc;
		cache = 0;
	}
}

/* The extents from *next on, as many as one call gives; *next becomes where the following call begins, or ALL_SEEN. */
static int some(struct fiemap *map, int fd, const char *path, uint64_t size, uint64_t *next, struct im_physicals *out,
		struct im_error *err)
{
	if (ask(fd, map, *next) < 0)
		return errno == EOPNOTSUPP || errno == ENOTTY || errno == EINVAL || errno == EBADR ?
			1 : im_error_sys(err, errno, "%s: cannot ask where its extents are", path);
	*next = map->fm_mapped_extents < EXTENTS ? ALL_SEEN : 0;
	for (uint32_t i = 0; i < map->fm_mapped_extents; i++) {
		const struct fiemap_extent *e = &map->fm_extents[i];

		/* what is allocated behind the end would come into sight when the size grows */
		if (e->fe_flags & UNPLACED || e->fe_logical + e->fe_length > size)
			return 1;
		if (out && im_physicals_add(out, (struct im_physical){ e->fe_logical, e->fe_length, e->fe_physical +
				     !!(e->fe_flags & FIEMAP_EXTENT_UNWRITTEN) }, err) < 0)
			return -1;
		if (e->fe_flags & FIEMAP_EXTENT_LAST)
			*next = ALL_SEEN;
		else if (*next != ALL_SEEN)
			*next = e->fe_logical + e->fe_length;
	}
	return 0;
}

int im_shift_physical(int fd, const char *path, uint64_t size, uint32_t unit, struct im_physicals *out, struct im_error *err)
{
	struct fiemap *map = malloc(MAP_SIZE);
	uint64_t next = 0;
	int rc;

	if (!map)
		return im_error_nomem(err);
	if (unit)
		im_round_up(size, unit, &size);
	rc = some(map, fd, path, size, &next, out, err);
	/* a sample: the first ones, and what may lie behind the end */
	if (!out && rc == 0 && next != ALL_SEEN) {
		next = size;
		rc = some(map, fd, path, size, &next, NULL, err);
	}
	while (out && rc == 0 && next != ALL_SEEN)
		rc = some(map, fd, path, size, &next, out, err);
	free(map);
	return rc;
}
