/* fuzz_ntfs.c - NTFS: records, attributes, runlists, the MFT, paths, owners of the boot area.
 *
 * Oracle: no read fails; runs stay inside the volume and follow each other; owners lie below the end asked for.
 */
#include <string.h>

#include "base/bytes.h"
#include "fmt/ntfs.h"
#include "fuzz.h"
#include "scan/ntfs_area.h"

#define SIZE_MAX_BYTES (8ull << 30)
#define RECORDS_MAX 48

static void check_runs(const struct im_ntfs *fs, const im_ntfs_runs *runs)
{
	uint64_t vcn = 0;

	for (size_t i = 0; i < runs->n; i++) {
		const struct im_ntfs_run *r = &runs->v[i];

		FUZZ_CHECK(r->len && r->vcn == vcn, "run %zu begins at VCN %llu", i, (unsigned long long)r->vcn);
		FUZZ_CHECK(im_add(vcn, r->len, &vcn), "run %zu overflows", i);
		FUZZ_CHECK(r->lcn == IM_NTFS_HOLE || (r->lcn < fs->g.clusters && r->len <= fs->g.clusters - r->lcn),
			   "run %zu leaves the volume", i);
	}
}

static void look_at_stream(struct im_ntfs *fs, const struct im_ntfs_file *file, uint32_t type, struct im_error *err)
{
	struct im_ntfs_stream stream;
	uint8_t buf[600];
	int got = im_ntfs_stream(fs, file, type, (const uint8_t *)"", 0, &stream, err);

	FUZZ_CHECK(got >= 0, "%s", err->message);
	if (got != IM_FOUND)
		return;
	check_runs(fs, &stream.runs);
	if (!stream.is_resident)
		FUZZ_CHECK(im_ntfs_read_runs(fs, &stream.runs, stream.size / 2, buf, sizeof(buf), err) >= 0, "%s", err->message);
	im_ntfs_stream_close(&stream);
}

static void look_at_record(struct im_ntfs *fs, uint64_t n)
{
	static const uint32_t types[] = {
		IM_NTFS_ATTRIBUTE_LIST, IM_NTFS_FILE_NAME, IM_NTFS_DATA, IM_NTFS_INDEX_ALLOCATION, IM_NTFS_BITMAP_ATTR,
	};
	struct im_error err = { 0 };
	struct im_ntfs_file file;
	char path[80];
	int got = im_ntfs_file_open(fs, n, &file, &err);

	FUZZ_CHECK(got >= 0, "%s", err.message);
	for (size_t i = 0; got == IM_FOUND && i < sizeof(types) / sizeof(types[0]); i++)
		look_at_stream(fs, &file, types[i], &err);
	if (got == IM_FOUND)
		im_ntfs_file_close(&file);
	FUZZ_CHECK(im_ntfs_path(fs, n, path, sizeof(path), &err) >= 0, "%s", err.message);
	FUZZ_CHECK(memchr(path, 0, sizeof(path)), "a path without an end");
}

static void look_at_owners(struct im_ntfs *fs, uint64_t end)
{
	struct im_error err = { 0 };
	struct im_ntfs_owners owners;

	FUZZ_CHECK(im_ntfs_find_owners(fs, end, &owners, &err) == IM_FOUND, "%s", err.message);
	FUZZ_CHECK(owners.list.n <= IM_NTFS_OWNERS_MAX, "%zu owners", owners.list.n);
	for (size_t i = 0; i < owners.list.n; i++) {
		const struct im_ntfs_run *r = &owners.list.v[i].run;

		FUZZ_CHECK(r->len && r->lcn < end && r->len <= end - r->lcn, "an owner at LCN %llu", (unsigned long long)r->lcn);
	}
	im_ntfs_owners_free(&owners);
}

FUZZ_TARGET(ntfs)
{
	struct im_boot_area area;
	struct im_error err = { 0 };
	const char *why = NULL;
	struct fuzz_head head;
	struct im_dev *dev[2];
	struct im_ntfs fs;
	int got;

	if (!fuzz_devices(data, size, SIZE_MAX_BYTES, false, &head, dev))
		return 0;
	got = im_ntfs_open(&fs, dev[0], &why, &err);
	FUZZ_CHECK(got >= 0, "%s", err.message);
	FUZZ_CHECK(got != IM_DAMAGED || why, "no reason");
	if (got == IM_FOUND) {
		check_runs(&fs, &fs.mft);
		for (uint64_t n = 0; n < RECORDS_MAX; n++)
			look_at_record(&fs, n);
		look_at_record(&fs, head.number);
		look_at_owners(&fs, 1 + head.option[0]);
	}
	im_ntfs_close(&fs);
	got = im_boot_area_look(&area, dev[0], true, &why, &err);
	FUZZ_CHECK(got >= 0, "%s", err.message);
	FUZZ_CHECK(got != IM_DAMAGED || why, "no reason");
	if (got == IM_FOUND) {
		for (size_t i = 0; i < area.owners.n; i++) {
			uint64_t start, len;

			FUZZ_CHECK(memchr(area.owners.v[i].name, 0, sizeof(area.owners.v[i].name)), "a name without an end");
			im_area_owner_bytes(&area.owners.v[i].owner, fs.g.cluster, &start, &len);
		}
		im_boot_area_is_bad(&area);
		im_boot_area_free(&area);
	}
	im_dev_close(dev[0]);
	return 0;
}
