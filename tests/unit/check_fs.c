/* check_fs.c - the readers of volumes: what they find, what they call damaged, what they would write. */
#include <check.h>
#include <stdlib.h>

#include "fmt/fs_types.h"
#include "fs_volumes.h"
#include "run_suite.h"

#define MAX_HITS 16
#define MAX_HARM 3
#define MUTATIONS 20000

struct sample {
	const char *name;		/* what im_fs_info must call it */
	struct im_dev *(*make)(void);
	const char *label, *uuid;
	uint64_t size;
	uint64_t harm[MAX_HARM];	/* inverting one of these bytes makes it DAMAGED; 0: no more */
};

static const struct sample samples[] = {
	{ "ntfs", make_ntfs, "Vol", "0123456789ABCDEF", 4096 * 512, { 0x0c, 0x28 + 7, 16384 } },
	{ "fat12", make_fat12, "LABEL", "1234-5678", 2880 * 512, { 512, 0x10 } },
	{ "fat16", make_fat16, "LABEL", "1234-5678", 8192 * 512, { 512, 513, 0x0c } },
	{ "fat32", make_fat32, "LABEL", "1234-5678", 2048 * 512, { 32 * 512, 0x2f, 0x0c } },
	{ "exfat", make_exfat, "Hi", "FEED-BEEF", 64 * 512, { 200, 108, 24 * 512 + 1 } },
	{ "refs", make_refs, "", "0000000000000000", (uint64_t)512 << 20, { 200, 16, 30 * 4096 } },
	{ "bitlocker", make_bitlocker, "", "", 65536, { 0xb0 + 8 + 3, 32768 } },
	{ "bitlocker", make_bitlocker_to_go, "", "", 0, { 131072 } },
	{ "ext2", make_ext2, "lab", "ab000000-0000-0000-0000-000000000000", 65536, { 1024 + 0x23, 2048 + 8, 5 * 1024 + 129 } },
	{ "ext3", make_ext3, "lab", "ab000000-0000-0000-0000-000000000000", 65536, { 1024 + 0x59, 2048 + 11 } },
	{ "ext4", make_ext4, "lab", "ab000000-0000-0000-0000-000000000000", 65536, { 1024 + 0x80, 2048 + 8 } },
	{ "xfs", make_xfs, "xl", "00000000-0000-0000-0000-000000000000", 65536, { 300, 5, 512 } },
	{ "btrfs", make_btrfs, "bl", "00000000-0000-0000-0000-000000000000", 1 << 27, { 65536 + 2000, 65536 } },
	{ "swap", make_swap, "sw", "", 65536, { 1025, 1032 + 3 } },
	{ "swap", make_swap_big, "", "", 2 * 65536, { 1025 } },
	{ "luks", make_luks1, "", "00000000-1111-2222-3333-444444444444", 0, { 6, 104, 208 } },
	{ "luks", make_luks2, "ll", "", 0, { 8, 256, 4096 } },
	{ "lvm", make_lvm, "", "abcdef-ghij-klmn-opqr-stuv-wxyz-ABCDEF", 65536, { 512 + 100, 512 + 8 } },
	{ "md", make_md10, "host:0", "cd000000-0000-0000-0000-000000000000", 131072, { 122880 + 100, 122880 + 220 } },
	{ "md", make_md11, "host:0", "cd000000-0000-0000-0000-000000000000", 144 * 512, { 100, 216 } },
	{ "md", make_md12, "host:0", "cd000000-0000-0000-0000-000000000000", 144 * 512, { 4096 + 100, 4096 + 256 } },
	{ "md", make_md090, "", "01020304-0000-0000-0000-000000000000", 131072, { 65536 + 37, 65536 + 41 } },
	{ "iso9660", make_iso, "DISC", "2020-01-02-03-04-05-06", 20 * 2048, { 18 * 2048 + 32, 32768 + 158, 32768 + 129 } },
	{ "storage-spaces", make_spaces, "", "", 0, { 0 } },
};

#define SAMPLES (int)(sizeof(samples) / sizeof(*samples))

/* Probe with all readers; the number of hits, the first one in *info. */
static int probe_all(struct im_dev *dev, struct im_fs_info *info, const struct im_fs_type **type)
{
	struct im_fs_info found[MAX_HITS];
	const struct im_fs_type *types[MAX_HITS];
	struct im_error err = { 0 };
	int n = im_fs_probe(dev, found, types, MAX_HITS, &err);

	ck_assert_msg(n >= 0, "%s", err.message);
	if (n) {
		*info = found[0];
		*type = types[0];
	}
	return n;
}

