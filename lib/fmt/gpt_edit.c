/* gpt_edit.c - GPT headers and entries rewritten to the byte: only positions and checksums change. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "fmt/gpt.h"

/* Offsets as in gpt.c, from the UEFI specification, tables 5.5 and 5.6. */
enum {
	H_HEADER_SIZE = 12, H_HEADER_CRC = 16, H_MY_LBA = 24, H_OTHER_LBA = 32, H_FIRST_USABLE = 40,
	H_LAST_USABLE = 48, H_DISK_GUID = 56, H_ARRAY_LBA = 72, H_N_ENTRIES = 80, H_ENTRY_SIZE = 84,
	H_ARRAY_CRC = 88, H_SIZE = 92,
	E_TYPE = 0, E_GUID = 16, E_FIRST = 32, E_LAST = 40, E_SIZE = 128,
};

/* EBD0A0A2-B9E5-4433-87C0-68B6B72699C7 and 0FC63DAF-8483-4772-8E79-3D69D8477DE4 as on disk. */
const uint8_t im_gpt_type_basic_data[16] = {
	0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7,
};
const uint8_t im_gpt_type_linux[16] = {
	0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4,
};

void im_gpt_put_entry(uint8_t *array, const struct im_gpt_copy *copy, int number, uint64_t start, uint64_t size,
		      uint32_t ss)
{
	uint8_t *e = array + (size_t)(number - 1) * copy->entry_size;

	im_put64(e + E_FIRST, start / ss);
	im_put64(e + E_LAST, (start + size) / ss - 1);
}

void im_gpt_put_header(uint8_t *sector, const struct im_gpt_copy *like, const struct im_gpt_place *place,
		       const uint8_t *array)
{
	memcpy(sector, like->header, sizeof(like->header));
	im_put64(sector + H_MY_LBA, place->my_lba);
	im_put64(sector + H_OTHER_LBA, place->other_lba);
	im_put64(sector + H_ARRAY_LBA, place->array_lba);
	im_put64(sector + H_LAST_USABLE, place->last_usable);
	if (place->first_usable)
		im_put64(sector + H_FIRST_USABLE, place->first_usable);
	im_put32(sector + H_ARRAY_CRC, im_crc32(0, array, (size_t)like->n_entries * like->entry_size));
	im_put32(sector + H_HEADER_CRC, 0);
	im_put32(sector + H_HEADER_CRC, im_crc32(0, sector, like->header_size));
}

/* A version 4 GUID from 16 bytes that stand for random ones. */
static void put_guid(uint8_t out[16], const uint8_t seed[16])
{
	memcpy(out, seed, 16);
	out[7] = (out[7] & 0x0f) | 0x40;
	out[8] = (out[8] & 0x3f) | 0x80;
}

int im_gpt_new(struct im_gpt_copy *copy, uint64_t disk_size, uint32_t ss, const uint8_t seed[32],
	       struct im_error *err)
{
	uint64_t array_sectors = 128 * E_SIZE / ss;

	*copy = (struct im_gpt_copy){ .state = IM_ABSENT };
	/* the protective MBR, both headers, both arrays, and one sector to use */
	if (disk_size / ss < 4 + 2 * array_sectors)
		return im_error_set(err, IM_EREFUSED, "a disk of %" PRIu64 " bytes has no room for a GUID partition table",
				    disk_size);
	*copy = (struct im_gpt_copy){ .state = IM_FOUND, .header_size = H_SIZE, .entry_size = E_SIZE, .n_entries = 128 };
	copy->array = calloc(128, E_SIZE);
	if (!copy->array)
		return im_error_nomem(err);
	copy->my_lba = 1;
	copy->array_lba = 2;
	copy->other_lba = disk_size / ss - 1;
	copy->first_usable = 2 + array_sectors;
	copy->last_usable = copy->other_lba - array_sectors - 1;
	memcpy(copy->header, "EFI PART\0\0\1\0", 12);
	im_put32(copy->header + H_HEADER_SIZE, H_SIZE);
	im_put64(copy->header + H_FIRST_USABLE, copy->first_usable);
	put_guid(copy->header + H_DISK_GUID, seed);
	im_put32(copy->header + H_N_ENTRIES, 128);
	im_put32(copy->header + H_ENTRY_SIZE, E_SIZE);
	return 0;
}

void im_gpt_name_entry(uint8_t *array, int number, const uint8_t type[16], const uint8_t guid[16])
{
	uint8_t *e = array + (size_t)(number - 1) * E_SIZE;

	memcpy(e + E_TYPE, type, 16);
	put_guid(e + E_GUID, guid);
}
