/* ntfs_volume.h - an NTFS volume in memory, record by record, for check_ntfs.c and check_area.c.
 *
 * Only what the reader looks at is there: boot sectors, the records of $MFT, $MFTMirr, $LogFile, $Volume, the
 * root, $Bitmap, $Boot, and one file, record FILE_RECORD. It shares no code with the reader.
 */
#ifndef TEST_NTFS_VOLUME_H
#define TEST_NTFS_VOLUME_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dev/dev.h"

#define RECORDS 32u
#define FILE_RECORD 24u
#define EXTENSION_RECORD 25u

struct maker {
	struct im_dev *dev;
	uint8_t *b;
	uint32_t sector, cluster, record;
	uint64_t clusters, mft;		/* mft: LCN */
};

static uint8_t *record_at(const struct maker *m, uint64_t n)
{
	return m->b + m->mft * m->cluster + n * m->record;
}

/* Seal the record with fix-ups; what lies at the ends of its strides is kept in the array. */
static void seal(const struct maker *m, uint64_t n)
{
	uint8_t *r = record_at(m, n);

	im_put16(r + 4, 0x30);
	im_put16(r + 6, (uint16_t)(m->record / 512 + 1));
	im_put16(r + 0x30, 0x1234);
	for (uint32_t i = 1; i <= m->record / 512; i++) {
		memcpy(r + 0x30 + 2 * i, r + 512 * i - 2, 2);
		im_put16(r + 512 * i - 2, 0x1234);
	}
}

static void unseal(const struct maker *m, uint64_t n)
{
	uint8_t *r = record_at(m, n);

	for (uint32_t i = 1; i <= m->record / 512; i++)
		memcpy(r + 512 * i - 2, r + 0x30 + 2 * i, 2);
}

static void begin(const struct maker *m, uint64_t n, uint64_t base)
{
	uint8_t *r = record_at(m, n);

	memset(r, 0, m->record);
	memcpy(r, "FILE", 4);
	im_put16(r + 0x10, 1);
	im_put16(r + 0x14, 0x48);
	im_put16(r + 0x16, 1);
	im_put32(r + 0x18, 0x48 + 8);
	im_put32(r + 0x1c, m->record);
	if (base)
		im_put64(r + 0x20, base | 1ull << 48);
	im_put32(r + 0x48, 0xffffffff);
}

/* Room for an attribute of len bytes at the end of the record, its head filled in. */
static uint8_t *push(const struct maker *m, uint64_t n, uint32_t type, const char *name, uint32_t len, uint32_t head)
{
	uint8_t *r = record_at(m, n), *a = r + im_get32(r + 0x18) - 8;
	uint32_t name_len = name ? (uint32_t)strlen(name) : 0;

	ck_assert_uint_eq(len % 8, 0);
	ck_assert_uint_le(im_get32(r + 0x18) + len, m->record - 2);
	im_put32(a, type);
	im_put32(a + 4, len);
	a[9] = (uint8_t)name_len;
	im_put16(a + 10, (uint16_t)head);
	for (uint32_t i = 0; i < name_len; i++)
		im_put16(a + head + 2 * i, (uint8_t)name[i]);
	im_put32(r + 0x18, im_get32(r + 0x18) + len);
	im_put32(a + len, 0xffffffff);
	return a;
}

static uint32_t pad8(uint32_t n)
{
	return (n + 7) / 8 * 8;
}

static void resident(const struct maker *m, uint64_t n, uint32_t type, const void *value, uint32_t len)
{
	uint8_t *a = push(m, n, type, NULL, 0x18 + pad8(len), 0x18);

	im_put32(a + 0x10, len);
	im_put16(a + 0x14, 0x18);
	memcpy(a + 0x18, value, len);
}

/* An extent with these mapping pairs; sizes are those of all clusters unless size is given. */
static uint8_t *mapped(const struct maker *m, uint64_t n, uint32_t type, const char *name, uint64_t first, uint64_t end,
		       uint64_t size, const void *pairs, uint32_t len)
{
	uint32_t head = 0x40 + pad8(name ? 2 * (uint32_t)strlen(name) : 0);
	uint8_t *a = push(m, n, type, name, head + pad8(len), 0x40);

	a[8] = 1;
	im_put64(a + 0x10, first);
	im_put64(a + 0x18, end - 1);
	im_put16(a + 0x20, (uint16_t)head);
	im_put64(a + 0x28, (end - first) * m->cluster);
	im_put64(a + 0x30, size ? size : (end - first) * m->cluster);
	im_put64(a + 0x38, size ? size : (end - first) * m->cluster);
	memcpy(a + head, pairs, len);
	return a;
}

/* One run, as mapping pairs: len clusters at lcn, both of up to four bytes. */
static uint32_t one_run(uint8_t *p, uint64_t lcn, uint64_t len)
{
	p[0] = 0x44;
	im_put32(p + 1, (uint32_t)len);
	im_put32(p + 5, (uint32_t)lcn);
	p[9] = 0;
	return 10;
}

