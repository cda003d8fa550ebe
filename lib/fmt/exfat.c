/* exfat.c - exFAT: its boot region, its first FAT, the label; and moving it.
 *
 * Source: Microsoft's "exFAT file system specification", sections 3 (main and backup boot regions)
 * and 7.3 (volume label entry). The main boot region is sectors 0 to 11, its backup 12 to 23. The
 * last sector of each repeats the checksum of the eleven before it, which leaves out VolumeFlags
 * and PercentInUse of the first: these change while the volume is in use.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/bpb.h"
#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

#define REGION_SECTORS 12u
#define CHECKED_SECTORS 11u
#define LABEL_ENTRY 0x83
#define MAX_LABEL 11u
#define LABEL_SECTORS 16	/* how many 512-byte pieces of the root directory we look at */

struct exfat_boot {
	uint8_t jump[3];
	uint8_t name[8];		/* 0x03 "EXFAT   " */
	uint8_t zero[53];		/* 0x0B */
	le64 partition_offset;		/* 0x40 sectors, 0: ignore */
	le64 volume_length;		/* 0x48 sectors */
	le32 fat_offset;		/* 0x50 sectors */
	le32 fat_length;		/* 0x54 sectors */
	le32 heap_offset;		/* 0x58 sectors */
	le32 cluster_count;		/* 0x5C */
	le32 root_cluster;		/* 0x60 */
	le32 serial;			/* 0x64 */
	le16 revision;			/* 0x68 */
	le16 flags;			/* 0x6A */
	uint8_t sector_shift;		/* 0x6C 9 to 12 */
	uint8_t cluster_shift;		/* 0x6D sectors per cluster: 2 to this */
	uint8_t fats;			/* 0x6E 1 or 2 */
	uint8_t drive;			/* 0x6F */
	uint8_t percent;		/* 0x70 */
};

static_assert(offsetof(struct exfat_boot, partition_offset) == 64, "PartitionOffset at 64");
static_assert(offsetof(struct exfat_boot, flags) == 106, "VolumeFlags at 106");
static_assert(offsetof(struct exfat_boot, percent) == 112, "PercentInUse at 112");

/* Both boot regions in memory; data is malloc'd. */
struct regions {
	uint8_t *data;
	uint32_t sector;	/* bytes */
};

static bool is_volatile(size_t i)
{
	return i == 106 || i == 107 || i == 112;
}

/* The boot checksum (section 3.4) over the eleven sectors at region. */
static uint32_t boot_checksum(const uint8_t *region, uint32_t sector)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < (size_t)CHECKED_SECTORS * sector; i++)
		if (!is_volatile(i))
			sum = (sum << 31 | sum >> 1) + region[i];
	return sum;
}

static void put_checksum(uint8_t *region, uint32_t sector)
{
	uint32_t sum = boot_checksum(region, sector);

	for (uint32_t i = 0; i < sector; i += 4)
		im_put32(region + CHECKED_SECTORS * sector + i, sum);
}

static bool has_checksum(const uint8_t *region, uint32_t sector)
{
	uint32_t sum = boot_checksum(region, sector);

	for (uint32_t i = 0; i < sector; i += 4)
		if (im_get32(region + CHECKED_SECTORS * sector + i) != sum)
			return false;
	return true;
}

static bool same_region(const uint8_t *a, const uint8_t *b, uint32_t sector)
{
	for (size_t i = 0; i < 128; i++)
		if (a[i] != b[i] && !is_volatile(i))
			return false;
	return !memcmp(a + 128, b + 128, (size_t)REGION_SECTORS * sector - 128);
}

/* Do the numbers of the boot sector make a volume? */
static bool is_sane(const struct exfat_boot *boot)
{
	uint64_t total = im_le64(boot->volume_length), fat = im_le32(boot->fat_offset);
	uint64_t fat_length = im_le32(boot->fat_length), heap = im_le32(boot->heap_offset);
	uint64_t clusters = im_le32(boot->cluster_count), root = im_le32(boot->root_cluster);

	if (boot->sector_shift < 9 || boot->sector_shift > 12 || boot->cluster_shift > 25 - boot->sector_shift)
		return false;
	if (!im_is_zero(boot->zero, sizeof(boot->zero)) || boot->fats < 1 || boot->fats > 2)
		return false;
	return total && total <= (uint64_t)INT64_MAX >> boot->sector_shift && fat >= 2 * REGION_SECTORS && fat_length &&
	       fat + fat_length * boot->fats <= heap && heap < total &&
	       clusters && clusters <= (total - heap) >> boot->cluster_shift && root >= 2 && root - 2 < clusters;
}

/* Read both regions, or as much of them as the volume has: the main one must be whole. Returns 1,
 * 0 when the volume is too short, -1. *has_backup: the second region is whole, too. */
