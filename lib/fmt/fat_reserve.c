/* fat_reserve.c - the boot sector of a FAT volume that gets more reserved sectors.
 *
 * The area before the first FAT grows by whole sectors, and the volume by as many. The number of clusters,
 * on which the kind of FAT depends, stays; the result is decoded again to make sure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/fat.h"
#include "fmt/fs_util.h"

#define USUAL_BACKUP 6u		/* sector; "no value other than 6 is recommended" */

/* What the parameter block is to say. */
struct counts {
	uint32_t reserved;
	uint32_t backup;	/* sector of FAT32's backup boot sector; 0: has none */
	uint64_t total;		/* sectors */
	bool has_hidden;
	uint32_t hidden;
};

/* Set the count of sectors in the field where it stands, or in the one of 32 bits where that overflows. */
static int put_total(struct im_bpb *bpb, const struct im_fat_geometry *g, uint64_t total, struct im_error *err)
{
	bool in16 = im_le16(bpb->total16), in32 = !in16 && im_le32(bpb->total32);

	if (!in16 && !in32) {
		im_put64((uint8_t *)bpb + 0x52, total);
		return 0;
	}
	if (in16 && total <= UINT16_MAX) {
		if (im_le32(bpb->total32) == im_le16(bpb->total16))
			im_put32(bpb->total32.b, (uint32_t)total);
		im_put16(bpb->total16.b, (uint16_t)total);
		return 0;
	}
	/* before DOS 3.31 there was code where the 32 bits are now */
	if (total > UINT32_MAX || (in16 && g->kind != IM_FAT32 && !g->has_extended))
		return im_error_set(err, IM_EREFUSED, "the boot sector of the FAT volume has no field that can count %" PRIu64
				    " sectors", total);
	im_put16(bpb->total16.b, 0);
	im_put32(bpb->total32.b, (uint32_t)total);
	return 0;
}

/* Set the counts in one boot sector. */
static int put_counts(uint8_t *sector, const struct im_fat_geometry *g, const struct counts *c, struct im_error *err)
{
	struct im_bpb *bpb = (struct im_bpb *)sector;

	im_put16(bpb->reserved.b, (uint16_t)c->reserved);
	if (c->has_hidden)
		bpb->hidden = im_to_le32(c->hidden);
	if (c->backup)
		im_put16(sector + 0x32, (uint16_t)c->backup);
	return put_total(bpb, g, c->total, err);
}

/* Is the new parameter block the old volume with a longer reserved area, and nothing else? */
static bool is_same_volume(const uint8_t *sector, const struct im_fat_geometry *old, uint64_t longer)
{
	struct im_fat_geometry g;

	return im_fat_decode((const struct im_bpb *)sector, &g) && g.kind == old->kind && g.clusters == old->clusters &&
		g.cluster == old->cluster && g.reserved == old->reserved + longer && g.fat == old->fat + longer &&
		g.fat_size == old->fat_size && g.root == old->root + longer && g.data == old->data + longer &&
		g.size == old->size + longer;
}

static int add_edit(struct im_fs_edits *edits, uint64_t off, const uint8_t *sector, const struct im_fat_geometry *g,
		    const struct counts *c, uint32_t old_hidden, const char *what, struct im_error *err)
{
	char reason[sizeof(((struct im_fs_edit *)NULL)->reason)];
	size_t n = im_say(reason, sizeof(reason), "%s: reserved sectors %" PRIu32 " → %" PRIu32 ", all sectors %" PRIu64
			  " → %" PRIu64, what, g->reserved / g->sector, c->reserved, g->size / g->sector, c->total);

	if (c->has_hidden && c->hidden != old_hidden)
		im_say(reason + n, sizeof(reason) - n, ", hidden sectors %" PRIu32 " → %" PRIu32, old_hidden, c->hidden);
	return im_fs_edits_add(edits, off, sector, g->sector, reason, err);
}

