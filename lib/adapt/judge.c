/* judge.c - verdicts.
 *
 * A witness that does not read the old disk as we do abstains; otherwise its reading of the new
 * one counts. Where there was no table to read, and the repair makes one, a table witness judges
 * the new table alone. A witness that died abstains wherever that happened: it said nothing.
 */
#include <config.h>

#include "adapt/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void rule(struct im_opinion *op, enum im_verdict verdict, const char *fmt, ...) IM_PRINTF(3, 4);

static void rule(struct im_opinion *op, enum im_verdict verdict, const char *fmt, ...)
{
	va_list ap;

	op->verdict = verdict;
	va_start(ap, fmt);
	im_vsay(op->why, sizeof(op->why), fmt, ap);
	va_end(ap);
}

static bool is_bare(const struct im_claim *claim)
{
	return !strcmp(claim->table, "none");
}

void im_judge_table(const struct im_side *before, const struct im_side *after, struct im_opinion *op)
{
	const struct im_reading *old = &before->reading, *new = &after->reading;
	bool gains_table = is_bare(before->claim) && !is_bare(after->claim);
	char why[IM_WHY_MAX];

	op->died = old->head.state == IM_READING_DIED || new->head.state == IM_READING_DIED;
	if (!gains_table && old->head.state != IM_READING_OK)
		rule(op, IM_ABSTAINS, "on the disk as it is, %s", old->head.why);
	else if (!gains_table && !im_reading_matches(old, before->claim, why))
		rule(op, IM_ABSTAINS, "on the disk as it is, %s", why);
	else if (new->head.state >= IM_READING_NONE)
		rule(op, IM_ABSTAINS, "on the corrected disk, %s", new->head.why);
	else if (new->head.state == IM_READING_REFUSED)
		rule(op, IM_DISAGREES, "on the corrected disk, %s", new->head.why);
	else if (!im_reading_matches(new, after->claim, why))
		rule(op, IM_DISAGREES, "on the corrected disk, %s", why);
	else if (!is_bare(after->claim) && *new->head.whole && (gains_table || !*old->head.whole) &&
		 strcmp(new->head.table, "loop") != 0)
		rule(op, IM_DISAGREES, "on the corrected disk, it sees %s over the whole disk", new->head.whole);
	else
		rule(op, IM_AGREES, "%s", "");
}

static const struct im_claim_partition *by_number(const struct im_claim *claim, int number)
{
	for (size_t i = 0; i < claim->partitions.n; i++)
		if (claim->partitions.v[i].number == number)
			return &claim->partitions.v[i];
	return NULL;
}

static size_t n_volumes(const struct im_claim *claim)
{
	size_t n = 0;

	for (size_t i = 0; i < claim->partitions.n; i++)
		n += !claim->partitions.v[i].is_extended;
	return n;
}

/* What the volume was before: the partition of the same number, or the bare volume of a disk without a
 * table, if there is but one volume now. */
static bool find_old(const struct im_claim *before, const struct im_claim *after, struct im_volume_pair *pair)
{
	const struct im_claim_partition *old;

	if (is_bare(before)) {
		pair->old_fs = before->volume_fs;
		pair->old_start = before->volume_start;
		pair->old_size = UINT64_MAX;
		return is_bare(after) || n_volumes(after) == 1;
	}
	old = pair->partition ? by_number(before, pair->partition) : NULL;
	if (!old || old->is_extended)
		return false;
	pair->old_partition = old->number;
	pair->old_fs = old->fs;
	pair->old_start = old->start;
	pair->old_size = old->size;
	return true;
}

bool im_volume_pair(const struct im_claim *before, const struct im_claim *after, size_t i,
		    struct im_volume_pair *pair)
{
	memset(pair, 0, sizeof(*pair));
	if (is_bare(after)) {
		if (i)
			return false;
		pair->fs = after->volume_fs;
		pair->start = after->volume_start;
		pair->size = UINT64_MAX;
	} else {
		const struct im_claim_partition *p = &after->partitions.v[i];

		if (p->is_extended)
			return false;
		pair->partition = p->number;
		pair->fs = p->fs;
		pair->start = p->start;
		pair->size = p->size;
	}
	return pair->fs && *pair->fs && find_old(before, after, pair) && pair->old_fs && *pair->old_fs;
}

/* libblkid's name for a volume; NULL when it was not asked. */
static const char *name_in(const struct im_reading *r, int number)
{
	if (!number)
		return r->head.whole;
	for (size_t i = 0; i < r->partitions.n; i++)
		if (r->partitions.v[i].number == number)
			return r->partitions.v[i].fs;
	return NULL;
}

void im_judge_name(const struct im_side *before, const struct im_side *after, const struct im_volume_pair *pair,
		   struct im_opinion *op)
{
	const char *old = name_in(&before->reading, pair->old_partition);
	const char *new = name_in(&after->reading, pair->partition);

	op->verdict = IM_AGREES;
	if (before->reading.head.state != IM_READING_OK || after->reading.head.state != IM_READING_OK || !old || !new)
		return;
	if (!im_fs_is_same(pair->old_fs, old))
		rule(op, IM_ABSTAINS, "on the disk as it is, it takes what is in the partition for %s, not %s", *old ? old : _("nothing known"),
		     pair->old_fs);
	else if (!im_fs_is_same(pair->fs, new))
		rule(op, IM_DISAGREES, "on the corrected disk, it takes what is in the partition for %s, not %s",
		     *new ? new : _("nothing known"), pair->fs);
}

void im_judge_volume(const struct im_reading *before, const struct im_reading *after, struct im_opinion *op)
{
	const struct im_reading_head *old = &before->head, *new = &after->head;

	op->died = old->state == IM_READING_DIED || new->state == IM_READING_DIED;
	if (old->state != IM_READING_OK)
		rule(op, IM_ABSTAINS, "on the disk as it is, %s", old->why);
	else if (new->state >= IM_READING_NONE)
		rule(op, IM_ABSTAINS, "on the corrected disk, %s", new->why);
	else if (new->state != IM_READING_OK)
		rule(op, IM_DISAGREES, "on the corrected disk, %s", new->why);
	else if (old->unit != new->unit || old->units != new->units || strcmp(old->id, new->id) != 0)
		rule(op, IM_DISAGREES, "on the corrected disk, it sees another volume: %llu blocks of %llu bytes, not %llu of %llu",
		     (unsigned long long)new->units, (unsigned long long)new->unit, (unsigned long long)old->units,
		     (unsigned long long)old->unit);
	else
		rule(op, IM_AGREES, "%s", "");
}
