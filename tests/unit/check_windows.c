/* check_windows.c - Windows and its boot configuration are found on NTFS and FAT, and damage only hides them.
 *
 * Volumes are made by mkfs.fat, mtools and mkntfs, the directories of NTFS by libntfs-3g itself. This file
 * cannot include base/bytes.h: the library has types of the same names.
 */
#include <config.h>

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapt/windows.h"
#include "dev/dev.h"
#include "fmt/fatdir.h"
#include "load.h"
#include "run_suite.h"

#ifdef HAVE_LIBNTFS_3G
#include <ntfs-3g/types.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/dir.h>
#include <ntfs-3g/unistr.h>
#include <ntfs-3g/volume.h>
#endif

#define BEFORE 12288u		/* bytes of the device before the volume */
#define MUTATIONS 3000

/* What look() says was found. */
enum {
	BCD = 1,	/* \Boot\BCD or \EFI\Microsoft\Boot\BCD */
	SYSTEM = 2,	/* the hive of a Windows system */
	ALL = BCD | SYSTEM
};

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

	snprintf(dir, sizeof(dir), "%s/windows.XXXXXX", tmp && strlen(tmp) < 200 ? tmp : P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	run("echo x >x");
}

static void remove_dir(void)
{
	run("rm -f vol x && rmdir '%s'", dir);
}

/* The file "vol" in memory, with BEFORE bytes in front and some behind it. */
static struct im_dev *load(uint32_t sector)
{
	char path[300];
	struct im_dev *file, *mem;

	snprintf(path, sizeof(path), "%s/vol", dir);
	file = im_dev_file(path, false, sector, NULL);
	ck_assert_ptr_nonnull(file);
	mem = im_dev_mem(BEFORE + file->size + 4096, sector, NULL);
	ck_assert_ptr_nonnull(mem);
	load_device(file, mem, BEFORE);
	im_dev_close(file);
	return mem;
}

static unsigned look(struct im_dev *dev, const char *fs)
{
	struct im_error err = { 0 };
	struct im_windows found;

	memset(&found, 0xff, sizeof(found));
	ck_assert_msg(im_windows_look(dev, BEFORE, dev->size - BEFORE - 4096, fs, &found, &err) == 0, "%s", err.message);
	return (found.has[IM_WINDOWS_BOOT_BCD] || found.has[IM_WINDOWS_EFI_BCD] ? BCD : 0) | (found.has[IM_WINDOWS_HIVE] ? SYSTEM : 0);
}

static void expect_file(uint32_t sector, const char *fs, unsigned want)
{
	struct im_dev *dev = load(sector);
	unsigned what = look(dev, fs);

	ck_assert_msg(what == want, "%s with sectors of %u: %u, not %u", fs, sector, what, want);
	im_dev_close(dev);
}

/* ---- FAT ---- */

static const struct kind {
	const char *fs;
	int bits;
	uint32_t sector, per_cluster, kib;
} kinds[] = {
	{ "fat12", 12, 512, 1, 1440 },
	{ "fat12", 12, 4096, 1, 4096 },
	{ "fat16", 16, 512, 1, 8192 },
	{ "fat16", 16, 512, 8, 65536 },
	{ "fat16", 16, 4096, 1, 32768 },
	{ "fat32", 32, 512, 1, 40960 },
	{ "fat32", 32, 4096, 1, 300000 },
};

#define KINDS (int)(sizeof(kinds) / sizeof(*kinds))

static void make_fat(const struct kind *k)
{
	run("rm -f vol; mkfs.fat -C -F %d -S %u -s %u vol %u", k->bits, k->sector, k->per_cluster, k->kib);
}

