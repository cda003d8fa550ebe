/* table.c - which table a disk has, and the sector size in which it makes sense. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fence.h"
#include "fmt/fs_types.h"
#include "fmt/label.h"
#include "scan/scan.h"

static const uint32_t sizes[] = { 512, 4096 };

#define SCORED 16	/* partitions of a table that are looked at */

static bool may_hold_volume(const struct im_dev *dev, const struct im_mbr_part *p)
{
	return !p->is_extended && p->type != IM_MBR_TYPE_GPT && p->start < dev->size;
}

/* EBRs where the chain says. */
static int chain_score(const struct im_mbr *mbr)
{
	return mbr->damage[0] ? -2 : (int)mbr->ebrs.n;
}

/* How well a DOS table fits the disk with the sector size it was read with: file systems where partitions
 * start and EBRs where the chain says count for it, partitions past the end against it. */
static int score_mbr(struct im_scan *scan, struct im_dev *dev, const struct im_mbr *mbr, int *score, struct im_error *err)
{
	*score = chain_score(mbr);
	for (size_t i = 0; i < mbr->parts.n && i < SCORED; i++) {
		const struct im_mbr_part *p = &mbr->parts.v[i];
		struct im_volume *v;

		if (p->start + p->size > dev->size)
			(*score)--;
		if (!may_hold_volume(dev, p))
			continue;
		v = im_vec_push(&scan->tried, err);
		if (!v)
			return -1;
		*v = (struct im_volume){ .start = p->start, .size = p->size };
		if (im_scan_probe(v, dev, err) < 0)
			return -1;
		*score += v->n_formats && v->state == IM_FOUND ? 2 : 0;
	}
	return 0;
}

/* The most that it can score, without a look at its partitions. */
static int most_of(const struct im_dev *dev, const struct im_mbr *mbr)
{
	int most = chain_score(mbr);

	for (size_t i = 0; i < mbr->parts.n && i < SCORED; i++)
		most += may_hold_volume(dev, &mbr->parts.v[i]) ? 2 : 0;
	return most;
}

/* The scores of both; of the other one, as far as it can be better. */
static int score_both(struct im_scan *scan, struct im_dev *dev, const struct im_mbr *other, int *a, int *b, struct im_error *err)
{
	if (score_mbr(scan, dev, &scan->mbr, a, err) < 0)
		return -1;
	*b = most_of(dev, other);
	return *b > *a ? score_mbr(scan, dev, other, b, err) : 0;
}

/* Read the DOS table with the better of both sector sizes, or with the one that is given. */
static int read_mbr(struct im_scan *scan, struct im_dev *dev, uint32_t given, int *state, struct im_error *err)
{
	struct im_mbr other;
	int a, b, other_state;

	*state = im_mbr_read(dev, given ? given : 512, &scan->mbr, err);
	if (*state != IM_FOUND)
		return *state < 0 ? -1 : 0;
	scan->sector_size = scan->mbr.sector_size;
	if (!scan->mbr.parts.n)
		return 0;
	other_state = im_mbr_read(dev, scan->sector_size == 512 ? 4096 : 512, &other, err);
	if (other_state < 0 || score_both(scan, dev, &other, &a, &b, err) < 0) {
		im_mbr_free(&other);
		return -1;
	}
	if (b > a && !given) {
		struct im_mbr swap = scan->mbr;

		scan->mbr = other;
		other = swap;
		scan->sector_size = scan->mbr.sector_size;
	} else if (b > a + 1) {
		struct im_finding *f = im_scan_add(scan, "other-sector-size", IM_INFO, 0, scan->sector_size, 0, err);

		if (f)
			im_say(f->message, sizeof(f->message), "the partition table only makes sense with %u-byte"
			       " sectors, not with the %u-byte sectors in use; try --sector-size %u",
			       other.sector_size, given, other.sector_size);
	}
	im_mbr_free(&other);
	return 0;
}

