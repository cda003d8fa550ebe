/* ntfs_mft.c - finding records through $MFT's own runlist, and that runlist.
 *
 * $MFT's first extent is in record 0. Where it has more, record 0's attribute list names the records that hold
 * them; each must lie in the part of the MFT that the extents before it map.
 */
#include <stdlib.h>
#include <string.h>

#include "fmt/fs_util.h"
#include "fmt/ntfs_list.h"
#include "fmt/ntfs_runs.h"

#define PIECE (1u << 20)		/* of the MFT, read at once */

static const uint8_t no_name[1];

/* Append the extents of $MFT's data that this record holds and that follow what is known. Counts them. */
static int add_extents(struct im_ntfs *fs, const uint8_t *record, unsigned *n, struct im_error *err)
{
	struct im_ntfs_attr attr;
	uint32_t pos = 0;
	int got;

	while ((got = im_ntfs_attr_next(record, &pos, &attr)) == 1) {
		if (!im_ntfs_attr_is(&attr, IM_NTFS_DATA, no_name, 0) || attr.is_resident ||
		    attr.first_vcn != im_ntfs_runs_end(&fs->mft))
			continue;
		if (!attr.first_vcn)
			fs->records = attr.initialized / fs->g.record;
		got = im_ntfs_runs_add(&fs->mft, &attr, &fs->g, err);
		if (got != IM_FOUND)
			return got;
		(*n)++;
	}
	return got < 0 ? IM_DAMAGED : IM_FOUND;
}

static int read_extension(struct im_ntfs *fs, uint64_t number, uint8_t *buf, struct im_error *err)
{
	int got = im_ntfs_record(fs, number, buf, err);

	if (got == IM_FOUND && im_ntfs_record_base(buf) != IM_NTFS_MFT)
		return IM_DAMAGED;
	return got == IM_ABSENT ? IM_DAMAGED : got;
}

/* The extents of $MFT that its attribute list names, in the list's order, which is that of their VCNs. */
static int add_listed(struct im_ntfs *fs, const uint8_t *base, struct im_error *err)
{
	uint8_t *buf = malloc(fs->g.record);
	im_ntfs_list list = { 0 };
	unsigned n = 0;
	int got = buf ? im_ntfs_list_read(fs, base, &list, err) : im_error_nomem(err);

	for (size_t i = 0; got == IM_FOUND && i < list.n; i++) {
		const struct im_ntfs_list_entry *e = &list.v[i];

		if (e->type != IM_NTFS_DATA || e->name_len || e->record == IM_NTFS_MFT)
			continue;
		got = read_extension(fs, e->record, buf, err);
		if (got == IM_FOUND)
			got = add_extents(fs, buf, &n, err);
	}
	free(buf);
	im_vec_free(&list);
	return got == IM_ABSENT ? IM_FOUND : got;
}

/* No holes, all of it in what the image has of the volume, no longer than that, and with all records that it claims
 * to have. So a walk of it takes no longer than reading the image. */
static bool is_sound(const struct im_ntfs *fs)
{
	uint64_t end = im_ntfs_runs_end(&fs->mft), there = fs->vol->size / fs->g.cluster, bytes;

	for (size_t i = 0; i < fs->mft.n; i++)
		if (fs->mft.v[i].lcn == IM_NTFS_HOLE || fs->mft.v[i].lcn + fs->mft.v[i].len > there)
			return false;
	return end && end <= im_min(there, fs->g.clusters) && im_mul(end, fs->g.cluster, &bytes) &&
	       fs->records > IM_NTFS_BOOT && fs->records <= bytes / fs->g.record;
}

static int read_base(struct im_ntfs *fs, uint8_t *buf, struct im_error *err)
{
	int got = fs->g.mft == UINT64_MAX ? 0 : im_fs_peek(fs->vol, fs->g.mft, buf, fs->g.record, err);

	if (got < 0)
		return -1;
	return got && im_ntfs_record_open(buf, fs->g.record) == IM_FOUND ? IM_FOUND : IM_DAMAGED;
}

int im_ntfs_open(struct im_ntfs *fs, struct im_dev *vol, const char **why, struct im_error *err)
{
	uint8_t record[IM_NTFS_MAX_RECORD];
	struct im_bpb bpb;
	unsigned n = 0;
	int got;

	*fs = (struct im_ntfs){ .vol = vol };
	*why = _("its boot sector makes no sense");
	got = im_bpb_read(vol, &bpb, err);
	if (got <= 0 || im_bpb_owner(&bpb) != IM_BPB_NTFS || !im_ntfs_decode(&bpb, &fs->g))
		return got < 0 ? -1 : IM_DAMAGED;
	*why = _("the first record of $MFT is damaged");
	got = read_base(fs, record, err);
	if (got != IM_FOUND)
		return got;
	*why = _("the runlist of $MFT is damaged");
	got = add_extents(fs, record, &n, err);
	if (got == IM_FOUND && n)
		got = add_listed(fs, record, err);
	if (got != IM_FOUND)
		return got;
	return is_sound(fs) ? IM_FOUND : IM_DAMAGED;
}

void im_ntfs_close(struct im_ntfs *fs)
{
	im_vec_free(&fs->mft);
}

int im_ntfs_record(struct im_ntfs *fs, uint64_t n, uint8_t *buf, struct im_error *err)
{
	uint64_t off;
	int got;

	if (n >= fs->records || !im_mul(n, fs->g.record, &off))
		return IM_ABSENT;
	got = im_ntfs_read_runs(fs, &fs->mft, off, buf, fs->g.record, err);
	return got == IM_FOUND ? im_ntfs_record_open(buf, fs->g.record) : got;
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

int im_ntfs_each_record(struct im_ntfs *fs, im_ntfs_record_fn *each, void *arg, struct im_error *err)
{
	uint64_t size = fs->records * fs->g.record, n;
	uint8_t *buf = malloc(PIECE);
	int rc = buf ? IM_FOUND : im_error_nomem(err);

	for (uint64_t off = 0; rc == IM_FOUND && off < size; off += n) {
		n = im_min(PIECE, size - off);
		if (is_hole(fs, off, n))
			continue;
		rc = im_ntfs_read_runs(fs, &fs->mft, off, buf, n, err);
		for (uint64_t at = 0; rc == IM_FOUND && at < n; at += fs->g.record)
			if (each(arg, (off + at) / fs->g.record, buf + at, err) < 0)
				rc = -1;
		if (rc == IM_FOUND && im_watch_step(fs->vol->watch, off + n, size, err) < 0)
			rc = -1;
	}
	im_watch_end(fs->vol->watch);
	free(buf);
	/* im_ntfs_open made sure that all of $MFT is there */
	return rc == IM_DAMAGED ? im_error_set(err, IM_EIO, "$MFT ends before its records do") : rc;
}