START_TEST(fat)
{
	const struct kind *k = &kinds[_i];

	make_fat(k);
	expect_file(k->sector, k->fs, 0);
	run("mmd -i vol ::/boot && mmd -i vol ::/Windowsill && mcopy -i vol x ::/BCD");
	expect_file(k->sector, k->fs, 0);
	run("mcopy -i vol x ::/boot/bcd.log && mcopy -i vol x ::/windows");	/* a file, no directory */
	expect_file(k->sector, k->fs, 0);
	run("mcopy -i vol x ::/boot/bcd");
	expect_file(k->sector, k->fs, BCD);
	run("mdel -i vol ::/windows && mmd -i vol ::/WINDOWS ::/WINDOWS/System32 ::/WINDOWS/System32/config "
	    "::/WINDOWS/System32/config/SYSTEM");	/* a directory, no file */
	expect_file(k->sector, k->fs, BCD);
	run("mrd -i vol ::/WINDOWS/System32/config/SYSTEM && mcopy -i vol x ::/WINDOWS/System32/config/system");
	expect_file(k->sector, k->fs, ALL);
	run("mdel -i vol ::/boot/bcd");
	expect_file(k->sector, k->fs, SYSTEM);
	run("mmd -i vol ::/EFI && mmd -i vol ::/EFI/Microsofts && mmd -i vol ::/EFI/Microsoft && "
	    "mmd -i vol ::/EFI/Microsoft/Boot && mcopy -i vol x ::/EFI/Microsoft/Boot/BCD");
	expect_file(k->sector, k->fs, ALL);
	run("mmd -i vol ::/boot/BCD");
	run("mdeltree -i vol ::/EFI ::/WINDOWS");
	expect_file(k->sector, k->fs, 0);	/* a BCD that is a directory */
}
END_TEST

/* FAT volumes taken apart by hand. */
struct fat {
	struct im_dev *dev;
	uint8_t *b;		/* the volume */
	uint64_t fat, root, data, clusters, cluster_size;
	int bits;
};

