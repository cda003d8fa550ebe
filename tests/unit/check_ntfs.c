/* check_ntfs.c - the readers of NTFS: geometry, records, runs, files, paths, owners; and hostile ones of each. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "crashdev.h"
#include "fmt/ntfs.h"
#include "fmt/ntfs_runs.h"
#include "ntfs_volume.h"
#include "run_suite.h"

#define MUTATIONS 4000

/* A volume with clusters of 4096 bytes, the file at LCN 1. */
static struct maker usual(void)
{
	return make_volume(512, 4096, 1, 0, 1);
}

static int open_it(const struct maker *m, struct im_ntfs *fs)
{
	const char *why = NULL;
	int got = im_ntfs_open(fs, m->dev, &why, NULL);

	ck_assert_ptr_nonnull(why);
	return got;
}

/* Opens a volume that must be sound. */
static struct im_ntfs must_open(const struct maker *m)
{
	struct im_ntfs fs;

	ck_assert_int_eq(open_it(m, &fs), IM_FOUND);
	return fs;
}

static const struct {
	uint32_t sector, cluster;
} sizes[] = {
	{ 512, 512 }, { 512, 1024 }, { 512, 2048 }, { 512, 4096 }, { 512, 8192 }, { 512, 65536 }, { 512, 131072 },
	{ 512, 2 << 20 }, { 4096, 4096 }, { 4096, 8192 }, { 4096, 65536 },
};

START_TEST(geometry)
{
	struct maker m = make_volume(sizes[_i].sector, sizes[_i].cluster, (8192 + sizes[_i].cluster - 1) / sizes[_i].cluster, 0,
				     (8192 + sizes[_i].cluster - 1) / sizes[_i].cluster);
	struct im_ntfs fs = must_open(&m);

	ck_assert_uint_eq(fs.g.sector, m.sector);
	ck_assert_uint_eq(fs.g.cluster, m.cluster);
	ck_assert_uint_eq(fs.g.record, m.record);
	ck_assert_uint_eq(fs.g.clusters, m.clusters);
	ck_assert_uint_eq(fs.g.mft, m.mft * m.cluster);
	ck_assert_uint_eq(fs.records, RECORDS);
	im_ntfs_close(&fs);
	im_dev_close(m.dev);
}
END_TEST

START_TEST(records)
{
	struct maker m = usual();
	struct im_ntfs fs = must_open(&m);
	uint8_t buf[IM_NTFS_MAX_RECORD];

	ck_assert_int_eq(im_ntfs_record(&fs, FILE_RECORD, buf, NULL), IM_FOUND);
	ck_assert_uint_eq(im_ntfs_record_base(buf), UINT64_MAX);
	ck_assert_int_eq(im_ntfs_record(&fs, FILE_RECORD + 1, buf, NULL), IM_ABSENT);
	ck_assert_int_eq(im_ntfs_record(&fs, RECORDS, buf, NULL), IM_ABSENT);
	ck_assert_int_eq(im_ntfs_record(&fs, UINT64_MAX, buf, NULL), IM_ABSENT);
	record_at(&m, FILE_RECORD)[0x16] = 0;	/* deleted */
	ck_assert_int_eq(im_ntfs_record(&fs, FILE_RECORD, buf, NULL), IM_ABSENT);
	record_at(&m, FILE_RECORD)[0x16] = 1;
	record_at(&m, FILE_RECORD)[510] ^= 1;	/* torn */
	ck_assert_int_eq(im_ntfs_record(&fs, FILE_RECORD, buf, NULL), IM_DAMAGED);
	im_ntfs_close(&fs);
	im_dev_close(m.dev);
}
END_TEST

/* ---- mapping pairs ---- */

