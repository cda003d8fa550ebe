/* seed_volumes.h - the volumes of which seeds.c makes disks: those of the unit tests, and a few more. */
#ifndef IM_FUZZ_SEED_VOLUMES_H
#define IM_FUZZ_SEED_VOLUMES_H

#include <check.h>
#include <string.h>

#include "fmt/vss.h"
#include "fuzz.h"

/* The volume builders are the unit tests', which Check is not running here. */
#undef ck_assert_ptr_nonnull
#undef ck_assert_uint_eq
#undef ck_assert_uint_ne
#undef ck_assert_uint_le
#define ck_assert_ptr_nonnull(p) FUZZ_CHECK(p, "no memory")
#define ck_assert_uint_eq(a, b) FUZZ_CHECK((a) == (b), "seed")
#define ck_assert_uint_ne(a, b) FUZZ_CHECK((a) != (b), "seed")
#define ck_assert_uint_le(a, b) FUZZ_CHECK((a) <= (b), "seed")

#include "../unit/fs_volumes.h"
#include "../unit/ntfs_volume.h"

static struct im_dev *make_fat_dirs(void)
{
	struct im_dev *dev = make_fat(12, 512, 2880, 9, 8);
	uint8_t *b = im_dev_mem_bytes(dev), *root = b + (1 + 2 * 9) * 512, *data = root + 512 * 32;

	memcpy(b + 512, "\xf8\xff\xff\xff\xff\xff\xff\xff\xff", 9);
	memcpy(root + 32, "\x42" "B\0C\0D\0\0\0\xff\xff\x0f\0\x11\xff\xff\xff\xff", 19);
	memcpy(root + 64, "BOOT       \x10", 12);
	root[64 + 26] = 2;
	memcpy(root + 96, "WINDOWS    \x10", 12);
	root[96 + 26] = 3;
	memcpy(data, "BCD        \x20", 12);
	data[26] = 4;
	return dev;
}

static struct im_dev *make_fat32_dirs(void)
{
	struct im_dev *dev = make_fat32();
	uint8_t *b = im_dev_mem_bytes(dev), *fat = b + 32 * 512, *data = b + (32 + 2 * 16) * 512;

	for (int i = 2; i < 8; i++)
		im_put32(fat + 4 * i, i == 2 ? 3 : 0x0fffffff);
	memcpy(data + 512, "EFI        \x10", 12);
	data[512 + 26] = 4;
	memcpy(data + 2 * 512, "MICROS~1   \x10", 12);
	data[2 * 512 + 26] = 5;
	return dev;
}

static struct im_dev *make_fat_short(void) { return make_fat(12, 512, 400, 2, 0); }

static struct im_dev *make_ntfs_of_files(uint32_t sector, uint32_t cluster, uint64_t boot, uint64_t file_lcn)
{
	return make_volume(sector, cluster, boot, 0, file_lcn).dev;
}

static struct im_dev *make_ntfs_512(void) { return make_ntfs_of_files(512, 512, 16, 40); }
static struct im_dev *make_ntfs_owner(void) { return make_ntfs_of_files(512, 512, 4, 8); }
static struct im_dev *make_ntfs_1024(void) { return make_ntfs_of_files(512, 1024, 8, 3); }
static struct im_dev *make_ntfs_4096(void) { return make_ntfs_of_files(4096, 4096, 1, 1); }

static void vss_record(uint8_t *p, uint32_t type, uint64_t own, uint64_t next)
{
	memcpy(p, "\x6b\x87\x08\x38\x76\xc1\x48\x4e\xb7\xae\x04\x04\x6e\x6c\xc7\x52\1", 17);
	im_put32(p + 20, type);
	im_put64(p + 32, own);
	im_put64(p + 40, next);
}

static struct im_dev *make_vss(void)
{
	uint8_t *b;
	struct im_dev *dev = new_volume(1 << 20, &b);

	vss_record(b + IM_VSS_HEADER, 1, IM_VSS_HEADER, 0);
	im_put64(b + IM_VSS_HEADER + 48, 0x8000);
	vss_record(b + 0x8000, 2, 0x8000, 0xc000);
	im_put64(b + 0x8000 + 0x80, 2);
	vss_record(b + 0xc000, 2, 0xc000, 0);
	im_put64(b + 0xc000 + 0x100, 3);
	return dev;
}

/* A file under the shadow copies' header. */
static struct im_dev *make_ntfs_vss(void)
{
	struct im_dev *dev = make_ntfs_of_files(512, 512, 14, 14);

	vss_record(im_dev_mem_bytes(dev) + IM_VSS_HEADER, 1, IM_VSS_HEADER, 0);
	return dev;
}

/* A file that says of itself that it is compressed. */
static struct im_dev *make_ntfs_compressed(void)
{
	struct maker m = make_volume(512, 512, 4, 0, 8);

	unseal(&m, FILE_RECORD);
	im_put16(attr_of(&m, FILE_RECORD, 0x80) + 12, 1);
	im_put16(attr_of(&m, FILE_RECORD, 0x80) + 34, 4);
	seal(&m, FILE_RECORD);
	return m.dev;
}

