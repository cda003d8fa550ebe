/* file_map.c - a list of pieces; of a file on NTFS they are its runs. */
#include "fmt/file_map.h"

#include "base/bytes.h"
#include "base/intl.h"
#include "fmt/ntfs.h"

void im_file_map_free(struct im_file_map *map)
{
	im_vec_free(&map->pieces);
}

int im_file_map_add(struct im_file_map *map, uint64_t at, uint64_t len, struct im_error *err)
{
	struct im_file_piece *last = map->pieces.n ? &map->pieces.v[map->pieces.n - 1] : NULL;
	uint64_t off = last ? last->off + last->len : 0;

	if (last && last->at + last->len == at) {
		last->len += len;
		return 0;
	}
	last = im_vec_push(&map->pieces, err);
	if (!last)
		return -1;
	*last = (struct im_file_piece){ .off = off, .at = at, .len = len };
	return 0;
}

uint64_t im_file_map_at(const struct im_file_map *map, uint64_t off, uint64_t *len)
{
	size_t low = 0, high = map->pieces.n;

	*len = 0;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct im_file_piece *p = &map->pieces.v[mid];

		if (off < p->off) {
			high = mid;
		} else if (off - p->off >= p->len) {
			low = mid + 1;
		} else {
			*len = p->len - (off - p->off);
			return p->at + (off - p->off);
		}
	}
	return UINT64_MAX;
}

int im_file_map_read(const struct im_file_map *map, struct im_dev *vol, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	uint8_t *p = buf;

	while (len) {
		uint64_t n, at = im_file_map_at(map, off, &n);

		if (!n)
			return im_error_set(err, IM_EFORMAT, "a file ends before its size");
		n = im_min(n, len);
		if (im_dev_read(vol, at, p, n, err) < 0)
			return -1;
		p += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int take_stream(struct im_file_map *map, const struct im_ntfs *fs, const struct im_ntfs_stream *s, const char **why,
		       struct im_error *err)
{
	uint64_t held = 0;

	*why = N_("it is compressed, encrypted, or so small that it lies in its file record");
	if (s->is_resident || s->flags & (IM_NTFS_COMPRESSED | IM_NTFS_ENCRYPTED) || s->compression_unit)
		return IM_DAMAGED;
	map->size = s->size;
	map->valid = im_min(s->size, s->initialized);
	for (size_t i = 0; i < s->runs.n && held < map->valid && s->runs.v[i].lcn != IM_NTFS_HOLE; i++) {
		if (im_file_map_add(map, s->runs.v[i].lcn * fs->g.cluster, s->runs.v[i].len * fs->g.cluster, err) < 0)
			return -1;
		held += s->runs.v[i].len * fs->g.cluster;
	}
	*why = N_("it has holes, or its runs end before its size");
	return held < map->valid ? IM_DAMAGED : IM_FOUND;
}

int im_file_map_ntfs(struct im_file_map *map, struct im_dev *vol, uint64_t record, const char **why, struct im_error *err)
{
	struct im_ntfs_stream stream = { 0 };
	struct im_ntfs fs;
	int rc = im_ntfs_open(&fs, vol, why, err);

	if (rc == IM_FOUND) {
		*why = N_("its file record is damaged");
		rc = im_ntfs_stream_of(&fs, record, IM_NTFS_DATA, &stream, err);
		if (rc == IM_FOUND)
			rc = take_stream(map, &fs, &stream, why, err);
		im_ntfs_stream_close(&stream);
	}
	im_ntfs_close(&fs);
	return rc;
}
