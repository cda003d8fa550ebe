/* ntfs_records.c - every record of $MFT before and after: those that differ belong to files that the repair concerns. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "plan/ntfs_check.h"

#define PIECE (1u << 20)

static int add_file(struct im_ntfs_check *c, uint64_t number, struct im_error *err)
{
	uint64_t *n;

	for (size_t i = 0; i < c->files.n; i++)
		if (c->files.v[i] == number)
			return 0;
	if (!im_boot_area_is_system(number) && !im_boot_area_has_owner(c->area, number))
		return im_ntfs_check_fail(err, "MFT record %" PRIu64 " would change, which has nothing to do with the boot area", number);
	n = im_vec_push(&c->files, err);
	if (!n)
		return -1;
	*n = number;
	return 0;
}

static uint64_t base_of(uint64_t number, const uint8_t *record)
{
	uint64_t base = im_ntfs_record_base(record);

	return base == UINT64_MAX ? number : base;
}

/* A record that differs; a and b are what it was and is, and may be opened. */
static int look(struct im_ntfs_check *c, uint64_t number, uint8_t *a, uint8_t *b, struct im_error *err)
{
	int was = im_ntfs_record_open(a, c->old.g.record), is = im_ntfs_record_open(b, c->new.g.record);

	if (was == IM_DAMAGED || is != IM_FOUND || (was == IM_FOUND && base_of(number, a) != base_of(number, b)))
		return im_ntfs_check_fail(err, "MFT record %" PRIu64 " would be damaged, deleted or another file's", number);
	return add_file(c, base_of(number, b), err);
}

static int compare_piece(struct im_ntfs_check *c, uint64_t first, uint8_t *a, uint8_t *b, uint64_t len, struct im_error *err)
{
	uint32_t size = c->old.g.record;

	for (uint64_t at = 0; at < len; at += size)
		if (memcmp(a + at, b + at, size) != 0 && look(c, first + at / size, a + at, b + at, err) < 0)
			return -1;
	return 0;
}

/* Records that $MFT did not have before: extensions of the files concerned, or not in use. */
static int look_at_new(struct im_ntfs_check *c, uint8_t *buf, struct im_error *err)
{
	for (uint64_t n = c->old.records; n < c->new.records; n++) {
		int got = im_ntfs_record(&c->new, n, buf, err);

		if (got < 0)
			return -1;
		if (got == IM_DAMAGED || (got == IM_FOUND && add_file(c, base_of(n, buf), err) < 0))
			return got == IM_FOUND ? -1 : im_ntfs_check_fail(err, "MFT record %" PRIu64 " would be damaged", n);
	}
	return 0;
}

static int compare_records(struct im_ntfs_check *c, uint8_t *a, uint8_t *b, struct im_error *err)
{
	uint64_t size = c->old.records * c->old.g.record;

	if (c->new.records < c->old.records || c->new.g.record != c->old.g.record || c->new.g.cluster != c->old.g.cluster)
		return im_ntfs_check_fail(err, "$MFT would lose records");
	for (uint64_t off = 0, n; off < size; off += n) {
		n = im_min(PIECE, size - off);
		if (im_ntfs_read_runs(&c->old, &c->old.mft, off, a, n, err) != IM_FOUND ||
		    im_ntfs_read_runs(&c->new, &c->new.mft, off, b, n, err) != IM_FOUND)
			return im_ntfs_check_fail(err, "$MFT cannot be read");
		if (memcmp(a, b, n) != 0 && compare_piece(c, off / c->old.g.record, a, b, n, err) < 0)
			return -1;
	}
	return look_at_new(c, a, err);
}

/* $MFTMirr is where the boot sector says, and holds the first records of $MFT. */
static int check_mirror(struct im_ntfs_check *c, uint8_t *a, uint8_t *b, struct im_error *err)
{
	struct im_ntfs_stream mirror;
	uint64_t n;
	int rc = 0;

	if (im_ntfs_stream_of(&c->new, IM_NTFS_MIRROR, IM_NTFS_DATA, &mirror, err) != IM_FOUND)
		return im_ntfs_check_fail(err, "$MFTMirr cannot be read");
	n = im_min(PIECE, mirror.size);
	if (mirror.is_resident || !mirror.runs.n || mirror.runs.v[0].lcn * c->new.g.cluster != c->new.g.mirror ||
	    im_ntfs_read_runs(&c->new, &mirror.runs, 0, a, n, err) != IM_FOUND ||
	    im_ntfs_read_runs(&c->new, &c->new.mft, 0, b, n, err) != IM_FOUND || memcmp(a, b, n) != 0)
		rc = im_ntfs_check_fail(err, "$MFTMirr would not mirror $MFT, or not where the boot sector says");
	im_ntfs_stream_close(&mirror);
	return rc;
}

int im_ntfs_check_records(struct im_ntfs_check *c, struct im_error *err)
{
	uint8_t *a = malloc(PIECE), *b = malloc(PIECE);
	int rc = a && b ? compare_records(c, a, b, err) : im_error_nomem(err);

	if (rc == 0)
		rc = check_mirror(c, a, b, err);
	free(a);
	free(b);
	return rc;
}
