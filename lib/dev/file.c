/* file.c - regular files and block special files.
 *
 * Durability: flush is fdatasync, which also makes a new size durable. Holes are found with
 * SEEK_DATA and made with FALLOC_FL_PUNCH_HOLE; block devices are zeroed by BLKZEROOUT, which
 * guarantees that zeros are read afterwards, and fall back to writing them.
 *
 * A call that a signal interrupted has done nothing and is made again; that is no failed flush. A regular file that
 * somebody else truncates is never taken for one with a hole at its end, and never grown again by a write.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "dev/backing.h"
#include "dev/dev.h"
#include "dev/direct.h"
#include "dev/share.h"
#include "dev/shift.h"

struct file {
	struct im_dev dev;
	int fd;
	struct im_direct direct;	/* for large transfers, once im_dev_bypass was called */
	struct im_backing backing;	/* of a loop device, from then on */
	struct im_share share;
	char *path;
};

/* Is the file still as large as we know it? */
static int check_size(const struct file *f, struct im_error *err)
{
	struct stat st;

	if (f->dev.is_block)
		return 0;
	if (fstat(f->fd, &st) < 0)
		return im_error_sys(err, errno, "%s: cannot ask for its size", f->path);
	if ((uint64_t)st.st_size >= f->dev.size)
		return 0;
	return im_error_at(err, IM_EIO, (uint64_t)st.st_size, "%s: the file ends at byte %" PRIu64 " and not at byte %"
			   PRIu64 " any more; somebody else truncated it", f->path, (uint64_t)st.st_size, f->dev.size);
}