static int read_regions(struct im_dev *vol, uint32_t sector, struct regions *r, bool *has_backup, struct im_error *err)
{
	size_t len = (size_t)REGION_SECTORS * sector;
	int got;

	r->sector = sector;
	r->data = calloc(2, len);
	if (!r->data)
		return im_error_nomem(err);
	*has_backup = vol->size >= 2 * len;
	got = im_fs_peek(vol, 0, r->data, len, err);
	if (got == 1 && *has_backup)	/* one that cannot be read stays zero, and so is stale */
		(void)!im_dev_read(vol, len, r->data + len, len, NULL);
	if (got != 1) {
		free(r->data);
		r->data = NULL;
	}
	return got;
}

/* 1 when the first FAT begins with its media type and ones, 0 when not, -1. */
static int check_fat(struct im_dev *vol, const struct exfat_boot *boot, struct im_error *err)
{
	uint64_t sector = im_le32(boot->fat_offset);
	uint8_t entry[4];
	int got;

	if (boot->fats == 2 && im_le16(boot->flags) & 1)	/* ActiveFat */
		sector += im_le32(boot->fat_length);
	got = im_fs_peek(vol, sector << boot->sector_shift, entry, sizeof(entry), err);
	return got <= 0 ? got : (im_get32(entry) & 0xffffff00) == 0xffffff00;
}

/* Look for the label's entry in one sector of the root directory. False: look no further. */
static bool find_label(const uint8_t *dir, struct im_fs_info *info)
{
	for (size_t i = 0; i < 512 && dir[i]; i += 32)
		if (dir[i] == LABEL_ENTRY) {
			im_fs_label_utf16le(info->label, sizeof(info->label), dir + i + 2,
					    dir[i + 1] < MAX_LABEL ? dir[i + 1] : MAX_LABEL);
			return false;
		}
	return dir[480] != 0;
}

/* The label lies in the root directory, as a rule first: look at its first kilobytes. */
static int read_label(struct im_dev *vol, const struct exfat_boot *boot, struct im_fs_info *info, struct im_error *err)
{
	uint64_t cluster = im_le32(boot->root_cluster), heap = (uint64_t)im_le32(boot->heap_offset) << boot->sector_shift;
	uint64_t fat = (uint64_t)im_le32(boot->fat_offset) << boot->sector_shift;
	uint32_t in_cluster = 0;
	uint8_t dir[512], next[4];
	int got;

	for (int i = 0; i < LABEL_SECTORS; i++) {
		if (in_cluster == info->cluster_size) {
			got = im_fs_peek(vol, fat + 4 * cluster, next, sizeof(next), err);
			if (got <= 0)
				return got;
			cluster = im_get32(next);
			in_cluster = 0;
		}
		if (cluster < 2 || cluster - 2 >= im_le32(boot->cluster_count))
			return 0;
		got = im_fs_peek(vol, heap + (cluster - 2) * info->cluster_size + in_cluster, dir, sizeof(dir), err);
		if (got <= 0 || !find_label(dir, info))
			return got < 0 ? -1 : 0;
		in_cluster += sizeof(dir);
	}
	return 0;
}

static void describe(const struct exfat_boot *boot, struct im_fs_info *info)
{
	info->sector_size = 1u << boot->sector_shift;
	info->cluster_size = 1u << (boot->sector_shift + boot->cluster_shift);
	info->size = im_le64(boot->volume_length) << boot->sector_shift;
	info->hidden = im_le64(boot->partition_offset);
	info->has_hidden = info->hidden != 0;
	im_fs_serial(info->uuid, im_le32(boot->serial));
}

/* Does the main boot region's checksum hold? Fills in the backup. 1, 0, -1. */
static int check_regions(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	struct regions r;
	size_t len = (size_t)REGION_SECTORS * info->sector_size;
	int got = read_regions(vol, info->sector_size, &r, &info->has_backup, err);

	if (got <= 0)
		return got;
	if (info->has_backup) {
		info->backup_off = len;
		info->backup_stale = !same_region(r.data, r.data + len, r.sector);
	}
	got = has_checksum(r.data, r.sector);
	free(r.data);
	return got;
}

static int probe(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	struct im_fs_info out = { .name = "exfat" };
	const struct exfat_boot *boot;
	struct im_bpb bpb;
	int got = im_bpb_read(vol, &bpb, err), fat;

	if (got <= 0 || im_bpb_owner(&bpb) != IM_BPB_EXFAT)
		return got < 0 ? -1 : IM_ABSENT;
	boot = (const void *)&bpb;
	if (!is_sane(boot)) {
		*info = out;
		return IM_DAMAGED;
	}
	describe(boot, &out);
	got = check_regions(vol, &out, err);
	fat = got < 0 ? -1 : check_fat(vol, boot, err);
	if (fat < 0 || read_label(vol, boot, &out, err) < 0)
		return -1;
	*info = out;
	return got && fat && im_bpb_has_mark(&bpb) ? IM_FOUND : IM_DAMAGED;
}

