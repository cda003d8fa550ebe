/* check_witness.c - the witnesses agree with what is true, disagree with what is not, and abstain otherwise.
 *
 * Disks and volumes are made by fdisk, mkfs.ntfs and mke2fs; without them the test is skipped.
 */
#include <config.h>

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapt/child.h"
#include "adapt/reading.h"
#include "adapt/witness.h"
#include "base/bytes.h"
#include "dev/dev.h"
#include "load.h"
#include "run_suite.h"

#define MIB (1ull << 20)

static char dir[256];

static void run(const char *fmt, ...) IM_PRINTF(1, 2);

static void run(const char *fmt, ...)
{
	char command[2048];
	size_t n = (size_t)snprintf(command, sizeof(command), "cd '%s' && exec >/dev/null 2>&1; ", dir);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command + n, sizeof(command) - n, fmt, ap);
	va_end(ap);
	ck_assert_msg(system(command) == 0, "failed: %s", command);
}

static void make_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/witness.XXXXXX", tmp && strlen(tmp) < 200 ? tmp : P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_dir(void)
{
	run("rm -f disk disk2 vol && rmdir '%s'", dir);
}

static struct im_dev *open_file(const char *name, uint32_t sector)
{
	struct im_error err = { 0 };
	char path[300];
	struct im_dev *dev;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	dev = im_dev_file(path, false, sector, &err);
	ck_assert_msg(dev != NULL, "%s", err.message);
	return dev;
}

/* A device in memory with the bytes of a file at off, size large. */
static struct im_dev *mem_of(const char *name, uint64_t off, uint64_t size, uint32_t sector)
{
	struct im_dev *file = open_file(name, sector), *mem = im_dev_mem(size, sector, NULL);

	ck_assert_ptr_nonnull(mem);
	load_device(file, mem, off);
	im_dev_close(file);
	return mem;
}

static void claim_partition(struct im_claim *c, int number, uint64_t start, uint64_t size, const char *fs)
{
	struct im_claim_partition *p = im_vec_push(&c->partitions, NULL);

	ck_assert_ptr_nonnull(p);
	*p = (struct im_claim_partition){ .number = number, .start = start, .size = size, .fs = fs };
}

static void claim_free(struct im_claim *c)
{
	im_vec_free(&c->partitions);
	im_vec_free(&c->ebrs);
}

static const struct im_opinion *find(const struct im_opinions *ops, const char *witness, bool on_table, int partition)
{
	for (size_t i = 0; i < ops->list.n; i++)
		if (!strcmp(ops->list.v[i].witness, witness) && ops->list.v[i].on_table == on_table &&
		    ops->list.v[i].partition == partition)
			return &ops->list.v[i];
	return NULL;
}

static void ask(struct im_dev *before, const struct im_claim *cb, struct im_dev *after, const struct im_claim *ca,
		struct im_opinions *ops)
{
	struct im_error err = { 0 };

	ck_assert_msg(im_witness_ask(before, cb, after, ca, ops, &err) == 0, "%s", err.message);
}

static void expect(const struct im_opinions *ops, const char *witness, bool on_table, int partition,
		   enum im_verdict verdict)
{
	const struct im_opinion *op = find(ops, witness, on_table, partition);

	ck_assert_msg(op != NULL, "%s said nothing", witness);
	ck_assert_msg(op->verdict == verdict, "%s: verdict %d, not %d: \"%s\"", witness, (int)op->verdict, (int)verdict,
		      op->why);
	ck_assert_msg((verdict == IM_AGREES) == !*op->why, "%s: \"%s\"", witness, op->why);
}

static void expect_tables(const struct im_opinions *ops, enum im_verdict verdict)
{
	expect(ops, "libfdisk", true, 0, verdict);
	expect(ops, "libparted", true, 0, verdict);
	expect(ops, "libblkid", true, 0, verdict);
}

/* Claim the EBRs from the one at sector lba on. */
static void claim_ebrs(const char *name, uint32_t sector, uint64_t lba, struct im_claim *c)
{
	struct im_dev *dev = open_file(name, sector);
	uint64_t first = lba, next;
	uint8_t ebr[512];

	do {
		ck_assert_int_eq(im_dev_read(dev, lba * sector, ebr, sizeof(ebr), NULL), 0);
		*im_vec_push(&c->ebrs, NULL) = lba * sector;
		next = im_get32(ebr + 0x1ce + 8);
		lba = first + next;
	} while (next);
	ck_assert_uint_eq(c->ebrs.n, 2);
	im_dev_close(dev);
}

/* Make a disk of 256 MiB from a script as sfdisk takes it. sfdisk itself knows no other sectors than the
 * device's, fdisk does. */
