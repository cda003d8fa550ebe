/* findings.c - which of what is there breaks the rule, and what else an admin should know.
 *
 * What is by design is no finding: the protective entry of a GPT, an isohybrid image's entry at sector 0,
 * labels of other systems, a volume that begins at byte 0.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fence.h"
#include "scan/scan.h"

const char *const im_finding_ids[] = {
	"partition-in-reserved-area", "volume-in-reserved-area", "hidden-sectors-mismatch", "backup-boot-stale",
	"fat-reserved-short", "gpt-primary-damaged", "gpt-backup-damaged", "partition-past-end", "ebr-chain-damaged",
	"ambivalent-volume", "ambivalent-disk", "other-sector-size", "repair-in-progress", "boot-file-short",
	"boot-area-free", "data-in-boot-area", "volsnap-collision", "shadow-header-lost", "ntfs-damaged",
	"library-failed", NULL,
};

struct im_finding *im_scan_add(struct im_scan *scan, const char *id, enum im_severity severity, uint64_t start,
			       uint64_t size, int partition, struct im_error *err)
{
	struct im_finding *f = im_vec_push(&scan->findings, err);

	if (f)
		*f = (struct im_finding){ .id = id, .severity = severity, .start = start, .size = size,
					  .partition = partition };
	return f;
}

#define SAY(f, ...) im_say((f)->message, sizeof((f)->message), __VA_ARGS__)

static int fenced(struct im_scan *scan, struct im_error *err)
{
	struct im_finding *f = im_scan_add(scan, "repair-in-progress", IM_ERROR, 0, scan->sector_size, 0, err);
	char uuid[IM_UUID_TEXT];

	if (!f)
		return -1;
	im_uuid_text(scan->fence_uuid, uuid);
	SAY(f, "a repair of this image was begun and has not ended (journal %s); finish it with `imgmend resume`"
	    " or take it back with `imgmend undo`", uuid);
	return 0;
}

/* Partition starts at sector 0 of the disk: over its own table. By design in isohybrid images only. */
static int at_zero(struct im_scan *scan, const struct im_volume *v, struct im_error *err)
{
	struct im_finding *f;

	if (scan->is_isohybrid)
		return 0;
	f = im_scan_add(scan, "partition-in-reserved-area", IM_ERROR, 0, im_min(v->size, IM_RESERVED), v->number, err);
	if (!f)
		return -1;
	im_volume_title(v, f->owner, sizeof(f->owner));
	SAY(f, "partition %d starts at sector 0 and so covers the partition table itself; the table is not one that"
	    " imgmend may rewrite", v->number);
	return 0;
}

static int partition_in_reserved(struct im_scan *scan, const struct im_volume *v, struct im_error *err)
{
	struct im_finding *f;

	/* a GPT entry that ends before it begins has no bytes anywhere */
	if (v->start >= IM_RESERVED || !v->number || !v->size)
		return 0;
	if (scan->table == IM_TABLE_DOS && scan->mbr.parts.v[v->entry].type == IM_MBR_TYPE_GPT)
		return 0;
	if (!v->start)
		return at_zero(scan, v, err);
	f = im_scan_add(scan, "partition-in-reserved-area", IM_ERROR, v->start, im_min(v->size, IM_RESERVED - v->start),
			v->number, err);
	if (!f)
		return -1;
	f->is_fixable = !scan->is_ambivalent && !scan->is_isohybrid && !scan->is_ldm && v->there == v->size;
	im_volume_title(v, f->owner, sizeof(f->owner));
	SAY(f, "partition %d (%s) starts at byte %" PRIu64 " (sector %" PRIu64 "), inside the first 8192 bytes of the"
	    " disk; shadow copies and this partition may damage each other", v->number, f->owner, v->start,
	    v->start / scan->sector_size);
	return 0;
}

static int volume_in_reserved(struct im_scan *scan, const struct im_volume *v, struct im_error *err)
{
	struct im_finding *f;

	if (scan->table != IM_TABLE_NONE || v->number || !v->start || v->start >= IM_RESERVED)
		return 0;
	f = im_scan_add(scan, "volume-in-reserved-area", IM_ERROR, v->start, IM_RESERVED - v->start, 0, err);
	if (!f)
		return -1;
	f->is_fixable = true;
	im_volume_title(v, f->owner, sizeof(f->owner));
	SAY(f, "a %s starts at byte %" PRIu64 " of a disk without a partition table, inside the first 8192 bytes",
	    f->owner, v->start);
	return 0;
}

static int hidden_mismatch(struct im_scan *scan, const struct im_volume *v, struct im_error *err)
{
	const struct im_fs_info *info = &v->info[0];
	uint64_t base = v->is_logical ? scan->mbr.parts.v[v->entry].base : 0, wanted;
	struct im_finding *f;

	if (!v->number || v->n_formats != 1 || v->state != IM_FOUND || !info->has_hidden || !v->fs[0]->relocate)
		return 0;
	wanted = im_hidden_wanted(v, info, v->start, base, v->start, base);
	if (info->hidden == wanted)
		return 0;
	f = im_scan_add(scan, "hidden-sectors-mismatch", IM_WARNING, v->start, info->sector_size, v->number, err);
	if (!f)
		return -1;
	f->is_fixable = wanted <= UINT32_MAX;
	im_volume_title(v, f->owner, sizeof(f->owner));
	SAY(f, "the boot sector of partition %d (%s) says that it starts at sector %" PRIu64 "; it starts at sector %"
	    PRIu64, v->number, f->owner, info->hidden, wanted);
	return 0;
}

