/* vdisk.h - the headers of virtual disks' containers: what keeps one from being opened, or from being repaired.
 *
 * Read by us before any other program opens the container, as that would open whatever the header names. */
#ifndef IM_FMT_VDISK_H
#define IM_FMT_VDISK_H

#include "dev/dev.h"

struct im_vdisk_allowed {
	bool backing_file, data_file;	/* files that the container names may be opened */
	bool write;			/* it is to be repaired */
};

/* file: the container itself; format: qcow2, vpc, vhdx, vmdk or vdi. IM_EREFUSED with a sentence, IM_EFORMAT where the
 * header makes no sense. Sources: qemu docs/interop/qcow2.txt; VMware Virtual Disk Format 1.1; Microsoft VHD 1.0
 * (2006-10-11) and MS-VHDX; VirtualBox VDICore.h as in the public header layouts. */
int im_vdisk_check(struct im_dev *file, const char *format, const struct im_vdisk_allowed *allowed, struct im_error *err);

#endif