static const struct {
	const char *what;
	uint64_t clusters, end_vcn;
	uint8_t pairs[20];
	int runs;			/* -1: damaged */
	uint64_t lcn, len;		/* of the last run */
} pairs[] = {
	{ "nothing", 100, 0, { 0 }, 0, 0, 0 },
	{ "one run", 100, 5, { 0x11, 5, 10, 0 }, 1, 10, 5 },
	{ "a second before the first", 100, 8, { 0x11, 5, 10, 0x11, 3, 0xfc, 0 }, 2, 6, 3 },
	{ "a hole between", 100, 9, { 0x11, 5, 10, 0x01, 1, 0x11, 3, 5, 0 }, 3, 15, 3 },
	{ "no final zero where the attribute ends", 100, 20, { 0x11, 1, 1, 0x11, 1, 1, 0x11, 1, 1, 0x11, 1, 1, 0x11, 1, 1, 0x31, 15,
	  1, 0, 0 }, 6, 6, 15 },
	{ "the last cluster", 100, 5, { 0x11, 5, 95, 0 }, 1, 95, 5 },
	{ "past the last cluster", 100, 6, { 0x11, 6, 95, 0 }, -1, 0, 0 },
	{ "before the first cluster", 100, 1, { 0x11, 1, 0xff, 0 }, -1, 0, 0 },
	{ "a length of zero", 100, 0, { 0x11, 0, 10, 0 }, -1, 0, 0 },
	{ "a negative length", 100, 5, { 0x11, 0xff, 10, 0 }, -1, 0, 0 },
	{ "no length at all", 100, 5, { 0x10, 10, 0 }, -1, 0, 0 },
	{ "more clusters than the extent", 100, 4, { 0x11, 5, 10, 0 }, -1, 0, 0 },
	{ "fewer clusters than the extent", 100, 6, { 0x11, 5, 10, 0 }, -1, 0, 0 },
	{ "a length of nine bytes", 100, 5, { 0x19, 5, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0 }, -1, 0, 0 },
	{ "an LCN that overflows", UINT64_MAX, 2, { 0x81, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x11, 1, 1, 0 }, -1, 0,
	  0 },
	{ "a VCN that overflows", 100, INT64_MAX, { 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x08, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0x7f, 0 }, -1, 0, 0 },
	{ "a run that the attribute cuts off", 100, 9, { 0x11, 1, 1, 0x11, 1, 1, 0x11, 1, 1, 0x11, 1, 1, 0x11, 1, 1, 0x11, 1, 1,
	  0x41, 3 }, -1, 0, 0 },
};

START_TEST(mapping_pairs)
{
	struct im_ntfs_attr attr = { .value = pairs[_i].pairs, .value_len = 20, .end_vcn = pairs[_i].end_vcn };
	struct im_ntfs_run run = { 0 };
	struct im_ntfs_pairs p;
	int n = 0, got;

	im_ntfs_pairs_init(&p, &attr, pairs[_i].clusters);
	while ((got = im_ntfs_pairs_next(&p, &run)) == 1)
		ck_assert_int_lt(n++, 10);
	ck_assert_msg(got == (pairs[_i].runs < 0 ? -1 : 0), "%s", pairs[_i].what);
	if (got < 0)
		return;
	ck_assert_msg(n == pairs[_i].runs && (!n || (run.lcn == pairs[_i].lcn && run.len == pairs[_i].len)), "%s", pairs[_i].what);
}
END_TEST

/* ---- files, streams, paths ---- */

/* The file's data in three extents: one in the base record, two in the extension. The list, resident or not, says so. */
static struct maker with_list(bool is_mapped)
{
	struct maker m = usual();
	uint8_t p[10], list[4 * 0x20] = { 0 }, file_lcn = 1;
	static const struct {
		uint32_t type;
		uint64_t vcn, record;
	} entries[] = { { 0x30, 0, FILE_RECORD }, { 0x80, 0, FILE_RECORD }, { 0x80, 1, EXTENSION_RECORD }, { 0x80, 2, EXTENSION_RECORD } };

	for (size_t i = 0; i < 4; i++) {
		im_put32(list + 0x20 * i, entries[i].type);
		im_put16(list + 0x20 * i + 4, 0x20);
		im_put64(list + 0x20 * i + 8, entries[i].vcn);
		im_put64(list + 0x20 * i + 0x10, entries[i].record | 1ull << 48);
	}
	begin(&m, FILE_RECORD, 0);
	if (is_mapped) {
		mapped(&m, FILE_RECORD, 0x20, NULL, 0, 1, sizeof(list), p, one_run(p, 2, 1));
		memcpy(m.b + 2 * m.cluster, list, sizeof(list));
	} else {
		resident(&m, FILE_RECORD, 0x20, list, sizeof(list));
	}
	file_name(&m, FILE_RECORD, 5, "file.bin", 1);
	mapped(&m, FILE_RECORD, 0x80, NULL, 0, 1, 3 * m.cluster, p, one_run(p, file_lcn, 1));
	begin(&m, EXTENSION_RECORD, FILE_RECORD);
	mapped(&m, EXTENSION_RECORD, 0x80, NULL, 2, 3, 0, p, one_run(p, 3, 1));
	mapped(&m, EXTENSION_RECORD, 0x80, NULL, 1, 2, 0, p, one_run(p, 7, 1));
	seal(&m, FILE_RECORD);
	seal(&m, EXTENSION_RECORD);
	return m;
}