static int backup_stale(struct im_scan *scan, const struct im_volume *v, struct im_error *err)
{
	const struct im_fs_info *info = &v->info[0];
	struct im_finding *f;

	if (v->n_formats != 1 || v->state != IM_FOUND || !info->has_backup || !info->backup_stale)
		return 0;
	f = im_scan_add(scan, "backup-boot-stale", IM_WARNING, v->start + info->backup_off, info->sector_size,
			v->number, err);
	if (!f)
		return -1;
	f->is_fixable = v->fs[0]->refresh_backup && v->there == v->size;
	im_volume_title(v, f->owner, sizeof(f->owner));
	SAY(f, "the backup boot sector of %s at byte %" PRIu64 " is not a copy of the first one", f->owner, f->start);
	return 0;
}

static int ambivalent(struct im_scan *scan, const struct im_volume *v, struct im_error *err)
{
	struct im_finding *f;

	if (v->n_formats < 2 || v->state != IM_FOUND)
		return 0;
	f = im_scan_add(scan, "ambivalent-volume", IM_INFO, v->start, v->size, v->number, err);
	if (!f)
		return -1;
	im_volume_title(v, f->owner, sizeof(f->owner));
	SAY(f, "%s file systems are valid in the same place; which one counts is not for imgmend to guess", f->owner);
	return 0;
}

static int past_end(struct im_scan *scan, const struct im_volume *v, struct im_error *err)
{
	struct im_finding *f;

	if (v->there == v->size || !v->number)
		return 0;
	f = im_scan_add(scan, "partition-past-end", IM_WARNING, v->start, v->size, v->number, err);
	if (!f)
		return -1;
	im_volume_title(v, f->owner, sizeof(f->owner));
	SAY(f, "partition %d reaches %" PRIu64 " bytes past the end of the image: the image is cut off, or its table"
	    " is not its own", v->number, v->size - v->there);
	return 0;
}

static int gpt_copy(struct im_scan *scan, const struct im_gpt_copy *c, const char *id, bool is_backup, bool fixable,
		    struct im_error *err)
{
	struct im_finding *f;

	if (c->state == IM_FOUND)
		return 0;
	f = im_scan_add(scan, id, IM_WARNING, im_min(c->off, scan->size), scan->sector_size, 0, err);
	if (!f)
		return -1;
	f->is_fixable = fixable;
	SAY(f, is_backup ? N_("the backup GPT cannot be used: %s") : N_("the primary GPT cannot be used: %s"), c->why);
	return 0;
}

static int gpt_findings(struct im_scan *scan, struct im_error *err)
{
	const struct im_gpt *g = &scan->gpt;
	bool primary = g->primary.state == IM_FOUND, backup = g->backup.state == IM_FOUND;
	bool inside = g->primary.state == IM_FOUND && g->primary.other_lba < scan->size / scan->sector_size;
	struct im_finding *f;

	if (gpt_copy(scan, &g->primary, "gpt-primary-damaged", false, backup, err) < 0 ||
	    gpt_copy(scan, &g->backup, "gpt-backup-damaged", true, primary && inside, err) < 0)
		return -1;
	if (!g->copies_differ)
		return 0;
	f = im_scan_add(scan, "gpt-backup-damaged", IM_WARNING, g->backup.off, scan->sector_size, 0, err);
	if (!f)
		return -1;
	f->is_fixable = true;
	SAY(f, "both copies of the GPT are valid but say different things; the primary counts");
	return 0;
}

static int disk_findings(struct im_scan *scan, struct im_error *err)
{
	struct im_finding *f;

	if (scan->is_ambivalent) {
		f = im_scan_add(scan, "ambivalent-disk", IM_INFO, 0, scan->sector_size, 0, err);
		if (!f)
			return -1;
		SAY(f, "the disk has both a partition table and a %s volume that starts at byte 0; which one counts is not"
		    " for imgmend to guess", scan->whole.info[0].name);
	}
	if (scan->mbr.damage[0] && scan->table == IM_TABLE_DOS) {
		f = im_scan_add(scan, "ebr-chain-damaged", IM_WARNING, 0, scan->sector_size, 0, err);
		if (!f)
			return -1;
		SAY(f, "%s; logical partitions behind it are not seen", scan->mbr.damage);
	}
	return scan->table == IM_TABLE_GPT ? gpt_findings(scan, err) : 0;
}

int im_scan_findings(struct im_scan *scan, struct im_dev *dev, struct im_error *err)
{
	if (scan->is_fenced)
		return fenced(scan, err);
	for (size_t i = 0; i < scan->volumes.n; i++) {
		struct im_volume *v = &scan->volumes.v[i];

		if (partition_in_reserved(scan, v, err) < 0 || volume_in_reserved(scan, v, err) < 0 ||
		    im_scan_ntfs(scan, v, dev, err) < 0 ||
		    past_end(scan, v, err) < 0 || hidden_mismatch(scan, v, err) < 0 ||
		    backup_stale(scan, v, err) < 0 || im_scan_fat_area(scan, dev, v, err) < 0 ||
		    ambivalent(scan, v, err) < 0)
			return -1;
	}
	return disk_findings(scan, err);
}
