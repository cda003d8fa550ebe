/* inuse.h - is somebody else using the image, and keeping others away while we do. Linux. */
#ifndef IM_DEV_INUSE_H
#define IM_DEV_INUSE_H

#include "dev/dev.h"

/* Refuse (IM_EBUSY, saying by whom) when the file or block device at path is mounted, backs a loop device (by
 * inode, whatever its name), is held by another driver, is swapped to, or is locked by a running qemu.
 * A whole disk is in use when any of its partitions is. ours: the device by which we have it open and locked
 * ourselves already, so that our own locks do not count; NULL when we have not. */
int im_inuse_check(const char *path, const struct im_dev *ours, struct im_error *err);

/* Lock a file device against other imgmends (flock), systemd (flock on the whole-disk node) and qemu (shared
 * locks on bytes 101, 103, 201 and 203). The locks last as long as the device is open. */
int im_inuse_lock(struct im_dev *dev, const char *path, struct im_error *err);

/* flock alone, for a file that others lock for us against the rest. */
int im_inuse_flock(struct im_dev *dev, const char *path, struct im_error *err);

/* Take the kernel's partitions of a block device away, so that nobody can open them while they move. *had:
 * were there any? A regular file has none. */
int im_kernel_partitions_drop(struct im_dev *dev, const char *path, bool *had, struct im_error *err);
/* Have the kernel read the table again. */
int im_kernel_partitions_read(struct im_dev *dev, const char *path, struct im_error *err);

#endif
