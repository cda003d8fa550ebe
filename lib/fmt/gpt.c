/* gpt.c - reading both copies of a GUID partition table. */
#include "fmt/gpt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "fmt/fs_util.h"

struct header {
	char signature[8];		/* 0 "EFI PART" */
	le32 revision;			/* 8 */
	le32 header_size;		/* 12 */
	le32 header_crc;		/* 16 */
	le32 reserved;			/* 20 */
	le64 my_lba, other_lba;		/* 24, 32 */
	le64 first_usable, last_usable;	/* 40, 48 */
	uint8_t disk_guid[16];		/* 56 */
	le64 array_lba;			/* 72 */
	le32 n_entries, entry_size;	/* 80, 84 */
	le32 array_crc;			/* 88 */
};

struct entry {
	uint8_t type[16], guid[16];	/* 0, 16 */
	le64 first, last;		/* 32, 40 */
	le64 attributes;		/* 48 */
	uint8_t name[72];		/* 56: UTF-16LE */
};

_Static_assert(sizeof(struct header) == 92, "GPT header layout");
_Static_assert(sizeof(struct entry) == 128, "GPT entry layout");

static int damaged(struct im_gpt_copy *c, const char *why)
{
	c->state = IM_DAMAGED;
	snprintf(c->why, sizeof(c->why), "%s", why);
	return 0;
}

static void decode_header(struct im_gpt_copy *c)
{
	const struct header *h = (const struct header *)c->header;

	c->header_size = im_le32(h->header_size);
	c->my_lba = im_le64(h->my_lba);
	c->other_lba = im_le64(h->other_lba);
	c->first_usable = im_le64(h->first_usable);
	c->last_usable = im_le64(h->last_usable);
	c->array_lba = im_le64(h->array_lba);
	c->n_entries = im_le32(h->n_entries);
	c->entry_size = im_le32(h->entry_size);
}

static uint32_t header_crc(const struct im_gpt_copy *c)
{
	uint8_t copy[512];

	memcpy(copy, c->header, sizeof(copy));
	memset(copy + __builtin_offsetof(struct header, header_crc), 0, 4);
	return im_crc32(0, copy, c->header_size);
}

static int read_array(struct im_dev *dev, uint32_t ss, struct im_gpt_copy *c, struct im_error *err)
{
	const struct header *h = (const struct header *)c->header;
	uint64_t off, len = (uint64_t)c->n_entries * c->entry_size, end;

	if (c->entry_size < sizeof(struct entry) || c->entry_size % 8 || c->entry_size > 4096 || !c->n_entries ||
	    len > IM_GPT_ARRAY_MAX)
		return damaged(c, _("its entry count or entry size makes no sense"));
	if (!im_mul(c->array_lba, ss, &off) || !im_add(off, len, &end) || end > dev->size)
		return damaged(c, _("its entry array lies outside the image"));
	c->array = malloc(len);
	if (!c->array)
		return im_error_nomem(err);
	if (im_dev_read(dev, off, c->array, len, err) < 0)
		return -1;
	if (im_crc32(0, c->array, len) != im_le32(h->array_crc))
		return damaged(c, _("its entry array fails its checksum"));
	c->state = IM_FOUND;
	return 0;
}

/* Read the copy at lba into *c, which holds nothing or an earlier attempt. is_whole: its header is valid,
 * whatever its array is. */
static int read_copy(struct im_dev *dev, uint32_t ss, uint64_t lba, struct im_gpt_copy *c, bool *is_whole,
		     struct im_error *err)
{
	const struct header *h = (const struct header *)c->header;

	free(c->array);
	*c = (struct im_gpt_copy){ .state = IM_ABSENT };
	*is_whole = false;
	if (!im_mul(lba, ss, &c->off) || c->off > dev->size || dev->size - c->off < sizeof(c->header))
		return damaged(c, _("it is expected outside the image"));
	if (im_dev_read(dev, c->off, c->header, sizeof(c->header), err) < 0)
		return -1;
	if (memcmp(h->signature, "EFI PART", 8) != 0) {
		im_say(c->why, sizeof(c->why), "no GPT header is there");
		return 0;
	}
	decode_header(c);
	if (c->header_size < sizeof(*h) || c->header_size > sizeof(c->header))
		return damaged(c, _("its header size makes no sense"));
	if (header_crc(c) != im_le32(h->header_crc))
		return damaged(c, _("its header fails its checksum"));
	if (c->my_lba != lba)
		return damaged(c, _("its header says that it belongs elsewhere"));
	*is_whole = true;
	return read_array(dev, ss, c, err);
}

