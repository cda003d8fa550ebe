/* seal.c - checksums made right, so that mutated inputs reach what lies behind them. */
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "fuzz.h"

#define ARRAY_MAX (512u << 10)
#define SECTION_MAX (1u << 20)

/* len bytes at off, for the caller to free; NULL when they are not all there, or too many. */
static uint8_t *bytes_at(struct im_dev *dev, uint64_t off, uint64_t len, uint64_t max)
{
	uint64_t end;
	uint8_t *p;

	if (len > max || !im_add(off, len, &end) || end > dev->size)
		return NULL;
	p = malloc(len + 1);
	if (!p || im_dev_read(dev, off, p, len, NULL) < 0)
		abort();
	return p;
}

static void put_bytes(struct im_dev *dev, uint64_t off, const void *p, size_t len)
{
	if (im_dev_write(dev, off, p, len, NULL) < 0)
		abort();
}

static void seal_header(struct im_dev *dev, uint32_t ss, uint64_t off)
{
	uint8_t *h = bytes_at(dev, off, 512, 512), *array;
	uint64_t len, at;

	if (!h || memcmp(h, "EFI PART", 8) != 0) {
		free(h);
		return;
	}
	len = (uint64_t)im_get32(h + 80) * im_get32(h + 84);
	array = im_mul(im_get64(h + 72), ss, &at) ? bytes_at(dev, at, len, ARRAY_MAX) : NULL;
	if (array)
		im_put32(h + 88, im_crc32(0, array, len));
	im_put32(h + 16, 0);
	im_put32(h + 16, im_crc32(0, h, (size_t)im_min(im_get32(h + 12), 512)));
	put_bytes(dev, off, h, 512);
	free(array);
	free(h);
}

void fuzz_seal_gpt(struct im_dev *dev)
{
	for (uint32_t ss = 512; ss <= 4096; ss *= 8) {
		uint8_t *h = bytes_at(dev, ss, 512, 512);
		uint64_t other;

		seal_header(dev, ss, ss);
		if (h && im_mul(im_get64(h + 32), ss, &other))
			seal_header(dev, ss, other);
		if (dev->size >= 2 * ss)
			seal_header(dev, ss, (dev->size / ss - 1) * ss);
		free(h);
	}
}

/* exFAT's checksum over eleven sectors, repeated in the twelfth. */
static void seal_exfat(struct im_dev *vol, uint64_t off, uint32_t ss)
{
	uint8_t *p = bytes_at(vol, off, 12 * (uint64_t)ss, 12 * 4096);
	uint32_t sum = 0;

	if (!p)
		return;
	for (uint32_t i = 0; i < 11 * ss; i++)
		if (i != 106 && i != 107 && i != 112)
			sum = (sum << 31 | sum >> 1) + p[i];
	for (uint32_t i = 0; i < ss; i += 4)
		im_put32(p + 11 * ss + i, sum);
	put_bytes(vol, off, p, 12 * ss);
	free(p);
}

static void seal_ext(struct im_dev *vol)
{
	uint8_t *s = bytes_at(vol, 1024, 1024, 1024);

	if (s && im_get16(s + 0x38) == 0xef53 && im_get32(s + 0x64) & 0x400) {
		im_put32(s + 0x3fc, ~im_crc32c(0, s, 0x3fc));
		put_bytes(vol, 1024, s, 1024);
	}
	free(s);
}

static void seal_xfs(struct im_dev *vol)
{
	uint8_t *s = bytes_at(vol, 0, 4096, 4096);
	uint32_t ss = s ? im_get16be(s + 102) : 0;

	if (s && memcmp(s, "XFSB", 4) == 0 && ss >= 256 && ss <= 4096) {
		im_put32(s + 224, 0);
		im_put32(s + 224, im_crc32c(0, s, ss));
		put_bytes(vol, 0, s, 4096);
	}
	free(s);
}

static void seal_btrfs(struct im_dev *vol)
{
	uint8_t *s = bytes_at(vol, 65536, 4096, 4096);

	if (s && memcmp(s + 0x40, "_BHRfS_M", 8) == 0) {
		im_put32(s, im_crc32c(0, s + 32, 4096 - 32));
		put_bytes(vol, 65536, s, 4096);
	}
	free(s);
}

void fuzz_seal_volume(struct im_dev *vol)
{
	uint8_t boot[512] = { 0 };

	if (vol->size < sizeof(boot) || im_dev_read(vol, 0, boot, sizeof(boot), NULL) < 0)
		return;
	if (memcmp(boot + 3, "EXFAT   ", 8) == 0 && boot[108] >= 9 && boot[108] <= 12) {
		uint32_t ss = 1u << boot[108];

		seal_exfat(vol, 0, ss);
		seal_exfat(vol, 12 * ss, ss);
	}
	seal_ext(vol);
	seal_xfs(vol);
	seal_btrfs(vol);
}

void fuzz_seal_disk(struct im_dev *dev, const struct fuzz_head *head)
{
	if (!(head->flags & FUZZ_SEAL))
		return;
	fuzz_seal_gpt(dev);
	fuzz_seal_volume(dev);
}

/* A section's checksum, from its place and length in the head. */
static void seal_section(struct im_dev *dev, uint8_t *section)
{
	uint8_t *p = bytes_at(dev, im_get64(section), im_get64(section + 8), SECTION_MAX);

	if (p)
		im_put32(section + 16, im_crc32c(0, p, im_get64(section + 8)));
	free(p);
}

/* Bytes with the checksum, which is their last part (lib/exec/slots.c). */
#define PHASE_RECORD 88
#define SLOT_RECORD 652
#define VERSION 9			/* lib/exec/head.h */

/* A record of the log or of a slot, of len bytes with its checksum last. */
static void seal_record(struct im_dev *dev, uint64_t off, const char *magic, size_t len, const uint8_t uuid[16])
{
	uint8_t *b = bytes_at(dev, off, 4096, 4096), *content;

	if (b && memcmp(b, magic, strlen(magic)) == 0) {
		memcpy(b + 8, uuid, 16);
		content = len == SLOT_RECORD && im_get64(b + 72) ? bytes_at(dev, off + 4096, im_get64(b + 72), SECTION_MAX) : NULL;
		if (content) {
			im_put32(b + 80, im_crc32c(0, content, im_get64(b + 72)));
			im_put32(b + 112, im_get32(b + 80));	/* a batch whose content it is, is the first */
		}
		free(content);
		im_put32(b + len - 4, im_crc32c(0, b, len - 4));
		put_bytes(dev, off, b, 4096);
	}
	free(b);
}

void fuzz_seal_journal(struct im_dev *dev)
{
	uint8_t *h = bytes_at(dev, 0, 4096, 4096);
	uint64_t log, off;

	if (!h)
		return;
	for (size_t at = 56; at < 152; at += 24)
		seal_section(dev, h + at);
	seal_section(dev, h + 208);
	im_put32(h + 16, VERSION);
	im_put32(h + 4092, im_crc32c(0, h, 4092));
	put_bytes(dev, 0, h, 4096);
	log = im_get64(h + 152);
	for (uint64_t i = 0; i < 64 && im_add(log, i * 4096, &off); i++)
		seal_record(dev, off, "IMPHASE\n", PHASE_RECORD, h + 24);
	for (uint64_t i = 0; i < 4; i++)
		if (im_add(im_get64(h + 160) + i % 2 * 4096, i / 2 * im_get64(h + 168), &off))
			seal_record(dev, off, "IMSLOT\n", SLOT_RECORD, h + 24);
	free(h);
}