static void make_table(const char *name, uint32_t sector, const char *script)
{
	run("rm -f %s && truncate -s 256M %s && printf 'sector-size: %u\\n%s' > script && "
	    "printf 'I\\nscript\\nw\\n' | fdisk -b %u -w never -W never %s && rm script",
	    name, name, sector, script, sector, name);
}

/* Two primary partitions and an extended one with two logical ones. */
static void make_mbr(const char *name, uint32_t sector, uint64_t first, struct im_claim *c)
{
	uint64_t s = sector;
	char script[400];

	snprintf(script, sizeof(script), "label: dos\\nunit: sectors\\n1 : start=%llu, size=1000, type=7\\n"
		 "2 : start=4096, size=2048, type=83\\n4 : start=8192, size=20480, type=5\\n"
		 "5 : start=8448, size=4096, type=83\\n6 : start=14592, size=8000, type=7\\n",
		 (unsigned long long)first);
	make_table(name, sector, script);
	*c = (struct im_claim){ .table = "dos", .sector_size = sector };
	claim_partition(c, 1, first * s, 1000 * s, NULL);
	claim_partition(c, 2, 4096 * s, 2048 * s, "");
	claim_partition(c, 5, 8448 * s, 4096 * s, NULL);
	claim_partition(c, 6, 14592 * s, 8000 * s, NULL);
	claim_partition(c, 4, 8192 * s, 20480 * s, NULL);
	c->partitions.v[4].is_extended = true;
	claim_ebrs(name, sector, 8192, c);
}

static void make_gpt(const char *name, uint32_t sector, uint64_t first, struct im_claim *c)
{
	uint64_t s = sector;
	char script[400];

	snprintf(script, sizeof(script), "label: gpt\\nunit: sectors\\nfirst-lba: 40\\n1 : start=%llu, size=1000\\n"
		 "2 : start=4096, size=2048\\n8 : start=8192, size=20480\\n", (unsigned long long)first);
	make_table(name, sector, script);
	*c = (struct im_claim){ .table = "gpt", .sector_size = sector };
	claim_partition(c, 1, first * s, 1000 * s, NULL);
	claim_partition(c, 8, 8192 * s, 20480 * s, NULL);
	claim_partition(c, 2, 4096 * s, 2048 * s, NULL);
}

static void (*const makers[])(const char *, uint32_t, uint64_t, struct im_claim *) = { make_mbr, make_gpt };
static const uint32_t sectors[] = { 512, 4096 };

static void check_table(int i, int wrong)
{
	struct im_claim cb, ca;
	struct im_dev *before, *after;
	struct im_opinions ops;
	uint32_t sector = sectors[i & 1];

	makers[i >> 1]("disk", sector, 100, &cb);
	makers[i >> 1]("disk2", sector, 2048, &ca);
	before = open_file("disk", sector);
	after = open_file("disk2", sector);
	if (wrong == 1)
		ca.partitions.v[0].start += sector;
	if (wrong == 2)
		cb.partitions.v[0].size -= sector;
	if (wrong == 3)
		ca.partitions.n--;
	ask(before, &cb, after, &ca, &ops);
	expect_tables(&ops, wrong == 0 ? IM_AGREES : wrong == 2 ? IM_ABSTAINS : IM_DISAGREES);
	im_opinions_free(&ops);
	im_dev_close(before);
	im_dev_close(after);
	claim_free(&cb);
	claim_free(&ca);
}

START_TEST(table_right)
{
	check_table(_i, 0);
}
END_TEST

/* They read at the same time: none may move another one's position in the disk. */
START_TEST(table_again_and_again)
{
	for (int i = 0; i < 12; i++)
		check_table(i % 4, 0);
}
END_TEST

START_TEST(table_new_wrong)
{
	check_table(_i, 1);
	check_table(_i, 3);
}
END_TEST

START_TEST(table_old_wrong)
{
	check_table(_i, 2);
}
END_TEST

/* The low partition as the disks that we repair have it. */
START_TEST(low_partition)
{
	struct im_claim cb, ca;
	struct im_dev *before, *after;
	struct im_opinions ops;

	make_mbr("disk", 512, 2, &cb);
	make_mbr("disk2", 512, 2048, &ca);
	before = open_file("disk", 512);
	after = open_file("disk2", 512);
	ask(before, &cb, after, &ca, &ops);
	expect_tables(&ops, IM_AGREES);
	im_opinions_free(&ops);
	im_dev_close(before);
	im_dev_close(after);
	claim_free(&cb);
	claim_free(&ca);
}
END_TEST

