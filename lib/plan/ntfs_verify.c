/* ntfs_verify.c - the order in which a corrected NTFS volume is judged; see ntfs_check.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "plan/inside.h"
#include "plan/ntfs_check.h"

#define LCNS 0x30u		/* of a boot sector: LCN of $MFT and of its mirror, 8 bytes each */
#define LCNS_SIZE 16u

int im_ntfs_check_fail(struct im_error *err, const char *fmt, ...)
{
	char why[480];
	va_list ap;

	/* a read error says more */
	if (err && err->code == IM_EIO)
		return -1;
	va_start(ap, fmt);
	im_vsay(why, sizeof(why), fmt, ap);
	va_end(ap);
	return im_error_set(err, IM_EREFUSED, "the NTFS volume could not be corrected: %s; run chkdsk and try again", why);
}

static int check_area(struct im_dev *new, struct im_error *err)
{
	struct im_boot_area after;
	const char *why;
	int got = im_boot_area_look(&after, new, true, &why, err);
	bool is_bad;

	if (got != IM_FOUND)
		return got < 0 ? -1 : im_ntfs_check_fail(err, "afterwards %s", why);
	is_bad = im_boot_area_is_bad(&after) || after.damaged;
	im_boot_area_free(&after);
	return is_bad ? im_ntfs_check_fail(err, "its boot area would still not be all $Boot's") : 0;
}

/* The first sector, and the backup behind the counted ones: they may only say where $MFT and its mirror are now. */
static int check_boot_sectors(const struct im_ntfs_check *c, struct im_error *err)
{
	uint8_t old[IM_BPB_SIZE], new[IM_BPB_SIZE], backup[IM_BPB_SIZE], was[IM_BPB_SIZE];

	if (im_dev_read(c->old.vol, 0, old, sizeof(old), err) < 0 || im_dev_read(c->new.vol, 0, new, sizeof(new), err) < 0)
		return -1;
	memcpy(old + LCNS, new + LCNS, LCNS_SIZE);
	if (memcmp(old, new, sizeof(old)) != 0)
		return im_ntfs_check_fail(err, "the boot sector would change in more than the places of $MFT and its mirror");
	if (c->new.g.mft != c->new.mft.v[0].lcn * c->new.g.cluster)
		return im_ntfs_check_fail(err, "the boot sector would not say where $MFT begins");
	if (c->old.g.size + sizeof(backup) > c->old.vol->size)
		return 0;
	if (im_dev_read(c->old.vol, c->old.g.size, was, sizeof(was), err) < 0 ||
	    im_dev_read(c->new.vol, c->old.g.size, backup, sizeof(backup), err) < 0)
		return -1;
	if (memcmp(was, backup, sizeof(was)) != 0 && memcmp(new, backup, sizeof(new)) != 0)
		return im_ntfs_check_fail(err, "the backup boot sector would be no copy of the first one");
	return 0;
}

static bool is_moved_away(const struct im_boot_area *area, uint64_t lcn)
{
	for (size_t i = 0; i < area->owners.n; i++)
		if (lcn >= area->owners.v[i].owner.run.lcn && lcn - area->owners.v[i].owner.run.lcn < area->owners.v[i].owner.run.len)
			return true;
	return false;
}

/* The rest of the boot area: zeros where data has left, else what it was. */
static int check_area_bytes(const struct im_ntfs_check *c, struct im_error *err)
{
	uint8_t old[512], new[512];

	for (uint64_t off = 512; off < IM_RESERVED; off += sizeof(old)) {
		bool leaves = is_moved_away(c->area, off / c->old.g.cluster) && !(c->area->has_vss && off == IM_VSS_HEADER);

		if (im_dev_read(c->old.vol, off, old, sizeof(old), err) < 0 || im_dev_read(c->new.vol, off, new, sizeof(new), err) < 0)
			return -1;
		if (leaves ? !im_is_zero(new, sizeof(new)) : memcmp(old, new, sizeof(old)) != 0)
			return im_ntfs_check_fail(err, "byte %" PRIu64 " of the boot area would not be what it should", off);
	}
	return 0;
}

/* What was copied as it was went to clusters that come into use. */
static int check_moves(const struct im_ntfs_check *c, const struct im_ntfs_repair *r, struct im_error *err)
{
	uint64_t cluster = c->old.g.cluster;

	for (size_t i = 0; i < r->moves.n; i++) {
		const struct im_ntfs_move *m = &r->moves.v[i];

		for (uint64_t off = m->to; off < m->to + m->len; off += 512)
			if (!im_ntfs_ranges_have(&c->gained, off / cluster))
				return im_ntfs_check_fail(err, "something would be copied over cluster %" PRIu64, off / cluster);
	}
	return 0;
}

static int check(struct im_ntfs_check *c, const struct im_ntfs_repair *r, struct im_error *err)
{
	if (check_boot_sectors(c, err) < 0 || check_area_bytes(c, err) < 0 || im_ntfs_check_bits(c, err) < 0 ||
	    check_moves(c, r, err) < 0 || im_ntfs_check_records(c, err) < 0)
		return -1;
	for (size_t i = 0; i < c->files.n; i++)
		if (im_ntfs_check_file(c, c->files.v[i], err) < 0)
			return -1;
	return 0;
}

int im_ntfs_verify(struct im_dev *old, struct im_dev *new, const struct im_ntfs_repair *r, const struct im_boot_area *area,
		   struct im_error *err)
{
	struct im_ntfs_check c = { .area = area };
	const char *why = "";
	int a, b, rc = -1;

	if (check_area(new, err) < 0)
		return -1;
	a = im_ntfs_open(&c.old, old, &why, err);
	b = a == IM_FOUND ? im_ntfs_open(&c.new, new, &why, err) : a;
	if (b == IM_FOUND)
		rc = check(&c, r, err);
	else if (b >= 0)
		im_ntfs_check_fail(err, "%s", why);
	im_ntfs_close(&c.old);
	im_ntfs_close(&c.new);
	im_vec_free(&c.gained);
	im_vec_free(&c.lost);
	im_vec_free(&c.files);
	return rc;
}