/* Add every sector of the new regions that differs from the old ones: the backup's, then the main
 * one's, where the first sector comes last. what says what happens to the first sector of each. */
static int add_changes(struct im_fs_edits *edits, const struct regions *old, const uint8_t *now, const char *what,
		       struct im_error *err)
{
	char reason[sizeof(((struct im_fs_edit *)NULL)->reason)];

	for (unsigned i = 0; i < 2 * REGION_SECTORS; i++) {
		unsigned sector = i < REGION_SECTORS ? REGION_SECTORS + i : 2 * REGION_SECTORS - 1 - i;
		size_t off = (size_t)sector * old->sector;

		if (!memcmp(old->data + off, now + off, old->sector))
			continue;
		if (sector % REGION_SECTORS == CHECKED_SECTORS)
			im_say(reason, sizeof(reason), sector < REGION_SECTORS ? N_("exFAT boot checksum (sector %u)") :
			       N_("exFAT backup boot checksum (sector %u)"), sector);
		else
			im_say(reason, sizeof(reason), sector < REGION_SECTORS ? N_("exFAT boot region (sector %u): %s") :
			       N_("exFAT backup boot region (sector %u): %s"), sector,
			       sector % REGION_SECTORS ? _("rewritten from the primary") : what);
		if (im_fs_edits_add(edits, off, now + off, old->sector, reason, err) < 0)
			return -1;
	}
	return 0;
}

/* Read the regions of a volume that was found, and a copy of them in *now to change. Both are the
 * caller's to free, also after an error. */
static int open_regions(struct im_dev *vol, const struct im_fs_info *info, struct regions *old, uint8_t **now,
			struct im_error *err)
{
	size_t len = (size_t)REGION_SECTORS * info->sector_size;
	bool has_backup;
	int got;

	if (!im_is_pow2(info->sector_size) || info->sector_size < 512 || info->sector_size > 4096)
		return im_error_set(err, IM_EFORMAT, "an exFAT sector of %" PRIu32 " bytes is not possible", info->sector_size);
	got = read_regions(vol, info->sector_size, old, &has_backup, err);
	if (got == 0)
		return im_error_set(err, IM_EFORMAT, "the volume ends before its exFAT boot region does");
	if (got < 0)
		return -1;
	if (!has_checksum(old->data, old->sector))
		return im_error_set(err, IM_EREFUSED, "the exFAT boot checksum is wrong: the boot region is damaged,"
				    " and a new checksum would hide it");
	*now = malloc(2 * len);
	if (!*now)
		return im_error_nomem(err);
	memcpy(*now, old->data, 2 * len);
	return 0;
}

static int relocate(struct im_dev *vol, const struct im_fs_info *info, uint64_t hidden, struct im_fs_edits *edits,
		    struct im_error *err)
{
	struct regions old = { 0 };
	size_t len = (size_t)REGION_SECTORS * info->sector_size;
	uint8_t *now = NULL;
	char what[120];
	int rc = 0;

	if (!info->has_hidden)
		return 0;
	if (open_regions(vol, info, &old, &now, err) < 0) {
		rc = -1;
		goto out;
	}
	if (info->has_backup && info->backup_stale)
		memcpy(now + len, now, len);
	for (int i = 0; i < (info->has_backup ? 2 : 1); i++) {
		im_put64(now + i * len + offsetof(struct exfat_boot, partition_offset), hidden);
		put_checksum(now + i * len, old.sector);
	}
	im_say(what, sizeof(what), "partition offset %" PRIu64 " → %" PRIu64, info->hidden, hidden);
	rc = add_changes(edits, &old, now, what, err);
out:
	free(old.data);
	free(now);
	return rc;
}

static int refresh_backup(struct im_dev *vol, const struct im_fs_info *info, struct im_fs_edits *edits,
			  struct im_error *err)
{
	struct regions old = { 0 };
	size_t len = (size_t)REGION_SECTORS * info->sector_size;
	uint8_t *now = NULL;
	int rc = 0;

	if (!info->has_backup)
		return 0;
	if (open_regions(vol, info, &old, &now, err) < 0) {
		rc = -1;
		goto out;
	}
	memcpy(now + len, now, len);
	rc = add_changes(edits, &old, now, _("rewritten from the primary"), err);
out:
	free(old.data);
	free(now);
	return rc;
}

const struct im_fs_type im_fs_exfat = {
	.name = "exfat",
	.probe = probe,
	.relocate = relocate,
	.refresh_backup = refresh_backup,
};
