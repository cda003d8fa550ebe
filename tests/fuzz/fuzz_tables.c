/* fuzz_tables.c - the readers of partition tables, labels and containers, and what rewrites their entries.
 *
 * Oracle: no read fails; what was read is in range; writing an entry or a header back as it was changes nothing.
 */
#include <string.h>

#include "base/bytes.h"
#include "fmt/fs_types.h"
#include "fmt/gpt.h"
#include "fmt/label.h"
#include "fmt/mbr.h"
#include "fmt/vdisk.h"
#include "fuzz.h"

#define SIZE_MAX_BYTES (8ull << 30)

/* An entry written back with its own numbers must keep them, and everything that is not start, size or CHS. */
static void rewrite_mbr(struct im_dev *dev, const struct im_mbr *mbr, const struct im_mbr_part *p)
{
	struct im_geometry geo = im_mbr_geometry(mbr);
	uint8_t old[512], new[512];
	size_t at = IM_MBR_TABLE + (size_t)p->slot * IM_MBR_ENTRY;
	struct im_error err = { 0 };

	FUZZ_CHECK(p->slot >= 0 && p->slot < 4, "slot %d", p->slot);
	FUZZ_CHECK(im_dev_read(dev, p->table_off, old, 512, &err) == 0, "%s", err.message);
	memcpy(new, old, 512);
	FUZZ_CHECK(im_mbr_put_entry(new, p->slot, p->start, p->size, p->base, mbr->sector_size, &geo, &err) == 0, "%s",
		   err.message);
	FUZZ_CHECK(memcmp(old + at + 8, new + at + 8, 8) == 0, "start or count of entry %d", p->number);
	FUZZ_CHECK(old[at] == new[at] && old[at + 4] == new[at + 4], "status or type of entry %d", p->number);
	memcpy(new + at, old + at, 16);
	FUZZ_CHECK(memcmp(old, new, 512) == 0, "something outside entry %d", p->number);
}

static void look_at_mbr(struct im_dev *dev, uint32_t ss)
{
	struct im_error err = { 0 };
	struct im_mbr mbr;
	int state = im_mbr_read(dev, ss, &mbr, &err);

	FUZZ_CHECK(state >= 0, "%s", err.message);
	for (size_t i = 0; state == IM_FOUND && i < mbr.parts.n; i++) {
		const struct im_mbr_part *p = &mbr.parts.v[i];
		uint64_t end;

		FUZZ_CHECK(im_add(p->start, p->size, &end), "partition %d overflows", p->number);
		FUZZ_CHECK(p->number > 0 && p->is_logical == (p->number > 4), "number %d", p->number);
		FUZZ_CHECK(p->table_off <= dev->size - 512, "table of %d", p->number);
		rewrite_mbr(dev, &mbr, p);
	}
	for (size_t i = 0; i < mbr.ebrs.n; i++)
		FUZZ_CHECK(mbr.ebrs.v[i].off <= dev->size - 512, "EBR %zu", i);
	im_mbr_free(&mbr);
}

static void rewrite_gpt(const struct im_gpt *gpt, const struct im_gpt_copy *c)
{
	struct im_gpt_place place = { c->my_lba, c->other_lba, c->array_lba, c->last_usable, 0 };
	size_t len = (size_t)c->n_entries * c->entry_size;
	uint8_t sector[4096] = { 0 }, *array = malloc(len);

	if (!array)
		abort();
	im_gpt_put_header(sector, c, &place, c->array);
	FUZZ_CHECK(memcmp(sector, c->header, c->header_size) == 0, "the header at %llu", (unsigned long long)c->off);
	memcpy(array, c->array, len);
	for (size_t i = 0; c == im_gpt_in_use(gpt) && i < gpt->parts.n; i++) {
		const struct im_gpt_part *p = &gpt->parts.v[i];

		if (p->size && p->start < UINT64_MAX / 2 && p->size < UINT64_MAX / 4)
			im_gpt_put_entry(array, c, p->number, p->start, p->size, gpt->sector_size);
	}
	FUZZ_CHECK(memcmp(array, c->array, len) == 0, "the entries of the header at %llu", (unsigned long long)c->off);
	free(array);
}

static void look_at_gpt(struct im_dev *dev, uint32_t ss)
{
	struct im_error err = { 0 };
	struct im_gpt gpt;
	int state = im_gpt_read(dev, ss, &gpt, &err);

	FUZZ_CHECK(state >= 0, "%s", err.message);
	for (int i = 0; i < 2; i++) {
		const struct im_gpt_copy *c = i ? &gpt.backup : &gpt.primary;

		FUZZ_CHECK(c->state == IM_FOUND || state != IM_FOUND || c != im_gpt_in_use(&gpt), "the copy in use is none");
		FUZZ_CHECK(c->state != IM_DAMAGED || c->why[0], "no reason");
		if (c->state != IM_FOUND)
			continue;
		FUZZ_CHECK(c->array_lba * ss + (uint64_t)c->n_entries * c->entry_size <= dev->size, "the array's end");
		FUZZ_CHECK(im_gpt_array_size(c, ss) % ss == 0, "the array's size");
		rewrite_gpt(&gpt, c);
	}
	for (size_t i = 0; i < gpt.parts.n; i++) {
		uint64_t end;

		FUZZ_CHECK(im_add(gpt.parts.v[i].start, gpt.parts.v[i].size, &end), "partition %d", gpt.parts.v[i].number);
		FUZZ_CHECK(memchr(gpt.parts.v[i].name, 0, sizeof(gpt.parts.v[i].name)), "a name without an end");
	}
	im_gpt_free(&gpt);
}

FUZZ_TARGET(tables)
{
	static const char *const formats[] = { "qcow2", "vpc", "vhdx", "vmdk", "vdi" };
	struct im_error err = { 0 };
	struct fuzz_head head;
	struct im_dev *dev[2];
	const char *name;

	if (!fuzz_devices(data, size, SIZE_MAX_BYTES, false, &head, dev))
		return 0;
	if (head.flags & FUZZ_SEAL)
		fuzz_seal_gpt(dev[0]);
	for (uint32_t ss = 512; ss <= 4096; ss *= 8) {
		look_at_mbr(dev[0], ss);
		look_at_gpt(dev[0], ss);
	}
	im_label_name(dev[0], &err);
	name = im_container_name(dev[0], &err);
	if (name)
		im_container_title(name);
	im_container_is_fixed_vhd(dev[0], &err);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct im_vdisk_allowed allowed = { .write = head.flags & 1, .backing_file = head.flags & 2, .data_file = head.flags & 4 };
		struct im_error why = { 0 };

		FUZZ_CHECK(im_vdisk_check(dev[0], formats[i], &allowed, &why) == 0 || why.code == IM_EREFUSED || why.code == IM_EFORMAT, "%s",
			   why.message);
	}
	im_ldm_has_privhead(dev[0], &err);
	FUZZ_CHECK(!err.code, "%s", err.message);
	im_dev_close(dev[0]);
	return 0;
}