/* A file in two records, with its attribute list in a cluster of its own. */
static struct im_dev *make_ntfs_list(void)
{
	static const uint64_t vcns[] = { 0, 0, 1, 2 };
	struct maker m = make_volume(512, 1024, 8, 0, 20);
	uint8_t p[10], *list = m.b + 3 * m.cluster;

	for (size_t i = 0; i < 4; i++, list += 0x20) {
		im_put32(list, i ? 0x80 : 0x30);
		im_put16(list + 4, 0x20);
		im_put64(list + 8, vcns[i]);
		im_put64(list + 0x10, (i < 2 ? FILE_RECORD : EXTENSION_RECORD) | 1ull << 48);
	}
	begin(&m, FILE_RECORD, 0);
	mapped(&m, FILE_RECORD, 0x20, NULL, 0, 1, 4 * 0x20, p, one_run(p, 3, 1));
	file_name(&m, FILE_RECORD, 5, "file.bin", 1);
	mapped(&m, FILE_RECORD, 0x80, NULL, 0, 1, 3 * m.cluster, p, one_run(p, 1, 1));
	begin(&m, EXTENSION_RECORD, FILE_RECORD);
	mapped(&m, EXTENSION_RECORD, 0x80, NULL, 2, 3, 0, p, one_run(p, 6, 1));
	mapped(&m, EXTENSION_RECORD, 0x80, NULL, 1, 2, 0, p, one_run(p, 7, 1));
	seal(&m, FILE_RECORD);
	seal(&m, EXTENSION_RECORD);
	return m.dev;
}

/* A volume of which the image has only the start, with an MFT that has almost all of the rest. */
static struct im_dev *make_ntfs_endless(void)
{
	struct maker m = make_volume(512, 512, 4, 0, 8);
	uint64_t clusters = 1ull << 50, len = clusters - 1024;
	uint8_t *a;

	im_put64(m.b + 0x28, clusters);
	unseal(&m, 0);
	a = attr_of(&m, 0, 0x80);
	im_put64(a + 0x18, len - 1);
	for (int i = 0x28; i < 0x40; i += 8)
		im_put64(a + i, len * 512);
	a[0x40] = 0x18;
	im_put64(a + 0x41, len);
	a[0x49] = (uint8_t)m.mft;
	a[0x4a] = 0;
	seal(&m, 0);
	return m.dev;
}

static const struct volume {
	const char *name;
	struct im_dev *(*make)(void);
	uint8_t type;
	const char *target;		/* a target of its own beside filesystems */
} volumes[] = {
	{ "ntfs", make_ntfs, 7, "ntfs" }, { "ntfs-512", make_ntfs_512, 7, "ntfs" },
	{ "ntfs-owner", make_ntfs_owner, 7, "ntfs" }, { "ntfs-1024", make_ntfs_1024, 7, "ntfs" },
	{ "ntfs-4096", make_ntfs_4096, 7, "ntfs" }, { "ntfs-vss", make_ntfs_vss, 7, "ntfs" },
	{ "ntfs-compressed", make_ntfs_compressed, 7, "ntfs" }, { "ntfs-list", make_ntfs_list, 7, "ntfs" },
	{ "ntfs-endless", make_ntfs_endless, 7, "ntfs" }, { "fat12", make_fat12, 1, "fat" },
	{ "fat12-dirs", make_fat_dirs, 1, "fat" }, { "fat12-short", make_fat_short, 1, "fat" },
	{ "fat16", make_fat16, 6, "fat" }, { "fat32", make_fat32, 0xc, "fat" },
	{ "fat32-dirs", make_fat32_dirs, 0xc, "fat" }, { "exfat", make_exfat, 7, NULL },
	{ "refs", make_refs, 7, NULL }, { "bitlocker", make_bitlocker, 7, NULL },
	{ "bitlocker-to-go", make_bitlocker_to_go, 0xc, NULL }, { "ext2", make_ext2, 0x83, NULL },
	{ "ext3", make_ext3, 0x83, NULL }, { "ext4", make_ext4, 0x83, NULL }, { "xfs", make_xfs, 0x83, NULL },
	{ "btrfs", make_btrfs, 0x83, NULL }, { "swap", make_swap, 0x82, NULL },
	{ "swap-big", make_swap_big, 0x82, NULL }, { "luks1", make_luks1, 0x83, NULL },
	{ "luks2", make_luks2, 0x83, NULL }, { "lvm", make_lvm, 0x8e, NULL },
	{ "md-0.90", make_md090, 0xfd, NULL }, { "md-1.0", make_md10, 0xfd, NULL },
	{ "md-1.1", make_md11, 0xfd, NULL }, { "md-1.2", make_md12, 0xfd, NULL }, { "iso", make_iso, 0x17, NULL },
	{ "spaces", make_spaces, 0xe7, NULL }, { "vss", make_vss, 7, "vss" },
};

#define VOLUMES (sizeof(volumes) / sizeof(volumes[0]))

#endif
