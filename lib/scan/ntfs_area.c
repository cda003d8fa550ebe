/* ntfs_area.c - looking at the boot area of an NTFS volume.
 *
 * Three small reads decide the usual case: the run and sizes of $Boot, the first bits of $Bitmap, and where the
 * boot sector says that $MFT and its mirror are. Only where they do not agree that the boot area is $Boot's is
 * the MFT walked for whoever has clusters there.
 */
#include "scan/ntfs_area.h"

#include <string.h>

#include "fmt/ntfs_runs.h"
#include "scan/scan.h"

/* How much $Boot covers and declares. */
static int look_at_boot(struct im_ntfs *fs, struct im_boot_area *area, struct im_error *err)
{
	struct im_ntfs_stream boot;
	int got = im_ntfs_stream_of(fs, IM_NTFS_BOOT, IM_NTFS_DATA, &boot, err);

	if (got == IM_ABSENT)
		return IM_DAMAGED;
	if (got != IM_FOUND)
		return got;
	area->declared = im_min(boot.size, im_min(boot.allocated, boot.initialized));
	area->is_elsewhere = boot.is_resident || im_ntfs_runs_lcn(&boot.runs, 0) != 0;
	area->is_odd = boot.runs.n > 1;
	for (uint64_t vcn = 0; !boot.is_resident && vcn < area->clusters && im_ntfs_runs_lcn(&boot.runs, vcn) == vcn; vcn++)
		area->covered += fs->g.cluster;
	im_ntfs_stream_close(&boot);
	return IM_FOUND;
}

/* The bits of the boot area in $Bitmap: at most sixteen. */
static int look_at_bitmap(struct im_ntfs *fs, struct im_boot_area *area, struct im_error *err)
{
	struct im_ntfs_stream bitmap;
	uint8_t bits[2] = { 0 };
	int got = im_ntfs_stream_of(fs, IM_NTFS_BITMAP, IM_NTFS_DATA, &bitmap, err);

	if (got == IM_FOUND) {
		got = bitmap.is_resident ? IM_DAMAGED : im_ntfs_read_runs(fs, &bitmap.runs, 0, bits, (area->clusters + 7) / 8, err);
		im_ntfs_stream_close(&bitmap);
	}
	area->free_mask = ~(unsigned)im_get16(bits) & ((1u << area->clusters) - 1);
	area->free_clusters = (unsigned)__builtin_popcount(area->free_mask);
	return got == IM_ABSENT ? IM_DAMAGED : got;
}

static bool overlap(const struct im_ntfs_run *a, const struct im_ntfs_run *b)
{
	return im_overlaps(a->lcn, a->len, b->lcn, b->len);
}

static bool is_boot(const struct im_ntfs_owner *o)
{
	return o->record == IM_NTFS_BOOT && o->type == IM_NTFS_DATA && !o->name_len;
}

bool im_area_owner_has_header(const struct im_area_owner *o, uint32_t cluster)
{
	return im_overlaps(o->owner.run.lcn * cluster, o->owner.run.len * cluster, IM_VSS_HEADER, IM_VSS_HEADER_SIZE);
}

static void judge_owner(const struct im_ntfs *fs, const struct im_boot_area *area, const struct im_ntfs_owners *all, size_t i,
			struct im_area_owner *a)
{
	a->owner = all->list.v[i];
	for (uint64_t k = 0; k < a->owner.run.len; k++)
		a->is_free_in_bitmap |= area->free_mask >> (a->owner.run.lcn + k) & 1;
	for (size_t j = 0; j < all->list.n; j++)
		a->is_cross_linked |= j != i && overlap(&all->list.v[j].run, &a->owner.run);
	a->has_header = area->has_vss && im_area_owner_has_header(a, fs->g.cluster);
}

static int walk(struct im_ntfs *fs, struct im_boot_area *area, struct im_error *err)
{
	struct im_ntfs_owners all;
	int got = im_ntfs_find_owners(fs, area->clusters, &all, err);

	if (got != IM_FOUND)
		return got;
	area->is_walked = true;
	area->more = all.more;
	area->damaged = all.damaged;
	area->first_damaged = all.first_damaged;
	for (size_t i = 0; i < all.list.n && got == IM_FOUND; i++) {
		struct im_area_owner *a = is_boot(&all.list.v[i]) ? NULL : im_vec_push(&area->owners, err);

		if (is_boot(&all.list.v[i]))
			continue;
		if (!a) {
			got = -1;
			break;
		}
		judge_owner(fs, area, &all, i, a);
		if (im_area_owner_describe(fs, a, err) < 0)
			got = -1;
	}
	im_ntfs_owners_free(&all);
	return got;
}

static int look(struct im_ntfs *fs, struct im_boot_area *area, bool deep, const char **why, struct im_error *err)
{
	uint64_t end = IM_RESERVED;
	int got;

	area->clusters = (IM_RESERVED + fs->g.cluster - 1) / fs->g.cluster;
	if (area->clusters > fs->g.clusters)
		return IM_DAMAGED;
	area->mft_in_area = fs->g.mft < end || fs->g.mirror < end;
	*why = _("the record of $Boot cannot be read");
	got = look_at_boot(fs, area, err);
	if (got == IM_FOUND) {
		*why = "$Bitmap cannot be read";
		got = look_at_bitmap(fs, area, err);
	}
	if (got != IM_FOUND)
		return got;
	got = im_vss_look(fs->vol, &area->vss, err);
	if (got < 0)
		return -1;
	/* the identifier alone may stand in anybody's file */
	area->has_vss = got == IM_FOUND && area->vss.is_sound;
	return deep || im_boot_area_is_bad(area) ? walk(fs, area, err) : IM_FOUND;
}

bool im_boot_area_is_bad(const struct im_boot_area *area)
{
	return area->covered < IM_RESERVED || area->declared < IM_RESERVED || area->is_elsewhere || area->free_clusters ||
	       area->mft_in_area || area->owners.n;
}

bool im_boot_area_has_owner(const struct im_boot_area *area, uint64_t record)
{
	for (size_t i = 0; i < area->owners.n; i++)
		if (area->owners.v[i].owner.record == record)
			return true;
	return false;
}

bool im_boot_area_is_system(uint64_t record)
{
	/* the root directory has the entry of $Boot */
	return record == IM_NTFS_MFT || record == IM_NTFS_MIRROR || record == IM_NTFS_VOLUME || record == IM_NTFS_ROOT ||
	       record == IM_NTFS_BITMAP || record == IM_NTFS_BOOT;
}

int im_boot_area_look(struct im_boot_area *area, struct im_dev *vol, bool deep, const char **why, struct im_error *err)
{
	struct im_ntfs fs;
	int got = im_ntfs_open(&fs, vol, why, err);

	*area = (struct im_boot_area){ 0 };
	if (got == IM_FOUND)
		got = look(&fs, area, deep, why, err);
	im_ntfs_close(&fs);
	if (got != IM_FOUND)
		im_boot_area_free(area);
	return got;
}

void im_boot_area_free(struct im_boot_area *area)
{
	if (area)
		im_vec_free(&area->owners);
}
