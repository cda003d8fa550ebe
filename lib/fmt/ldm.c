/* ldm.c - Windows dynamic disks (Logical Disk Manager).
 *
 * Source: libldm's and the kernel's (block/partitions/ldm.h) descriptions of the private header. On
 * a disk with an MBR it lies in sector 6; the database that it leads to, in the disk's last
 * megabyte, holds the places of all volumes, and no tool can edit it.
 */
#include <string.h>

#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

#define PRIVHEAD_SECTOR 6u

static int has_privhead_at(struct im_dev *disk, uint64_t off, struct im_error *err)
{
	uint8_t magic[8];
	int got = im_fs_peek(disk, off, magic, sizeof(magic), err);

	return got <= 0 ? got : !memcmp(magic, "PRIVHEAD", sizeof(magic));
}

bool im_ldm_has_privhead(struct im_dev *disk, struct im_error *err)
{
	int got = has_privhead_at(disk, PRIVHEAD_SECTOR * 512u, err);

	if (got == 0 && disk->sector_size > 512)
		got = has_privhead_at(disk, (uint64_t)PRIVHEAD_SECTOR * disk->sector_size, err);
	return got > 0;
}
