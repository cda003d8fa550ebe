/* ntfs_findings.c - what breaks the rule inside an NTFS volume. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "scan/ntfs_area.h"
#include "scan/scan.h"

#define SAY(f, ...) im_say((f)->message, sizeof((f)->message), __VA_ARGS__)

/* The volume's name for messages: "partition 1 (ntfs volume "X")" or "the ntfs volume". */
static void name_volume(const struct im_volume *v, char out[200])
{
	char title[160];

	im_volume_title(v, title, sizeof(title));
	if (v->number)
		im_say(out, 200, "partition %d (%s)", v->number, title);
	else
		im_say(out, 200, "the %s", title);
}

/* The boot sector says that $MFT or its mirror is in the boot area, and neither is. */
static bool is_mft_lost(const struct im_boot_area *a)
{
	for (size_t i = 0; i < a->owners.n; i++)
		if (a->owners.v[i].owner.record <= IM_NTFS_MIRROR)
			return false;
	return a->mft_in_area;
}

static int damaged(struct im_scan *scan, const struct im_volume *v, const char *why, struct im_error *err)
{
	struct im_finding *f = im_scan_add(scan, "ntfs-damaged", IM_WARNING, v->start, IM_RESERVED, v->number, err);
	char name[200];

	if (!f)
		return -1;
	name_volume(v, name);
	im_volume_title(v, f->owner, sizeof(f->owner));
	SAY(f, "%s cannot be looked into: %s; whether user data lies in its boot area is not known; run chkdsk", name, why);
	return 0;
}

static int damaged_records(struct im_scan *scan, const struct im_volume *v, const struct im_boot_area *a,
			   struct im_error *err)
{
	char why[320];

	if (is_mft_lost(a))
		return damaged(scan, v, _("its boot sector and $MFT do not agree about where $MFT or its mirror is"), err);
	if (!a->damaged)
		return 0;
	im_say(why, sizeof(why), im_plural(a->damaged, "%" PRIu64 " record of its $MFT is damaged: %" PRIu64,
					   "%" PRIu64 " records of its $MFT are damaged, the first of them %" PRIu64), a->damaged,
	       a->first_damaged);
	return damaged(scan, v, why, err);
}

const char *im_boot_area_why_not(const struct im_volume *v, const struct im_boot_area *a)
{
	if (v->there != v->size)
		return _("the image ends before the volume does");
	if (v->info[0].size > v->size)
		return _("the volume is larger than its partition");
	if (a->is_elsewhere)
		return _("$Boot is not where it must begin; run chkdsk first");
	if (a->is_odd && a->covered < IM_RESERVED)
		return _("$Boot is in several pieces; run chkdsk first");
	if (is_mft_lost(a))
		return _("the boot sector and $MFT do not agree about where $MFT or its mirror is; run chkdsk first");
	if (a->damaged)
		return _("$MFT is damaged, so that more may lie there unseen; run chkdsk first");
	if (a->more)
		return _("too many runs lie there");
	for (size_t i = 0; i < a->owners.n; i++) {
		if (a->owners.v[i].is_cross_linked)
			return _("some clusters there have two owners; run chkdsk first");
		if (a->owners.v[i].why_not)
			return _("what lies there must not be moved");
	}
	return NULL;
}

/* Say whether the finding can be repaired, and if not, why. */
static void judge(struct im_finding *f, const struct im_volume *v, const struct im_boot_area *a)
{
	const char *why = im_boot_area_why_not(v, a);
	size_t n = strlen(f->message);

	f->is_fixable = !why;
	if (why)
		im_say(f->message + n, sizeof(f->message) - n, "; what stands against a repair: %s", why);
}

static int boot_short(struct im_scan *scan, const struct im_volume *v, const struct im_boot_area *a, struct im_error *err)
{
	uint64_t covered = im_min(a->covered, IM_RESERVED);
	struct im_finding *f;
	char name[200];

	if (covered == IM_RESERVED && a->declared >= IM_RESERVED && !a->is_elsewhere)
		return 0;
	f = im_scan_add(scan, "boot-file-short", IM_ERROR, v->start + (covered < IM_RESERVED ? covered : 0),
			covered < IM_RESERVED ? IM_RESERVED - covered : IM_RESERVED, v->number, err);
	if (!f)
		return -1;
	name_volume(v, name);
	snprintf(f->owner, sizeof(f->owner), "$Boot");
	if (a->is_elsewhere)
		SAY(f, "$Boot of %s does not start at cluster 0: nothing keeps the boot area free", name);
	else if (covered < IM_RESERVED)
		SAY(f, "$Boot of %s covers %" PRIu64 " bytes, not the 8192 of the boot area: bytes %" PRIu64 " to 8191 of the"
		    " volume are open to user data", name, covered, covered);
	else
		SAY(f, "$Boot of %s has the clusters of the boot area but declares a size of %" PRIu64 " bytes, not 8192", name,
		    a->declared);
	judge(f, v, a);
	return 0;
}

static int boot_free(struct im_scan *scan, const struct im_volume *v, const struct im_boot_area *a, struct im_error *err)
{
	struct im_finding *f;
	char name[200];

	/* where $Boot is short, its finding says it all */
	if (!a->free_clusters || a->covered < IM_RESERVED)
		return 0;
	f = im_scan_add(scan, "boot-area-free", IM_ERROR, v->start, IM_RESERVED, v->number, err);
	if (!f)
		return -1;
	name_volume(v, name);
	snprintf(f->owner, sizeof(f->owner), "$Bitmap");
	SAY(f, im_plural(a->free_clusters,
			 "$Bitmap of %s marks %u cluster of the boot area as free: the next file that is written may be put there",
			 "$Bitmap of %s marks %u clusters of the boot area as free: the next file that is written may be put there"),
	    name, a->free_clusters);
	judge(f, v, a);
	return 0;
}

