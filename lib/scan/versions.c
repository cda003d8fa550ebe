/* versions.c - see versions.h. */
#include "scan/versions.h"

#include <string.h>

#include "base/bytes.h"
#include "fmt/fs_util.h"

/* Is the file with the owner's record still the owner? */
static int is_same_file(struct im_version *v, const struct im_area_owner *owner, bool *yes, struct im_error *err)
{
	struct im_area_owner now = { .owner = owner->owner };

	if (im_area_owner_describe(&v->fs, &now, err) < 0)
		return -1;
	*yes = strcmp(now.name, owner->name) == 0;
	return 0;
}

static int add_lost(struct im_version *v, uint64_t start, uint64_t len, const char *why, struct im_error *err)
{
	struct im_lost *last = v->lost.n ? &v->lost.v[v->lost.n - 1] : NULL, *n;

	len = start < v->stream.size ? im_min(len, v->stream.size - start) : 0;
	if (!len)
		return 0;
	if (last && last->why == why && last->start + last->len == start) {
		last->len += len;
		return 0;
	}
	n = im_vec_push(&v->lost, err);
	if (!n)
		return -1;
	*n = (struct im_lost){ start, len, why };
	return 0;
}

/* A stretch of the stream, at byte `at` of the volume. */
static int look_at_stretch(struct im_version *v, uint64_t start, uint64_t at, uint64_t len, bool has_header, struct im_error *err)
{
	static const char header[] = "the shadow-copy header stands there";
	static const char unused[] = "the snapshot does not know these blocks to be in use, so that they may be from any time";
	uint64_t from = im_max(at, IM_VSS_HEADER), end = im_min(at + len, IM_VSS_HEADER + IM_VSS_HEADER_SIZE);

	if (v->view && !im_vss_view_knows(v->view, at))
		return add_lost(v, start, len, unused, err);
	return has_header && from < end ? add_lost(v, start + (from - at), end - from, header, err) : 0;
}

/* What of the stream is not to be trusted, block by block of the snapshot. */
static int find_lost(struct im_version *v, struct im_dev *dev, struct im_error *err)
{
	uint64_t cluster = v->fs.g.cluster;
	uint8_t sector[IM_VSS_HEADER_SIZE];
	int got = im_fs_peek(dev, IM_VSS_HEADER, sector, sizeof(sector), err);
	bool has_header = got == 1 && im_vss_is_marked(sector);

	for (size_t i = 0; got >= 0 && i < v->stream.runs.n; i++) {
		const struct im_ntfs_run *run = &v->stream.runs.v[i];
		uint64_t at = run->lcn * cluster, start = run->vcn * cluster, n;

		for (uint64_t left = run->lcn == IM_NTFS_HOLE ? 0 : run->len * cluster; left && start < v->stream.size; left -= n) {
			n = im_min(left, IM_VSS_BLOCK - at % IM_VSS_BLOCK);
			if (look_at_stretch(v, start, at, n, has_header, err) < 0)
				return -1;
			at += n;
			start += n;
		}
	}
	return got < 0 ? -1 : 0;
}

static int open_stream(struct im_version *v, struct im_dev *dev, const struct im_area_owner *owner, struct im_error *err)
{
	const struct im_ntfs_owner *o = &owner->owner;
	struct im_ntfs_file file = { 0 };
	bool same = false;
	int got;

	v->missing = "its MFT record is not in use, or cannot be read";
	got = im_ntfs_file_open(&v->fs, o->record, &file, err);
	if (got == IM_FOUND) {
		v->missing = "its MFT record belongs to another file";
		got = is_same_file(v, owner, &same, err) < 0 ? -1 : same ? IM_FOUND : IM_ABSENT;
	}
	if (got == IM_FOUND) {
		v->missing = "it has no such stream, or one that cannot be read";
		got = im_ntfs_stream(&v->fs, &file, o->type, o->name, o->name_len, &v->stream, err);
	}
	im_ntfs_file_close(&file);
	if (got != IM_FOUND)
		return got < 0 ? -1 : 0;
	if (v->stream.is_resident)
		v->missing = "it was so small that it lay in its MFT record, away from the boot area";
	else if (v->stream.flags & (IM_NTFS_COMPRESSED | IM_NTFS_ENCRYPTED))
		v->missing = "it is compressed or encrypted, which imgmend does not undo; read it with ntfs-3g";
	else if (v->stream.size > dev->size)
		v->missing = "it is sparse, and longer than its volume; read it with ntfs-3g";
	else
		v->missing = NULL;
	return v->missing ? 0 : find_lost(v, dev, err);
}

int im_version_open(struct im_version *v, struct im_dev *vol, const struct im_shadows *s, size_t i, const struct im_area_owner *owner,
		    struct im_error *err)
{
	struct im_dev *dev = vol;
	const char *why;
	int got;

	*v = (struct im_version){ 0 };
	if (i != SIZE_MAX) {
		for (size_t k = i; k < s->catalog.list.n; k++)
			if (s->catalog.list.v[k].fault) {
				v->missing = "this snapshot, or a newer one that it builds on, cannot be read";
				return 0;
			}
		dev = v->view = im_vss_view(vol, &s->catalog, i, err);
		if (!dev)
			return -1;
	}
	got = im_ntfs_open(&v->fs, dev, &why, err);
	if (got != IM_FOUND) {
		v->missing = "the volume cannot be read in it";
		return got < 0 ? -1 : 0;
	}
	return open_stream(v, dev, owner, err);
}

void im_version_close(struct im_version *v)
{
	im_vec_free(&v->lost);
	im_ntfs_stream_close(&v->stream);
	im_ntfs_close(&v->fs);
	im_dev_close(v->view);
}

int im_version_read(struct im_version *v, uint64_t off, uint8_t *buf, size_t len, struct im_error *err)
{
	size_t there = off < v->stream.initialized ? (size_t)im_min(len, v->stream.initialized - off) : 0;

	/* what was never written reads as zeros, whatever its clusters hold */
	memset(buf + there, 0, len - there);
	return there ? im_ntfs_read_runs(&v->fs, &v->stream.runs, off, buf, there, err) : IM_FOUND;
}
