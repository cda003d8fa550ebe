/* check_inside.c - what libntfs-3g's process says of a repaired volume is not believed.
 *
 * A volume of ntfs_volume.h is repaired honestly, by hand, on an overlay; im_ntfs_verify accepts it. Then one lie
 * after the other is told on top of it, and each must be seen.
 */
#include <check.h>
#include <stdlib.h>

#include "fmt/ntfs.h"
#include "plan/inside.h"
#include "plan/ntfs_check.h"
#include "ntfs_volume.h"
#include "run_suite.h"

#define NEW_LCN(m) ((m)->clusters - 3)	/* where the file's first cluster goes: free */

static struct maker volume;
static struct im_dev *repaired;
static struct im_ntfs_repair repair;
static struct im_boot_area area;

/* The record as it lies on the repaired side, opened for editing: the maker's functions work on it there. */
static struct maker side(void)
{
	struct maker m = volume;

	m.dev = repaired;
	m.b = im_dev_mem_bytes(repaired);
	return m;
}

static void mirror(const struct maker *m)
{
	uint64_t lcn = im_get64(m->b + 0x38);

	memcpy(m->b + lcn * m->cluster, record_at(m, 0), 4 * m->record);
}

static uint64_t bitmap_of(const struct maker *m)
{
	return im_get64(m->b + 0x38) + (4 * m->record + m->cluster - 1) / m->cluster;
}

/* $Volume says that it is clean, in both. */
static void add_volume_flags(const struct maker *m)
{
	uint8_t info[12] = { 0 };

	unseal(m, 3);
	info[8] = 3;
	info[9] = 1;
	resident(m, 3, 0x70, info, sizeof(info));
	seal(m, 3);
}

/* The repair: the file's runs are [new, 1], [2, 1]; $Boot has two clusters. */
static void repair_it(void)
{
	struct maker m = side();
	uint8_t pairs[20], *a;
	uint64_t to = NEW_LCN(&m);

	memcpy(m.b + to * m.cluster, m.b + m.cluster, m.cluster);
	memset(m.b + m.cluster, 0, m.cluster);
	mark_used(&m, bitmap_of(&m), to, 1);
	begin(&m, FILE_RECORD, 0);
	file_name(&m, FILE_RECORD, 5, "FILE~1.BIN", 2);
	file_name(&m, FILE_RECORD, 5, "file.bin", 1);
	memset(pairs, 0, sizeof(pairs));
	one_run(pairs, to, 1);
	one_run(pairs + 9, 2 - to, 1);	/* relative to the run before */
	mapped(&m, FILE_RECORD, 0x80, NULL, 0, 2, 2 * m.cluster - 100, pairs, 19);
	seal(&m, FILE_RECORD);
	unseal(&m, 7);
	a = attr_of(&m, 7, 0x80);
	im_put64(a + 0x18, 1);
	for (int at = 0x28; at <= 0x38; at += 8)
		im_put64(a + at, 8192);
	one_run(a + 0x40, 0, 2);
	seal(&m, 7);
	unseal(&m, 3);
	attr_of(&m, 3, 0x70)[0x18 + 10] |= 1;
	seal(&m, 3);
	mirror(&m);
}

static void set_up(void)
{
	const char *why;

	volume = make_volume(512, 4096, 1, 0, 1);
	add_volume_flags(&volume);
	mirror(&volume);
	for (uint32_t i = 0; i < 2 * volume.cluster; i++)
		volume.b[volume.cluster + i] = (uint8_t)(i * 7 + i / 256 + 1);
	ck_assert_int_eq(im_boot_area_look(&area, volume.dev, false, &why, NULL), IM_FOUND);
	ck_assert_uint_eq(area.owners.n, 1);
	repaired = im_dev_mem(volume.dev->size, 512, NULL);
	memcpy(im_dev_mem_bytes(repaired), volume.b, volume.dev->size);
	repair_it();
}

static void tear_down(void)
{
	im_boot_area_free(&area);
	im_dev_close(repaired);
	im_dev_close(volume.dev);
	im_vec_free(&repair.moves);
}

static int verify(struct im_error *err)
{
	return im_ntfs_verify(volume.dev, repaired, &repair, &area, err);
}

START_TEST(honest)
{
	struct im_error err = { 0 };

	ck_assert_msg(verify(&err) == 0, "%s", err.message);
}
END_TEST

