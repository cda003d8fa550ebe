/* fs_types.h - the rows of the table in fs.c, one reader each, and what asks about whole disks. */
#ifndef IM_FMT_FS_TYPES_H
#define IM_FMT_FS_TYPES_H

#include <stdbool.h>

#include "fmt/fs.h"

extern const struct im_fs_type im_fs_ntfs;
extern const struct im_fs_type im_fs_fat12;
extern const struct im_fs_type im_fs_fat16;
extern const struct im_fs_type im_fs_fat32;
extern const struct im_fs_type im_fs_exfat;
extern const struct im_fs_type im_fs_refs;
extern const struct im_fs_type im_fs_bitlocker;
extern const struct im_fs_type im_fs_ext;	/* names itself "ext2", "ext3" or "ext4" in im_fs_info */
extern const struct im_fs_type im_fs_xfs;
extern const struct im_fs_type im_fs_btrfs;
extern const struct im_fs_type im_fs_swap;
extern const struct im_fs_type im_fs_luks;
extern const struct im_fs_type im_fs_lvm;
extern const struct im_fs_type im_fs_md;
extern const struct im_fs_type im_fs_iso9660;
extern const struct im_fs_type im_fs_storage_spaces;
extern const struct im_fs_type im_fs_others;	/* formats that are only named; the last row */

/* Is this whole disk an LDM ("dynamic") disk: is there a PRIVHEAD in its sector 6? false with *err
 * set when the read failed, false with *err untouched when there is none. On GPT disks the private
 * header lies in a partition of its own type instead, which the table shows. */
bool im_ldm_has_privhead(struct im_dev *disk, struct im_error *err);

#endif
