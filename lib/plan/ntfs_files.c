/* ntfs_files.c - every attribute of a changed file, before and after.
 *
 * Attributes may have moved to other records and attribute lists may have changed; what they say may not, but for
 * places, the dirty mark of $Volume and the sizes of $Boot.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "plan/ntfs_check.h"
#include "scan/scan.h"

#define VOLUME_INFORMATION 0x70u
#define INDEX_ROOT 0x90u
#define VOLUME_FLAGS 10u	/* of $VOLUME_INFORMATION */
#define DIRTY 1u
#define NAME_FROM 8u		/* of $FILE_NAME: times, sizes and attributes begin behind the parent … */
#define NAME_TO 0x40u		/* … and end before the name */

/* One file on both sides. */
struct pair {
	struct im_ntfs_check *c;
	uint64_t number;
	struct im_ntfs_file old, new;
};

static int differs(const struct pair *p, const struct im_ntfs_attr *a, const char *what, struct im_error *err)
{
	return im_ntfs_check_fail(err, "%s of attribute 0x%x of MFT record %" PRIu64 " would not be what it is", what, a->type,
				  p->number);
}

/* Is this attribute compared at all? Extents but the first are part of their stream; lists follow the records. */
static bool counts(const struct im_ntfs_attr *a)
{
	return a->type != IM_NTFS_ATTRIBUTE_LIST && (a->is_resident || !a->first_vcn);
}

static bool same_value(const struct pair *p, const struct im_ntfs_attr *a, const struct im_ntfs_attr *b)
{
	if (a->value_len != b->value_len)
		return false;
	if (p->number == IM_NTFS_VOLUME && a->type == VOLUME_INFORMATION && a->value_len > VOLUME_FLAGS)
		return (a->value[VOLUME_FLAGS] | DIRTY) == (b->value[VOLUME_FLAGS] | DIRTY) &&
		       memcmp(a->value, b->value, VOLUME_FLAGS) == 0 &&
		       memcmp(a->value + VOLUME_FLAGS + 1, b->value + VOLUME_FLAGS + 1, a->value_len - VOLUME_FLAGS - 1) == 0;
	if (p->number == IM_NTFS_ROOT && a->type == INDEX_ROOT)
		return im_ntfs_same_root(a->value, b->value, a->value_len);
	/* its sizes and times are in its name as well */
	if (p->number == IM_NTFS_BOOT && a->type == IM_NTFS_FILE_NAME && a->value_len > NAME_TO)
		return memcmp(a->value, b->value, NAME_FROM) == 0 &&
		       memcmp(a->value + NAME_TO, b->value + NAME_TO, a->value_len - NAME_TO) == 0;
	if (p->number == IM_NTFS_MFT && a->type == IM_NTFS_BITMAP_ATTR)
		return true;	/* records that came into use are known by themselves */
	return memcmp(a->value, b->value, a->value_len) == 0;
}

/* How many attributes of the file are, in all that must stay, this one? *n_all: how many are compared. */
static int count_alike(const struct pair *p, const struct im_ntfs_file *file, const struct im_ntfs_attr *a, unsigned *n,
		       unsigned *n_all)
{
	*n = *n_all = 0;
	for (size_t i = 0; i < file->records.n; i++) {
		struct im_ntfs_attr b;
		uint32_t pos = 0;
		int got;

		while ((got = im_ntfs_attr_next(file->records.v[i], &pos, &b)) == 1) {
			if (!counts(&b))
				continue;
			(*n_all)++;
			if (!a || !im_ntfs_attr_is(&b, a->type, a->name, a->name_len) || b.flags != a->flags ||
			    b.is_resident != a->is_resident || b.compression_unit != a->compression_unit)
				continue;
			*n += !a->is_resident || same_value(p, a, &b);
		}
		if (got < 0)
			return -1;
	}
	return 0;
}