static int file_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	struct file *f = (struct file *)dev;
	uint64_t start = off, all = len;
	uint8_t *p = buf;

	while (len) {
		ssize_t n = im_direct_read(&f->direct, off, p, len);

		if (n == 0)
			n = pread(f->fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return im_error_sys(err, errno, "%s: cannot read %zu bytes at byte %" PRIu64, f->path, len, off);
		if (n == 0)
			return im_error_at(err, IM_EIO, off, "%s: the file ended at byte %" PRIu64
					   " while it was read; somebody else truncated it", f->path, off);
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	im_backing_expect(&f->backing, start, all);
	return 0;
}

static int file_write(struct im_dev *dev, uint64_t off, const void *buf, size_t len, struct im_error *err)
{
	struct file *f = (struct file *)dev;
	const uint8_t *p = buf;

	if (check_size(f, err) < 0)
		return -1;
	while (len) {
		ssize_t n = im_direct_write(&f->direct, off, p, len);

		if (n == 0)
			n = pwrite(f->fd, p, f->direct.fd < 0 ? len : im_direct_head(&f->direct, off, len), (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return im_error_sys(err, n ? errno : EIO, "%s: cannot write %zu bytes at byte %" PRIu64,
					    f->path, len, off);
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	/* truncated just before, it has been grown again by this, and has a hole that nobody knows of */
	return check_size(f, err);
}

static int file_zero(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err)
{
	struct file *f = (struct file *)dev;
	uint64_t range[2] = { off, len };
	static const uint8_t zeros[65536];

	if (check_size(f, err) < 0)
		return -1;
	if (dev->is_block) {
		if (off % 512 == 0 && len % 512 == 0 && ioctl(f->fd, BLKZEROOUT, range) == 0)
			return 0;
	} else if (TEMP_FAILURE_RETRY(fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
						(off_t)len)) == 0) {
		return 0;
	}
	for (uint64_t done = 0; done < len; done += sizeof(zeros))
		if (file_write(dev, off + done, zeros, (size_t)im_min(sizeof(zeros), len - done), err) < 0)
			return -1;
	return 0;
}

static int file_flush(struct im_dev *dev, struct im_error *err)
{
	struct file *f = (struct file *)dev;

	im_share_shorten(&f->share, f->fd);
	if (TEMP_FAILURE_RETRY(fdatasync(f->fd)) == 0)
		return check_size(f, err);
	return im_error_sys(err, errno, "%s: the flush to disk failed; what was written last may be lost", f->path);
}

static int file_resize(struct im_dev *dev, uint64_t size, struct im_error *err)
{
	struct file *f = (struct file *)dev;

	if (size > INT64_MAX || TEMP_FAILURE_RETRY(ftruncate(f->fd, (off_t)size)) < 0)
		return im_error_sys(err, size > INT64_MAX ? EFBIG : errno,
				    "%s: cannot change the size from %" PRIu64 " to %" PRIu64 " bytes",
				    f->path, dev->size, size);
	dev->size = size;
	return 0;
}

/* What could not be reserved in whole may have grown in part, which ext4 does. */
static void take_back_growth(struct file *f)
{
	struct stat st;

	if (fstat(f->fd, &st) == 0 && (uint64_t)st.st_size > f->dev.size &&
	    TEMP_FAILURE_RETRY(ftruncate(f->fd, (off_t)f->dev.size)) < 0)
		f->dev.size = (uint64_t)st.st_size;
}

static int file_reserve(struct im_dev *dev, uint64_t size, struct im_error *err)
{
	struct file *f = (struct file *)dev;
	int rc;

	if (size <= dev->size)
		return 0;
	/* only what is new: the holes of a sparse file stay holes */
	do
		rc = size > INT64_MAX ? EFBIG : posix_fallocate(f->fd, (off_t)dev->size, (off_t)(size - dev->size));
	while (rc == EINTR);
	if (rc)
		take_back_growth(f);
	if (rc)
		return im_error_sys(err, rc, "%s: cannot reserve %" PRIu64 " bytes of disk space", f->path, size);
	dev->size = im_max(dev->size, size);
	return 0;
}

static int file_extent(struct im_dev *dev, uint64_t off, uint64_t len, struct im_extent *out, struct im_error *err)
{
	struct file *f = (struct file *)dev;
	off_t data, hole;

	if (dev->is_block)
		return 0;
	data = lseek(f->fd, (off_t)off, SEEK_DATA);
	if (data < 0 && errno == ENXIO) {		/* no data behind off */
		out->is_zero = true;
		return check_size(f, err);
	}
	if (data < 0)
		return 0;				/* the host cannot tell: it may all be data */
	if ((uint64_t)data > off) {
		out->is_zero = true;
		out->len = im_min(len, (uint64_t)data - off);
		return 0;
	}
	hole = lseek(f->fd, (off_t)off, SEEK_HOLE);
	if (hole > 0 && (uint64_t)hole > off)
		out->len = im_min(len, (uint64_t)hole - off);
	return 0;
}

static void file_close(struct im_dev *dev)
{
	struct file *f = (struct file *)dev;

	im_direct_close(&f->direct);
	im_backing_close(&f->backing);
	close(f->fd);
	free(f->path);
	free(f);
}

static void file_forget(struct im_dev *dev)
{
	posix_fadvise(((struct file *)dev)->fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* Only where a flush of one descriptor is one of the file: a file system in user space or in the network may keep
 * what was written through each apart. */
static bool may_bypass(const struct file *f)
{
	struct statfs fs;

	if (f->dev.is_block)
		return true;
	return fstatfs(f->fd, &fs) == 0 && (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC ||
					    fs.f_type == BTRFS_SUPER_MAGIC || fs.f_type == F2FS_SUPER_MAGIC);
}

static void file_bypass(struct im_dev *dev)
{
	struct file *f = (struct file *)dev;

	if (f->direct.fd >= 0 || f->backing.fd >= 0 || !may_bypass(f))
		return;
	im_direct_open(&f->direct, f->fd, !dev->is_read_only);
	im_backing_open(&f->backing, f->fd);
}

static int file_share(struct im_dev *dev, uint64_t off, struct im_dev *from, uint64_t from_off, uint64_t len,
		      struct im_error *err)
{
	struct file *f = (struct file *)dev;
	int from_fd = im_dev_file_fd(from), rc;

	if (from_fd < 0)
		return 1;
	if (check_size(f, err) < 0 || check_size((struct file *)from, err) < 0)
		return -1;
	rc = im_share_take(&f->share, f->fd, off, from_fd, from_off, len);
	if (rc >= 0)
		return rc ? rc : check_size(f, err);
	return im_error_sys(err, errno, "%s: cannot share %" PRIu64 " bytes at byte %" PRIu64, f->path, len, off);
}

/* A part of the file has moved, or should have; whatever happened, this is its size now. */
static int shifted(struct file *f, int rc, const char *what, uint64_t off, uint64_t len, struct im_error *err)
{
	int number = errno;
	struct stat st;

	if (fstat(f->fd, &st) == 0)
		f->dev.size = (uint64_t)st.st_size;
	if (rc < 0)
		return im_error_sys(err, number, "%s: cannot %s %" PRIu64 " bytes at byte %" PRIu64, f->path, what, len, off);
	return rc;
}

static int file_insert(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err)
{
	struct file *f = (struct file *)dev;

	if (check_size(f, err) < 0)
		return -1;
	return shifted(f, im_shift_insert(f->fd, off, len), _("insert"), off, len, err);
}

static int file_collapse(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err)
{
	struct file *f = (struct file *)dev;

	if (check_size(f, err) < 0)
		return -1;
	return shifted(f, im_shift_collapse(f->fd, off, len), _("take out"), off, len, err);
}

static int file_physical(struct im_dev *dev, struct im_physicals *out, struct im_error *err)
{
	struct file *f = (struct file *)dev;
	int rc = dev->is_block ? 1 : im_shift_physical(f->fd, f->path, dev->size, dev->shift_unit, out, err);

	/* blocks behind the end, as xfs allocates them beforehand, are of no use to anybody */
	if (rc == 1 && !dev->is_block && !dev->is_read_only && check_size(f, err) == 0 &&
	    TEMP_FAILURE_RETRY(ftruncate(f->fd, (off_t)dev->size)) == 0) {
		if (out)
			out->list.n = 0;
		rc = im_shift_physical(f->fd, f->path, dev->size, dev->shift_unit, out, err);
	}
	return rc;
}

static const struct im_dev_ops file_ops = {
	.read = file_read,
	.write = file_write,
	.zero = file_zero,
	.flush = file_flush,
	.resize = file_resize,
	.reserve = file_reserve,
	.forget = file_forget,
	.bypass = file_bypass,
	.share = file_share,
	.insert = file_insert,
	.collapse = file_collapse,
	.physical = file_physical,
	.extent = file_extent,
	.close = file_close,
};

/* Size, sector size and kind of what fd is. */
static int measure(struct file *f, uint32_t sector_size, struct im_error *err)
{
	struct stat st;
	int kernel_sector = 512;

	if (fstat(f->fd, &st) < 0)
		return im_error_sys(err, errno, "%s: cannot ask for its size", f->path);
	if (S_ISREG(st.st_mode)) {
		f->dev.size = (uint64_t)st.st_size;
	} else if (S_ISBLK(st.st_mode)) {
		f->dev.is_block = true;
		if (ioctl(f->fd, BLKGETSIZE64, &f->dev.size) < 0 || ioctl(f->fd, BLKSSZGET, &kernel_sector) < 0)
			return im_error_sys(err, errno, "%s: cannot ask the kernel for the device's size", f->path);
	} else if (S_ISDIR(st.st_mode)) {
		return im_error_set(err, IM_EUSAGE, "%s: this is a folder; name an image in it (scan and report look into folders)", f->path);
	} else {
		return im_error_set(err, IM_EUSAGE, "%s: neither a regular file nor a block device; only these, and NBD exports, are images", f->path);
	}
	f->dev.sector_size = sector_size ? sector_size : (uint32_t)kernel_sector;
	return 0;
}

void im_dev_file_units(struct im_dev *dev)
{
	struct statfs fs;
	int fd = im_dev_file_fd(dev);

	if (fd < 0 || dev->is_block || fstatfs(fd, &fs) < 0)
		return;
	/* where files share blocks at all, these are the blocks */
	if (fs.f_type == XFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC)
		dev->share_unit = (uint32_t)fs.f_bsize;
	((struct file *)dev)->share.has_log = fs.f_type == BTRFS_SUPER_MAGIC;
	dev->shift_unit = im_shift_unit(fd, &fs);
}

static struct im_dev *wrap(int fd, const char *path, uint32_t sector_size, struct im_error *err)
{
	struct file *f = calloc(1, sizeof(*f));

	if (f)
		f->path = strdup(path);
	if (!f || !f->path) {
		free(f);
		close(fd);
		im_error_nomem(err);
		return NULL;
	}
	f->fd = fd;
	f->direct.fd = f->backing.fd = -1;
	f->dev.ops = &file_ops;
	f->dev.is_parallel = true;
	if (measure(f, sector_size, err) < 0) {
		file_close(&f->dev);
		return NULL;
	}
	return &f->dev;
}

struct im_dev *im_dev_file(const char *path, bool write, uint32_t sector_size, struct im_error *err)
{
	/* O_NONBLOCK: opening a FIFO by mistake must not hang; files and disks ignore it */
	int flags = (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	struct stat st;
	struct im_dev *dev;
	int fd, read_only = 0;

	/* O_EXCL on a block device: refused while it, or a part of it, is mounted or held */
	if (write && stat(path, &st) == 0 && S_ISBLK(st.st_mode))
		flags |= O_EXCL;
	fd = TEMP_FAILURE_RETRY(open(path, flags));
	if (fd < 0) {
		if (errno == EBUSY)
			im_error_set(err, IM_EBUSY, "%s: the device is in use (mounted, or held by another driver);"
				     " unmount it and try again", path);
		else
			im_error_sys(err, errno, write ? N_("%s: cannot open it for writing") : N_("%s: cannot open it"), path);
		return NULL;
	}
	if (write && ioctl(fd, BLKROGET, &read_only) == 0 && read_only) {
		close(fd);
		im_error_sys(err, EROFS, "%s: the device is read-only", path);
		return NULL;
	}
	/* what an earlier flush failed to write may still sit in the page cache, marked clean: forget it */
	if (write)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	dev = wrap(fd, path, sector_size, err);
	if (dev)
		dev->is_read_only = !write;
	if (dev && write)
		im_dev_file_units(dev);
	return dev;
}

struct im_dev *im_dev_file_create(const char *path, uint64_t size, uint32_t sector_size, struct im_error *err)
{
	int fd = TEMP_FAILURE_RETRY(open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
	struct im_dev *dev;

	if (fd < 0) {
		im_error_sys(err, errno, "%s: cannot create it", path);
		return NULL;
	}
	dev = wrap(fd, path, sector_size, err);
	if (dev)
		im_dev_file_units(dev);
	if (dev && size && im_dev_resize(dev, size, err) < 0) {
		im_dev_close(dev);
		unlink(path);
		return NULL;
	}
	return dev;
}

int im_dev_file_fd(const struct im_dev *dev)
{
	return dev->ops == &file_ops ? ((const struct file *)dev)->fd : -1;
}

bool im_dev_file_is(const struct im_dev *dev, const char *path)
{
	struct stat a, b;

	return fstat(im_dev_file_fd(dev), &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}