const struct im_gpt_copy *im_gpt_in_use(const struct im_gpt *gpt)
{
	return gpt->primary.state == IM_FOUND ? &gpt->primary : &gpt->backup;
}

uint64_t im_gpt_array_size(const struct im_gpt_copy *c, uint32_t ss)
{
	uint64_t len = (uint64_t)c->n_entries * c->entry_size;

	return (len + ss - 1) / ss * ss;
}

static int decode_parts(struct im_gpt *gpt, struct im_error *err)
{
	const struct im_gpt_copy *c = im_gpt_in_use(gpt);

	im_fs_guid(gpt->disk_guid, ((const struct header *)c->header)->disk_guid);
	for (uint32_t i = 0; i < c->n_entries; i++) {
		const struct entry *e = (const struct entry *)(c->array + (size_t)i * c->entry_size);
		uint64_t first = im_le64(e->first), last = im_le64(e->last);
		struct im_gpt_part *p;

		if (im_is_zero(e->type, sizeof(e->type)))
			continue;
		p = im_vec_push(&gpt->parts, err);
		if (!p)
			return -1;
		p->number = (int)i + 1;
		/* what does not fit 64 bits of bytes is clipped; the scan says that it passes the end */
		if (!im_mul(first, gpt->sector_size, &p->start))
			p->start = UINT64_MAX / 2;
		if (last < first)
			p->size = 0;
		else if (last - first == UINT64_MAX || !im_mul(last - first + 1, gpt->sector_size, &p->size))
			p->size = UINT64_MAX / 4;
		p->size = im_min(p->size, UINT64_MAX / 4);
		p->start = im_min(p->start, UINT64_MAX / 2);
		im_fs_guid(p->type, e->type);
		im_fs_guid(p->guid, e->guid);
		im_fs_label_utf16le(p->name, sizeof(p->name), e->name, sizeof(e->name) / 2);
		p->attributes = im_le64(e->attributes);
	}
	return 0;
}

static bool differ(const struct im_gpt *gpt)
{
	const struct im_gpt_copy *a = &gpt->primary, *b = &gpt->backup;
	const struct header *x = (const struct header *)a->header, *y = (const struct header *)b->header;

	return a->n_entries != b->n_entries || a->entry_size != b->entry_size ||
	       a->first_usable != b->first_usable || a->last_usable != b->last_usable ||
	       memcmp(x->disk_guid, y->disk_guid, 16) != 0 ||
	       memcmp(a->array, b->array, (size_t)a->n_entries * a->entry_size) != 0;
}

/* The backup: where the primary's header says, if it is valid; in the last sector, if the primary does not count
 * and there is no valid copy at that place. */
static int read_backup(struct im_dev *dev, struct im_gpt *gpt, bool primary_is_whole, struct im_error *err)
{
	uint64_t last = dev->size / gpt->sector_size - 1, there = primary_is_whole ? gpt->primary.other_lba : last;
	bool is_whole;

	if (there > 1 && read_copy(dev, gpt->sector_size, there, &gpt->backup, &is_whole, err) < 0)
		return -1;
	if (gpt->primary.state == IM_FOUND || gpt->backup.state == IM_FOUND || there == last || last <= 1)
		return 0;
	return read_copy(dev, gpt->sector_size, last, &gpt->backup, &is_whole, err);
}

int im_gpt_read(struct im_dev *dev, uint32_t ss, struct im_gpt *gpt, struct im_error *err)
{
	bool is_whole;

	*gpt = (struct im_gpt){ .sector_size = ss };
	if (dev->size < 2 * (uint64_t)ss)
		return IM_ABSENT;
	if (read_copy(dev, ss, 1, &gpt->primary, &is_whole, err) < 0 || read_backup(dev, gpt, is_whole, err) < 0)
		return -1;
	if (gpt->primary.state == IM_FOUND || gpt->backup.state == IM_FOUND) {
		gpt->copies_differ = gpt->primary.state == IM_FOUND && gpt->backup.state == IM_FOUND && differ(gpt);
		return decode_parts(gpt, err) < 0 ? -1 : IM_FOUND;
	}
	return gpt->primary.state == IM_DAMAGED || gpt->backup.state == IM_DAMAGED ? IM_DAMAGED : IM_ABSENT;
}

void im_gpt_free(struct im_gpt *gpt)
{
	free(gpt->primary.array);
	free(gpt->backup.array);
	im_vec_free(&gpt->parts);
}