START_TEST(attribute_lists)
{
	struct maker m = with_list(_i);
	struct im_ntfs fs = must_open(&m);
	struct im_ntfs_stream s;
	struct im_ntfs_file file;

	ck_assert_int_eq(im_ntfs_file_open(&fs, FILE_RECORD, &file, NULL), IM_FOUND);
	ck_assert_uint_eq(file.records.n, 2);
	im_ntfs_file_close(&file);
	ck_assert_int_eq(im_ntfs_stream_of(&fs, FILE_RECORD, 0x80, &s, NULL), IM_FOUND);
	ck_assert_uint_eq(s.size, 3 * m.cluster);
	ck_assert_uint_eq(s.runs.n, 3);
	ck_assert_uint_eq(im_ntfs_runs_lcn(&s.runs, 0), 1);
	ck_assert_uint_eq(im_ntfs_runs_lcn(&s.runs, 1), 7);
	ck_assert_uint_eq(im_ntfs_runs_lcn(&s.runs, 2), 3);
	ck_assert_uint_eq(im_ntfs_runs_lcn(&s.runs, 3), IM_NTFS_HOLE);
	im_ntfs_stream_close(&s);
	ck_assert_int_eq(im_ntfs_stream_of(&fs, FILE_RECORD, 0xa0, &s, NULL), IM_ABSENT);
	/* an extension record is no file */
	ck_assert_int_eq(im_ntfs_file_open(&fs, EXTENSION_RECORD, &file, NULL), IM_DAMAGED);
	im_ntfs_close(&fs);
	im_dev_close(m.dev);
}
END_TEST

/* What makes a file with a list unreadable. n: how often the same list must be patched. */
static void list_names_itself(struct maker *m) { im_put64(attr_of(m, FILE_RECORD, 0x20) + 0x18 + 0x20 * 2 + 0x10, 0xffffffffffff); }
static void list_is_cut(struct maker *m) { im_put32(attr_of(m, FILE_RECORD, 0x20) + 0x10, 0x21); }
static void entry_is_empty(struct maker *m) { im_put16(attr_of(m, FILE_RECORD, 0x20) + 0x18 + 4, 0); }
static void entry_is_long(struct maker *m) { im_put16(attr_of(m, FILE_RECORD, 0x20) + 0x18 + 4, 0xffff); }
static void extension_is_anothers(struct maker *m) { im_put64(record_at(m, EXTENSION_RECORD) + 0x20, 5); }
static void extension_is_gone(struct maker *m) { record_at(m, EXTENSION_RECORD)[0x16] = 0; }
/* extensions that name each other: the list is only ever taken from a base record */
static void extension_is_base(struct maker *m) { im_put64(record_at(m, EXTENSION_RECORD) + 0x20, 0); }

static void (*const list_damages[])(struct maker *m) = {
	list_names_itself, list_is_cut, entry_is_empty, entry_is_long, extension_is_anothers, extension_is_gone, extension_is_base,
};

START_TEST(hostile_lists)
{
	struct maker m = with_list(false);
	struct im_ntfs fs;
	struct im_ntfs_file file;

	unseal(&m, FILE_RECORD);
	unseal(&m, EXTENSION_RECORD);
	list_damages[_i](&m);
	seal(&m, FILE_RECORD);
	seal(&m, EXTENSION_RECORD);
	fs = must_open(&m);
	ck_assert_int_eq(im_ntfs_file_open(&fs, FILE_RECORD, &file, NULL), IM_DAMAGED);
	im_ntfs_close(&fs);
	im_dev_close(m.dev);
}
END_TEST

/* A list that names the same records over and over, and the base record itself, ends. */
START_TEST(lists_that_loop)
{
	struct maker m = with_list(true);
	struct im_ntfs fs;
	struct im_ntfs_file file;

	for (size_t i = 0; i < m.cluster / 0x20; i++) {
		uint8_t *e = m.b + 2 * m.cluster + 0x20 * i;

		im_put16(e + 4, 0x20);
		im_put64(e + 0x10, i % 2 ? FILE_RECORD : EXTENSION_RECORD);
	}
	unseal(&m, FILE_RECORD);
	im_put64(attr_of(&m, FILE_RECORD, 0x20) + 0x30, m.cluster);
	im_put64(attr_of(&m, FILE_RECORD, 0x20) + 0x38, m.cluster);
	seal(&m, FILE_RECORD);
	fs = must_open(&m);
	ck_assert_int_eq(im_ntfs_file_open(&fs, FILE_RECORD, &file, NULL), IM_FOUND);
	ck_assert_uint_eq(file.records.n, 2);
	im_ntfs_file_close(&file);
	im_ntfs_close(&fs);
	im_dev_close(m.dev);
}
END_TEST

