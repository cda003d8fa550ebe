/* windows.h - what of Windows lies on a volume.
 *
 * On disks with an MBR, Windows knows a partition by the disk's signature and the partition's byte offset:
 * its boot configuration (BCD) and its drive letters (MountedDevices) lose a partition that moves.
 */
#ifndef IM_ADAPT_WINDOWS_H
#define IM_ADAPT_WINDOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "dev/dev.h"

/* Files that matter when a partition moves. */
enum im_windows_file {
	IM_WINDOWS_BOOT_BCD, IM_WINDOWS_EFI_BCD,	/* boot configuration */
	IM_WINDOWS_HIVE, IM_WINDOWS_NT_HIVE,		/* SYSTEM hives, with MountedDevices */
	IM_WINDOWS_HIBERNATED,				/* the memory of a system that goes on from it */
	IM_WINDOWS_FILES
};
/* Their paths, with '/', from the root. */
extern const char *const im_windows_paths[IM_WINDOWS_FILES];

struct im_windows {
	bool has[IM_WINDOWS_FILES];
	uint64_t record[IM_WINDOWS_FILES];	/* of NTFS: the file's record, as libntfs-3g says; else 0 */
	bool is_closed;				/* the volume could not be looked into */
};

/* Look into the volume [start, start+len) of dev, in bytes, whose file system our reader called fs ("ntfs",
 * "fat12", "fat16", "fat32"; any other, or NULL, holds nothing). Fills *found: with nothing where
 * the volume is too damaged to look into, or NTFS cannot be read by this build. Nothing is written. NTFS is
 * read in a child process. Returns 0, or -1 when it could not be asked: a read failed, no child, no memory. */
int im_windows_look(struct im_dev *dev, uint64_t start, uint64_t len, const char *fs, struct im_windows *found,
		    struct im_error *err);

#endif
