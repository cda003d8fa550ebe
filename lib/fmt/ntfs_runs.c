/* ntfs_runs.c - lists of runs: collecting them, reading what they map. */
#include "fmt/ntfs_runs.h"

#include <string.h>

int im_ntfs_runs_add(im_ntfs_runs *runs, const struct im_ntfs_attr *attr, const struct im_ntfs_geometry *g,
		     struct im_error *err)
{
	struct im_ntfs_pairs pairs;
	struct im_ntfs_run run, *n;
	int got;

	im_ntfs_pairs_init(&pairs, attr, g->clusters);
	while ((got = im_ntfs_pairs_next(&pairs, &run)) == 1) {
		n = im_vec_push(runs, err);
		if (!n)
			return -1;
		*n = run;
	}
	return got < 0 ? IM_DAMAGED : IM_FOUND;
}

uint64_t im_ntfs_runs_end(const im_ntfs_runs *runs)
{
	return runs->n ? runs->v[runs->n - 1].vcn + runs->v[runs->n - 1].len : 0;
}

/* The index of the run that holds vcn, which is below the end. */
static size_t find(const im_ntfs_runs *runs, uint64_t vcn)
{
	size_t lo = 0, hi = runs->n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (runs->v[mid].vcn <= vcn)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

const struct im_ntfs_run *im_ntfs_runs_at(const im_ntfs_runs *runs, uint64_t vcn)
{
	return vcn < im_ntfs_runs_end(runs) ? &runs->v[find(runs, vcn)] : NULL;
}

uint64_t im_ntfs_runs_lcn(const im_ntfs_runs *runs, uint64_t vcn)
{
	const struct im_ntfs_run *r = im_ntfs_runs_at(runs, vcn);

	return !r || r->lcn == IM_NTFS_HOLE ? IM_NTFS_HOLE : r->lcn + (vcn - r->vcn);
}

bool im_ntfs_runs_hold(const im_ntfs_runs *runs, uint32_t cluster, uint64_t off, uint64_t len)
{
	uint64_t at = off, end = off + len;

	for (bool any = true; any && at < end;) {
		any = false;
		for (size_t i = 0; i < runs->n && at < end; i++) {
			const struct im_ntfs_run *run = &runs->v[i];
			uint64_t start = run->lcn * cluster;

			if (run->lcn == IM_NTFS_HOLE || at < start || at - start >= run->len * cluster)
				continue;
			at = start + run->len * cluster;
			any = true;
		}
	}
	return at >= end;
}

int im_ntfs_read_runs(struct im_ntfs *fs, const im_ntfs_runs *runs, uint64_t off, void *buf, size_t len,
		      struct im_error *err)
{
	uint64_t cluster = fs->g.cluster, end;
	uint8_t *p = buf;

	if (!len)
		return IM_FOUND;
	if (!im_add(off, len, &end) || (end - 1) / cluster >= im_ntfs_runs_end(runs))
		return IM_DAMAGED;
	for (size_t i = find(runs, off / cluster); len; i++) {
		const struct im_ntfs_run *r = &runs->v[i];
		uint64_t skip = off - r->vcn * cluster, n = im_min(len, r->len * cluster - skip);

		if (r->lcn == IM_NTFS_HOLE) {
			memset(p, 0, n);
		} else {
			/* the image may be shorter than the volume says */
			uint64_t at = r->lcn * cluster + skip;

			if (at > fs->vol->size || n > fs->vol->size - at)
				return IM_DAMAGED;
			if (im_dev_read(fs->vol, at, p, n, err) < 0)
				return -1;
		}
		off += n;
		p += n;
		len -= n;
	}
	return IM_FOUND;
}
