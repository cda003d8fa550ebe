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
		uint64_t start = im_layout_start(ctx->layout, p->start);
		uint64_t size = im_layout_size(ctx->layout, p->start, p->size);

		if (p->is_logical || (start == p->start && size == p->size))
			continue;
		if (im_mbr_put_entry(sector, p->slot, start, size, 0, mbr->sector_size, geo, err) < 0)
			return -1;
	}
	return im_map_literal(ctx, 0, sector, sizeof(sector), _("partition table: new positions"), err);
}

/* Did this entry's CHS fields tell the truth in the table's geometry? Then they must go on doing so. */
static bool chs_is_true(const struct im_mbr_part *p, const struct im_geometry *geo, uint32_t ss)
{
	struct im_chs first = im_chs_of(p->start / ss, geo), last = im_chs_of((p->start + p->size) / ss - 1, geo);

	return geo->heads && memcmp(&first, &p->chs_start, 3) == 0 && memcmp(&last, &p->chs_end, 3) == 0;
}

/* An entry of a logical partition: where it comes to lie, and CHS fields that go on being true. A position that
 * differs from its EBR's is written in any case, with saturated CHS fields where they were not true. */
static int put_logical(struct im_plan_context *ctx, uint8_t sector[512], const struct im_mbr_part *p,
		       const struct im_geometry *geo, struct im_error *err)
{
	static const struct im_geometry none = { 0 };
	const struct im_layout *l = ctx->layout;
	uint32_t ss = ctx->scan->mbr.sector_size;
	bool is_true = chs_is_true(p, geo, ss);

	if (!is_true && !im_layout_reserve(l, p->start))
		return 0;
	return im_mbr_put_entry(sector, p->slot, im_layout_start(l, p->start), im_layout_size(l, p->start, p->size),
				im_layout_moved(l, p->base), ss, is_true ? geo : &none, err);
}

/* The link to the next EBR counts that EBR and its partition; where that has grown, so does the link. */
static void put_link(struct im_plan_context *ctx, uint8_t sector[512], const struct im_ebr *ebr)
{
	const struct im_mbr *mbr = &ctx->scan->mbr;
	uint8_t *count = sector + IM_MBR_TABLE + ebr->link_slot * IM_MBR_ENTRY + 12;

	for (size_t i = 0; ebr->link_slot >= 0 && i < mbr->parts.n; i++) {
		const struct im_mbr_part *p = &mbr->parts.v[i];
		uint64_t end = p->start + im_layout_size(ctx->layout, p->start, p->size);

		if (p->is_logical && p->base == ebr->link && im_layout_reserve(ctx->layout, p->start) && end > ebr->link &&
		    (end - ebr->link) / mbr->sector_size <= UINT32_MAX)
			im_put32(count, (uint32_t)im_max(im_get32(count), (end - ebr->link) / mbr->sector_size));
	}
}

/* One EBR, at its new place. */
static int one_ebr(struct im_plan_context *ctx, const struct im_ebr *ebr, const struct im_geometry *geo,
		   struct im_error *err)
{
	const struct im_mbr *mbr = &ctx->scan->mbr;
	uint64_t moved = im_layout_moved(ctx->layout, ebr->off);
	uint8_t sector[512];

	if (moved == ebr->off && !ctx->layout->reserves.n)
		return 0;
	if (read_sector(ctx, ebr->off, sector, err) < 0)
		return -1;
	for (size_t i = 0; i < mbr->parts.n; i++) {
		const struct im_mbr_part *p = &mbr->parts.v[i];

		if (p->is_logical && p->table_off == ebr->off && put_logical(ctx, sector, p, geo, err) < 0)
			return -1;
	}
	put_link(ctx, sector, ebr);
	return im_map_literal(ctx, moved, sector, sizeof(sector), moved == ebr->off ? _("extended boot record: new position") :
			      _("extended boot record: CHS fields"), err);
}

int im_map_mbr(struct im_plan_context *ctx, struct im_error *err)
{
	struct im_geometry geo = im_mbr_geometry(&ctx->scan->mbr);

	for (size_t i = ctx->scan->mbr.ebrs.n; i-- > 0;)
		if (one_ebr(ctx, &ctx->scan->mbr.ebrs.v[i], &geo, err) < 0)
			return -1;
	return primaries(ctx, &geo, err);
}