static void stream(const struct maker *m, uint64_t n, uint32_t type, const char *name, uint64_t lcn, uint64_t len,
		   uint64_t size)
{
	uint8_t pairs[10];

	mapped(m, n, type, name, 0, len, size, pairs, one_run(pairs, lcn, len));
}

static void file_name(const struct maker *m, uint64_t n, uint64_t parent, const char *name, uint8_t space)
{
	uint8_t value[0x42 + 2 * 255] = { 0 };
	uint32_t len = (uint32_t)strlen(name);

	im_put64(value, parent | 1ull << 48);
	value[0x40] = (uint8_t)len;
	value[0x41] = space;
	for (uint32_t i = 0; i < len; i++)
		im_put16(value + 0x42 + 2 * i, (uint8_t)name[i]);
	resident(m, n, 0x30, value, 0x42 + 2 * len);
}

static void system_file(const struct maker *m, uint64_t n, const char *name, uint64_t lcn, uint64_t len, uint64_t size)
{
	begin(m, n, 0);
	file_name(m, n, 5, name, 3);
	if (len)
		stream(m, n, 0x80, NULL, lcn, len, size);
}

static void mark_used(const struct maker *m, uint64_t bitmap, uint64_t lcn, uint64_t len)
{
	for (; len; lcn++, len--)
		m->b[bitmap * m->cluster + lcn / 8] |= (uint8_t)(1u << lcn % 8);
}

static void boot_sector(const struct maker *m, uint64_t mirror)
{
	uint8_t *b = m->b;
	uint32_t per = m->cluster / m->sector;

	memcpy(b, "\xeb\x52\x90NTFS    ", 11);
	im_put16(b + 0x0b, (uint16_t)m->sector);
	b[0x0d] = (uint8_t)(per <= 128 ? per : 256 - (uint32_t)__builtin_ctz(per));
	b[0x15] = 0xf8;
	im_put64(b + 0x28, m->clusters * per);
	im_put64(b + 0x30, m->mft);
	im_put64(b + 0x38, mirror);
	b[0x40] = (uint8_t)(256 - __builtin_ctz(m->record));
	im_put16(b + 510, 0xaa55);
	memcpy(b + m->clusters * m->cluster, b, 512);
}

/* A volume whose $Boot has `boot` clusters and declares boot_size bytes (0: all of them). The file has two clusters
 * at file_lcn. All of it is marked in use. Records are sealed. */
static struct maker make_volume(uint32_t sector, uint32_t cluster, uint64_t boot, uint64_t boot_size, uint64_t file_lcn)
{
	struct maker m = { .sector = sector, .cluster = cluster, .record = sector == 4096 ? 4096 : 1024 };
	uint64_t area = (8192 + cluster - 1) / cluster, mft_len, bitmap, mirror, log;

	mft_len = (RECORDS * m.record + cluster - 1) / cluster;
	m.mft = area + 2;
	mirror = m.mft + mft_len;
	bitmap = mirror + (4 * m.record + cluster - 1) / cluster;
	log = bitmap + 1;
	m.clusters = log + 8;
	m.dev = im_dev_mem(m.clusters * cluster + sector, 512, NULL);
	ck_assert_ptr_nonnull(m.dev);
	m.b = im_dev_mem_bytes(m.dev);
	boot_sector(&m, mirror);
	system_file(&m, 0, "$MFT", m.mft, mft_len, RECORDS * m.record);
	system_file(&m, 1, "$MFTMirr", mirror, (4 * m.record + cluster - 1) / cluster, 4 * m.record);
	system_file(&m, 2, "$LogFile", log, 2, 0);
	system_file(&m, 3, "$Volume", 0, 0, 0);
	system_file(&m, 5, ".", 0, 0, 0);
	system_file(&m, 6, "$Bitmap", bitmap, 1, (m.clusters + 7) / 8);
	system_file(&m, 7, "$Boot", 0, boot, boot_size);
	begin(&m, FILE_RECORD, 0);
	file_name(&m, FILE_RECORD, 5, "FILE~1.BIN", 2);
	file_name(&m, FILE_RECORD, 5, "file.bin", 1);
	stream(&m, FILE_RECORD, 0x80, NULL, file_lcn, 2, 2 * cluster - 100);
	for (uint64_t n = 0; n < RECORDS; n++)
		if (memcmp(record_at(&m, n), "FILE", 4) == 0)
			seal(&m, n);
	mark_used(&m, bitmap, 0, area);
	mark_used(&m, bitmap, m.mft, log + 2 - m.mft);
	mark_used(&m, bitmap, file_lcn, 2);
	return m;
}

/* The first attribute of this type in an unsealed record. */
static uint8_t *attr_of(const struct maker *m, uint64_t n, uint32_t type)
{
	uint8_t *r = record_at(m, n), *a = r + im_get16(r + 0x14);

	while (im_get32(a) != type) {
		ck_assert_uint_ne(im_get32(a), 0xffffffff);
		a += im_get32(a + 4);
	}
	return a;
}

#endif
