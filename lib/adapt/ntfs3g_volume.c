/* ntfs3g_volume.c - the device of ours through which libntfs-3g sees a volume, and the mounting.
 *
 * This file cannot include base/bytes.h: the library has types of the same names.
 */
#include <config.h>

#ifdef HAVE_LIBNTFS_3G
#include "adapt/ntfs3g_volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <linux/fs.h>

#include <ntfs-3g/device.h>
#include <ntfs-3g/logging.h>

static int dev_open(struct ntfs_device *dev, int flags)
{
	if (NDevOpen(dev)) {
		errno = EBUSY;
		return -1;
	}
	if ((flags & O_ACCMODE) == O_RDONLY)
		NDevSetReadOnly(dev);
	NDevSetOpen(dev);
	return 0;
}

static int dev_close(struct ntfs_device *dev)
{
	NDevClearOpen(dev);
	return 0;
}

static s64 dev_seek(struct ntfs_device *dev, s64 offset, int whence)
{
	struct im_ntfs3g_source *v = dev->d_private;
	s64 base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (s64)v->pos : (s64)v->dev->size;
	s64 to;

	if (__builtin_add_overflow(base, offset, &to) || to < 0 || (uint64_t)to > v->dev->size) {
		errno = EINVAL;
		return -1;
	}
	v->pos = (uint64_t)to;
	return to;
}

/* What of [offset, offset+*count) the device has. */
static int clip(const struct im_ntfs3g_source *v, s64 *count, s64 offset)
{
	if (*count < 0 || offset < 0) {
		errno = EINVAL;
		return -1;
	}
	if ((uint64_t)offset >= v->dev->size)
		*count = 0;
	else if ((uint64_t)*count > v->dev->size - (uint64_t)offset)
		*count = (s64)(v->dev->size - (uint64_t)offset);
	return 0;
}

static s64 dev_pread(struct ntfs_device *dev, void *buf, s64 count, s64 offset)
{
	struct im_ntfs3g_source *v = dev->d_private;

	if (clip(v, &count, offset) < 0)
		return -1;
	if (count && im_dev_read(v->dev, (uint64_t)offset, buf, (size_t)count, NULL) < 0) {
		errno = EIO;
		return -1;
	}
	return count;
}

static s64 dev_read(struct ntfs_device *dev, void *buf, s64 count)
{
	struct im_ntfs3g_source *v = dev->d_private;
	s64 n = dev_pread(dev, buf, count, (s64)v->pos);

	if (n > 0)
		v->pos += (uint64_t)n;
	return n;
}

/* A write past the end is an error, not a short one. */
static s64 dev_pwrite(struct ntfs_device *dev, const void *buf, s64 count, s64 offset)
{
	struct im_ntfs3g_source *v = dev->d_private;

	if (NDevReadOnly(dev) || v->dev->is_read_only || !v->dev->ops->write) {
		errno = EROFS;
		return -1;
	}
	if (count < 0 || offset < 0 || (count && im_dev_write(v->dev, (uint64_t)offset, buf, (size_t)count, NULL) < 0)) {
		errno = EIO;
		return -1;
	}
	return count;
}

static s64 dev_write(struct ntfs_device *dev, const void *buf, s64 count)
{
	struct im_ntfs3g_source *v = dev->d_private;
	s64 n = dev_pwrite(dev, buf, count, (s64)v->pos);

	if (n > 0)
		v->pos += (uint64_t)n;
	return n;
}

static int dev_sync(struct ntfs_device *dev)
{
	(void)dev;
	return 0;
}

static int dev_stat(struct ntfs_device *dev, struct stat *st)
{
	struct im_ntfs3g_source *v = dev->d_private;

	memset(st, 0, sizeof(*st));
	st->st_mode = S_IFREG | 0400;
	st->st_size = (off_t)v->dev->size;
	return 0;
}

static int dev_ioctl(struct ntfs_device *dev, unsigned long request, void *argp)
{
	struct im_ntfs3g_source *v = dev->d_private;

	if (request == BLKGETSIZE64) {
		memcpy(argp, &v->dev->size, sizeof(v->dev->size));
		return 0;
	}
	errno = EOPNOTSUPP;
	return -1;
}

static struct ntfs_device_operations operations = {
	.open = dev_open, .close = dev_close, .seek = dev_seek, .read = dev_read, .write = dev_write,
	.pread = dev_pread, .pwrite = dev_pwrite, .sync = dev_sync, .stat = dev_stat, .ioctl = dev_ioctl,
};

static ntfs_volume *mount_with(struct im_ntfs3g_source *source, unsigned long flags)
{
	struct ntfs_device *dev;

	ntfs_log_set_handler(ntfs_log_handler_null);
	dev = ntfs_device_alloc("volume", 0, &operations, source);
	return dev ? ntfs_device_mount(dev, flags) : NULL;
}

ntfs_volume *im_ntfs3g_mount(struct im_ntfs3g_source *source)
{
	return mount_with(source, NTFS_MNT_RDONLY | NTFS_MNT_FORENSIC);
}

ntfs_volume *im_ntfs3g_mount_rw(struct im_ntfs3g_source *source)
{
	return mount_with(source, NTFS_MNT_NONE);
}

#else

typedef int im_ntfs3g_is_missing;	/* a file must not be empty */

#endif
