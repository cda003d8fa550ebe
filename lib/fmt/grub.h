/* grub.h - the places by which GRUB 2's stages find each other: absolute sectors, in the first sector of each.
 *
 * boot.img, in sector 0 or in the first sector of a volume, names the first sector of core.img. That one lists
 * where the rest lies, in 512-byte sectors (GRUB's grub-core/boot/i386/pc/boot.S, diskboot.S, and
 * include/grub/i386/pc/boot.h, kernel.h).
 */
#ifndef IM_FMT_GRUB_H
#define IM_FMT_GRUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IM_GRUB_SECTOR 512
#define IM_GRUB_NEXT 0x5c	/* of boot.img: u64, the first sector of core.img */
#define IM_GRUB_DRIVE 0x64	/* of boot.img: the BIOS' number of the disk to read from; 0xFF: the one that it was read from */
#define IM_GRUB_LISTS_MAX 20

struct im_grub_list {
	uint64_t sector;	/* the first */
	uint32_t n;		/* sectors */
	uint16_t segment;	/* where in memory they go: 16-byte units */
};

/* The lists of core.img's first sector. False: it is no such sector (its messages, the places in memory to which the lists go), or
 * they do not end, or run past the 64 bits. */
bool im_grub_lists(const uint8_t first[IM_GRUB_SECTOR], struct im_grub_list lists[IM_GRUB_LISTS_MAX], size_t *n);

/* Put other lists in place of the old ones, of which there were n_old. False where there is no room for more. */
bool im_grub_put_lists(uint8_t first[IM_GRUB_SECTOR], size_t n_old, const struct im_grub_list *lists, size_t n);

#endif
