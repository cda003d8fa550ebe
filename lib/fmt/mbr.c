/* mbr.c - reading the DOS partition table and following its chain of EBRs. */
#include "fmt/mbr.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#define EBR_MAX 256	/* longest chain that we follow; Linux itself stops at 256 partitions */

struct entry {
	uint8_t status;
	struct im_chs chs_start;
	uint8_t type;
	struct im_chs chs_end;
	le32 start, count;
};

_Static_assert(sizeof(struct entry) == IM_MBR_ENTRY, "a table entry has 16 bytes");

bool im_mbr_type_is_extended(uint8_t type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

void im_mbr_free(struct im_mbr *mbr)
{
	im_vec_free(&mbr->parts);
	im_vec_free(&mbr->ebrs);
}

static bool has_signature(const uint8_t sector[512])
{
	return sector[510] == 0x55 && sector[511] == 0xaa;
}

static void get_entries(const uint8_t sector[512], struct entry e[4])
{
	memcpy(e, sector + IM_MBR_TABLE, 4 * sizeof(*e));
}

/* Could these 64 bytes be a partition table? Boot sectors of volumes have code or text there. */
static bool plausible(const struct entry e[4])
{
	for (int i = 0; i < 4; i++)
		if (e[i].status & 0x7f)
			return false;
	return true;
}

/* An entry in use; free ones have type 0 or no sectors. */
static bool in_use(const struct entry *e)
{
	return e->type && im_le32(e->count);
}

static int add_part(struct im_mbr *mbr, const struct entry *e, int number, int slot, uint64_t table_off,
		    uint64_t base, struct im_error *err)
{
	struct im_mbr_part *p = im_vec_push(&mbr->parts, err);

	if (!p)
		return -1;
	*p = (struct im_mbr_part){
		.number = number,
		.start = base + (uint64_t)im_le32(e->start) * mbr->sector_size,
		.size = (uint64_t)im_le32(e->count) * mbr->sector_size,
		.type = e->type, .status = e->status,
		.chs_start = e->chs_start, .chs_end = e->chs_end,
		.is_extended = im_mbr_type_is_extended(e->type) && number <= 4,
		.is_logical = number > 4,
		.table_off = table_off, .slot = slot, .base = base,
	};
	return 0;
}

/* format: with the one number off. */
static void damage(struct im_mbr *mbr, const char *format, uint64_t off)
{
	im_say(mbr->damage, sizeof(mbr->damage), format, off);
}

static bool seen(const struct im_mbr *mbr, uint64_t off)
{
	for (size_t i = 0; i < mbr->ebrs.n; i++)
		if (mbr->ebrs.v[i].off == off)
			return true;
	return false;
}

/* One EBR: its logical partitions, and the link to the next one into *next (0 at the end). */
static int read_ebr(struct im_mbr *mbr, const struct im_mbr_part *ext, const uint8_t sector[512], uint64_t off,
		    int *number, uint64_t *next, struct im_error *err)
{
	struct im_ebr *ebr = im_vec_push(&mbr->ebrs, err);
	struct entry e[4];

	if (!ebr)
		return -1;
	*ebr = (struct im_ebr){ .off = off, .link_slot = -1 };
	*next = 0;
	get_entries(sector, e);
	for (int i = 0; i < 4; i++) {
		if (!in_use(&e[i]))
			continue;
		if (!im_mbr_type_is_extended(e[i].type)) {
			if (add_part(mbr, &e[i], (*number)++, i, off, off, err) < 0)
				return -1;
		} else if (ebr->link_slot < 0) {
			ebr->link_slot = i;
			ebr->link = *next = ext->start + (uint64_t)im_le32(e[i].start) * mbr->sector_size;
		}
	}
	return 0;
}

/* Follow the chain of the extended partition `ext`. A broken link ends it and is noted as damage. */
static int read_chain(struct im_dev *dev, struct im_mbr *mbr, struct im_mbr_part ext, int *number,
		      struct im_error *err)
{
	uint64_t off = ext.start, end = ext.start + ext.size;
	uint8_t sector[512];

	while (off) {
		if (mbr->ebrs.n >= EBR_MAX || seen(mbr, off)) {
			damage(mbr, N_("the chain of extended boot records loops at byte %" PRIu64), off);
			return 0;
		}
		if (off < ext.start || off >= end || off > dev->size || dev->size - off < sizeof(sector)) {
			damage(mbr, N_("an extended boot record is expected outside its partition or the image, at byte %" PRIu64), off);
			return 0;
		}
		if (im_dev_read(dev, off, sector, sizeof(sector), err) < 0)
			return -1;
		if (!has_signature(sector)) {
			damage(mbr, N_("an extended boot record has no 0x55AA at byte %" PRIu64), off);
			return 0;
		}
		if (read_ebr(mbr, &ext, sector, off, number, &off, err) < 0)
			return -1;
	}
	return 0;
}

static int read_primaries(struct im_mbr *mbr, const struct entry e[4], struct im_error *err)
{
	for (int i = 0; i < 4; i++) {
		if (im_le32(e[i].count) && im_le32(e[i].start) == 0)
			mbr->has_entry_at_zero = true;
		if (!in_use(&e[i]))
			continue;
		if (e[i].type == IM_MBR_TYPE_GPT)
			mbr->is_protective = true;
		if (add_part(mbr, &e[i], i + 1, i, 0, 0, err) < 0)
			return -1;
	}
	mbr->is_hybrid = mbr->is_protective && mbr->parts.n > 1;
	return 0;
}

int im_mbr_read(struct im_dev *dev, uint32_t sector_size, struct im_mbr *mbr, struct im_error *err)
{
	uint8_t sector[512];
	struct entry e[4];
	int number = 5;
	size_t n;

	*mbr = (struct im_mbr){ .sector_size = sector_size };
	if (dev->size < sizeof(sector))
		return IM_ABSENT;
	if (im_dev_read(dev, 0, sector, sizeof(sector), err) < 0)
		return -1;
	get_entries(sector, e);
	if (!has_signature(sector) || !plausible(e))
		return IM_ABSENT;
	mbr->disk_id = im_get32(sector + 440);
	mbr->entries_are_zero = im_is_zero(e, sizeof(e));
	if (read_primaries(mbr, e, err) < 0)
		return -1;
	n = mbr->parts.n;
	for (size_t i = 0; i < n; i++)
		if (mbr->parts.v[i].is_extended && read_chain(dev, mbr, mbr->parts.v[i], &number, err) < 0)
			return -1;
	return IM_FOUND;
}
