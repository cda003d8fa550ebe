/* fat_free.c - the free clusters of a FAT volume: those whose entry is 0.
 *
 * Source: Microsoft's FAT specification, "FAT Data Structure"; the clean-shutdown bits of entry 1 in the same place.
 */
#include <stdlib.h>

#include "fmt/fat.h"
#include "fmt/free.h"
#include "fmt/fs_util.h"

#define CHUNK 65536u		/* bytes of a FAT that are looked at once; a multiple of 12 bytes less than it */

/* Entry i of a piece of the FAT that begins with entry 0 of the piece. */
static uint32_t entry(const uint8_t *fat, enum im_fat_kind kind, uint64_t i)
{
	if (kind == IM_FAT32)
		return im_get32(fat + 4 * i) & 0x0fffffff;
	if (kind == IM_FAT16)
		return im_get16(fat + 2 * i);
	return im_get16(fat + i * 3 / 2) >> (i % 2 ? 4 : 0) & 0xfff;
}

static bool is_clean(const uint8_t *fat, enum im_fat_kind kind)
{
	/* FAT12 has no such bit */
	if (kind == IM_FAT32)
		return entry(fat, kind, 1) & 0x08000000;
	return kind == IM_FAT12 || entry(fat, kind, 1) & 0x8000;
}

static int look(struct im_dev *vol, const struct im_fat_geometry *g, uint8_t *buf, struct im_free *f, struct im_error *err)
{
	/* entries of a piece: whole ones, also of 12 bits */
	uint64_t per_piece = CHUNK / 4 / 2 * 2, n = g->clusters + 2;

	for (uint64_t first = 0; first < n; first += per_piece) {
		uint64_t count = im_min(per_piece, n - first), off = first * (unsigned)g->kind / 8;
		size_t len = (size_t)((count * (unsigned)g->kind + 7) / 8);
		int got = off + len > g->fat_size ? 0 : im_fs_peek(vol, g->fat + off, buf, len, err);

		if (got <= 0)
			return got < 0 ? -1 : im_free_unknown(f, _("its FAT is shorter than its clusters need"));
		if (first == 0 && !is_clean(buf, g->kind))
			return im_free_unknown(f, _("it was not left cleanly"));
		for (uint64_t i = first ? 0 : 2; i < count; i++)
			if (entry(buf, g->kind, i) == 0 &&
			    im_free_add(f, g->data + (first + i - 2) * g->cluster, g->cluster, err) < 0)
				return -1;
	}
	return IM_FOUND;
}

int im_free_fat(struct im_dev *vol, struct im_free *f, struct im_error *err)
{
	struct im_fat_geometry g;
	struct im_bpb bpb;
	uint8_t *buf;
	int rc = im_bpb_read(vol, &bpb, err);

	if (rc <= 0 || !im_fat_decode(&bpb, &g))
		return rc < 0 ? -1 : im_free_unknown(f, _("its boot sector makes no sense"));
	buf = malloc(CHUNK + 8);
	if (!buf)
		return im_error_nomem(err);
	rc = look(vol, &g, buf, f, err);
	free(buf);
	return rc;
}