START_TEST(paths)
{
	struct maker m = usual();
	struct im_ntfs fs = must_open(&m);
	char path[64], little[12];

	ck_assert_int_eq(im_ntfs_path(&fs, FILE_RECORD, path, sizeof(path), NULL), 0);
	ck_assert_str_eq(path, "\\file.bin");
	ck_assert_int_eq(im_ntfs_path(&fs, 5, path, sizeof(path), NULL), 0);
	ck_assert_str_eq(path, "\\");
	ck_assert_int_eq(im_ntfs_path(&fs, 30, path, sizeof(path), NULL), 0);
	ck_assert_str_eq(path, "\\?");
	/* a folder in a folder, the name cut at its front where there is no room */
	begin(&m, 26, 0);
	file_name(&m, 26, FILE_RECORD, "inner", 0);
	seal(&m, 26);
	ck_assert_int_eq(im_ntfs_path(&fs, 26, path, sizeof(path), NULL), 0);
	ck_assert_str_eq(path, "\\file.bin\\inner");
	ck_assert_int_eq(im_ntfs_path(&fs, 26, little, sizeof(little), NULL), 0);
	ck_assert_str_eq(little, "…\\inner");
	/* a file that is its own parent */
	begin(&m, 26, 0);
	file_name(&m, 26, 26, "x", 0);
	seal(&m, 26);
	ck_assert_int_eq(im_ntfs_path(&fs, 26, path, sizeof(path), NULL), 0);
	ck_assert_int_eq(memcmp(path, "…", 3), 0);
	im_ntfs_close(&fs);
	im_dev_close(m.dev);
}
END_TEST

/* ---- owners ---- */

START_TEST(owners)
{
	struct maker m = usual();
	struct im_ntfs fs = must_open(&m);
	struct im_ntfs_owners all;

	ck_assert_int_eq(im_ntfs_find_owners(&fs, 2, &all, NULL), IM_FOUND);
	ck_assert_uint_eq(all.list.n, 2);
	ck_assert(all.list.v[0].record == IM_NTFS_BOOT && all.list.v[0].run.lcn == 0 && all.list.v[0].run.len == 1);
	/* of the file's two clusters only the first lies below the end */
	ck_assert(all.list.v[1].record == FILE_RECORD && all.list.v[1].run.lcn == 1 && all.list.v[1].run.len == 1);
	ck_assert(all.list.v[1].type == IM_NTFS_DATA && !all.list.v[1].name_len && !all.list.v[1].run.vcn);
	ck_assert_uint_eq(all.damaged, 0);
	im_ntfs_owners_free(&all);
	im_ntfs_close(&fs);
	im_dev_close(m.dev);
}
END_TEST

START_TEST(owner_in_an_extension)
{
	struct maker m = with_list(false);
	struct im_ntfs fs = must_open(&m);
	struct im_ntfs_owners all;

	ck_assert_int_eq(im_ntfs_find_owners(&fs, 4, &all, NULL), IM_FOUND);
	ck_assert_uint_eq(all.list.n, 3);
	ck_assert(all.list.v[1].record == FILE_RECORD && all.list.v[1].run.vcn == 0);
	ck_assert(all.list.v[2].record == FILE_RECORD && all.list.v[2].run.vcn == 2 && all.list.v[2].run.lcn == 3);
	im_ntfs_owners_free(&all);
	im_ntfs_close(&fs);
	im_dev_close(m.dev);
}
END_TEST

