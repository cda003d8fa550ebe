/* ntfs_owners.c - walk the MFT for whoever has clusters at given places.
 *
 * Every record is looked at; what a name needs is read only for the owners found.
 */
#include <string.h>

#include "fmt/ntfs_runs.h"

static void note_damage(struct im_ntfs_search *s, uint64_t number)
{
	if (!s->damaged++)
		s->first_damaged = number;
}

/* The index of the first range that ends behind lcn. */
static size_t first_behind(const struct im_ntfs_search *s, uint64_t lcn)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->ranges[mid].lcn + s->ranges[mid].len > lcn)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* Report the pieces of the run that lie in ranges. */
static int look_at_run(struct im_ntfs_search *s, uint64_t number, const uint8_t *record, const struct im_ntfs_attr *attr,
		       const struct im_ntfs_run *run, struct im_error *err)
{
	uint64_t base, end = run->lcn + run->len;

	for (size_t i = first_behind(s, run->lcn); i < s->n && s->ranges[i].lcn < end; i++) {
		uint64_t from = im_max(run->lcn, s->ranges[i].lcn), to = im_min(end, s->ranges[i].lcn + s->ranges[i].len);
		struct im_ntfs_owner o = {
			.type = attr->type, .name_len = attr->name_len, .flags = attr->flags,
			.compression_unit = attr->compression_unit,
			.run = { .vcn = run->vcn + (from - run->lcn), .lcn = from, .len = to - from },
		};

		base = im_ntfs_record_base(record);
		o.record = base == UINT64_MAX ? number : base;
		memcpy(o.name, attr->name, 2u * attr->name_len);
		if (s->found(s->arg, &o, err) < 0)
			return -1;
	}
	return 0;
}

static int look_at_attr(struct im_ntfs *fs, struct im_ntfs_search *s, uint64_t number, const uint8_t *record,
			const struct im_ntfs_attr *attr, struct im_error *err)
{
	struct im_ntfs_pairs pairs;
	struct im_ntfs_run run;
	int got;

	if (attr->is_resident)
		return IM_FOUND;
	im_ntfs_pairs_init(&pairs, attr, fs->g.clusters);
	while ((got = im_ntfs_pairs_next(&pairs, &run)) == 1)
		if (run.lcn != IM_NTFS_HOLE && look_at_run(s, number, record, attr, &run, err) < 0)
			return -1;
	return got < 0 ? IM_DAMAGED : IM_FOUND;
}

static int look_at_record(struct im_ntfs *fs, struct im_ntfs_search *s, uint64_t number, uint8_t *record,
			  struct im_error *err)
{
	struct im_ntfs_attr attr;
	uint32_t pos = 0;
	int got = im_ntfs_record_open(record, fs->g.record), more = 1;

	if (got == IM_ABSENT)
		return 0;
	while (got == IM_FOUND && (more = im_ntfs_attr_next(record, &pos, &attr)) == 1)
		got = look_at_attr(fs, s, number, record, &attr, err);
	if (got < 0)
		return -1;
	if (got == IM_DAMAGED || more < 0)
		note_damage(s, number);
	return 0;
}

struct searching {
	struct im_ntfs *fs;
	struct im_ntfs_search *s;
};

static int search_record(void *arg, uint64_t number, uint8_t *record, struct im_error *err)
{
	const struct searching *g = arg;

	return look_at_record(g->fs, g->s, number, record, err);
}

int im_ntfs_search(struct im_ntfs *fs, struct im_ntfs_search *s, struct im_error *err)
{
	struct searching g = { fs, s };

	s->damaged = 0;
	return s->n ? im_ntfs_each_record(fs, search_record, &g, err) : IM_FOUND;
}

static int collect(void *arg, const struct im_ntfs_owner *owner, struct im_error *err)
{
	struct im_ntfs_owners *out = arg;
	struct im_ntfs_owner *o;

	if (out->list.n >= IM_NTFS_OWNERS_MAX) {
		out->more++;
		return 0;
	}
	o = im_vec_push(&out->list, err);
	if (!o)
		return -1;
	*o = *owner;
	return 0;
}

int im_ntfs_find_owners(struct im_ntfs *fs, uint64_t end, struct im_ntfs_owners *owners, struct im_error *err)
{
	struct im_ntfs_run area = { .len = end };
	struct im_ntfs_search search = { .ranges = &area, .n = 1, .found = collect, .arg = owners };
	int rc;

	*owners = (struct im_ntfs_owners){ 0 };
	rc = im_ntfs_search(fs, &search, err);
	owners->damaged = search.damaged;
	owners->first_damaged = search.first_damaged;
	if (rc < 0)
		im_ntfs_owners_free(owners);
	return rc;
}

void im_ntfs_owners_free(struct im_ntfs_owners *owners)
{
	im_vec_free(&owners->list);
}