/* Structures that the repair itself edits or resets: what may change in them is judged elsewhere. */
static bool is_edited(const struct pair *p, const struct im_ntfs_attr *a)
{
	if (p->number == IM_NTFS_MFT)
		return a->type == IM_NTFS_DATA || a->type == IM_NTFS_BITMAP_ATTR;
	if (p->number == IM_NTFS_ROOT)
		return a->type == IM_NTFS_INDEX_ALLOCATION;
	return !a->name_len && a->type == IM_NTFS_DATA && p->number <= IM_NTFS_BITMAP;
}

/* One cluster that has another place: nobody's before, and it holds the same bytes. */
static int check_cluster(const struct pair *p, const struct im_ntfs_attr *a, uint64_t from, uint64_t to, uint8_t *x,
			 uint8_t *y, struct im_error *err)
{
	uint64_t cluster = p->c->old.g.cluster, at = from * cluster;

	if (from == IM_NTFS_HOLE || to == IM_NTFS_HOLE || !im_ntfs_ranges_have(&p->c->gained, to) ||
	    (from >= p->c->area->clusters && !im_ntfs_ranges_have(&p->c->lost, from)))
		return differs(p, a, _("a place"), err);
	if (is_edited(p, a))
		return 0;
	if (im_dev_read(p->c->old.vol, at, x, cluster, err) < 0 || im_dev_read(p->c->new.vol, to * cluster, y, cluster, err) < 0)
		return -1;
	if (p->c->area->has_vss && at <= IM_VSS_HEADER && IM_VSS_HEADER < at + cluster)
		memset(x + (IM_VSS_HEADER - at), 0, IM_VSS_HEADER_SIZE);
	return memcmp(x, y, cluster) == 0 ? 0 : differs(p, a, _("the content"), err);
}

static int check_runs(const struct pair *p, const struct im_ntfs_attr *a, const struct im_ntfs_stream *old,
		      const struct im_ntfs_stream *new, struct im_error *err)
{
	uint64_t end = im_ntfs_runs_end(&old->runs), cluster = p->c->old.g.cluster, n;
	uint8_t *x = malloc(cluster), *y = malloc(cluster);
	int rc = x && y ? 0 : im_error_nomem(err);

	for (uint64_t vcn = 0; rc == 0 && vcn < end; vcn += n) {
		const struct im_ntfs_run *r = im_ntfs_runs_at(&old->runs, vcn), *s = im_ntfs_runs_at(&new->runs, vcn);
		uint64_t from = im_ntfs_runs_lcn(&old->runs, vcn), to = im_ntfs_runs_lcn(&new->runs, vcn);

		if (!s) {
			rc = differs(p, a, _("the length"), err);
			break;
		}
		n = im_min(r->vcn + r->len, s->vcn + s->len) - vcn;
		for (uint64_t i = 0; rc == 0 && from != to && i < n; i++)
			rc = check_cluster(p, a, from == IM_NTFS_HOLE ? from : from + i, to == IM_NTFS_HOLE ? to : to + i, x, y, err);
	}
	free(x);
	free(y);
	return rc;
}

/* $Boot begins at LCN 0, in one piece, and has got longer; its content is the boot area itself. */
static int check_boot(const struct pair *p, const struct im_ntfs_attr *a, const struct im_ntfs_stream *old,
		      const struct im_ntfs_stream *new, struct im_error *err)
{
	uint64_t area = p->c->area->clusters * p->c->old.g.cluster;

	if (new->runs.n != 1 || new->runs.v[0].lcn || new->runs.v[0].len != im_max(p->c->area->clusters, im_ntfs_runs_end(&old->runs)))
		return differs(p, a, _("the runlist"), err);
	if (new->size != im_max(old->size, IM_RESERVED) || new->initialized != im_max(old->initialized, IM_RESERVED) ||
	    new->allocated != im_max(old->allocated, area))
		return differs(p, a, _("the size"), err);
	return 0;
}