/* Records that do not hold together are counted, and owners behind them still found. */
static void used_past_the_end(uint8_t *r) { im_put32(r + 0x18, 0xffffffff); }
static void attributes_past_the_end(uint8_t *r) { im_put16(r + 0x14, 0xfff8); }
static void attributes_unaligned(uint8_t *r) { im_put16(r + 0x14, 0x4a); }
static void attribute_of_length_0(uint8_t *r) { im_put32(r + 0x48 + 4, 0); }
static void attribute_of_absurd_length(uint8_t *r) { im_put32(r + 0x48 + 4, 0x7ffffff8); }
static void attribute_without_end(uint8_t *r) { im_put32(r + 0x48 + 4, im_get32(r + 0x18) - 0x48); }
static void value_past_the_end(uint8_t *r) { im_put32(r + 0x48 + 0x10, 0xfffffff0); }
static void value_offset_past_the_end(uint8_t *r) { im_put16(r + 0x48 + 0x14, 0xffff); }
static void name_past_the_end(uint8_t *r) { r[0x48 + 9] = 0xff; }

static void (*const record_damages[])(uint8_t *r) = {
	used_past_the_end, attributes_past_the_end, attributes_unaligned, attribute_of_length_0, attribute_of_absurd_length,
	attribute_without_end, value_past_the_end, value_offset_past_the_end, name_past_the_end,
};

START_TEST(hostile_records)
{
	struct maker m = usual();
	struct im_ntfs fs;
	struct im_ntfs_owners all;

	unseal(&m, 3);
	record_damages[_i](record_at(&m, 3));
	seal(&m, 3);
	fs = must_open(&m);
	ck_assert_int_eq(im_ntfs_find_owners(&fs, 2, &all, NULL), IM_FOUND);
	ck_assert_uint_eq(all.damaged, 1);
	ck_assert_uint_eq(all.first_damaged, 3);
	ck_assert_uint_eq(all.list.n, 2);
	im_ntfs_owners_free(&all);
	im_ntfs_close(&fs);
	im_dev_close(m.dev);
}
END_TEST

/* The same in the attribute with the runs of the file. */
static void last_vcn_before_first(uint8_t *a) { im_put64(a + 0x10, 7); }
static void last_vcn_absurd(uint8_t *a) { im_put64(a + 0x18, INT64_MAX); }
static void first_vcn_absurd(uint8_t *a) { im_put64(a + 0x10, UINT64_MAX); }
static void pairs_past_the_end(uint8_t *a) { im_put16(a + 0x20, 0xfff0); }
static void pairs_in_the_head(uint8_t *a) { im_put16(a + 0x20, 0x10); }
static void lcn_past_the_volume(uint8_t *a) { im_put32(a + 0x40 + 5, 0x7fffffff); }
static void size_absurd(uint8_t *a) { im_put64(a + 0x30, UINT64_MAX); }

static void (*const run_damages[])(uint8_t *a) = {
	last_vcn_before_first, last_vcn_absurd, first_vcn_absurd, pairs_past_the_end, pairs_in_the_head, lcn_past_the_volume,
	size_absurd,
};

START_TEST(hostile_runs)
{
	struct maker m = usual();
	struct im_ntfs fs;
	struct im_ntfs_owners all;
	struct im_ntfs_stream s;

	unseal(&m, FILE_RECORD);
	run_damages[_i](attr_of(&m, FILE_RECORD, 0x80));
	seal(&m, FILE_RECORD);
	fs = must_open(&m);
	ck_assert_int_eq(im_ntfs_find_owners(&fs, 2, &all, NULL), IM_FOUND);
	ck_assert_uint_eq(all.damaged, 1);
	ck_assert_int_eq(im_ntfs_stream_of(&fs, FILE_RECORD, 0x80, &s, NULL), IM_DAMAGED);
	im_ntfs_owners_free(&all);
	im_ntfs_close(&fs);
	im_dev_close(m.dev);
}
END_TEST

/* $MFT itself: what must make the volume DAMAGED. */
static void mft_runs_overlap_nothing(struct maker *m) { im_put32(attr_of(m, 0, 0x80) + 0x40 + 5, 0x7fffffff); }
static void mft_is_a_hole(struct maker *m) { attr_of(m, 0, 0x80)[0x40] = 0x04; }
static void mft_is_too_short(struct maker *m) { im_put64(attr_of(m, 0, 0x80) + 0x38, 5 * m->record); }
static void mft_is_longer_than_its_runs(struct maker *m) { im_put64(attr_of(m, 0, 0x80) + 0x30, 1ull << 40); im_put64(attr_of(m, 0, 0x80) + 0x38, 1ull << 40); }
static void mft_is_resident(struct maker *m) { attr_of(m, 0, 0x80)[8] = 0; }

