/* boot_code.h - whose boot code stands in a first sector, and how it finds what it starts next.
 *
 * A partition that moves takes its files along. What can break is code that knows a place of the disk by its
 * number. Code that asks the partition table, or the boot sector's record of hidden sectors, goes on working.
 */
#ifndef IM_FMT_BOOT_CODE_H
#define IM_FMT_BOOT_CODE_H

#include <stdbool.h>
#include <stdint.h>

#define IM_BOOT_SECTOR 512	/* bytes; what firmware loads, whatever the sector size */

enum im_boot_way {
	IM_BOOT_NOTHING,	/* there is no code, or all that it does is print a message */
	IM_BOOT_TABLE,		/* it asks the table, or the volume's own record of its position */
	IM_BOOT_GRUB,		/* sectors of the disk by number, in lists that can be followed (grub.h) */
	IM_BOOT_SECTORS,	/* sectors of the disk by number, in a form that only its installer writes */
	IM_BOOT_UNKNOWN,
};

enum {
	IM_BOOT_MENU = 1,	/* a person chooses the partition: none need be active */
	IM_BOOT_FILES = 2,	/* of a volume: it knows files of it by the numbers of their sectors */
};

struct im_boot_code {
	const char *name;	/* stable, for scripts: "grub2" */
	const char *title;	/* for sentences: "GRUB 2"; to be translated there */
	const char *installer;	/* what installs it anew; NULL: not known */
	enum im_boot_way way;
	unsigned traits;	/* IM_BOOT_MENU, IM_BOOT_FILES */
};

/* Whose code is in sector 0 of a disk with a table? Never NULL. */
const struct im_boot_code *im_boot_code_of_disk(const uint8_t sector[IM_BOOT_SECTOR]);
/* … and in the first sector of a volume that our reader called fs (NULL: nothing that it knows)? */
const struct im_boot_code *im_boot_code_of_volume(const uint8_t sector[IM_BOOT_SECTOR], const char *fs);

/* Does the code read disks by cylinder, head and sector alone: never by the BIOS' extended call (AH 42h of interrupt 13h)? */
bool im_boot_code_reads_chs(const uint8_t sector[IM_BOOT_SECTOR]);

/* Does the first sector of a volume hold syslinux' or extlinux' code outside a FAT or NTFS? Where the volume begins
 * stands at 0x1C as hidden sectors then, though no file system keeps it there. */
bool im_boot_code_is_extlinux(const uint8_t sector[IM_BOOT_SECTOR], const char *fs);

#endif
