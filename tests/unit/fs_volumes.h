/* fs_volumes.h - the smallest volumes of each format that its reader accepts, for check_fs.c.
 *
 * Each builder returns a memory device, and aborts the test when there is no memory. The numbers
 * are chosen for small devices, not to look like what mkfs programs make.
 */
#ifndef TEST_FS_VOLUMES_H
#define TEST_FS_VOLUMES_H

#include <check.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "dev/dev.h"

static struct im_dev *new_volume(uint64_t size, uint8_t **bytes)
{
	struct im_dev *dev = im_dev_mem(size, 512, NULL);

	ck_assert_ptr_nonnull(dev);
	*bytes = im_dev_mem_bytes(dev);
	return dev;
}

static void put_text(uint8_t *at, const char *text)
{
	memcpy(at, text, strlen(text));
}

static void put16be(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32be(uint8_t *p, uint32_t v)
{
	put16be(p, (uint16_t)(v >> 16));
	put16be(p + 2, (uint16_t)v);
}

static void put_boot(uint8_t *b, const char *oem, uint16_t sector, uint8_t per_cluster, uint32_t hidden)
{
	memcpy(b, "\xeb\x58\x90", 3);
	put_text(b + 3, oem);
	im_put16(b + 0x0b, sector);
	b[0x0d] = per_cluster;
	b[0x15] = 0xf8;
	im_put32(b + 0x1c, hidden);
	b[510] = 0x55;
	b[511] = 0xaa;
}

/* NTFS of clusters of 4096 bytes: file records from LCN 4 on, the fourth holds the label "Vol". */
static struct im_dev *make_ntfs_of(uint16_t sector, uint64_t total, uint32_t hidden)
{
	uint8_t *b, *record;
	struct im_dev *dev = new_volume((total + 1) * sector, &b);

	put_boot(b, "NTFS    ", sector, (uint8_t)(4096 / sector), hidden);
	im_put64(b + 0x28, total);
	im_put64(b + 0x30, 4);
	im_put64(b + 0x38, 2);
	b[0x40] = 0xf6;		/* records of 2^10 bytes */
	im_put64(b + 0x48, 0x0123456789abcdef);
	memcpy(b + total * sector, b, 512);
	put_text(b + 4 * 4096, "FILE");
	record = b + 4 * 4096 + 3 * 1024;
	put_text(record, "FILE");
	im_put16(record + 4, 0x30);	/* fixups: the number 7, then two true ends (zeros) */
	im_put16(record + 6, 3);
	im_put16(record + 0x30, 7);
	im_put16(record + 510, 7);
	im_put16(record + 1022, 7);
	im_put16(record + 0x14, 0x38);
	im_put16(record + 0x16, 1);	/* in use */
	im_put32(record + 0x18, 0x60);
	im_put32(record + 0x38, 0x60);
	im_put32(record + 0x3c, 32);
	im_put32(record + 0x48, 6);
	im_put16(record + 0x4c, 24);
	memcpy(record + 0x50, "V\0o\0l\0", 6);
	im_put32(record + 0x58, 0xffffffff);
	return dev;
}

static struct im_dev *make_ntfs(void) { return make_ntfs_of(512, 4095, 63); }

static struct im_dev *make_fat(int kind, uint16_t sector, uint32_t total, uint32_t fat_size, uint32_t hidden)
{
	uint8_t *b, *fat, *root;
	struct im_dev *dev = new_volume((uint64_t)total * sector, &b);
	unsigned reserved = kind == 32 ? 32 : 1, extended = kind == 32 ? 0x42 : 0x26;

	put_boot(b, "MSDOS5.0", sector, 1, hidden);
	im_put16(b + 0x0e, (uint16_t)reserved);
	b[0x10] = 2;
	im_put32(b + 0x20, total);
	b[extended] = 0x29;
	im_put32(b + extended + 1, 0x12345678);
	put_text(b + extended + 5, "NO NAME    ");
	put_text(b + extended + 16, kind == 32 ? "FAT32   " : kind == 16 ? "FAT16   " : "FAT12   ");
	fat = b + reserved * sector;
	memcpy(fat, "\xf8\xff\xff\xff", 4);
	root = fat + 2 * fat_size * sector;
	put_text(root, "LABEL      ");
	root[11] = 0x08;
	if (kind == 32) {
		fat[3] = 0x0f;
		im_put32(b + 0x24, fat_size);
		im_put32(b + 0x2c, 2);
		im_put16(b + 0x32, 6);
		memcpy(b + 6 * sector, b, sector);
	} else {
		im_put16(b + 0x11, 512);
		im_put16(b + 0x16, (uint16_t)fat_size);
	}
	return dev;
}

static struct im_dev *make_fat12(void) { return make_fat(12, 512, 2880, 9, 0); }
static struct im_dev *make_fat16(void) { return make_fat(16, 512, 8192, 32, 63); }
static struct im_dev *make_fat32(void) { return make_fat(32, 512, 2048, 16, 8); }

/* exFAT without its boot checksums: see put_exfat_checksum(). */
static struct im_dev *make_exfat_of(unsigned shift, uint64_t offset)
{
	uint8_t *b;
	uint32_t sector = 1u << shift;
	struct im_dev *dev = new_volume(64 * sector, &b);

	memcpy(b, "\xeb\x76\x90" "EXFAT   ", 11);
	im_put64(b + 64, offset);
	im_put64(b + 72, 64);
	im_put32(b + 80, 24);	/* FAT: one sector at 24; heap of 32 clusters at 32 */
	im_put32(b + 84, 1);
	im_put32(b + 88, 32);
	im_put32(b + 92, 32);
	im_put32(b + 96, 4);
	im_put32(b + 100, 0xfeedbeef);
	im_put16(b + 104, 0x100);
	b[108] = (uint8_t)shift;
	b[110] = 1;
	b[112] = 40;
	b[510] = 0x55;
	b[511] = 0xaa;
	for (int i = 2; i <= 9; i++)	/* the extended boot sectors' marks */
		im_put32(b + i * sector - 4, 0xaa550000);
	memcpy(b + 12 * sector, b, 12 * sector);
	im_put64(b + 24 * sector, 0xfffffffffffffff8);
	memcpy(b + 34 * sector, "\x83\x02H\0i\0", 6);
	return dev;
}

/* The same value over the whole sector, in the main region (0) or the backup (12). */
static void put_exfat_checksum(struct im_dev *dev, unsigned region, uint32_t sector, uint32_t sum)
{
	for (uint32_t i = 0; i < sector; i += 4)
		im_put32(im_dev_mem_bytes(dev) + (region + 11) * sector + i, sum);
}

/* Reckoned by an independent program for make_exfat_of(9, 8). */
#define EXFAT_SUM_8 0x82a8634au

static struct im_dev *make_exfat(void)
{
	struct im_dev *dev = make_exfat_of(9, 8);

	put_exfat_checksum(dev, 0, 512, EXFAT_SUM_8);
	put_exfat_checksum(dev, 12, 512, EXFAT_SUM_8);
	return dev;
}

static struct im_dev *make_refs(void)
{
	uint8_t *b;
	struct im_dev *dev = new_volume(31 * 4096, &b);

	memcpy(b + 3, "ReFS", 4);
	memcpy(b + 16, "FSRS", 4);
	im_put16(b + 20, 512);
	im_put64(b + 24, 1 << 20);
	im_put32(b + 32, 512);
	im_put32(b + 36, 8);
	b[40] = 3;
	im_put16(b + 22, 0xe269);
	memcpy(b + 30 * 4096, "SUPB", 4);
	return dev;
}

static struct im_dev *make_bitlocker_of(const char *oem, unsigned table, unsigned guid)
{
	uint8_t *b;
	struct im_dev *dev = new_volume(65536, &b);

	put_boot(b, oem, 512, 8, 8);
	memcpy(b + guid, "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01", 16);
	im_put64(b + table, 1 << 20);	/* past the end: the second copy serves */
	im_put64(b + table + 8, 32768);
	put_text(b + 32768, "-FVE-FS-");
	im_put16(b + 32768 + 10, 2);
	im_put32(b + 32768 + 12, 0x00040004);
	im_put64(b + 32768 + 16, 65536);
	return dev;
}

static struct im_dev *make_bitlocker(void) { return make_bitlocker_of("-FVE-FS-", 0xb0, 0xa0); }

/* A sound FAT32 volume that carries BitLocker's identifier is BitLocker's, not FAT. */
static struct im_dev *make_bitlocker_to_go(void)
{
	struct im_dev *dev = make_fat32();
	uint8_t *b = im_dev_mem_bytes(dev);

	memcpy(b + 0x1a8, "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01", 16);
	im_put64(b + 0x1b8, 131072);
	put_text(b + 131072, "-FVE-FS-");
	return dev;
}

/* Blocks of 1024 bytes; group descriptor at 2048, inode table in block 5, its second inode a directory. */
static struct im_dev *make_ext_of(uint32_t compat, uint32_t incompat, uint32_t ro_compat)
{
	uint8_t *b, *s;
	struct im_dev *dev = new_volume(64 * 1024, &b);

	s = b + 1024;
	im_put32(s, 16);
	im_put32(s + 4, 64);
	im_put32(s + 0x14, 1);
	im_put32(s + 0x20, 8192);
	im_put32(s + 0x28, 16);
	im_put16(s + 0x38, 0xef53);
	im_put16(s + 0x3c, 1);
	im_put32(s + 0x4c, 1);
	im_put16(s + 0x58, 128);
	im_put32(s + 0x5c, compat);
	im_put32(s + 0x60, incompat);
	im_put32(s + 0x64, ro_compat);
	s[0x68] = 0xab;
	put_text(s + 0x78, "lab");
	if (ro_compat & 0x400)
		im_put32(s + 0x3fc, ~im_crc32c(0, s, 0x3fc));
	im_put32(b + 2048 + 8, 5);
	im_put16(b + 5 * 1024 + 128, 0x41ed);
	return dev;
}

static struct im_dev *make_ext2(void) { return make_ext_of(0, 2, 1); }
static struct im_dev *make_ext3(void) { return make_ext_of(4, 6, 3); }
static struct im_dev *make_ext4(void) { return make_ext_of(4, 0x42, 0x401); }

static struct im_dev *make_xfs(void)
{
	uint8_t *b;
	struct im_dev *dev = new_volume(65536, &b);

	put_text(b, "XFSB");
	put32be(b + 4, 4096);
	put32be(b + 12, 16);
	put32be(b + 84, 16);
	put32be(b + 88, 1);
	put16be(b + 100, 0xb4a5);
	put16be(b + 102, 512);
	put16be(b + 104, 512);
	put_text(b + 108, "xl");
	b[120] = 12;
	im_put32(b + 224, im_crc32c(0, b, 512));
	put_text(b + 512, "XAGF");
	return dev;
}

static struct im_dev *make_btrfs(void)
{
	uint8_t *b, *s;
	struct im_dev *dev = new_volume(65536 + 4096, &b);

	s = b + 65536;
	im_put64(s + 0x30, 65536);
	put_text(s + 0x40, "_BHRfS_M");
	im_put64(s + 0x50, 1 << 20);
	im_put64(s + 0x70, 1 << 28);
	im_put64(s + 0x88, 2);
	im_put32(s + 0x90, 4096);
	im_put32(s + 0x94, 16384);
	im_put64(s + 0xd1, 1 << 27);
	put_text(s + 0x12b, "bl");
	im_put32(s, im_crc32c(0, s + 32, 4096 - 32));
	return dev;
}

static struct im_dev *make_swap(void)
{
	uint8_t *b;
	struct im_dev *dev = new_volume(65536, &b);

	im_put32(b + 1024, 1);
	im_put32(b + 1028, 15);
	put_text(b + 1052, "sw");
	put_text(b + 4096 - 10, "SWAPSPACE2");
	return dev;
}

/* A big-endian host's area with pages of 64 KiB. */
static struct im_dev *make_swap_big(void)
{
	uint8_t *b;
	struct im_dev *dev = new_volume(2 * 65536, &b);

	put32be(b + 1024, 1);
	put32be(b + 1028, 1);
	put_text(b + 65536 - 10, "SWAPSPACE2");
	return dev;
}

static struct im_dev *make_luks1(void)
{
	uint8_t *b;
	struct im_dev *dev = new_volume(65536, &b);

	memcpy(b, "LUKS\xba\xbe\0\1", 8);
	put32be(b + 104, 64);
	put32be(b + 108, 32);
	put_text(b + 168, "00000000-1111-2222-3333-444444444444");
	for (int i = 0; i < 8; i++)
		put32be(b + 208 + 48 * i, i ? 0xdead : 0x00ac71f3);
	return dev;
}

static struct im_dev *make_luks2(void)
{
	uint8_t *b;
	struct im_dev *dev = new_volume(65536, &b);

	memcpy(b, "LUKS\xba\xbe\0\2", 8);
	put32be(b + 12, 16384);
	put_text(b + 24, "ll");
	put_text(b + 4096, "{}");
	return dev;
}

static struct im_dev *make_lvm(void)
{
	uint8_t *b, *s;
	struct im_dev *dev = new_volume(65536, &b);

	s = b + 512;
	put_text(s, "LABELONE");
	im_put64(s + 8, 1);
	im_put32(s + 20, 32);
	put_text(s + 24, "LVM2 001");
	put_text(s + 32, "abcdefghijklmnopqrstuvwxyzABCDEF");
	im_put64(s + 64, 65536);
	im_put32(s + 16, 0x77e78e66);
	return dev;
}

static struct im_dev *make_md1(uint64_t off)
{
	uint8_t *b, *s;
	struct im_dev *dev = new_volume(131072, &b);
	uint64_t sum = 0;

	s = b + off;
	im_put32(s, 0xa92b4efc);
	im_put32(s + 4, 1);
	s[16] = 0xcd;
	put_text(s + 32, "host:0");
	im_put64(s + 128, 16);
	im_put64(s + 136, 128);
	im_put64(s + 144, off / 512);
	im_put32(s + 220, 3);
	im_put16(s + 256, 1);
	for (int i = 0; i < 260; i += 4)
		sum += im_get32(s + i);
	sum += im_get16(s + 260);
	im_put32(s + 216, (uint32_t)sum + (uint32_t)(sum >> 32));
	return dev;
}

static struct im_dev *make_md10(void) { return make_md1(131072 - 8192); }
static struct im_dev *make_md11(void) { return make_md1(0); }
static struct im_dev *make_md12(void) { return make_md1(4096); }

static struct im_dev *make_md090(void)
{
	uint8_t *b, *s;
	struct im_dev *dev = new_volume(131072 + 512, &b);

	s = b + 65536;
	im_put32(s, 0xa92b4efc);
	im_put32(s + 8, 90);
	im_put32(s + 20, 0x01020304);
	im_put32(s + 32, 64);
	im_put32(s + 36, 2);
	im_put32(s + 40, 2);
	return dev;
}

static struct im_dev *make_iso(void)
{
	uint8_t *b, *d;
	struct im_dev *dev = new_volume(20 * 2048, &b);

	d = b + 16 * 2048;
	memcpy(d, "\1" "CD001\1", 7);
	put_text(d + 40, "DISC                            ");
	im_put32(d + 80, 20);
	im_put16(d + 128, 2048);
	d[156] = 34;
	im_put32(d + 158, 18);
	put_text(d + 813, "2020010203040506");
	memset(d + 830, '0', 16);
	b[18 * 2048] = 34;
	b[18 * 2048 + 25] = 2;
	b[18 * 2048 + 32] = 1;
	return dev;
}

static struct im_dev *make_spaces(void)
{
	uint8_t *b;
	struct im_dev *dev = new_volume(8192, &b);

	put_text(b, "SPACEDB ");
	return dev;
}

#endif