START_TEST(finds_each_format_and_its_damage)
{
	const struct sample *s = &samples[_i];
	struct im_dev *dev = s->make();
	uint8_t *bytes = im_dev_mem_bytes(dev);
	const struct im_fs_type *type = NULL;
	struct im_fs_info info;

	ck_assert_int_eq(probe_all(dev, &info, &type), 1);
	ck_assert_str_eq(info.name, s->name);
	ck_assert_str_eq(info.label, s->label);
	ck_assert_str_eq(info.uuid, s->uuid);
	ck_assert_uint_eq(info.size, s->size);
	ck_assert_int_eq(type->probe(dev, &info, NULL), IM_FOUND);
	ck_assert_int_eq(info.is_pinned, !strcmp(s->name, "storage-spaces"));
	for (int i = 0; i < MAX_HARM && s->harm[i]; i++) {
		bytes[s->harm[i]] ^= 0xff;
		ck_assert_msg(type->probe(dev, &info, NULL) == IM_DAMAGED, "%s with byte %u inverted", s->name,
			      (unsigned)s->harm[i]);
		bytes[s->harm[i]] ^= 0xff;
	}
	im_dev_close(dev);
}
END_TEST

/* Cut short: never an error, and never FOUND with less than any format needs. */
START_TEST(survives_any_size)
{
	struct im_dev *dev = samples[_i].make();
	const struct im_fs_type *type;
	struct im_fs_info info;

	for (uint64_t len = 0; len <= dev->size; len += len < 1100 ? 1 : len < 6000 ? 97 : 4093) {
		struct im_dev *cut = im_dev_window(dev, 0, len, NULL);

		ck_assert_ptr_nonnull(cut);
		if (probe_all(cut, &info, &type) && len < 128 && type != &im_fs_storage_spaces)
			ck_assert_int_eq(type->probe(cut, &info, NULL), IM_DAMAGED);
		im_dev_close(cut);
	}
	im_dev_close(dev);
}
END_TEST

START_TEST(random_sector_with_mark_is_nothing)
{
	uint8_t *b;
	struct im_dev *dev = new_volume(131072, &b);
	const struct im_fs_type *type;
	struct im_fs_info info;

	srandom(7);
	for (int round = 0; round < 2000; round++) {
		for (size_t i = 0; i < 1024; i++)
			b[i] = (uint8_t)random();
		b[0] = 0xeb;
		b[510] = 0x55;
		b[511] = 0xaa;
		ck_assert_int_eq(probe_all(dev, &info, &type), 0);
	}
	im_dev_close(dev);
}
END_TEST

/* A table sector, and a boot sector of which only the words are left. */
START_TEST(fat_needs_more_than_a_mark)
{
	struct im_dev *dev = make_fat16();
	uint8_t *b = im_dev_mem_bytes(dev);
	struct im_fs_info info;

	memset(b + 512, 0, 4);
	ck_assert_int_eq(im_fs_fat16.probe(dev, &info, NULL), IM_DAMAGED);
	memset(b + 0x36, ' ', 8);
	ck_assert_int_eq(im_fs_fat16.probe(dev, &info, NULL), IM_ABSENT);
	memcpy(b + 512, "\xf0\xff\xff\xff", 4);		/* not the boot sector's media byte */
	ck_assert_int_eq(im_fs_fat16.probe(dev, &info, NULL), IM_ABSENT);
	memcpy(b + 512, "\xf8\xff", 2);
	ck_assert_int_eq(im_fs_fat16.probe(dev, &info, NULL), IM_FOUND);
	ck_assert_int_eq(im_fs_fat12.probe(dev, &info, NULL), IM_ABSENT);
	im_dev_close(dev);
}
END_TEST

START_TEST(fat_without_room_for_hidden_sectors)
{
	struct im_dev *dev = make_fat12();
	uint8_t *b = im_dev_mem_bytes(dev);
	struct im_fs_edits edits = { 0 };
	struct im_fs_info info;

	b[0x26] = 0;
	im_put32(b + 0x20, 0);
	im_put16(b + 0x13, 2880);
	ck_assert_int_eq(im_fs_fat12.probe(dev, &info, NULL), IM_FOUND);
	ck_assert(!info.has_hidden);
	ck_assert_int_eq(im_fs_fat12.relocate(dev, &info, 63, &edits, NULL), 0);
	ck_assert_uint_eq(edits.list.n, 0);
	im_dev_close(dev);
}
END_TEST

