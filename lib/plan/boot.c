/* boot.c - for each piece of boot code: does it find what it starts, when partitions have moved? */
#include "plan/boot.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "base/intl.h"
#include "plan/inside.h"
#include "scan/boot.h"

#define HIDDEN 0x1c	/* of syslinux' first sector: le32, sectors before the volume */

/* Do partitions move, or what is in front of their files? */
static bool layout_changes(const struct im_plan_context *ctx)
{
	for (size_t i = 0; i < ctx->layout->units.n; i++)
		if (ctx->layout->units.v[i].new_start != ctx->layout->units.v[i].start)
			return true;
	return ctx->layout->reserves.n > 0;
}

int im_boot_doubt(struct im_plan_context *ctx, const struct im_boot_code *code, const char *where, uint64_t off, const char *why,
		  struct im_error *err)
{
	const char *title = _(code->title);
	char again[200];

	if (code->installer)
		im_say(again, sizeof(again), "install it anew afterwards (`%s`)", code->installer);
	else
		im_say(again, sizeof(again), "see afterwards whether the disk boots");
	if (ctx->options->allow_boot_code)
		return im_plan_note(ctx->plan, err, "%s in %s: %s; %s", title, where, _(why), again);
	return im_error_at(err, IM_EREFUSED, off, "the disk may not boot after this correction: %s in %s, and %s; allow it with"
			   " --allow=unknown-boot-code and %s", title, where, _(why), again);
}

/* extlinux' first sector records the volume's position where no file system would keep it true. */
static int relocate_extlinux(struct im_plan_context *ctx, const struct im_volume *v, uint64_t new_start, struct im_error *err)
{
	uint64_t ss = ctx->scan->sector_size;
	uint8_t sector[IM_BOOT_SECTOR];
	char reason[120];

	if (v->there < sizeof(sector) || im_dev_read(ctx->dev, v->start, sector, sizeof(sector), err) < 0)
		return v->there < sizeof(sector) ? 0 : -1;
	if (!im_boot_code_is_extlinux(sector, v->n_formats ? v->info[0].name : NULL) || im_get32(sector + HIDDEN) != v->start / ss)
		return 0;
	if (new_start / ss > UINT32_MAX)
		return im_error_at(err, IM_EREFUSED, v->start, "EXTLINUX in partition %d cannot record that it begins at byte %" PRIu64,
				   v->number, new_start);
	im_put32(sector + HIDDEN, (uint32_t)(new_start / ss));
	im_say(reason, sizeof(reason), "EXTLINUX: hidden sectors %" PRIu64 " → %" PRIu64, v->start / ss, new_start / ss);
	return im_map_literal(ctx, new_start, sector, sizeof(sector), reason, err);
}

/* Code in the first sector of a volume. It counts where the disk starts it. GRUB's, in a volume that stays, may name sectors of one
 * that moves. */
static int volume_code(struct im_plan_context *ctx, const struct im_volume *v, struct im_error *err)
{
	uint64_t new_start = im_layout_start(ctx->layout, v->start);
	bool counts = ctx->scan->boot.by_bios && (!v->number || v->number == ctx->scan->boot.active);
	const struct im_boot_code *code;
	char where[80];

	if (v->is_extended || im_boot_of_volume(ctx->dev, v, &code, err) < 0)
		return v->is_extended ? 0 : -1;
	if (v->number)
		im_say(where, sizeof(where), "partition %d", v->number);
	else
		im_say(where, sizeof(where), "the volume");
	if (code->way == IM_BOOT_GRUB)
		return im_boot_grub(ctx, code, where, v->start, new_start, err);
	if (new_start == v->start)
		return 0;
	if (relocate_extlinux(ctx, v, new_start, err) < 0)
		return -1;
	if (code->way == IM_BOOT_SECTORS && !counts)
		return im_plan_note(ctx->plan, err, "%s in %s knows sectors of the disk by number; if another boot loader starts it,"
				    " install it anew (`%s`)", _(code->title), where, code->installer);
	if (code->way == IM_BOOT_SECTORS)
		return im_boot_doubt(ctx, code, where, v->start, N_("it knows sectors of the disk by number"), err);
	if (code->way == IM_BOOT_UNKNOWN && counts)
		return im_boot_doubt(ctx, code, where, v->start, N_("it may know sectors of the disk by number"), err);
	return 0;
}