/* A disk that had no table gets one: the new one is judged alone. */
START_TEST(gains_table)
{
	struct im_claim cb = { .table = "none", .sector_size = 512, .volume_start = 4096, .volume_fs = "ntfs" }, ca;
	struct im_dev *before = im_dev_mem(16 * MIB, 512, NULL), *after;
	struct im_opinions ops;

	make_mbr("disk2", 512, 2048, &ca);
	after = open_file("disk2", 512);
	ask(before, &cb, after, &ca, &ops);
	expect_tables(&ops, IM_AGREES);
	im_opinions_free(&ops);
	ca.partitions.v[1].size += 512;
	ask(before, &cb, after, &ca, &ops);
	expect_tables(&ops, IM_DISAGREES);
	im_opinions_free(&ops);
	im_dev_close(before);
	im_dev_close(after);
	claim_free(&ca);
}
END_TEST

/* A file system over the whole new disk, which the old one did not have. */
START_TEST(whole_disk)
{
	struct im_claim c;
	struct im_dev *before, *after;
	struct im_opinions ops;

	make_mbr("disk", 512, 2048, &c);
	before = mem_of("disk", 0, 256 * MIB, 512);
	after = mem_of("disk", 0, 256 * MIB, 512);
	run("truncate -s 16M vol && mke2fs -F -q -t ext4 vol");
	{
		struct im_dev *vol = open_file("vol", 512);

		ck_assert_int_eq(im_dev_read(vol, 1024, im_dev_mem_bytes(after) + 1024, 1024, NULL), 0);
		im_dev_close(vol);
	}
	ask(before, &c, after, &c, &ops);
	expect(&ops, "libfdisk", true, 0, IM_ABSTAINS);
	expect(&ops, "libblkid", true, 0, IM_DISAGREES);
	im_opinions_free(&ops);
	im_dev_close(before);
	im_dev_close(after);
	claim_free(&c);
}
END_TEST

static const struct {
	const char *fs, *make, *witness;
	uint64_t mark;		/* where its magic is, in the volume */
	size_t mark_len;
} volumes[] = {
	{ "ntfs", "mkfs.ntfs -F -q -Q -L Tést -s 512 -p 0 -H 255 -S 63", "libntfs-3g", 0, 512 },
	{ "ext2", "mke2fs -F -q -t ext4", "libext2fs", 1024, 1024 },
};

static bool has_library(int i)
{
#ifndef HAVE_LIBNTFS_3G
	if (i == 0)
		return false;
#endif
#ifndef HAVE_LIBEXT2FS
	if (i == 1)
		return false;
#endif
	return i >= 0;
}

static void make_volume(int i, const char *size)
{
	run("rm -f vol && truncate -s %s vol && %s vol", size, volumes[i].make);
}

/* Without a table: at the disk's start and behind it. */
START_TEST(bare_volume)
{
	for (int k = 0; k < 2; k++) {
		uint64_t start = k ? 4096 : 0;
		struct im_claim c = { .table = "none", .sector_size = 512, .volume_start = start,
				      .volume_fs = volumes[_i].fs };
		struct im_opinions ops;
		struct im_dev *before, *after;

		make_volume(_i, "16M");
		before = mem_of("vol", start, start + 16 * MIB, 512);
		after = mem_of("vol", start, start + 16 * MIB, 512);
		ask(before, &c, after, &c, &ops);
		expect(&ops, "libfdisk", true, 0, IM_ABSTAINS);
		expect(&ops, "libparted", true, 0, k ? IM_ABSTAINS : IM_AGREES);
		expect(&ops, "libblkid", true, 0, IM_AGREES);
		expect(&ops, volumes[_i].witness, false, 0, has_library(_i) ? IM_AGREES : IM_ABSTAINS);
		im_opinions_free(&ops);

		memset(im_dev_mem_bytes(after) + start + volumes[_i].mark, 0, volumes[_i].mark_len);
		ask(before, &c, after, &c, &ops);
		expect(&ops, "libblkid", true, 0, IM_DISAGREES);
		expect(&ops, volumes[_i].witness, false, 0, has_library(_i) ? IM_DISAGREES : IM_ABSTAINS);
		im_opinions_free(&ops);

		ask(after, &c, before, &c, &ops);
		expect(&ops, "libblkid", true, 0, IM_ABSTAINS);
		expect(&ops, volumes[_i].witness, false, 0, IM_ABSTAINS);
		im_opinions_free(&ops);
		im_dev_close(before);
		im_dev_close(after);
	}
}
END_TEST

/* The tables above with a volume in the last partition. */
static struct im_dev *disk_with_volume(const char *name, uint64_t first, int i, struct im_claim *c)
{
	struct im_dev *dev, *vol = open_file("vol", 512);

	make_gpt(name, 512, first, c);
	dev = mem_of(name, 0, 256 * MIB, 512);
	ck_assert_uint_le(vol->size, c->partitions.v[1].size);
	load_device(vol, dev, c->partitions.v[1].start);
	im_dev_close(vol);
	c->partitions.v[1].fs = volumes[i].fs;
	return dev;
}