/* a boot sector and a runlist that agree about a volume much larger than its image */
static void mft_passes_the_image(struct maker *m)
{
	uint8_t *a = attr_of(m, 0, 0x80);

	im_put64(m->b + 0x28, 1ull << 40);
	im_put32(a + 0x40 + 1, 0x7fffffff);
	im_put64(a + 0x18, 0x7ffffffe);
	for (int at = 0x28; at <= 0x38; at += 8)
		im_put64(a + at, 0x7fffffffull * m->cluster);
}

static void (*const mft_damages[])(struct maker *m) = {
	mft_runs_overlap_nothing, mft_is_a_hole, mft_is_too_short, mft_is_longer_than_its_runs, mft_is_resident,
	mft_passes_the_image,
};

START_TEST(hostile_mft)
{
	struct maker m = usual();
	struct im_ntfs fs;

	unseal(&m, 0);
	mft_damages[_i](&m);
	seal(&m, 0);
	ck_assert_int_eq(open_it(&m, &fs), IM_DAMAGED);
	im_ntfs_close(&fs);
	im_dev_close(m.dev);
}
END_TEST

/* A volume that its image cuts off: at every length an answer, and no read past the end. */
START_TEST(cut_images)
{
	struct maker m = usual();

	for (uint64_t size = m.dev->size; size > 512; size -= 512 * 3) {
		struct im_dev *cut = im_dev_window(m.dev, 0, size, NULL);
		struct im_ntfs_owners all = { 0 };
		struct im_ntfs fs;
		const char *why;
		int got = im_ntfs_open(&fs, cut, &why, NULL);

		ck_assert_int_ge(got, 0);
		if (got == IM_FOUND)
			ck_assert_int_eq(im_ntfs_find_owners(&fs, 2, &all, NULL), IM_FOUND);
		im_ntfs_owners_free(&all);
		im_ntfs_close(&fs);
		im_dev_close(cut);
	}
	im_dev_close(m.dev);
}
END_TEST

/* Change bytes of the records, sealed again or not: the reader always comes to an end with an answer. */
START_TEST(mutations)
{
	uint64_t seed = 11;
	unsigned found = 0;

	for (int i = 0; i < MUTATIONS; i++) {
		struct maker m = with_list(i % 2);
		uint64_t n = im_random(&seed) % 2 ? im_random(&seed) % 8 : FILE_RECORD + im_random(&seed) % 2;
		struct im_ntfs_owners all = { 0 };
		struct im_ntfs fs;
		char path[100];
		const char *why;
		int got;

		unseal(&m, n);
		for (uint64_t k = 1 + im_random(&seed) % 6; k; k--)
			record_at(&m, n)[0x10 + im_random(&seed) % 0x150] = (uint8_t)(im_random(&seed) % 3 ? im_random(&seed) : 0xff);
		seal(&m, n);
		got = im_ntfs_open(&fs, m.dev, &why, NULL);
		ck_assert(got == IM_FOUND || got == IM_DAMAGED);
		if (got == IM_FOUND) {
			ck_assert_int_eq(im_ntfs_find_owners(&fs, 8, &all, NULL), IM_FOUND);
			ck_assert_int_eq(im_ntfs_path(&fs, FILE_RECORD, path, sizeof(path), NULL), 0);
			found += all.list.n > 0;
		}
		im_ntfs_owners_free(&all);
		im_ntfs_close(&fs);
		im_dev_close(m.dev);
	}
	ck_assert_uint_gt(found, MUTATIONS / 4);
}
END_TEST

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static Suite *suite(void)
{
	Suite *s = suite_create("ntfs");
	TCase *t = tcase_create("reader"), *h = tcase_create("hostile");

	tcase_add_loop_test(t, geometry, 0, COUNT(sizes));
	tcase_add_test(t, records);
	tcase_add_loop_test(t, mapping_pairs, 0, COUNT(pairs));
	tcase_add_loop_test(t, attribute_lists, 0, 2);
	tcase_add_test(t, paths);
	tcase_add_test(t, owners);
	tcase_add_test(t, owner_in_an_extension);
	suite_add_tcase(s, t);
	tcase_set_timeout(h, 120);
	tcase_add_loop_test(h, hostile_lists, 0, COUNT(list_damages));
	tcase_add_test(h, lists_that_loop);
	tcase_add_loop_test(h, hostile_records, 0, COUNT(record_damages));
	tcase_add_loop_test(h, hostile_runs, 0, COUNT(run_damages));
	tcase_add_loop_test(h, hostile_mft, 0, COUNT(mft_damages));
	tcase_add_test(h, cut_images);
	tcase_add_test(h, mutations);
	suite_add_tcase(s, h);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
