/* ntfs_verify.c - our own reader judges the corrected volume before it becomes part of a plan. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/ntfs_runs.h"
#include "plan/inside.h"
#include "scan/ntfs_area.h"

struct verify {
	struct im_ntfs_places *places;
	struct im_ntfs old, new;
	const struct im_boot_area *area;
	uint8_t *a, *b;			/* a cluster each */
};

static int check_area(struct im_dev *new, struct im_error *err)
{
	struct im_boot_area after;
	const char *why;
	int got = im_boot_area_look(&after, new, true, &why, err);
	bool is_bad;

	if (got == IM_DAMAGED)
		return im_error_set(err, IM_EREFUSED, "the NTFS volume could not be corrected: afterwards %s", why);
	if (got != IM_FOUND)
		return -1;
	is_bad = im_boot_area_is_bad(&after) || after.damaged;
	im_boot_area_free(&after);
	if (is_bad)
		return im_error_set(err, IM_EREFUSED, "the NTFS volume could not be corrected: its boot area would still not be all"
				    " $Boot's");
	return 0;
}

/* Structures that the repair itself edits, or resets: their content is judged by what may change in them. */
static bool is_edited(const struct im_ntfs_owner *o)
{
	if (o->type == IM_NTFS_INDEX_ALLOCATION)
		return o->record == IM_NTFS_ROOT;
	if (o->name_len)
		return false;
	if (o->record == IM_NTFS_MFT)
		return o->type == IM_NTFS_DATA || o->type == IM_NTFS_BITMAP_ATTR;
	return o->type == IM_NTFS_DATA && o->record <= IM_NTFS_BITMAP;
}

static int differs(const struct im_area_owner *o, uint64_t vcn, struct im_error *err)
{
	return im_error_set(err, IM_EREFUSED, "the NTFS volume could not be corrected: VCN %" PRIu64 " of MFT record %" PRIu64
			    " (attribute 0x%x) would not hold what it holds now", vcn, o->owner.record, o->owner.type);
}

/* One cluster of a stream that has another place: free before, and the same bytes. */
static int check_cluster(struct verify *v, const struct im_area_owner *o, uint64_t vcn, uint64_t from, uint64_t to,
			 struct im_error *err)
{
	uint64_t cluster = v->old.g.cluster, at = from * cluster;
	bool is_free = false;

	if (to == IM_NTFS_HOLE || from == IM_NTFS_HOLE || im_ntfs_places_is_free(v->places, to, &is_free, err) < 0 || !is_free)
		return from == IM_NTFS_HOLE || to == IM_NTFS_HOLE || !is_free ? differs(o, vcn, err) : -1;
	if (is_edited(&o->owner))
		return 0;
	if (im_dev_read(v->old.vol, at, v->a, cluster, err) < 0 || im_dev_read(v->new.vol, to * cluster, v->b, cluster, err) < 0)
		return -1;
	if (v->area->has_vss && at <= IM_VSS_HEADER && IM_VSS_HEADER < at + cluster)
		memset(v->a + (IM_VSS_HEADER - at), 0, IM_VSS_HEADER_SIZE);
	return memcmp(v->a, v->b, cluster) == 0 ? 0 : differs(o, vcn, err);
}

static int check_runs(struct verify *v, const struct im_area_owner *o, const struct im_ntfs_stream *old,
		      const struct im_ntfs_stream *new, struct im_error *err)
{
	uint64_t end = im_ntfs_runs_end(&old->runs), n;

	for (uint64_t vcn = 0; vcn < end; vcn += n) {
		const struct im_ntfs_run *a = im_ntfs_runs_at(&old->runs, vcn), *b = im_ntfs_runs_at(&new->runs, vcn);
		uint64_t from = im_ntfs_runs_lcn(&old->runs, vcn), to = im_ntfs_runs_lcn(&new->runs, vcn);

		if (!b)
			return differs(o, vcn, err);
		n = im_min(a->vcn + a->len, b->vcn + b->len) - vcn;
		for (uint64_t i = 0; from != to && i < n; i++)
			if (check_cluster(v, o, vcn + i, from + i, to + i, err) < 0)
				return -1;
	}
	return 0;
}

/* A stream before and after; closed by the caller where this returns FOUND. */
static int open_stream(struct im_ntfs *fs, const struct im_ntfs_owner *o, struct im_ntfs_stream *s, struct im_error *err)
{
	struct im_ntfs_file file;
	int got = im_ntfs_file_open(fs, o->record, &file, err);

	if (got != IM_FOUND)
		return got;
	got = im_ntfs_stream(fs, &file, o->type, o->name, o->name_len, s, err);
	im_ntfs_file_close(&file);
	return got;
}

static int check_owner(struct verify *v, const struct im_area_owner *o, struct im_error *err)
{
	struct im_ntfs_stream old = { 0 }, new = { 0 };
	int a = open_stream(&v->old, &o->owner, &old, err), b = a == IM_FOUND ? open_stream(&v->new, &o->owner, &new, err) : a;
	int rc = -1;

	if (a < 0 || b < 0)
		goto out;
	if (a != IM_FOUND || b != IM_FOUND)
		rc = differs(o, 0, err);
	else if (o->owner.type == IM_NTFS_ATTRIBUTE_LIST)
		rc = 0;		/* it may have grown, or shrunk into its record */
	else if (old.size != new.size || old.initialized != new.initialized || old.allocated != new.allocated)
		rc = differs(o, 0, err);
	else
		rc = check_runs(v, o, &old, &new, err);
out:
	im_ntfs_stream_close(&old);
	im_ntfs_stream_close(&new);
	return rc;
}

int im_ntfs_verify(struct im_ntfs_places *places, struct im_dev *old, struct im_dev *new, const struct im_boot_area *area,
		   struct im_error *err)
{
	struct verify v = { .places = places, .area = area };
	const char *why;
	int rc = -1;

	if (check_area(new, err) < 0)
		return -1;
	if (im_ntfs_open(&v.old, old, &why, err) != IM_FOUND || im_ntfs_open(&v.new, new, &why, err) != IM_FOUND)
		goto out;
	v.a = malloc(v.old.g.cluster);
	v.b = malloc(v.old.g.cluster);
	rc = v.a && v.b ? 0 : im_error_nomem(err);
	for (size_t i = 0; rc == 0 && i < area->owners.n; i++)
		rc = check_owner(&v, &area->owners.v[i], err);
out:
	im_ntfs_close(&v.old);
	im_ntfs_close(&v.new);
	free(v.a);
	free(v.b);
	return rc;
}
