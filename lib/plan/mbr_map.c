/* mbr_map.c - the DOS table of the corrected disk: our own writer, entry by entry.
 *
 * Boot code, disk identifier, types, active flags and the order of entries stay as they are. Inside an
 * extended partition that moves as a whole every relative position stays true; only the CHS fields of its
 * entries count from the start of the disk.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "plan/plan.h"

static int read_sector(struct im_plan_context *ctx, uint64_t off, uint8_t sector[512], struct im_error *err)
{
	return im_dev_read(ctx->dev, off, sector, 512, err);
}

/* The primary entries of units that moved. */
static int primaries(struct im_plan_context *ctx, const struct im_geometry *geo, struct im_error *err)
{
	const struct im_mbr *mbr = &ctx->scan->mbr;
	uint8_t sector[512];

	if (read_sector(ctx, 0, sector, err) < 0)
		return -1;
	for (size_t i = 0; i < mbr->parts.n; i++) {
		const struct im_mbr_part *p = &mbr->parts.v[i];
		uint64_t start = im_layout_moved(ctx->layout, p->start);

		if (p->is_logical || start == p->start)
			continue;
		if (im_mbr_put_entry(sector, p->slot, start, p->size, 0, mbr->sector_size, geo, err) < 0)
			return -1;
	}
	return im_map_literal(ctx, 0, sector, sizeof(sector), "partition table: new positions", err);
}

/* Did this entry's CHS fields tell the truth in the table's geometry? Then they must go on doing so. */
static bool chs_is_true(const struct im_mbr_part *p, const struct im_geometry *geo, uint32_t ss)
{
	struct im_chs first = im_chs_of(p->start / ss, geo), last = im_chs_of((p->start + p->size) / ss - 1, geo);

	return geo->heads && memcmp(&first, &p->chs_start, 3) == 0 && memcmp(&last, &p->chs_end, 3) == 0;
}

/* The entries of one EBR whose disk position changed. */
static int one_ebr(struct im_plan_context *ctx, const struct im_ebr *ebr, const struct im_geometry *geo,
		   struct im_error *err)
{
	const struct im_mbr *mbr = &ctx->scan->mbr;
	uint64_t moved = im_layout_moved(ctx->layout, ebr->off);
	uint8_t sector[512];

	if (moved == ebr->off)
		return 0;
	if (read_sector(ctx, ebr->off, sector, err) < 0)
		return -1;
	for (size_t i = 0; i < mbr->parts.n; i++) {
		const struct im_mbr_part *p = &mbr->parts.v[i];

		if (!p->is_logical || p->table_off != ebr->off || !chs_is_true(p, geo, mbr->sector_size))
			continue;
		if (im_mbr_put_entry(sector, p->slot, im_layout_moved(ctx->layout, p->start), p->size,
				     im_layout_moved(ctx->layout, p->base), mbr->sector_size, geo, err) < 0)
			return -1;
	}
	return im_map_literal(ctx, moved, sector, sizeof(sector), "extended boot record: CHS fields", err);
}

int im_map_mbr(struct im_plan_context *ctx, struct im_error *err)
{
	struct im_geometry geo = im_mbr_geometry(&ctx->scan->mbr);

	for (size_t i = ctx->scan->mbr.ebrs.n; i-- > 0;)
		if (one_ebr(ctx, &ctx->scan->mbr.ebrs.v[i], &geo, err) < 0)
			return -1;
	return primaries(ctx, &geo, err);
}
