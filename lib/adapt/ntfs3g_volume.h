/* ntfs3g_volume.h - libntfs-3g mounts a device of ours, in a child. Only where HAVE_LIBNTFS_3G.
 *
 * The library has types of the same names as base/bytes.h: never include both.
 */
#ifndef IM_ADAPT_NTFS3G_VOLUME_H
#define IM_ADAPT_NTFS3G_VOLUME_H

#include <stdint.h>

#include <ntfs-3g/types.h>
#include <ntfs-3g/volume.h>

#include "adapt/child.h"

/* What the library's device reads; lives at least as long as the mounted volume. */
struct im_ntfs3g_source {
	struct im_dev *dev;
	uint64_t pos;		/* 0 at first */
};

/* Mount the volume read-only and forensic: nothing is replayed and nothing written. NULL with errno set. It is
 * never unmounted: the child ends with it. */
ntfs_volume *im_ntfs3g_mount(struct im_ntfs3g_source *source);

/* Mount it for writing; the device must take writes, so it is an overlay. NULL with errno set. */
ntfs_volume *im_ntfs3g_mount_rw(struct im_ntfs3g_source *source);

#endif