static uint32_t get(const uint8_t *p, int n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static struct fat open_fat(const struct kind *k)
{
	struct fat f = { .dev = load(k->sector), .bits = k->bits, .cluster_size = k->sector * k->per_cluster };
	uint64_t size, total;

	f.b = im_dev_mem_bytes(f.dev) + BEFORE;
	f.fat = (uint64_t)get(f.b + 0x0e, 2) * k->sector;
	size = (uint64_t)(k->bits == 32 ? get(f.b + 0x24, 4) : get(f.b + 0x16, 2)) * k->sector;
	total = (uint64_t)(get(f.b + 0x13, 2) ? get(f.b + 0x13, 2) : get(f.b + 0x20, 4)) * k->sector;
	f.root = f.fat + f.b[0x10] * size;
	f.data = f.root + (get(f.b + 0x11, 2) * 32 + k->sector - 1) / k->sector * k->sector;
	f.clusters = (total - f.data) / f.cluster_size;
	return f;
}

static void set_next(struct fat *f, uint32_t cluster, uint32_t next)
{
	uint8_t *p = f->b + f->fat + (f->bits == 12 ? cluster + cluster / 2 : cluster * (unsigned)f->bits / 8);

	if (f->bits == 12) {
		uint32_t old = get(p, 2), v = cluster & 1 ? (old & 0xf) | next << 4 : (old & 0xf000) | (next & 0xfff);

		p[0] = (uint8_t)v;
		p[1] = (uint8_t)(v >> 8);
		return;
	}
	for (int i = 0; i < f->bits / 8; i++)
		p[i] = (uint8_t)(next >> 8 * i);
}

/* First cluster of the entry of the root directory with this short name. */
static uint32_t cluster_of(struct fat *f, const char *name)
{
	for (uint8_t *e = f->b + f->root; *e; e += 32)
		if (!memcmp(e, name, 11))
			return get(e + 26, 2) | get(e + 20, 2) << 16;
	ck_abort_msg("no %s", name);
}

/* A \Boot with so many entries that BCD is in its second cluster. */
static void make_long_boot(const struct kind *k)
{
	make_fat(k);
	run("mmd -i vol ::/BOOT && for i in $(seq %u); do cp x F$i; done && mcopy -i vol F* ::/BOOT && rm F* && "
	    "mcopy -i vol x ::/BOOT/BCD", k->sector * k->per_cluster / 32 - 2);
}

START_TEST(fat_broken_chains)
{
	const struct kind *k = &kinds[_i];
	uint32_t boot, nexts[8];
	struct fat f;

	if (k->sector * k->per_cluster > 512)
		return;
	make_long_boot(k);
	f = open_fat(k);
	ck_assert_uint_eq(look(f.dev, k->fs), BCD);
	boot = cluster_of(&f, "BOOT       ");
	memcpy(nexts, (uint32_t[]){ boot, 0, 1, (uint32_t)f.clusters + 2, (uint32_t)f.clusters + 50, 0x0ffffff7,
				    0x0fffffff, 0xf0000000 }, sizeof(nexts));
	for (size_t i = 0; i < 8; i++) {
		set_next(&f, boot, nexts[i]);
		ck_assert_uint_eq(look(f.dev, k->fs), 0);
	}
	im_dev_close(f.dev);
}
END_TEST

/* Chains that loop through two clusters, a root that loops, entries that lead out of the volume. */
START_TEST(fat_hostile)
{
	const struct kind *k = &kinds[_i];
	uint32_t boot;
	struct fat f;

	if (k->sector * k->per_cluster > 512)
		return;
	make_long_boot(k);
	f = open_fat(k);
	boot = cluster_of(&f, "BOOT       ");
	memset(f.b + f.data + (f.clusters - 1) * f.cluster_size, 0xe5, f.cluster_size);
	set_next(&f, boot, (uint32_t)f.clusters + 1);	/* the last one, of deleted entries, and back */
	set_next(&f, (uint32_t)f.clusters + 1, boot);
	ck_assert_uint_eq(look(f.dev, k->fs), 0);
	if (k->bits == 32) {
		uint32_t root = get(f.b + 0x2c, 4);

		for (uint64_t i = 0; i < f.cluster_size; i += 32)
			f.b[f.root + i] = 0xe5;
		set_next(&f, root, root);
		ck_assert_uint_eq(look(f.dev, k->fs), 0);
		set_next(&f, root, boot);	/* the root goes on in \BOOT: no BOOT in there */
		ck_assert_uint_eq(look(f.dev, k->fs), 0);
	}
	for (uint8_t *e = f.b + f.root; k->bits != 32 && *e; e += 32) {
		static const uint32_t starts[] = { 0, 1, 0xfff7, 0xffff };

		for (int i = 0; i < 4; i++) {
			e[26] = (uint8_t)starts[i];
			e[27] = (uint8_t)(starts[i] >> 8);
			ck_assert_uint_eq(look(f.dev, k->fs), 0);
		}
	}
	im_dev_close(f.dev);
}
END_TEST

static uint32_t random_state;

static uint32_t next_random(void)
{
	random_state = random_state * 1664525 + 1013904223;
	return random_state >> 8;
}

/* Any bytes may be in the boot sector, the FAT and the directories; any length may be missing. */
START_TEST(fat_mutations)
{
	const struct kind *k = &kinds[_i];
	uint64_t places[4], lengths[4];
	struct im_error err = { 0 };
	struct im_windows found;
	unsigned what;
	struct fat f;

	if (k->kib > 50000)
		return;
	make_long_boot(k);
	run("mmd -i vol ::/EFI && mmd -i vol ::/EFI/Microsoft && mmd -i vol ::/EFI/Microsoft/Boot");
	f = open_fat(k);
	memcpy(places, (uint64_t[]){ 0x0b, f.fat, f.root, f.data }, sizeof(places));
	memcpy(lengths, (uint64_t[]){ 0x50, 64, 256, 4096 }, sizeof(lengths));
	random_state = 1;
	for (int i = 0; i < MUTATIONS; i++) {
		uint8_t old[8];
		uint64_t at[8];

		for (int j = 0; j < 8; j++) {
			unsigned area = next_random() % 4;

			at[j] = places[area] + next_random() % lengths[area];
			old[j] = f.b[at[j]];
			f.b[at[j]] = (uint8_t)next_random();
		}
		what = look(f.dev, k->fs);
		ck_assert_uint_eq(what & ~(unsigned)BCD, 0);	/* nobody made a hive */
		for (int j = 7; j >= 0; j--)
			f.b[at[j]] = old[j];
	}
	ck_assert_uint_eq(look(f.dev, k->fs), BCD);
	for (uint64_t len = 0; len < f.data + 100000 && len < f.dev->size - BEFORE; len += len < 1100 ? 1 : 509)
		ck_assert_msg(im_windows_look(f.dev, BEFORE, len, k->fs, &found, &err) == 0, "%s", err.message);
	im_dev_close(f.dev);
}
END_TEST

START_TEST(fat_long_names)
{
	struct im_dev *whole, *dev;

	make_fat(&kinds[0]);
	run("mmd -i vol ::/'a directory with a long name of many entries' && "
	    "mmd -i vol ::/'a directory with a long name of many entries'/thirteenchars && "
	    "mcopy -i vol x ::/'a directory with a long name of many entries'/thirteenchars/s.txt");
	whole = load(512);
	dev = im_dev_window(whole, BEFORE, whole->size, NULL);
	ck_assert_ptr_nonnull(dev);
	ck_assert_int_eq(im_fat_find(dev, "A directory WITH a long name of many entries", NULL), IM_FAT_DIRECTORY);
	ck_assert_int_eq(im_fat_find(dev, "ADIREC~1/thirteenCHARS", NULL), IM_FAT_DIRECTORY);
	ck_assert_int_eq(im_fat_find(dev, "adirec~1/THIRTE~1/S.TXT", NULL), IM_FAT_FILE);
	ck_assert_int_eq(im_fat_find(dev, "adirec~1/thirteenchar", NULL), IM_FAT_NOTHING);
	ck_assert_int_eq(im_fat_find(dev, "adirec~1/thirteencharss", NULL), IM_FAT_NOTHING);
	ck_assert_int_eq(im_fat_find(dev, "adirec~1/thirteenchars/s.txt/x", NULL), IM_FAT_NOTHING);
	ck_assert_int_eq(im_fat_find(dev, "adirec~1/thirteenchars/s", NULL), IM_FAT_NOTHING);
	im_dev_close(dev);
	im_dev_close(whole);
}
END_TEST

/* ---- others ---- */

static int fail_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	(void)dev, (void)buf, (void)len;
	return im_error_at(err, IM_EIO, off, "a read failed");
}