static int read_gpt(struct im_scan *scan, struct im_dev *dev, uint32_t given, struct im_error *err)
{
	struct im_gpt gpt;
	int best = IM_ABSENT;

	for (int i = 0; i < 2; i++) {
		int state = im_gpt_read(dev, sizes[i], &gpt, err);

		if (state < 0) {
			im_gpt_free(&gpt);
			return -1;
		}
		if (state == IM_FOUND && given && sizes[i] != given) {
			struct im_finding *f = im_scan_add(scan, "other-sector-size", IM_INFO, sizes[i], sizes[i], 0, err);

			if (f)
				im_say(f->message, sizeof(f->message), "a GPT is there that only makes sense with"
				       " %u-byte sectors, not with the %u-byte sectors in use; try --sector-size %u",
				       sizes[i], given, sizes[i]);
			im_gpt_free(&gpt);
			continue;
		}
		if (state == IM_ABSENT || best == IM_FOUND || (state == IM_DAMAGED && best == IM_DAMAGED)) {
			im_gpt_free(&gpt);
			continue;
		}
		im_gpt_free(&scan->gpt);
		scan->gpt = gpt;
		best = state;
	}
	if (best == IM_FOUND)
		scan->sector_size = scan->gpt.sector_size;
	return best;
}

/* Is there anything in the MBR that is a partition of its own? */
static bool mbr_has_parts(const struct im_scan *scan)
{
	return scan->mbr.parts.n > 0 || scan->mbr.has_entry_at_zero;
}

/* A table without partitions is one where somebody made it: mere boot code has no disk identifier, or has
 * code where the entries would be. */
static bool mbr_is_empty_table(const struct im_scan *scan)
{
	return scan->mbr.disk_id && scan->mbr.entries_are_zero && !scan->whole.n_formats;
}

/* The volume over the whole disk, if there is one. */
static int probe_whole(struct im_scan *scan, struct im_dev *dev, struct im_error *err)
{
	scan->whole = (struct im_volume){ .size = dev->size };
	return im_scan_probe(&scan->whole, dev, err);
}

static bool whole_is(const struct im_scan *scan, const char *name)
{
	for (int i = 0; i < scan->whole.n_formats; i++)
		if (strcmp(scan->whole.info[i].name, name) == 0)
			return true;
	return false;
}

/* A volume whose boot sector is sector 0 claims that sector; what starts later may be left over. */
static bool whole_claims_sector0(const struct im_scan *scan)
{
	static const char *const names[] = { "ntfs", "fat12", "fat16", "fat32", "exfat", "refs", "bitlocker", "xfs", "luks" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (whole_is(scan, names[i]))
			return scan->whole.state == IM_FOUND;
	return false;
}

static void decide(struct im_scan *scan, int mbr, int gpt)
{
	bool found = scan->whole.n_formats && scan->whole.state == IM_FOUND;

	if (gpt == IM_FOUND || (gpt == IM_DAMAGED && mbr == IM_FOUND && scan->mbr.is_protective)) {
		scan->table = IM_TABLE_GPT;
		scan->is_ambivalent = whole_claims_sector0(scan);
	} else if (scan->label && !(mbr == IM_FOUND && mbr_has_parts(scan))) {
		scan->table = IM_TABLE_OTHER;
	} else if (mbr == IM_FOUND && (mbr_has_parts(scan) || mbr_is_empty_table(scan))) {
		scan->table = IM_TABLE_DOS;
		scan->is_ambivalent = mbr_has_parts(scan) && whole_claims_sector0(scan);
		scan->is_isohybrid = mbr_has_parts(scan) && whole_is(scan, "iso9660");
	} else {
		scan->table = IM_TABLE_NONE;
		if (found && scan->whole.info[0].sector_size == 4096)
			scan->sector_size = 4096;
	}
}

int im_scan_table(struct im_scan *scan, struct im_dev *dev, const struct im_scan_options *options, struct im_error *err)
{
	uint32_t given = options->sector_size ? options->sector_size : dev->is_block ? dev->sector_size : 0;
	uint8_t sector[512] = { 0 };
	int gpt, mbr = IM_ABSENT;

	scan->size = dev->size;
	scan->sector_size = given ? given : 512;
	*err = (struct im_error){ 0 };
	if (im_dev_read(dev, 0, sector, (size_t)im_min(sizeof(sector), dev->size), err) < 0)
		return -1;
	if (im_fence_is(sector, scan->fence_uuid)) {
		scan->is_fenced = true;
		return 0;
	}
	scan->label = im_label_name(dev, err);
	gpt = read_gpt(scan, dev, given, err);
	if (err->code || gpt < 0 || read_mbr(scan, dev, gpt == IM_FOUND ? scan->sector_size : given, &mbr, err) < 0 ||
	    probe_whole(scan, dev, err) < 0)
		return -1;
	scan->is_ldm = im_ldm_has_privhead(dev, err);
	if (err->code)
		return -1;
	decide(scan, mbr, gpt);
	/* a whole-disk volume's own sector size counts, but never against what the user or kernel says */
	if (given)
		scan->sector_size = given;
	dev->sector_size = scan->sector_size;
	return 0;
}