static int check_stream(const struct pair *p, const struct im_ntfs_attr *a, const struct im_ntfs_stream *old,
			const struct im_ntfs_stream *new, struct im_error *err)
{
	/* records may have been added to $MFT, and bits for them */
	bool may_grow = p->number == IM_NTFS_MFT && is_edited(p, a);

	if (p->number == IM_NTFS_BOOT && a->type == IM_NTFS_DATA && !a->name_len)
		return check_boot(p, a, old, new, err);
	if (may_grow ? new->size < old->size || new->allocated < old->allocated || new->initialized < old->initialized :
		       new->size != old->size || new->allocated != old->allocated || new->initialized != old->initialized ||
		       im_ntfs_runs_end(&new->runs) != im_ntfs_runs_end(&old->runs))
		return differs(p, a, _("a size"), err);
	if (new->compressed != old->compressed)
		return differs(p, a, _("the compressed size"), err);
	if (check_runs(p, a, old, new, err) < 0)
		return -1;
	return p->number == IM_NTFS_ROOT && a->type == IM_NTFS_INDEX_ALLOCATION ? im_ntfs_check_index(p->c, old, new, err) : 0;
}

static int check_mapped(const struct pair *p, const struct im_ntfs_attr *a, struct im_error *err)
{
	struct im_ntfs_stream old = { 0 }, new = { 0 };
	int got = im_ntfs_stream(&p->c->old, &p->old, a->type, a->name, a->name_len, &old, err), rc;

	if (got == IM_FOUND)
		got = im_ntfs_stream(&p->c->new, &p->new, a->type, a->name, a->name_len, &new, err);
	rc = got < 0 ? -1 : got != IM_FOUND ? differs(p, a, _("the runlist"), err) : check_stream(p, a, &old, &new, err);
	im_ntfs_stream_close(&old);
	im_ntfs_stream_close(&new);
	return rc;
}

/* Every attribute that there was is there still, as often, and there is no other one. */
static int check_attributes(const struct pair *p, struct im_error *err)
{
	unsigned was, is, n_old, n_new;

	if (count_alike(p, &p->old, NULL, &was, &n_old) < 0 || count_alike(p, &p->new, NULL, &is, &n_new) < 0 || n_old != n_new)
		return im_ntfs_check_fail(err, "MFT record %" PRIu64 " would have other attributes", p->number);
	for (size_t i = 0; i < p->old.records.n; i++) {
		struct im_ntfs_attr a;
		uint32_t pos = 0;

		while (im_ntfs_attr_next(p->old.records.v[i], &pos, &a) == 1) {
			if (!counts(&a))
				continue;
			if (count_alike(p, &p->old, &a, &was, &n_old) < 0 || count_alike(p, &p->new, &a, &is, &n_new) < 0 || was != is)
				return differs(p, &a, _("something"), err);
			if (!a.is_resident && check_mapped(p, &a, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* Sequence number, links and flags of the base record. */
static bool same_head(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a + 0x10, b + 0x10, 4) == 0 && memcmp(a + 0x16, b + 0x16, 2) == 0;
}

int im_ntfs_check_file(struct im_ntfs_check *c, uint64_t number, struct im_error *err)
{
	struct pair p = { .c = c, .number = number };
	int a = im_ntfs_file_open(&c->old, number, &p.old, err), b = im_ntfs_file_open(&c->new, number, &p.new, err);
	int rc = -1;

	if (a >= 0 && b >= 0) {
		if (a != IM_FOUND || b != IM_FOUND || !same_head(p.old.records.v[0], p.new.records.v[0]))
			im_ntfs_check_fail(err, "MFT record %" PRIu64 " would not be the file that it is", number);
		else
			rc = check_attributes(&p, err);
	}
	if (a == IM_FOUND)
		im_ntfs_file_close(&p.old);
	if (b == IM_FOUND)
		im_ntfs_file_close(&p.new);
	return rc;
}