START_TEST(reads_that_fail)
{
	static const struct im_dev_ops ops = { .read = fail_read };
	struct im_dev dev = { .ops = &ops, .size = 1 << 20, .sector_size = 512 };
	struct im_error err = { 0 };
	struct im_windows found, nothing = { 0 };

	memset(&found, 0xff, sizeof(found));
	ck_assert_int_eq(im_windows_look(&dev, 0, dev.size, "fat16", &found, &err), -1);
	ck_assert_int_eq(err.code, IM_EIO);
	ck_assert_mem_eq(found.has, nothing.has, sizeof(found.has));
	memset(&found, 0xff, sizeof(found));
	ck_assert_int_eq(im_windows_look(&dev, 0, dev.size, "ntfs", &found, &err), 0);
	ck_assert_mem_eq(found.has, nothing.has, sizeof(found.has));
	ck_assert(found.is_closed);
}
END_TEST

START_TEST(other_file_systems)
{
	static const char *const names[] = { NULL, "", "exfat", "ext4", "fat", "NTFS" };

	make_fat(&kinds[2]);
	run("mmd -i vol ::/Windows ::/Windows/System32 ::/Windows/System32/config && "
	    "mcopy -i vol x ::/Windows/System32/config/SYSTEM");
	expect_file(512, kinds[2].fs, SYSTEM);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		expect_file(512, names[i], 0);
	expect_file(512, "ntfs", 0);	/* the name is wrong: nothing is found, nothing breaks */
	run("dd if=/dev/urandom of=vol bs=64k count=4");
	expect_file(512, "fat16", 0);
	expect_file(512, "ntfs", 0);
}
END_TEST

/* ---- NTFS ---- */

#ifdef HAVE_LIBNTFS_3G

#define NTFS_BCD BCD
#define NTFS_SYSTEM SYSTEM

/* Create path, whose parent exists, on the file "vol". */
static void ntfs_add(const char *path, mode_t type)
{
	char file[300], parent_path[100];
	const char *name = strrchr(path, '/') + 1;
	ntfschar *name16 = NULL;
	ntfs_inode *parent, *inode;
	ntfs_volume *vol;
	int units;

	snprintf(file, sizeof(file), "%s/vol", dir);
	vol = ntfs_mount(file, 0);
	ck_assert_ptr_nonnull(vol);
	snprintf(parent_path, sizeof(parent_path), "%.*s", (int)(name - path), path);
	parent = ntfs_pathname_to_inode(vol, NULL, parent_path);
	ck_assert_ptr_nonnull(parent);
	units = ntfs_mbstoucs(name, &name16);
	ck_assert_int_gt(units, 0);
	inode = ntfs_create(parent, const_cpu_to_le32(0), name16, (u8)units, type);
	ck_assert_ptr_nonnull(inode);
	free(name16);
	ntfs_inode_close_in_dir(inode, parent);
	ntfs_inode_close(parent);
	ck_assert_int_eq(ntfs_umount(vol, FALSE), 0);
}

#else

#define NTFS_BCD 0
#define NTFS_SYSTEM 0

static void ntfs_add(const char *path, mode_t type)
{
	(void)path, (void)type;
}

#endif

static const uint32_t ntfs_sectors[] = { 512, 4096 };

static void make_ntfs(uint32_t sector)
{
	run("rm -f vol; truncate -s 12M vol && mkntfs -F -q -Q -s %u -c 4096 vol", sector);
}