static void boot_code(struct maker *m) { m->b[0x100] ^= 1; }
static void backup_boot(struct maker *m) { m->b[m->clusters * m->cluster + 0x100] ^= 1; }
static void rest_of_boot_area(struct maker *m) { m->b[1024] ^= 1; }
static void vacated_not_zero(struct maker *m) { m->b[5000] = 1; }
static void file_content(struct maker *m) { m->b[NEW_LCN(m) * m->cluster + 77] ^= 1; }
static void file_elsewhere(struct maker *m)
{
	mark_used(m, bitmap_of(m), NEW_LCN(m) + 1, 1);	/* comes into use, nobody's */
}
static void used_cluster_is_freed(struct maker *m) { m->b[bitmap_of(m) * m->cluster + m->mft / 8] &= (uint8_t)~(1u << m->mft % 8); }
static void new_cluster_stays_free(struct maker *m)
{
	m->b[bitmap_of(m) * m->cluster + NEW_LCN(m) / 8] &= (uint8_t)~(1u << NEW_LCN(m) % 8);
}
static void other_record(struct maker *m)
{
	unseal(m, 2);
	attr_of(m, 2, 0x30)[0x18 + 0x42] ^= 1;
	seal(m, 2);
	mirror(m);
}
static void record_is_deleted(struct maker *m)
{
	record_at(m, 5)[0x16] = 0;
}
static void new_record(struct maker *m)
{
	begin(m, 30, 0);
	file_name(m, 30, 5, "sneaked.in", 1);
	seal(m, 30);
}
static void mirror_differs(struct maker *m) { m->b[im_get64(m->b + 0x38) * m->cluster + 100] ^= 1; }
static void name_changes(struct maker *m)
{
	unseal(m, FILE_RECORD);
	attr_of(m, FILE_RECORD, 0x30)[0x18 + 0x42] ^= 1;
	seal(m, FILE_RECORD);
}
static void flags_change(struct maker *m)
{
	unseal(m, FILE_RECORD);
	attr_of(m, FILE_RECORD, 0x80)[0x0c] |= 1;
	seal(m, FILE_RECORD);
}
static void size_changes(struct maker *m)
{
	uint8_t *a;

	unseal(m, FILE_RECORD);
	a = attr_of(m, FILE_RECORD, 0x80);
	im_put64(a + 0x30, im_get64(a + 0x30) - 1);
	im_put64(a + 0x38, im_get64(a + 0x38) - 1);
	seal(m, FILE_RECORD);
}
static void links_change(struct maker *m)
{
	record_at(m, FILE_RECORD)[0x12] ^= 1;
}
static void attribute_is_added(struct maker *m)
{
	unseal(m, FILE_RECORD);
	resident(m, FILE_RECORD, 0x100, "more", 4);
	seal(m, FILE_RECORD);
}
static void volume_version(struct maker *m)
{
	unseal(m, 3);
	attr_of(m, 3, 0x70)[0x18 + 9] ^= 2;
	seal(m, 3);
	mirror(m);
}
static void boot_is_too_large(struct maker *m)
{
	uint8_t *a;

	unseal(m, 7);
	a = attr_of(m, 7, 0x80);
	im_put64(a + 0x30, 9000);
	im_put64(a + 0x28, 9000);
	seal(m, 7);
}
/* Copies of the first records in a free cluster, said by the boot sector to be the place. */
static void boot_sector_names(struct maker *m, int field)
{
	uint64_t lcn = NEW_LCN(m) + 1;

	memcpy(m->b + lcn * m->cluster, record_at(m, 0), 4 * m->record);
	im_put64(m->b + field, lcn);
}
static void mft_elsewhere(struct maker *m) { boot_sector_names(m, 0x30); }
static void mirror_elsewhere(struct maker *m) { boot_sector_names(m, 0x38); }

static void (*const lies[])(struct maker *m) = {
	boot_code, backup_boot, rest_of_boot_area, vacated_not_zero, file_content, file_elsewhere, used_cluster_is_freed,
	new_cluster_stays_free, other_record, record_is_deleted, new_record, mirror_differs, name_changes, flags_change,
	size_changes, links_change, attribute_is_added, volume_version, boot_is_too_large,
	mft_elsewhere, mirror_elsewhere,
};

START_TEST(dishonest)
{
	struct im_error err = { 0 };
	struct maker m = side();

	lies[_i](&m);
	ck_assert_msg(verify(&err) < 0, "lie %d is believed", _i);
	ck_assert_int_eq(err.code, IM_EREFUSED);
}
END_TEST

/* A copy over what is in use is seen even where the bytes happen to be right. */
START_TEST(move_over_used)
{
	struct im_error err = { 0 };
	struct im_ntfs_move *m = im_vec_push(&repair.moves, NULL);

	*m = (struct im_ntfs_move){ .from = 4096, .to = volume.mft * volume.cluster, .len = 512 };
	ck_assert_int_lt(verify(&err), 0);
	m->to = NEW_LCN(&volume) * volume.cluster;
	ck_assert_msg(verify(&err) == 0, "%s", err.message);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("inside");
	TCase *t = tcase_create("verify");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, honest);
	tcase_add_loop_test(t, dishonest, 0, sizeof(lies) / sizeof(*lies));
	tcase_add_test(t, move_over_used);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
