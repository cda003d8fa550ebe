/* qemu.h - what is inside a virtual disk's container (qcow2, VHD, VHDX, VMDK, VDI), served by qemu-nbd. */
#ifndef IM_DEV_QEMU_H
#define IM_DEV_QEMU_H

#include "dev/dev.h"

/* Does qemu write containers of this format (a name as qemu-img spells it), as far as we know? */
bool im_qemu_knows(const char *format);

/* Open the inside of the container that file is, opened by path for reading or for writing; the device takes it over in any case.
 * Only with may_follow may qemu open what the container names; else it opens file's descriptor and nothing beside it. The
 * caller looks at the header before, and once more behind this, as it may have been changed meanwhile. A qcow2 can change
 * its size, by qemu-img; the others cannot. qemu's own locks on the container hold as long as the device is open. NULL on
 * error. */
struct im_dev *im_dev_qemu(struct im_dev *file, const char *path, const char *format, bool may_follow, struct im_error *err);
/* The container. It stays the device's. */
struct im_dev *im_qemu_file(const struct im_dev *dev);

/* Make a container of that format and size, which must not exist yet. */
int im_qemu_create(const char *path, const char *format, uint64_t size, struct im_error *err);

#endif
