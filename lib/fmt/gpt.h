/* gpt.h - the GUID partition table (UEFI specification 2.10, section 5.3): both copies, any entry size and
 * count, the entry array where its header says it is.
 */
#ifndef IM_FMT_GPT_H
#define IM_FMT_GPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "dev/dev.h"
#include "fmt/fs.h"

#define IM_GPT_ARRAY_MAX (512u << 10)	/* bytes of an entry array that we accept */

struct im_gpt_part {
	int number;		/* slot + 1 */
	uint64_t start, size;	/* bytes */
	char type[40], guid[40];	/* as sfdisk prints them */
	char name[112];		/* UTF-8 */
	uint64_t attributes;
};

/* One copy of the table. */
struct im_gpt_copy {
	enum im_probe state;
	char why[320];		/* DAMAGED: one sentence */
	uint64_t off;		/* byte offset of the header */
	uint8_t header[512];	/* as read; header_size bytes count */
	uint32_t header_size, entry_size, n_entries;
	uint64_t my_lba, other_lba, first_usable, last_usable, array_lba;
	uint8_t *array;		/* n_entries * entry_size bytes, owned; only when FOUND */
};

struct im_gpt {
	uint32_t sector_size;
	struct im_gpt_copy primary, backup;
	char disk_guid[40];
	bool copies_differ;	/* both are valid and say different things */
	IM_VEC(struct im_gpt_part) parts;	/* of the copy in use, by number */
};

/* Look for a GPT with this sector size. FOUND when at least one copy is valid; ABSENT when neither has its
 * signature; DAMAGED when a signature is there but no copy is valid. */
int im_gpt_read(struct im_dev *dev, uint32_t sector_size, struct im_gpt *gpt, struct im_error *err);
void im_gpt_free(struct im_gpt *gpt);

/* The copy that counts: the primary, or the backup where the primary is damaged. */
const struct im_gpt_copy *im_gpt_in_use(const struct im_gpt *gpt);

/* Bytes of the entry array, rounded up to whole sectors. */
uint64_t im_gpt_array_size(const struct im_gpt_copy *copy, uint32_t sector_size);

/* Set first and last sector of entry `number` in an array; start and size in bytes. */
void im_gpt_put_entry(uint8_t *array, const struct im_gpt_copy *copy, int number, uint64_t start, uint64_t size,
		      uint32_t sector_size);

/* Build one copy's header sector (sector_size bytes, zeroed by the caller) for this array: from `like`
 * with new positions, and both CRCs. Nothing else of the header changes. */
struct im_gpt_place {
	uint64_t my_lba, other_lba, array_lba, last_usable;
	uint64_t first_usable;	/* 0: as it is */
};
void im_gpt_put_header(uint8_t *sector, const struct im_gpt_copy *like, const struct im_gpt_place *place,
		       const uint8_t *array);

/* A fresh header and array for a disk without one: n_entries of 128 bytes, the GUIDs derived from `seed`
 * (16 bytes each for the disk and the partition). Fills copy->header, sizes and array (owned by copy). */
int im_gpt_new(struct im_gpt_copy *copy, uint64_t disk_size, uint32_t sector_size, const uint8_t seed[32],
	       struct im_error *err);
/* Fill entry `number` of a fresh array. type as 16 bytes on disk, guid too. */
void im_gpt_name_entry(uint8_t *array, int number, const uint8_t type[16], const uint8_t guid[16]);

extern const uint8_t im_gpt_type_basic_data[16], im_gpt_type_linux[16];

#endif
