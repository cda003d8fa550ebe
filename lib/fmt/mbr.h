/* mbr.h - the DOS partition table: the MBR, its chain of extended boot records (EBR), CHS fields.
 *
 * An MBR or EBR sector ends in 0x55 0xAA at byte 510 and has four entries of 16 bytes at 446. The first
 * data entry of an EBR counts from that EBR, its link to the next EBR from the start of the extended
 * partition. The entries are in logical sectors; the sector itself is the first 512 bytes of its logical
 * sector.
 */
#ifndef IM_FMT_MBR_H
#define IM_FMT_MBR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "dev/dev.h"
#include "fmt/fs.h"

#define IM_MBR_TABLE 446
#define IM_MBR_ENTRY 16
#define IM_MBR_TYPE_GPT 0xee
#define IM_MBR_TYPE_LDM 0x42

struct im_chs {
	uint8_t head, sector, cylinder;	/* as on disk: bits 6-7 of sector are bits 8-9 of the cylinder */
};

/* One entry in use, wherever in the table it stands. */
struct im_mbr_part {
	int number;		/* 1-4 primary, 5… logical, in chain order */
	uint64_t start, size;	/* bytes */
	uint8_t type, status;
	struct im_chs chs_start, chs_end;
	bool is_extended, is_logical;
	uint64_t table_off;	/* byte offset of the sector that holds the entry */
	int slot;		/* 0-3 in that sector */
	uint64_t base;		/* byte offset that the entry's start counts from */
};

/* One EBR of the chain. */
struct im_ebr {
	uint64_t off;		/* byte offset of its sector */
	int link_slot;		/* slot of the link to the next EBR, -1 at the end */
	uint64_t link;		/* byte offset of the next EBR */
};

struct im_mbr {
	uint32_t disk_id;
	uint32_t sector_size;
	IM_VEC(struct im_mbr_part) parts;
	IM_VEC(struct im_ebr) ebrs;
	char damage[320];	/* what is wrong with the EBR chain, "" if nothing */
	bool is_protective;	/* holds an entry of type 0xEE */
	bool is_hybrid;		/* … and others beside it */
	bool entries_are_zero;	/* all 64 bytes of the four entries */
	bool has_entry_at_zero;	/* an entry that starts at sector 0: isohybrid images */
};

/* Read the table with this sector size. ABSENT: no 0x55AA, or bytes that cannot be entries. FOUND with
 * damage set when only the chain is broken. */
int im_mbr_read(struct im_dev *dev, uint32_t sector_size, struct im_mbr *mbr, struct im_error *err);
void im_mbr_free(struct im_mbr *mbr);

bool im_mbr_type_is_extended(uint8_t type);

/* The geometry that the CHS fields of a table imply: every primary entry is where it says in it, and one that
 * is not at its limits reaches beyond cylinder 0. An end on a cylinder border is preferred, then the most
 * sectors. heads 0: none (all saturated, or at odds). */
struct im_geometry {
	uint32_t heads, sectors;
	bool ends_on_cylinder;	/* every entry ends on a cylinder border */
};
struct im_geometry im_mbr_geometry(const struct im_mbr *mbr);

/* The CHS form of a sector number: saturated to 1023/254/63 past its range, and always saturated
 * (0xFEFFFF) where the geometry is unknown. */
struct im_chs im_chs_of(uint64_t lba, const struct im_geometry *geo);
bool im_chs_is_saturated(struct im_chs chs);

/* Write start, size and CHS of an entry into the 512 bytes of its sector; type, status and every other
 * byte stay. start and size in bytes, absolute; base is what the entry counts from. IM_EREFUSED where a
 * value does not fit 32 bits of sectors. */
int im_mbr_put_entry(uint8_t sector[512], int slot, uint64_t start, uint64_t size, uint64_t base,
		     uint32_t sector_size, const struct im_geometry *geo, struct im_error *err);

#endif