/* FAT32 with the number of sectors in 64 bits at 0x52, and nothing in the two usual fields. */
START_TEST(fat32_with_a_wide_sector_count)
{
	struct im_dev *dev = make_fat32();
	uint8_t *b = im_dev_mem_bytes(dev);
	struct im_fs_info info;

	im_put32(b + 0x20, 0);
	im_put64(b + 0x52, 2048);
	ck_assert_int_eq(im_fs_fat32.probe(dev, &info, NULL), IM_FOUND);
	ck_assert_uint_eq(info.size, 2048 * 512);
	im_dev_close(dev);
}
END_TEST

/* The edit must be one whole sector at off that equals want. */
static void check_edit(const struct im_fs_edits *edits, size_t i, uint64_t off, const uint8_t *want, uint32_t len,
		       const char *reason)
{
	ck_assert_uint_lt(i, edits->list.n);
	ck_assert_uint_eq(edits->list.v[i].off, off);
	ck_assert_uint_eq(edits->list.v[i].len, len);
	ck_assert_mem_eq(edits->list.v[i].data, want, len);
	ck_assert_str_eq(edits->list.v[i].reason, reason);
}

/* NTFS (kind 0) and FAT32 (kind 1) of 512 and 4096-byte sectors. */
START_TEST(relocates_hidden_sectors)
{
	uint16_t sector = _i & 1 ? 4096 : 512;
	bool is_fat = _i & 2;
	struct im_dev *dev = is_fat ? make_fat(32, sector, 2048, 16, 8) : make_ntfs_of(sector, 1023, 8);
	const struct im_fs_type *type = is_fat ? &im_fs_fat32 : &im_fs_ntfs;
	uint8_t *b = im_dev_mem_bytes(dev), want[4096];
	uint64_t backup = is_fat ? 6 * sector : 1023 * sector;
	struct im_fs_edits edits = { 0 };
	struct im_error err = { 0 };
	struct im_fs_info info;

	b[backup + sector - 100] ^= sector > 512 ? 1 : 0;	/* past the boot sector: its own, and stays */
	ck_assert_int_eq(type->probe(dev, &info, NULL), IM_FOUND);
	ck_assert(info.has_hidden && info.has_backup && !info.backup_stale);
	ck_assert_uint_eq(info.hidden, 8);
	ck_assert_uint_eq(info.backup_off, backup);
	ck_assert_uint_eq(info.sector_size, sector);

	ck_assert_int_eq(type->relocate(dev, &info, 2048, &edits, &err), 0);
	ck_assert_uint_eq(edits.list.n, 2);
	memcpy(want, b + backup, sector);
	im_put32(want + 0x1c, 2048);
	check_edit(&edits, 0, backup, want, sector, is_fat ? "FAT32 backup boot sector: hidden sectors 8 → 2048"
							   : "NTFS backup boot sector: hidden sectors 8 → 2048");
	memcpy(want, b, sector);
	im_put32(want + 0x1c, 2048);
	check_edit(&edits, 1, 0, want, sector, is_fat ? "FAT32 boot sector: hidden sectors 8 → 2048"
						      : "NTFS boot sector: hidden sectors 8 → 2048");
	im_fs_edits_free(&edits);

	ck_assert_int_eq(type->relocate(dev, &info, 8, &edits, &err), 0);
	ck_assert_uint_eq(edits.list.n, 0);
	ck_assert_int_eq(type->relocate(dev, &info, (uint64_t)UINT32_MAX + 1, &edits, &err), -1);
	ck_assert_int_eq(err.code, IM_EREFUSED);
	ck_assert_uint_eq(edits.list.n, 0);
	im_dev_close(dev);
}
END_TEST

