/* boot.h - how a disk boots, as far as its first sectors and its EFI system partitions tell. */
#ifndef IM_SCAN_BOOT_H
#define IM_SCAN_BOOT_H

#include "fmt/boot_code.h"
#include "scan/scan.h"

/* Where a volume begins: whose code is in its first sector. IM_BOOT_NOTHING where the image ends before. 0 or -1. */
int im_boot_of_volume(struct im_dev *dev, const struct im_volume *v, const struct im_boot_code **code, struct im_error *err);

#endif
