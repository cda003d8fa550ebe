/* label.h - other partition maps, and containers: known so that they are left alone. */
#ifndef IM_FMT_LABEL_H
#define IM_FMT_LABEL_H

#include "dev/dev.h"

/* "sun", "sgi", "bsd", "mac", "amiga", or NULL. Their own map or first slice starts at 0 by design. On a read
 * error NULL with err set. */
const char *im_label_name(struct im_dev *dev, struct im_error *err);

/* A known container or compressed file taken for a raw image: its name as qemu-img spells it where that
 * knows it ("qcow2", "vpc", "vhdx", "vmdk", "vdi", "ewf", "dmg", "gzip", "xz", "zstd" …), or NULL. */
const char *im_container_name(struct im_dev *dev, struct im_error *err);

/* Is it a fixed VHD: only a footer behind the raw data? */
bool im_container_is_fixed_vhd(struct im_dev *dev, struct im_error *err);

/* Is there a VHD's footer at its end, whatever stands at its start? */
bool im_container_has_vhd_tail(struct im_dev *dev, struct im_error *err);

/* A container's name for people ("VHD (fixed)", "qcow2", …), given what im_container_name said. */
const char *im_container_title(const char *name);

#endif
