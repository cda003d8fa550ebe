/* exfat_free.c - the free clusters of an exFAT volume: the clear bits of its allocation bitmap.
 *
 * Source: Microsoft's "exFAT file system specification", sections 3.1.13 (VolumeFlags), 4.1 (FAT), 7.1 (allocation bitmap).
 */
#include <stdlib.h>

#include "fmt/bpb.h"
#include "fmt/free.h"
#include "fmt/fs_util.h"

#define BITMAP_ENTRY 0x81
#define VOLUME_DIRTY 2u
#define ENTRIES_MAX 4096	/* of the root directory that are looked at for the bitmap's; it is among the first */

struct exfat {
	struct im_dev *vol;
	uint64_t fat, heap;		/* byte offsets */
	uint64_t cluster, clusters;	/* bytes, number */
	uint64_t root;
};

static int open_exfat(struct exfat *x, struct im_dev *vol, struct im_free *f, struct im_error *err)
{
	struct im_bpb bpb;
	const uint8_t *b = (const uint8_t *)&bpb;
	int got = im_bpb_read(vol, &bpb, err);

	if (got <= 0 || im_bpb_owner(&bpb) != IM_BPB_EXFAT || b[0x6c] < 9 || b[0x6c] > 12 || b[0x6d] > 25 - b[0x6c])
		return got < 0 ? -1 : im_free_unknown(f, _("its boot sector makes no sense"));
	*x = (struct exfat){
		.vol = vol, .fat = (uint64_t)im_get32(b + 0x50) << b[0x6c], .heap = (uint64_t)im_get32(b + 0x58) << b[0x6c],
		.cluster = 1ull << (b[0x6c] + b[0x6d]), .clusters = im_get32(b + 0x5c), .root = im_get32(b + 0x60),
	};
	if (b[0x6e] != 1)
		return im_free_unknown(f, _("it has two FATs and two bitmaps"));
	if (im_get16(b + 0x6a) & VOLUME_DIRTY)
		return im_free_unknown(f, _("it was not left cleanly"));
	return IM_FOUND;
}

/* The cluster behind this one. 1, 0 when it leads nowhere, -1. */
static int next_cluster(const struct exfat *x, uint64_t *cluster, struct im_error *err)
{
	uint8_t entry[4];
	int got = im_fs_peek(x->vol, x->fat + 4 * *cluster, entry, sizeof(entry), err);

	if (got <= 0)
		return got;
	*cluster = im_get32(entry);
	return *cluster >= 2 && *cluster - 2 < x->clusters;
}

/* First cluster and length of the bitmap. 1, 0, -1. */
static int find_bitmap(const struct exfat *x, uint64_t *first, uint64_t *len, struct im_error *err)
{
	uint64_t cluster = x->root, off = 0;

	for (int i = 0; i < ENTRIES_MAX; i++, off += 32) {
		uint8_t e[32];
		int got = 1;

		if (off == x->cluster) {
			got = next_cluster(x, &cluster, err);
			off = 0;
		}
		if (got > 0 && (cluster < 2 || cluster - 2 >= x->clusters))
			return 0;
		if (got > 0)
			got = im_fs_peek(x->vol, x->heap + (cluster - 2) * x->cluster + off, e, sizeof(e), err);
		if (got <= 0 || !e[0])
			return got < 0 ? -1 : 0;
		if (e[0] != BITMAP_ENTRY)
			continue;
		*first = im_get32(e + 20);
		*len = im_get64(e + 24);
		return *first >= 2 && *first - 2 < x->clusters && *len >= (x->clusters + 7) / 8;
	}
	return 0;
}

static int look(const struct exfat *x, uint64_t cluster, uint8_t *buf, struct im_free *f, struct im_error *err)
{
	for (uint64_t n = 0, count; n < x->clusters; n += count) {
		size_t len;
		int got = 1;

		if (n)
			got = next_cluster(x, &cluster, err);
		count = im_min(8 * x->cluster, x->clusters - n);
		len = (size_t)((count + 7) / 8);
		if (got > 0)
			got = im_fs_peek(x->vol, x->heap + (cluster - 2) * x->cluster, buf, len, err);
		if (got <= 0)
			return got < 0 ? -1 : im_free_unknown(f, _("its allocation bitmap cannot be read"));
		if (im_free_add_bits(f, buf, n, count, x->heap, x->cluster, err) < 0)
			return -1;
	}
	return IM_FOUND;
}

int im_free_exfat(struct im_dev *vol, struct im_free *f, struct im_error *err)
{
	uint64_t first, len;
	struct exfat x;
	uint8_t *buf;
	int rc = open_exfat(&x, vol, f, err);

	if (rc != IM_FOUND)
		return rc;
	rc = find_bitmap(&x, &first, &len, err);
	if (rc <= 0)
		return rc < 0 ? -1 : im_free_unknown(f, _("its allocation bitmap was not found"));
	buf = malloc(x.cluster);
	if (!buf)
		return im_error_nomem(err);
	rc = look(&x, first, buf, f, err);
	free(buf);
	return rc;
}