/* Code that knows no other way than cylinder, head and sector depends on the geometry that firmware takes the disk to have. */
static int chs_code(struct im_plan_context *ctx, struct im_error *err)
{
	const struct im_mbr *mbr = &ctx->scan->mbr;
	struct im_geometry geo = im_mbr_geometry(mbr);
	uint8_t sector[IM_BOOT_SECTOR];

	if (ctx->scan->table != IM_TABLE_DOS || im_dev_read(ctx->dev, 0, sector, sizeof(sector), err) < 0)
		return ctx->scan->table != IM_TABLE_DOS ? 0 : -1;
	if (!im_boot_code_reads_chs(sector) || (geo.heads && geo.ends_on_cylinder))
		return 0;
	if (geo.heads)
		return im_plan_note(ctx->plan, err, "the boot code in sector 0 reads by cylinder, head and sector: where firmware guesses the"
				    " disk's geometry from the ends of partitions, and not %u heads and %u sectors, it may look in the wrong"
				    " place", geo.heads, geo.sectors);
	for (size_t i = 0; i < mbr->parts.n; i++)
		if (mbr->parts.v[i].number == ctx->scan->boot.active && !im_chs_is_saturated(mbr->parts.v[i].chs_start) &&
		    im_layout_start(ctx->layout, mbr->parts.v[i].start) != mbr->parts.v[i].start)
			return im_boot_doubt(ctx, ctx->scan->boot.disk, _("sector 0"), 0, N_("it reads by cylinder, head and sector, and the table"
					     " implies no geometry by which the new place could be written down"), err);
	return 0;
}

static int disk_code(struct im_plan_context *ctx, struct im_error *err)
{
	const struct im_boot_code *code = ctx->scan->boot.disk;

	switch (code ? code->way : IM_BOOT_NOTHING) {
	case IM_BOOT_GRUB:
		return im_boot_grub(ctx, code, _("sector 0"), 0, 0, err);
	case IM_BOOT_SECTORS:
		return im_boot_doubt(ctx, code, _("sector 0"), 0, N_("it knows sectors of the disk by number"), err);
	case IM_BOOT_UNKNOWN:
		return im_boot_doubt(ctx, code, _("sector 0"), 0, N_("it may know sectors of the disk by number"), err);
	case IM_BOOT_TABLE:
		return im_plan_note(ctx->plan, err, "the boot code in sector 0 (%s) stays as it is: it finds its partition through the"
				    " table", _(code->title)) < 0 ? -1 : chs_code(ctx, err);
	case IM_BOOT_NOTHING:
		break;
	}
	return 0;
}

/* Clusters that leave a boot area may be GRUB's. */
static int grubs_only(struct im_plan_context *ctx, struct im_error *err)
{
	const struct im_boot_code *code = ctx->scan->boot.disk;

	if (code && code->way == IM_BOOT_GRUB && disk_code(ctx, err) < 0)
		return -1;
	for (size_t i = 0; i < ctx->scan->volumes.n; i++) {
		const struct im_volume *v = &ctx->scan->volumes.v[i];

		if (v->is_extended)
			continue;
		if (im_boot_of_volume(ctx->dev, v, &code, err) < 0 || (code->way == IM_BOOT_GRUB && volume_code(ctx, v, err) < 0))
			return -1;
	}
	return 0;
}

static int all_code(struct im_plan_context *ctx, struct im_error *err)
{
	if (disk_code(ctx, err) < 0)
		return -1;
	for (size_t i = 0; i < ctx->scan->volumes.n; i++)
		if (volume_code(ctx, &ctx->scan->volumes.v[i], err) < 0)
			return -1;
	if (!ctx->scan->boot.esp)
		return 0;
	return im_plan_note(ctx->plan, err, "UEFI finds the EFI system partition through the table; an entry in the firmware's own"
			    " memory that names its old place is made anew by the system, or with `efibootmgr`");
}

int im_map_boot(struct im_plan_context *ctx, struct im_error *err)
{
	const struct im_boot *b = &ctx->scan->boot;
	char text[240];

	if (!layout_changes(ctx))
		return im_insides_moved(ctx->insides) ? grubs_only(ctx, err) : 0;
	im_boot_text(ctx->scan, text, sizeof(text));
	if ((b->by_bios || b->esp) && im_plan_note(ctx->plan, err, "the disk boots %s", text) < 0)
		return -1;
	if (!ctx->layout->add_table)
		return all_code(ctx, err);
	return !b->by_bios ? 0 : im_plan_note(ctx->plan, err, "sector 0 of the new table has no boot code: a BIOS does not start the volume any"
					      " more");
}