START_TEST(stale_backup_comes_from_the_primary)
{
	bool is_fat = _i;
	struct im_dev *dev = is_fat ? make_fat32() : make_ntfs_of(512, 1023, 8);
	const struct im_fs_type *type = is_fat ? &im_fs_fat32 : &im_fs_ntfs;
	uint64_t backup = is_fat ? 6 * 512 : 1023 * 512;
	uint8_t *b = im_dev_mem_bytes(dev), want[512];
	struct im_fs_edits edits = { 0 };
	struct im_fs_info info;

	b[backup + 0x100] ^= 0x40;
	ck_assert_int_eq(type->probe(dev, &info, NULL), IM_FOUND);
	ck_assert(info.has_backup && info.backup_stale);
	ck_assert_int_eq(type->refresh_backup(dev, &info, &edits, NULL), 0);
	ck_assert_uint_eq(edits.list.n, 1);
	check_edit(&edits, 0, backup, b, 512, is_fat ? "FAT32 backup boot sector: rewritten from the primary"
						     : "NTFS backup boot sector: rewritten from the primary");
	im_fs_edits_free(&edits);
	ck_assert_int_eq(type->relocate(dev, &info, 16, &edits, NULL), 0);
	ck_assert_uint_eq(edits.list.n, 2);
	memcpy(want, b, 512);
	im_put32(want + 0x1c, 16);
	ck_assert_mem_eq(edits.list.v[0].data, want, 512);
	ck_assert_mem_eq(edits.list.v[1].data, want, 512);
	im_fs_edits_free(&edits);
	im_dev_close(dev);
}
END_TEST

START_TEST(backup_that_is_none_of_ours)
{
	struct im_dev *dev = make_fat32(), *ntfs = make_ntfs_of(512, 1023, 8), *cut;
	uint8_t *b = im_dev_mem_bytes(dev);
	struct im_fs_info info;

	b[0x41] = 1;				/* the dirty mark alone makes no backup stale */
	ck_assert_int_eq(im_fs_fat32.probe(dev, &info, NULL), IM_FOUND);
	ck_assert(info.has_backup && !info.backup_stale);
	im_put16(b + 0x32, 0);
	ck_assert_int_eq(im_fs_fat32.probe(dev, &info, NULL), IM_FOUND);
	ck_assert(!info.has_backup);
	im_put16(b + 0x32, 0xffff);
	ck_assert_int_eq(im_fs_fat32.probe(dev, &info, NULL), IM_FOUND);
	ck_assert(!info.has_backup);
	cut = im_dev_window(ntfs, 0, 1023 * 512 + 511, NULL);
	ck_assert_int_eq(im_fs_ntfs.probe(cut, &info, NULL), IM_FOUND);
	ck_assert(!info.has_backup);
	im_dev_close(cut);
	im_dev_close(ntfs);
	im_dev_close(dev);
}
END_TEST

/* The edits must be: the backup's first sector and checksum, the main checksum, the first sector. */
static void check_exfat_edits(struct im_dev *dev, const struct im_fs_edits *edits, uint32_t sector, uint64_t offset,
			      uint32_t sum)
{
	static const unsigned places[4] = { 12, 23, 11, 0 };
	uint8_t want[4096];

	ck_assert_uint_eq(edits->list.n, 4);
	for (int i = 0; i < 4; i++) {
		if (places[i] % 12)
			for (uint32_t k = 0; k < sector; k += 4)
				im_put32(want + k, sum);
		else
			memcpy(want, im_dev_mem_bytes(dev) + places[i] * sector, sector);
		if (places[i] % 12 == 0)
			im_put64(want + 64, offset);
		ck_assert_uint_eq(edits->list.v[i].off, (uint64_t)places[i] * sector);
		ck_assert_uint_eq(edits->list.v[i].len, sector);
		ck_assert_mem_eq(edits->list.v[i].data, want, sector);
	}
}

/* The checksums were reckoned by an independent program. */
START_TEST(relocates_exfat)
{
	static const struct { unsigned shift; uint32_t sum_8, sum_2049; } cases[] = {
		{ 9, EXFAT_SUM_8, 0x82a863da },
		{ 12, 0x82a9234a, 0x82a923da },
	};
	uint32_t sector = 1u << cases[_i].shift;
	struct im_dev *dev = make_exfat_of(cases[_i].shift, 8);
	uint8_t *b = im_dev_mem_bytes(dev);
	struct im_fs_edits edits = { 0 };
	struct im_fs_info info;

	put_exfat_checksum(dev, 0, sector, cases[_i].sum_8);
	put_exfat_checksum(dev, 12, sector, cases[_i].sum_8);
	b[106] = 2;		/* in use: not part of the checksum, nor of the comparison */
	b[112] = 77;
	ck_assert_int_eq(im_fs_exfat.probe(dev, &info, NULL), IM_FOUND);
	ck_assert(info.has_hidden && info.has_backup && !info.backup_stale);
	ck_assert_uint_eq(info.hidden, 8);
	ck_assert_uint_eq(info.sector_size, sector);
	ck_assert_uint_eq(info.backup_off, 12 * sector);
	ck_assert_int_eq(im_fs_exfat.relocate(dev, &info, 2049, &edits, NULL), 0);
	check_exfat_edits(dev, &edits, sector, 2049, cases[_i].sum_2049);
	ck_assert_str_eq(edits.list.v[0].reason, "exFAT backup boot region (sector 12): partition offset 8 → 2049");
	im_fs_edits_free(&edits);
	im_dev_close(dev);
}
END_TEST

