/* chs.c - cylinder, head, sector: the geometry a table implies, and entries rewritten in it.
 *
 * Old loaders read these fields, and emulators guess the disk's geometry from the end of an entry. So a
 * changed entry is written in the geometry that the table was made with; where the fields never meant
 * anything (0xFEFFFF everywhere, or at odds with each other) they are saturated.
 */
#include <string.h>

#include "base/bytes.h"
#include "fmt/mbr.h"

static uint32_t cylinder_of(struct im_chs c)
{
	return c.cylinder | (uint32_t)(c.sector & 0xc0) << 2;
}

static uint32_t sector_of(struct im_chs c)
{
	return c.sector & 0x3f;
}

bool im_chs_is_saturated(struct im_chs c)
{
	return cylinder_of(c) >= 1023 || (c.head >= 0xfe && sector_of(c) == 0x3f && cylinder_of(c) == 0x3ff);
}

static bool says(struct im_chs c, uint64_t lba, const struct im_geometry *g)
{
	if (im_chs_is_saturated(c))
		return true;
	return sector_of(c) && ((uint64_t)cylinder_of(c) * g->heads + c.head) * g->sectors + sector_of(c) - 1 == lba;
}

/* Do all primary entries say their places in this geometry? Then sets ends_on_cylinder. */
static bool fits(const struct im_mbr *mbr, struct im_geometry *g)
{
	uint64_t ss = mbr->sector_size;

	g->ends_on_cylinder = true;
	for (size_t i = 0; i < mbr->parts.n; i++) {
		const struct im_mbr_part *p = &mbr->parts.v[i];
		uint64_t first = p->start / ss, last = (p->start + p->size) / ss - 1;

		/* logical entries count CHS from the disk's start too, but many tools leave them wrong */
		if (p->is_logical)
			continue;
		if (!says(p->chs_start, first, g) || !says(p->chs_end, last, g))
			return false;
		if ((last + 1) % ((uint64_t)g->heads * g->sectors))
			g->ends_on_cylinder = false;
	}
	return true;
}

/* The guess must come from an entry that reaches beyond one cylinder: else any geometry fits. */
static const struct im_mbr_part *telling(const struct im_mbr *mbr)
{
	for (size_t i = 0; i < mbr->parts.n; i++) {
		const struct im_mbr_part *p = &mbr->parts.v[i];

		if (!p->is_logical && !im_chs_is_saturated(p->chs_end) && sector_of(p->chs_end) && cylinder_of(p->chs_end))
			return p;
	}
	return NULL;
}

struct im_geometry im_mbr_geometry(const struct im_mbr *mbr)
{
	const struct im_mbr_part *p = telling(mbr);
	struct im_geometry g = { 0 };
	uint64_t last, tracks;

	if (!p)
		return g;
	/* an end on a cylinder border is the last head and sector */
	g.heads = p->chs_end.head + 1u;
	g.sectors = sector_of(p->chs_end);
	if (fits(mbr, &g))
		return g;
	/* any other end leaves a few geometries in which it is where it says; 63 sectors are the likeliest */
	last = (p->start + p->size) / mbr->sector_size - 1;
	for (g.sectors = 63; g.sectors >= sector_of(p->chs_end); g.sectors--) {
		tracks = (last + 1 - sector_of(p->chs_end)) / g.sectors - p->chs_end.head;
		g.heads = (uint32_t)im_min(tracks / cylinder_of(p->chs_end), 256);
		if (g.heads > p->chs_end.head && fits(mbr, &g))
			return g;
	}
	return (struct im_geometry){ 0 };
}

struct im_chs im_chs_of(uint64_t lba, const struct im_geometry *g)
{
	static const struct im_chs saturated = { .head = 0xfe, .sector = 0xff, .cylinder = 0xff };
	uint64_t cylinder;

	if (!g->heads)
		return saturated;
	cylinder = lba / g->sectors / g->heads;
	if (cylinder > 1023)
		return (struct im_chs){ (uint8_t)im_min(g->heads - 1, 254), (uint8_t)(0xc0 | g->sectors), 0xff };
	return (struct im_chs){
		.head = (uint8_t)(lba / g->sectors % g->heads),
		.sector = (uint8_t)(lba % g->sectors + 1 + (cylinder >> 8 << 6)),
		.cylinder = (uint8_t)cylinder,
	};
}

int im_mbr_put_entry(uint8_t sector[512], int slot, uint64_t start, uint64_t size, uint64_t base,
		     uint32_t sector_size, const struct im_geometry *geo, struct im_error *err)
{
	uint8_t *e = sector + IM_MBR_TABLE + slot * IM_MBR_ENTRY;
	uint64_t lba = (start - base) / sector_size, count = size / sector_size;
	struct im_chs first, last;

	if (start < base || lba > UINT32_MAX || !count || count > UINT32_MAX)
		return im_error_at(err, IM_EREFUSED, start, "a DOS partition entry cannot express this position:"
				   " it counts %u-byte sectors in 32 bits", sector_size);
	first = im_chs_of(start / sector_size, geo);
	last = im_chs_of((start + size) / sector_size - 1, geo);
	memcpy(e + 1, &first, 3);
	memcpy(e + 5, &last, 3);
	im_put32(e + 8, (uint32_t)lba);
	im_put32(e + 12, (uint32_t)count);
	return 0;
}