START_TEST(volume_in_partition)
{
	struct im_claim cb, ca;
	struct im_dev *before, *after;
	struct im_opinions ops;
	enum im_verdict not = has_library(_i) ? IM_DISAGREES : IM_ABSTAINS;

	make_volume(_i, "8M");
	before = disk_with_volume("disk", 100, _i, &cb);
	after = disk_with_volume("disk2", 2048, _i, &ca);
	ask(before, &cb, after, &ca, &ops);
	expect_tables(&ops, IM_AGREES);
	expect(&ops, volumes[_i].witness, false, 8, has_library(_i) ? IM_AGREES : IM_ABSTAINS);
	ck_assert_ptr_null(find(&ops, "libblkid", false, 8));
	im_opinions_free(&ops);

	memset(im_dev_mem_bytes(after) + ca.partitions.v[1].start + volumes[_i].mark, 0, volumes[_i].mark_len);
	ask(before, &cb, after, &ca, &ops);
	expect_tables(&ops, IM_AGREES);
	expect(&ops, volumes[_i].witness, false, 8, not);
	expect(&ops, "libblkid", false, 8, IM_DISAGREES);
	im_opinions_free(&ops);

	ask(after, &ca, before, &cb, &ops);
	expect(&ops, volumes[_i].witness, false, 8, IM_ABSTAINS);
	expect(&ops, "libblkid", false, 8, IM_ABSTAINS);
	im_opinions_free(&ops);
	im_dev_close(before);
	im_dev_close(after);
	claim_free(&cb);
	claim_free(&ca);
}
END_TEST

static void expect_name(struct im_dev *dev, uint64_t start, uint64_t len, const char *want)
{
	struct im_error err = { 0 };
	char name[32];

	ck_assert_msg(im_blkid_name(dev, start, len, name, &err) == 0, "%s", err.message);
	ck_assert_str_eq(name, want);
}

START_TEST(blkid_name)
{
	static const char *const want[] = { "ntfs", "ext4" };
	struct im_dev *file, *mem;

	make_volume(_i, "16M");
	file = open_file("vol", 512);
	mem = mem_of("vol", 3584, 20 * MIB, 512);
	expect_name(file, 0, UINT64_MAX, want[_i]);
	expect_name(file, 5 * MIB, UINT64_MAX, "");
	expect_name(file, 17 * MIB, 1, "");
	expect_name(mem, 3584, 16 * MIB, want[_i]);
	expect_name(mem, 0, 3584, "");
	/* a second format beside ext4's superblock; in NTFS it overwrites the name */
	memcpy(im_dev_mem_bytes(mem) + 3584, "-rom1fs-", 8);
	expect_name(mem, 3584, 16 * MIB, _i ? "ambivalent" : "romfs");
	im_dev_close(file);
	im_dev_close(mem);
}
END_TEST

START_TEST(same_names)
{
	ck_assert(im_fs_is_same("fat12", "vfat") && im_fs_is_same("fat32", "fat16"));
	ck_assert(im_fs_is_same("ext2", "ext4") && im_fs_is_same("bitlocker", "BitLocker"));
	ck_assert(im_fs_is_same("luks", "crypto_LUKS") && im_fs_is_same("lvm2", "LVM2_member"));
	ck_assert(im_fs_is_same("refs", "ReFS") && !im_fs_is_same("ntfs", "vfat"));
	ck_assert(!im_fs_is_same("", "") && !im_fs_is_same(NULL, "ntfs") && !im_fs_is_same("xfs", "ambivalent"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("witness");
	TCase *t = tcase_create("witness");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, make_dir, remove_dir);
	tcase_add_loop_test(t, table_right, 0, 4);
	tcase_add_test(t, table_again_and_again);
	tcase_add_loop_test(t, table_new_wrong, 0, 4);
	tcase_add_loop_test(t, table_old_wrong, 0, 4);
	tcase_add_test(t, low_partition);
	tcase_add_test(t, gains_table);
	tcase_add_test(t, whole_disk);
	tcase_add_loop_test(t, bare_volume, 0, 2);
	tcase_add_loop_test(t, volume_in_partition, 0, 2);
	tcase_add_loop_test(t, blkid_name, 0, 2);
	tcase_add_test(t, same_names);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s:/usr/sbin:/sbin", getenv("PATH") ? getenv("PATH") : "/bin:/usr/bin");
	setenv("PATH", path, 1);
	if (system("command -v fdisk mkfs.ntfs mke2fs >/dev/null")) {
		puts("SKIP: needs fdisk, mkfs.ntfs and mke2fs");
		return 77;
	}
	return run_suite(suite());
}