START_TEST(refreshes_the_exfat_backup)
{
	struct im_dev *dev = make_exfat();
	uint8_t *b = im_dev_mem_bytes(dev);
	struct im_fs_edits edits = { 0 };
	struct im_error err = { 0 };
	struct im_fs_info info;

	memset(b + 23 * 512, 0, 512);
	b[20 * 512 + 3] = 1;
	ck_assert_int_eq(im_fs_exfat.probe(dev, &info, NULL), IM_FOUND);
	ck_assert(info.backup_stale);
	ck_assert_int_eq(im_fs_exfat.refresh_backup(dev, &info, &edits, NULL), 0);
	ck_assert_uint_eq(edits.list.n, 2);
	check_edit(&edits, 0, 20 * 512, b + 8 * 512, 512, "exFAT backup boot region (sector 20): rewritten from the primary");
	check_edit(&edits, 1, 23 * 512, b + 11 * 512, 512, "exFAT backup boot checksum (sector 23)");
	im_fs_edits_free(&edits);
	b[300] ^= 1;		/* a main region that is itself damaged is not copied, nor blessed */
	ck_assert_int_eq(im_fs_exfat.refresh_backup(dev, &info, &edits, &err), -1);
	ck_assert_int_eq(err.code, IM_EREFUSED);
	ck_assert_int_eq(im_fs_exfat.relocate(dev, &info, 9, &edits, &err), -1);
	ck_assert_uint_eq(edits.list.n, 0);
	im_dev_close(dev);
}
END_TEST

/* PartitionOffset 0 means that the volume records no position. */
START_TEST(exfat_without_offset_stays)
{
	struct im_dev *dev = make_exfat_of(9, 0);
	struct im_fs_edits edits = { 0 };
	struct im_fs_info info;

	put_exfat_checksum(dev, 0, 512, 0x82a862ca);
	put_exfat_checksum(dev, 12, 512, 0x82a862ca);
	ck_assert_int_eq(im_fs_exfat.probe(dev, &info, NULL), IM_FOUND);
	ck_assert(!info.has_hidden);
	ck_assert_int_eq(im_fs_exfat.relocate(dev, &info, 2048, &edits, NULL), 0);
	ck_assert_uint_eq(edits.list.n, 0);
	im_dev_close(dev);
}
END_TEST

/* Two sound formats in one volume, and a damaged one that looked first: FOUND comes first. */
START_TEST(reports_all_and_found_first)
{
	struct im_dev *dev = make_ext2();
	uint8_t *b = im_dev_mem_bytes(dev);
	struct im_fs_info found[3];
	const struct im_fs_type *types[3];

	put_boot(b, "NTFS    ", 512, 8, 0);
	ck_assert_int_eq(im_fs_probe(dev, found, types, 3, NULL), 2);
	ck_assert_str_eq(found[0].name, "ext2");
	ck_assert_ptr_eq(types[0], &im_fs_ext);
	ck_assert_str_eq(found[1].name, "ntfs");
	ck_assert_int_eq(im_fs_probe(dev, found, types, 1, NULL), 1);
	ck_assert_str_eq(found[0].name, "ext2");
	im_dev_close(dev);
}
END_TEST

