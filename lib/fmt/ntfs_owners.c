/* ntfs_owners.c - walk the MFT for whoever has clusters at the start of the volume.
 *
 * The MFT is read in large pieces, and looked at record by record where it lies; what a name needs is read
 * only for the owners found.
 */
#include <stdlib.h>
#include <string.h>

#include "fmt/ntfs_runs.h"

#define PIECE (1u << 20)

struct walk {
	struct im_ntfs *fs;
	uint64_t end;			/* LCN */
	struct im_ntfs_owners *out;
};

static void note_damage(struct walk *w, uint64_t number)
{
	if (!w->out->damaged++)
		w->out->first_damaged = number;
}

static int add_owner(struct walk *w, uint64_t number, const uint8_t *record, const struct im_ntfs_attr *attr,
		     const struct im_ntfs_run *run, struct im_error *err)
{
	uint64_t base = im_ntfs_record_base(record);
	struct im_ntfs_owner *o;

	if (w->out->list.n >= IM_NTFS_OWNERS_MAX) {
		w->out->more++;
		return 0;
	}
	o = im_vec_push(&w->out->list, err);
	if (!o)
		return -1;
	*o = (struct im_ntfs_owner){
		.record = base == UINT64_MAX ? number : base, .type = attr->type, .name_len = attr->name_len,
		.flags = attr->flags, .compression_unit = attr->compression_unit, .run = *run,
	};
	o->run.len = im_min(run->len, w->end - run->lcn);
	memcpy(o->name, attr->name, 2u * attr->name_len);
	return 0;
}

static int look_at_attr(struct walk *w, uint64_t number, const uint8_t *record, const struct im_ntfs_attr *attr,
			struct im_error *err)
{
	struct im_ntfs_pairs pairs;
	struct im_ntfs_run run;
	int got;

	if (attr->is_resident)
		return IM_FOUND;
	im_ntfs_pairs_init(&pairs, attr, w->fs->g.clusters);
	while ((got = im_ntfs_pairs_next(&pairs, &run)) == 1)
		if (run.lcn < w->end && add_owner(w, number, record, attr, &run, err) < 0)
			return -1;
	return got < 0 ? IM_DAMAGED : IM_FOUND;
}

static int look_at_record(struct walk *w, uint64_t number, uint8_t *record, struct im_error *err)
{
	struct im_ntfs_attr attr;
	uint32_t pos = 0;
	int got = im_ntfs_record_open(record, w->fs->g.record), more = 1;

	if (got == IM_ABSENT)
		return 0;
	while (got == IM_FOUND && (more = im_ntfs_attr_next(record, &pos, &attr)) == 1)
		got = look_at_attr(w, number, record, &attr, err);
	if (got < 0)
		return -1;
	if (got == IM_DAMAGED || more < 0)
		note_damage(w, number);
	return 0;
}

/* Are these bytes of the MFT known to be zero, so that no records are there? */
static bool is_hole(struct im_ntfs *fs, uint64_t off, uint64_t len)
{
	uint64_t cluster = fs->g.cluster, first = off / cluster, last = (off + len - 1) / cluster, at;
	const struct im_ntfs_run *run = im_ntfs_runs_at(&fs->mft, first);
	struct im_extent ext;

	if (!run || last - run->vcn >= run->len)
		return false;
	at = run->lcn * cluster + (off - run->vcn * cluster);
	return at < fs->vol->size && len <= fs->vol->size - at && im_dev_extent(fs->vol, at, len, &ext, NULL) == 0 &&
	       ext.is_zero && ext.len >= len;
}

/* How far to go on from off, where the image ends before the piece of n bytes does: where the run's clusters lie
 * behind its end, to the run's last record. A volume may claim to be far larger than its image. */
static uint64_t skip_missing(struct im_ntfs *fs, uint64_t off, uint64_t n)
{
	uint64_t cluster = fs->g.cluster, vcn = off / cluster, rest;
	const struct im_ntfs_run *run = im_ntfs_runs_at(&fs->mft, vcn);

	if (!run || (run->lcn + (vcn - run->vcn)) * cluster < fs->vol->size)
		return n;
	rest = (run->vcn + run->len) * cluster - off;
	return im_max(n, rest - rest % fs->g.record);
}

int im_ntfs_find_owners(struct im_ntfs *fs, uint64_t end, struct im_ntfs_owners *owners, struct im_error *err)
{
	struct walk w = { .fs = fs, .end = end, .out = owners };
	uint64_t size = fs->records * fs->g.record, n;
	uint8_t *buf = malloc(PIECE);
	int rc = buf ? IM_FOUND : im_error_nomem(err);

	*owners = (struct im_ntfs_owners){ 0 };
	for (uint64_t off = 0; rc == IM_FOUND && off < size; off += n) {
		n = im_min(PIECE, size - off);
		if (is_hole(fs, off, n))
			continue;
		rc = im_ntfs_read_runs(fs, &fs->mft, off, buf, n, err);
		if (rc == IM_DAMAGED) {
			/* the image ends before the MFT does */
			note_damage(&w, off / fs->g.record);
			n = skip_missing(fs, off, n);
			rc = IM_FOUND;
			continue;
		}
		for (uint64_t at = 0; rc == IM_FOUND && at < n; at += fs->g.record)
			if (look_at_record(&w, (off + at) / fs->g.record, buf + at, err) < 0)
				rc = -1;
	}
	free(buf);
	if (rc < 0)
		im_ntfs_owners_free(owners);
	return rc;
}

void im_ntfs_owners_free(struct im_ntfs_owners *owners)
{
	im_vec_free(&owners->list);
}