/* ", but …" for what else is wrong with this owner. */
static void add_troubles(struct im_finding *f, const struct im_area_owner *o)
{
	size_t n = strlen(f->message);

	snprintf(f->message + n, sizeof(f->message) - n, "%s%s%s%s",
		 o->is_cross_linked ? _("; somebody else owns some of these clusters as well") : "",
		 o->is_free_in_bitmap ? _("; $Bitmap marks some of these clusters as free") : "",
		 o->why_not ? _("; it cannot be moved: ") : "", o->why_not ? o->why_not : "");
}

static int one_owner(struct im_scan *scan, const struct im_volume *v, const struct im_boot_area *a,
		     const struct im_area_owner *o, struct im_error *err)
{
	uint64_t cluster = v->info[0].cluster_size, start = o->owner.run.lcn * cluster, first, len;
	uint64_t size = im_min(o->owner.run.len * cluster, IM_RESERVED - start), vcn = o->owner.run.vcn;
	struct im_finding *f = im_scan_add(scan, "data-in-boot-area", IM_ERROR, v->start + start, size, v->number, err);
	char name[200];

	if (!f)
		return -1;
	name_volume(v, name);
	snprintf(f->owner, sizeof(f->owner), "%s", o->name);
	im_area_owner_bytes(&o->owner, (uint32_t)cluster, &first, &len);
	SAY(f, "bytes %" PRIu64 " to %" PRIu64 " of %s, in its boot area, belong to %s (%s, MFT record %" PRIu64 "): VCN %" PRIu64
	    " to %" PRIu64 ", bytes %" PRIu64 " to %" PRIu64 " of it; shadow copies and this data may damage each other", start,
	    start + size - 1, name, o->name, o->what, o->owner.record, vcn, vcn + o->owner.run.len - 1, first,
	    first + len - 1);
	add_troubles(f, o);
	judge(f, v, a);
	return 0;
}

static int collision(struct im_scan *scan, const struct im_volume *v, const struct im_boot_area *a,
		     const struct im_area_owner *o, struct im_error *err)
{
	uint64_t cluster = v->info[0].cluster_size, at;
	struct im_finding *f;
	char name[200];

	if (!o->has_header)
		return 0;
	f = im_scan_add(scan, "volsnap-collision", IM_ERROR, v->start + IM_VSS_HEADER, IM_VSS_HEADER_SIZE, v->number, err);
	if (!f)
		return -1;
	name_volume(v, name);
	snprintf(f->owner, sizeof(f->owner), "%s", o->name);
	at = o->owner.run.vcn * cluster + (IM_VSS_HEADER - o->owner.run.lcn * cluster);
	if (o->owner.flags & IM_NTFS_COMPRESSED)
		SAY(f, "the shadow-copy header at byte 7680 of %s stands in a cluster of %s: 512 compressed bytes of it, %"
		    PRIu64 " bytes into its clusters, are lost already", name, o->name, at);
	else
		SAY(f, "the shadow-copy header at byte 7680 of %s stands in a cluster of %s: bytes %" PRIu64 " to %" PRIu64
		    " of it are lost already", name, o->name, at, at + IM_VSS_HEADER_SIZE - 1);
	judge(f, v, a);
	return 0;
}

static int more_owners(struct im_scan *scan, const struct im_volume *v, const struct im_boot_area *a, struct im_error *err)
{
	struct im_finding *f;

	if (!a->more)
		return 0;
	f = im_scan_add(scan, "data-in-boot-area", IM_ERROR, v->start, IM_RESERVED, v->number, err);
	if (f)
		SAY(f, im_plural(a->more, "%" PRIu64 " more run lies in the boot area of the same volume",
				 "%" PRIu64 " more runs lie in the boot area of the same volume"), a->more);
	return f ? 0 : -1;
}

static int report(struct im_scan *scan, const struct im_volume *v, const struct im_boot_area *a, struct im_error *err)
{
	if (boot_short(scan, v, a, err) < 0 || boot_free(scan, v, a, err) < 0)
		return -1;
	for (size_t i = 0; i < a->owners.n; i++)
		if (one_owner(scan, v, a, &a->owners.v[i], err) < 0 || collision(scan, v, a, &a->owners.v[i], err) < 0)
			return -1;
	return more_owners(scan, v, a, err) < 0 ? -1 : damaged_records(scan, v, a, err);
}

int im_scan_ntfs(struct im_scan *scan, struct im_volume *v, struct im_dev *dev, struct im_error *err)
{
	const char *why = "";
	struct im_dev *window;
	int got;

	if (v->n_formats != 1 || v->state != IM_FOUND || strcmp(v->info[0].name, "ntfs") != 0)
		return 0;
	window = im_dev_window(dev, v->start, v->there, err);
	v->area = window ? calloc(1, sizeof(*v->area)) : NULL;
	if (!v->area) {
		im_dev_close(window);
		return window ? im_error_nomem(err) : -1;
	}
	got = im_boot_area_look(v->area, window, scan->is_deep, &why, err);
	im_dev_close(window);
	if (got == IM_FOUND)
		return report(scan, v, v->area, err);
	free(v->area);
	v->area = NULL;
	return got < 0 ? -1 : damaged(scan, v, why, err);
}
