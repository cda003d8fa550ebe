/* fat.h - the shape of a FAT volume as its boot sector tells it, for the readers of FAT. */
#ifndef IM_FMT_FAT_H
#define IM_FMT_FAT_H

#include <stdbool.h>
#include <stdint.h>

#include "fmt/bpb.h"

#define IM_FAT_ENTRY 32u		/* bytes of a directory entry */

enum im_fat_kind { IM_FAT12 = 12, IM_FAT16 = 16, IM_FAT32 = 32 };

/* Every byte offset counts from the volume's first byte and is below size, which fits 63 bits; the image
 * may still be shorter than size. */
struct im_fat_geometry {
	uint32_t sector, cluster;	/* bytes */
	uint64_t size;			/* bytes of all sectors */
	uint32_t reserved;		/* bytes before the first FAT */
	uint64_t fat, fat_size;		/* byte offset of the FAT that counts, bytes of one FAT */
	uint64_t root;			/* byte offset of the root directory; of FAT32's first cluster of it */
	uint32_t root_size;		/* bytes of the root directory; 0 on FAT32, where it is a chain … */
	uint32_t root_cluster;		/* … that begins with this cluster; 0 on FAT12 and FAT16 */
	uint64_t data, clusters;	/* byte offset of cluster 2, number of clusters */
	enum im_fat_kind kind;
	bool has_extended;		/* serial number, label and type are there */
	uint8_t extended;		/* … at this offset: 0x26 or 0x42 */
	bool has_hidden;
	uint8_t media;			/* 0xF8: a fixed disk */
};

/* Decode the parameter block; false when its numbers cannot be those of a FAT volume. Source: Microsoft's
 * FAT specification, "BPB" and "FAT Type Determination". */
bool im_fat_decode(const struct im_bpb *bpb, struct im_fat_geometry *g);

/* The sectors to rewrite so that the volume has `sectors` more reserved sectors, as many more sectors in
 * all, and records `hidden` (where it records hidden sectors): FAT32's backup boot sector, which is made where
 * there was no room for one, then the boot sector. Clusters, FATs and root directory stay what they are and
 * begin that much later; moving them is the caller's. Offsets count from the start of the new volume.
 * IM_EREFUSED where a field cannot hold a number. Source: Microsoft's FAT specification, "Boot Sector and BPB". */
int im_fat_reserve(struct im_dev *vol, const struct im_fs_info *info, uint32_t sectors, uint64_t hidden,
		   struct im_fs_edits *edits, struct im_error *err);

/* What the code in a boot sector would make of a FAT that begins elsewhere. */
enum im_fat_code {
	IM_FAT_CODE_NONE,	/* there is none, or it only prints a message or starts another disk */
	IM_FAT_CODE_BPB,	/* Microsoft's or FreeDOS's: finds everything through the parameter block */
	IM_FAT_CODE_SYSLINUX,	/* knows its next stage by sector number */
	IM_FAT_CODE_UNKNOWN,	/* may know any sector by number */
};
enum im_fat_code im_fat_code_of(const struct im_bpb *bpb);

#endif