/* Where the backup of FAT32 will be: where the boot sector says, if that is in the reserved area. One that had no
 * room for a backup gets it, as fsck.fat wants it as soon as there is room. */
static uint32_t place_of_backup(const uint8_t *primary, const struct im_fat_geometry *g, uint32_t reserved)
{
	uint32_t number = im_get16(primary + 0x32);

	if (g->kind != IM_FAT32)
		return 0;
	if (!number && g->reserved / g->sector <= USUAL_BACKUP && im_get16(primary + 0x30) != USUAL_BACKUP)
		number = USUAL_BACKUP;
	return number < reserved ? number : 0;
}

/* The backup of FAT32. One that is new, or that lay in a FAT so far, where it cannot have been, is made from the
 * primary, and so is one that is no copy. */
static int add_backup(struct im_dev *vol, const struct im_fs_info *info, const uint8_t *primary,
		      const struct im_fat_geometry *g, const struct counts *c, struct im_fs_edits *edits,
		      struct im_error *err)
{
	uint64_t off = (uint64_t)c->backup * g->sector;
	uint8_t sector[IM_BPB_MAX_SECTOR];
	bool is_copy = info->has_backup && !info->backup_stale;
	int got = 1;

	if (!c->backup)
		return 0;
	if (is_copy)
		got = im_fs_peek(vol, off, sector, g->sector, err);
	else
		memcpy(sector, primary, g->sector);
	if (got <= 0)
		return got < 0 ? -1 : im_error_at(err, IM_EFORMAT, off, "the volume ends before its backup boot sector");
	if (put_counts(sector, g, c, err) < 0)
		return -1;
	return add_edit(edits, off, sector, g, c, im_get32(primary + 0x1c),
			is_copy ? _("FAT32 backup boot sector") : _("FAT32 backup boot sector, from the primary"), err);
}

int im_fat_reserve(struct im_dev *vol, const struct im_fs_info *info, uint32_t sectors, uint64_t hidden,
		   struct im_fs_edits *edits, struct im_error *err)
{
	uint8_t primary[IM_BPB_MAX_SECTOR] = { 0 }, sector[IM_BPB_MAX_SECTOR];
	struct im_fat_geometry g;
	struct counts c = { .has_hidden = info->has_hidden, .hidden = (uint32_t)hidden };
	int got = im_fs_peek(vol, 0, primary, IM_BPB_SIZE, err);

	if (got < 0)
		return -1;
	if (!got || !im_fat_decode((const struct im_bpb *)primary, &g) || im_fs_peek(vol, 0, primary, g.sector, err) <= 0)
		return im_error_set(err, IM_EFORMAT, "the boot sector of the FAT volume cannot be read any more");
	if (info->has_hidden && hidden > UINT32_MAX)
		return im_error_set(err, IM_EREFUSED, "FAT cannot record %" PRIu64 " hidden sectors: its field has 32 bits",
				    hidden);
	c.reserved = g.reserved / g.sector + sectors;
	c.total = g.size / g.sector + sectors;
	if (sectors > UINT16_MAX || c.reserved > UINT16_MAX)
		return im_error_set(err, IM_EREFUSED, "FAT cannot count %" PRIu32 " reserved sectors: its field has 16 bits",
				    c.reserved);
	c.backup = place_of_backup(primary, &g, c.reserved);
	memcpy(sector, primary, g.sector);
	if (put_counts(sector, &g, &c, err) < 0)
		return -1;
	if (!is_same_volume(sector, &g, (uint64_t)sectors * g.sector))
		return im_error_set(err, IM_EREFUSED, "with %" PRIu32 " reserved sectors the boot sector would describe"
				    " another FAT volume", c.reserved);
	if (add_backup(vol, info, primary, &g, &c, edits, err) < 0)
		return -1;
	return add_edit(edits, 0, sector, &g, &c, im_get32(primary + 0x1c),
			g.kind == IM_FAT32 ? _("FAT32 boot sector") : _("FAT boot sector"), err);
}