START_TEST(ntfs)
{
	uint32_t sector = ntfs_sectors[_i];

	make_ntfs(sector);
	expect_file(sector, "ntfs", 0);
	ntfs_add("/boot", S_IFDIR);
	ntfs_add("/boot/BCD.LOG", S_IFREG);
	ntfs_add("/Windows.old", S_IFDIR);
	ntfs_add("/BCD", S_IFREG);
	expect_file(sector, "ntfs", 0);
	ntfs_add("/boot/bcd", S_IFREG);
	expect_file(sector, "ntfs", NTFS_BCD);
	ntfs_add("/WINDOWS", S_IFDIR);
	ntfs_add("/WINDOWS/System32", S_IFDIR);
	ntfs_add("/WINDOWS/System32/config", S_IFDIR);
	expect_file(sector, "ntfs", NTFS_BCD);
	ntfs_add("/WINDOWS/System32/config/system", S_IFREG);
	expect_file(sector, "ntfs", NTFS_BCD | NTFS_SYSTEM);

	make_ntfs(sector);
	ntfs_add("/Windows", S_IFREG);		/* a file, no directory */
	expect_file(sector, "ntfs", 0);
	ntfs_add("/EFI", S_IFDIR);
	ntfs_add("/EFI/Microsoft", S_IFDIR);
	ntfs_add("/EFI/Microsoft/Boot", S_IFDIR);
	ntfs_add("/EFI/Microsoft/Boot/BCD", S_IFREG);
	expect_file(sector, "ntfs", NTFS_BCD);

	make_ntfs(sector);
	ntfs_add("/Windows", S_IFDIR);
	ntfs_add("/Windows/System32", S_IFDIR);
	ntfs_add("/Windows/System32/config", S_IFDIR);
	ntfs_add("/Windows/System32/config/SYSTEM", S_IFREG);
	expect_file(sector, "ntfs", NTFS_SYSTEM);
}
END_TEST

/* Damage in the first records, the boot sector and the root's index: no more than nothing is found. */
START_TEST(ntfs_mutations)
{
	struct im_dev *dev;
	uint8_t *b;

	make_ntfs(512);
	ntfs_add("/Boot", S_IFDIR);
	ntfs_add("/Boot/BCD", S_IFREG);
	dev = load(512);
	b = im_dev_mem_bytes(dev) + BEFORE;
	random_state = 7;
	for (int i = 0; i < 150; i++) {
		uint64_t mft = (uint64_t)get(b + 0x30, 4) * 4096;
		uint64_t at = i % 3 ? mft + 5 * 1024 + next_random() % 1024 : i % 2 ? next_random() % 0x50 :
			      mft + next_random() % (30 * 1024);
		uint8_t old = b[at];

		b[at] = (uint8_t)next_random();
		ck_assert_uint_eq(look(dev, "ntfs") & ~(unsigned)BCD, 0);	/* nobody made a hive */
		b[at] = old;
	}
	ck_assert_uint_eq(look(dev, "ntfs"), NTFS_BCD);
	im_dev_close(dev);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("windows");
	TCase *f = tcase_create("fat"), *n = tcase_create("ntfs");

	tcase_set_timeout(f, 120);
	tcase_add_checked_fixture(f, make_dir, remove_dir);
	tcase_add_loop_test(f, fat, 0, KINDS);
	tcase_add_loop_test(f, fat_broken_chains, 0, KINDS);
	tcase_add_loop_test(f, fat_hostile, 0, KINDS);
	tcase_add_loop_test(f, fat_mutations, 0, KINDS);
	tcase_add_test(f, fat_long_names);
	tcase_add_test(f, reads_that_fail);
	tcase_add_test(f, other_file_systems);
	suite_add_tcase(s, f);
	tcase_set_timeout(n, 300);
	tcase_add_checked_fixture(n, make_dir, remove_dir);
	tcase_add_loop_test(n, ntfs, 0, 2);
	tcase_add_test(n, ntfs_mutations);
	suite_add_tcase(s, n);
	return s;
}

int main(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s:/usr/sbin:/sbin", getenv("PATH") ? getenv("PATH") : "/bin:/usr/bin");
	setenv("PATH", path, 1);
	setenv("MTOOLS_SKIP_CHECK", "1", 1);
	if (system("command -v mkfs.fat mmd mcopy mkntfs >/dev/null")) {
		puts("SKIP: needs mkfs.fat, mtools and mkntfs");
		return 77;
	}
	return run_suite(suite());
}
