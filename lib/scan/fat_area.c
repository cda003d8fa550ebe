/* fat_area.c - FAT volumes whose reserved sectors end below byte 8192.
 *
 * Such a volume works until something claims the area, so this is a warning. FAT12 and FAT16 have one
 * reserved sector as a rule, FAT32 has 32.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "scan/scan.h"

#define FIXED_DISK 0xf8		/* media byte */
#define FLOPPY_MAX 2949120u	/* bytes of the largest floppy disk */

int im_scan_fat(const struct im_volume *v, struct im_dev *dev, struct im_fat_geometry *g, struct im_error *err)
{
	struct im_dev *window;
	struct im_bpb bpb;
	int got;

	if (v->n_formats != 1 || v->state != IM_FOUND || !im_fs_is_fat(v->info[0].name))
		return 0;
	window = im_dev_window(dev, v->start, v->there, err);
	if (!window)
		return -1;
	got = im_bpb_read(window, &bpb, err);
	im_dev_close(window);
	return got <= 0 ? got : im_fat_decode(&bpb, g);
}

/* What lies between the reserved sectors and byte 8192, in the order in which it lies there. */
static const char *contents(const struct im_fat_geometry *g)
{
	bool root = g->kind != IM_FAT32 && g->root < IM_RESERVED;

	if (g->data < IM_RESERVED)
		return root ? _("its FAT, its root directory and files lie") : _("its FAT and files lie");
	return root ? _("its FAT and its root directory lie") : _("its FAT lies");
}

int im_scan_fat_area(struct im_scan *scan, struct im_dev *dev, const struct im_volume *v, struct im_error *err)
{
	struct im_fat_geometry g;
	struct im_finding *f;
	char where[64] = "";
	bool is_floppy;
	int got = im_scan_fat(v, dev, &g, err);

	if (got <= 0 || g.reserved >= IM_RESERVED || g.reserved >= v->there)
		return got < 0 ? -1 : 0;
	f = im_scan_add(scan, "fat-reserved-short", IM_WARNING, v->start + g.reserved,
			im_min(v->there, IM_RESERVED) - g.reserved, v->number, err);
	if (!f)
		return -1;
	is_floppy = !v->number && g.media != FIXED_DISK && v->size <= FLOPPY_MAX;
	f->is_fixable = !scan->is_ambivalent && !scan->is_isohybrid && !scan->is_ldm && v->there == v->size &&
		g.size <= v->size && !is_floppy;
	im_volume_title(v, f->owner, sizeof(f->owner));
	if (v->number)
		im_say(where, sizeof(where), " (partition %d)", v->number);
	im_say(f->message, sizeof(f->message), "the reserved sectors of the %s%s end at its byte %" PRIu32 ": %s in its"
		 " first 8192 bytes, which belong to the boot area%s", f->owner, where, g.reserved, contents(&g),
		 is_floppy ? _("; it is the image of a floppy disk, which must keep its size, so this stays") :
		 g.size > v->size ? _("; the volume is larger than its place") : "");
	return 0;
}
