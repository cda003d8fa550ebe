/* boot.c - for each piece of boot code: does it find what it starts, when partitions have moved? */
#include "plan/boot.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/intl.h"
#include "plan/inside.h"
#include "scan/boot.h"

#define HIDDEN 0x1c	/* of syslinux' first sector: le32, sectors before the volume */

int im_boot_doubt(struct im_plan_context *ctx, const struct im_boot_stage *stage, const char *why, struct im_error *err)
{
	const char *title = _(stage->code->title);
	char again[200];

	if (stage->code->installer)
		im_say(again, sizeof(again), "install it anew afterwards (`%s`)", stage->code->installer);
	else
		im_say(again, sizeof(again), "see afterwards whether the disk boots");
	if (!stage->counts)
		return im_plan_note(ctx->plan, err, "%s in %s, which the disk does not start by itself: %s; if another boot loader"
				    " does, %s", title, stage->where, _(why), again);
	if (ctx->options->allow_boot_code)
		return im_plan_note(ctx->plan, err, "%s in %s: %s; %s", title, stage->where, _(why), again);
	return im_error_at(err, IM_EREFUSED, stage->at, "the disk may not boot after this correction: %s in %s, and %s; allow it with"
			   " --allow=unknown-boot-code and %s", title, stage->where, _(why), again);
}

/* ---- the first stages ---- */

static int add_volume(struct im_plan_context *ctx, const struct im_volume *v, im_boot_stages *stages, struct im_error *err)
{
	const struct im_boot *b = &ctx->scan->boot;
	struct im_boot_stage *s = im_vec_push(stages, err);

	if (!s)
		return -1;
	*s = (struct im_boot_stage){
		.at = v->start, .new_at = im_layout_start(ctx->layout, v->start),
		.counts = b->by_bios && (!v->number || v->number == b->active || (b->disk && b->disk->traits & IM_BOOT_MENU)),
	};
	if (v->number)
		im_say(s->where, sizeof(s->where), "partition %d", v->number);
	else
		im_say(s->where, sizeof(s->where), "the volume");
	return im_boot_of_volume(ctx->dev, v, &s->code, err);
}

int im_boot_stages_of(struct im_plan_context *ctx, im_boot_stages *stages, struct im_error *err)
{
	struct im_boot_stage *s;

	if (ctx->scan->boot.disk) {
		s = im_vec_push(stages, err);
		if (!s)
			return -1;
		*s = (struct im_boot_stage){ .code = ctx->scan->boot.disk, .is_disk = true, .counts = true };
		snprintf(s->where, sizeof(s->where), "%s", _("sector 0"));
	}
	for (size_t i = 0; i < ctx->scan->volumes.n; i++)
		if (!ctx->scan->volumes.v[i].is_extended && add_volume(ctx, &ctx->scan->volumes.v[i], stages, err) < 0)
			return -1;
	return 0;
}

/* ---- what moves with its volume ---- */

/* extlinux' first sector records the volume's position where no file system would keep it true. */
static int relocate_extlinux(struct im_plan_context *ctx, const struct im_volume *v, struct im_error *err)
{
	uint64_t new_start = im_layout_start(ctx->layout, v->start), ss = ctx->scan->sector_size;
	uint8_t sector[IM_BOOT_SECTOR], hidden[4];
	char reason[120];

	if (new_start == v->start)
		return 0;
	if (v->there < sizeof(sector) || im_dev_read(ctx->dev, v->start, sector, sizeof(sector), err) < 0)
		return v->there < sizeof(sector) ? 0 : -1;
	if (!im_boot_code_is_extlinux(sector, v->n_formats ? v->info[0].name : NULL) || im_get32(sector + HIDDEN) != v->start / ss)
		return 0;
	if (new_start / ss > UINT32_MAX)
		return im_error_at(err, IM_EREFUSED, v->start, "EXTLINUX in partition %d cannot record that it begins at byte %" PRIu64,
				   v->number, new_start);
	im_put32(hidden, (uint32_t)(new_start / ss));
	im_say(reason, sizeof(reason), "EXTLINUX: hidden sectors %" PRIu64 " → %" PRIu64, v->start / ss, new_start / ss);
	return im_map_patch(ctx, new_start + HIDDEN, hidden, sizeof(hidden), reason, err);
}

