/* windows.h - what of Windows lies on a volume.
 *
 * On disks with an MBR, Windows knows a partition by the disk's signature and the partition's byte offset:
 * its boot configuration (BCD) and its drive letters (MountedDevices) lose a partition that moves.
 */
#ifndef IM_ADAPT_WINDOWS_H
#define IM_ADAPT_WINDOWS_H

#include <stdint.h>

#include "base/error.h"
#include "dev/dev.h"

/* What of Windows a volume holds. */
enum {
	IM_WINDOWS_BCD = 1,	/* the file \Boot\BCD or \EFI\Microsoft\Boot\BCD */
	IM_WINDOWS_SYSTEM = 2,	/* the directory \Windows */
};

/* Look into the volume [start, start+len) of dev, in bytes, whose file system our reader called fs ("ntfs",
 * "fat12", "fat16", "fat32"; any other, or NULL, holds nothing). Sets *what to the bits found: none where
 * the volume is too damaged to look into, or NTFS cannot be read by this build. Nothing is written. NTFS is
 * read in a child process. Returns 0, or -1 when it could not be asked: a read failed, no child, no memory. */
int im_windows_look(struct im_dev *dev, uint64_t start, uint64_t len, const char *fs, unsigned *what,
		    struct im_error *err);

#endif