/* Labels are printable UTF-8 whatever the disk holds. */
START_TEST(labels_are_safe_to_print)
{
	struct im_dev *dev = make_ext2();
	uint8_t *b = im_dev_mem_bytes(dev);
	struct im_fs_info info;

	memcpy(b + 1024 + 0x78, "\x1b[2J\xc3\xa4\xff\xc0\x80 ", 11);
	ck_assert_int_eq(im_fs_ext.probe(dev, &info, NULL), IM_FOUND);
	ck_assert_str_eq(info.label, "\xef\xbf\xbd[2Jä\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	im_dev_close(dev);
}
END_TEST

START_TEST(sees_a_dynamic_disk)
{
	uint8_t *b;
	struct im_dev *dev = new_volume(8192, &b);
	struct im_error err = { 0 };

	ck_assert(!im_ldm_has_privhead(dev, &err));
	put_text(b + 6 * 512, "PRIVHEAD");
	ck_assert(im_ldm_has_privhead(dev, &err));
	ck_assert_int_eq(err.code, IM_OK);
	im_dev_close(dev);
}
END_TEST

/* Whatever a reader makes of the bytes, its edits stay inside the volume. */
static void probe_and_edit(struct im_dev *dev)
{
	struct im_fs_info found[MAX_HITS];
	const struct im_fs_type *types[MAX_HITS];
	struct im_error err = { 0 };
	int n = im_fs_probe(dev, found, types, MAX_HITS, &err);

	ck_assert_int_ge(n, 0);
	for (int i = 0; i < n; i++) {
		struct im_fs_edits edits = { 0 };

		if (types[i]->relocate)
			(void)!types[i]->relocate(dev, &found[i], (uint64_t)random(), &edits, &err);
		if (types[i]->refresh_backup)
			(void)!types[i]->refresh_backup(dev, &found[i], &edits, &err);
		for (size_t k = 0; k < edits.list.n; k++)
			ck_assert(edits.list.v[k].off <= dev->size && edits.list.v[k].len <= dev->size - edits.list.v[k].off);
		im_fs_edits_free(&edits);
	}
}

START_TEST(survives_random_changes)
{
	static const size_t regions[][2] = { { 0, 512 }, { 0, 128 }, { 1024, 1024 }, { 4096, 512 }, { 32768, 2048 }, { 65536, 4096 } };
	struct im_dev *devs[SAMPLES];

	srandom(2026);
	for (int i = 0; i < SAMPLES; i++)
		devs[i] = samples[i].make();
	for (int round = 0; round < MUTATIONS; round++) {
		struct im_dev *dev = devs[round % SAMPLES];
		const size_t *region = regions[random() % (random() % 2 ? 2 : 6)];
		uint8_t *b = im_dev_mem_bytes(dev), old[8];
		size_t at[8];
		int n = 1 + (int)(random() % 8);

		for (int i = 0; i < n; i++) {
			at[i] = (region[0] + (size_t)random() % region[1]) % dev->size;
			old[i] = b[at[i]];
			b[at[i]] = random() % 2 ? (uint8_t)random() : random() % 2 ? 0xff : (uint8_t)(old[i] ^ 1u << random() % 8);
		}
		probe_and_edit(dev);
		while (n--)
			b[at[n]] = old[n];
	}
	for (int i = 0; i < SAMPLES; i++)
		im_dev_close(devs[i]);
}
END_TEST

static Suite *fs_suite(void)
{
	Suite *suite = suite_create("fs");
	TCase *probes = tcase_create("probes"), *edits = tcase_create("edits");

	tcase_set_timeout(probes, 120);
	tcase_add_loop_test(probes, finds_each_format_and_its_damage, 0, SAMPLES);
	tcase_add_loop_test(probes, survives_any_size, 0, SAMPLES);
	tcase_add_test(probes, random_sector_with_mark_is_nothing);
	tcase_add_test(probes, fat_needs_more_than_a_mark);
	tcase_add_test(probes, fat32_with_a_wide_sector_count);
	tcase_add_test(probes, reports_all_and_found_first);
	tcase_add_test(probes, labels_are_safe_to_print);
	tcase_add_test(probes, sees_a_dynamic_disk);
	tcase_add_test(probes, survives_random_changes);
	suite_add_tcase(suite, probes);
	tcase_add_loop_test(edits, relocates_hidden_sectors, 0, 4);
	tcase_add_loop_test(edits, stale_backup_comes_from_the_primary, 0, 2);
	tcase_add_test(edits, fat_without_room_for_hidden_sectors);
	tcase_add_test(edits, backup_that_is_none_of_ours);
	tcase_add_loop_test(edits, relocates_exfat, 0, 2);
	tcase_add_test(edits, refreshes_the_exfat_backup);
	tcase_add_test(edits, exfat_without_offset_stays);
	suite_add_tcase(suite, edits);
	return suite;
}

int main(void)
{
	return run_suite(fs_suite());
}