/* Code that knows no other way than cylinder, head and sector depends on the geometry that firmware takes the disk to have. */
static int chs_code(struct im_plan_context *ctx, const struct im_boot_stage *stage, struct im_error *err)
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
			return im_boot_doubt(ctx, stage, N_("it reads by cylinder, head and sector, and the table"
					     " implies no geometry by which the new place could be written down"), err);
	return 0;
}

/* Code that moves, or whose partition does: sector 0 and the first sectors of volumes, but for GRUB 2's. */
static int moved_code(struct im_plan_context *ctx, const struct im_boot_stage *stage, struct im_error *err)
{
	if (!stage->is_disk && stage->at == stage->new_at)
		return 0;
	switch (stage->code->way) {
	case IM_BOOT_SECTORS:
		return im_boot_doubt(ctx, stage, N_("it knows sectors of the disk by number"), err);
	case IM_BOOT_UNKNOWN:
		return stage->counts ? im_boot_doubt(ctx, stage, N_("it may know sectors of the disk by number"), err) : 0;
	case IM_BOOT_TABLE:
		if (!stage->is_disk)
			return 0;
		return im_plan_note(ctx->plan, err, "the boot code in sector 0 (%s) stays as it is: it finds its partition through the"
				    " table", _(stage->code->title)) < 0 ? -1 : chs_code(ctx, stage, err);
	case IM_BOOT_GRUB:
	case IM_BOOT_NOTHING:
		break;
	}
	return 0;
}

static int all_code(struct im_plan_context *ctx, const im_boot_stages *stages, struct im_error *err)
{
	for (size_t i = 0; i < stages->n; i++)
		if (moved_code(ctx, &stages->v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < ctx->scan->volumes.n; i++)
		if (!ctx->scan->volumes.v[i].is_extended && relocate_extlinux(ctx, &ctx->scan->volumes.v[i], err) < 0)
			return -1;
	if (!ctx->scan->boot.esp)
		return 0;
	return im_plan_note(ctx->plan, err, "UEFI finds the EFI system partition through the table; an entry in the firmware's own"
			    " memory that names its old place is made anew by the system, or with `efibootmgr`");
}

/* ---- what moves inside its volume ---- */

/* Clusters that leave a boot area: code that knows files of its volume by sector number may lose some. */
static int inside_code(struct im_plan_context *ctx, const im_boot_stages *stages, struct im_error *err)
{
	for (size_t i = 0; ctx->insides && i < ctx->insides->list.n; i++)
		for (size_t k = 0; k < stages->n; k++) {
			const struct im_boot_stage *s = &stages->v[k];

			if (s->at != ctx->scan->volumes.v[ctx->insides->list.v[i].volume].start || !(s->code->traits & IM_BOOT_FILES))
				continue;
			if (im_boot_doubt(ctx, s, N_("it knows files of its volume by sector number, and clusters move inside it"), err) < 0)
				return -1;
		}
	return 0;
}

static int lay(struct im_plan_context *ctx, const im_boot_stages *stages, struct im_error *err)
{
	const struct im_boot *b = &ctx->scan->boot;
	char text[240];

	if (im_layout_moves(ctx->layout) || ctx->layout->reserves.n) {
		im_boot_text(ctx->scan, text, sizeof(text));
		if ((b->by_bios || b->esp) && im_plan_note(ctx->plan, err, "the disk boots %s", text) < 0)
			return -1;
		if (ctx->layout->add_table)
			return !b->by_bios ? 0 : im_plan_note(ctx->plan, err, "sector 0 of the new table has no boot code: a BIOS does not"
							      " start the volume any more");
		if (all_code(ctx, stages, err) < 0)
			return -1;
	}
	if (im_insides_moved(ctx->insides) && inside_code(ctx, stages, err) < 0)
		return -1;
	return im_boot_grubs(ctx, stages, err);
}

int im_map_boot(struct im_plan_context *ctx, struct im_error *err)
{
	im_boot_stages stages = { 0 };
	int rc;

	if (im_map_is_identity(ctx->map))
		return 0;
	rc = im_boot_stages_of(ctx, &stages, err);
	if (rc == 0)
		rc = lay(ctx, &stages, err);
	im_vec_free(&stages);
	return rc;
}
