/* sample.c - fill a sparse memfd with the parts of a disk that matter to table readers.
 *
 * First the ranges are collected: a fixed part (head, tail, EBRs, where a GPT header points to),
 * then the ends of each partition, whose length is cut so that all stay within the budget, and
 * what a volume's first sector points to (the $MFT, BitLocker's metadata), without which libblkid
 * would not know the volume. Then they are copied, leaving zeros out.
 */
#include <config.h>

#include "adapt/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"

#define BUDGET (32ull << 20)
#define DISK_END (1ull << 20)		/* head and tail of the disk */
#define VOLUME_END (512ull << 10)	/* head and tail of a volume */
#define POINTED (64ull << 10)		/* at a place that a boot sector points to */
#define PAGE 4096u
#define CHUNK (64u << 10)	/* memory that is touched for the first time costs more than a call */
#define MAX_EBRS 1024

struct range {
	uint64_t start, end;
};

struct ranges {
	struct im_dev *dev;
	IM_VEC(struct range) list;
};

/* Add what lies within the device of [start, start+len), rounded out to pages. */
static int add(struct ranges *r, uint64_t start, uint64_t len, struct im_error *err)
{
	uint64_t end;
	struct range *range;

	if (!im_add(start, len, &end) || end > r->dev->size)
		end = r->dev->size;
	if (!len || start >= end)
		return 0;
	range = im_vec_push(&r->list, err);
	if (!range)
		return -1;
	range->start = start - start % PAGE;
	if (!im_round_up(end, PAGE, &range->end) || range->end > r->dev->size)
		range->end = r->dev->size;
	return 0;
}

/* Where a primary GPT header in the second sector says that the arrays and the backup are. */
static int add_gpt(struct ranges *r, uint32_t sector, struct im_error *err)
{
	uint8_t h[512];
	uint64_t backup, array;

	if (r->dev->size < sector + sizeof(h) || im_dev_read(r->dev, sector, h, sizeof(h), NULL) ||
	    memcmp(h, "EFI PART", 8) != 0)
		return 0;
	if (im_mul(im_get64(h + 72), sector, &array) && add(r, array, 2 * POINTED, err))
		return -1;
	if (!im_mul(im_get64(h + 32), sector, &backup) || backup < POINTED)
		return 0;
	return add(r, backup - POINTED, POINTED + sector, err);
}

static int add_disk(struct ranges *r, const struct im_claim *claim, struct im_error *err)
{
	uint64_t size = r->dev->size;

	if (add(r, 0, DISK_END, err) || add(r, size - im_min(size, DISK_END), DISK_END, err) ||
	    add_gpt(r, claim->sector_size, err))
		return -1;
	for (size_t i = 0; i < claim->ebrs.n && i < MAX_EBRS; i++)
		if (add(r, claim->ebrs.v[i], claim->sector_size, err))
			return -1;
	return 0;
}

/* A cluster number of an NTFS boot sector as a byte offset; false when it makes no sense. */
static bool cluster_offset(const uint8_t *boot, size_t field, uint64_t *off)
{
	uint8_t per = boot[13];
	uint64_t cluster = im_get16(boot + 11);

	if (per > 128)
		cluster <<= 256 - per <= 31 ? 256 - per : 0;
	else
		cluster *= per;
	return cluster && im_mul(im_get64(boot + field), cluster, off);
}

static int add_pointed(struct ranges *r, uint64_t start, uint64_t size, uint64_t window, struct im_error *err)
{
	static const uint16_t metadata[] = { 176, 184, 192, 440, 448, 456 };
	uint64_t offs[8], n = 0, off, sum;
	uint8_t boot[512];

	if (size < sizeof(boot) || im_dev_read(r->dev, start, boot, sizeof(boot), NULL))
		return 0;
	if (memcmp(boot + 3, "NTFS    ", 8) == 0 || memcmp(boot + 3, "-FVE-FS-", 8) == 0)
		for (size_t field = 0x30; field <= 0x38; field += 8)
			if (cluster_offset(boot, field, &off))
				offs[n++] = off;
	if (memcmp(boot + 3, "-FVE-FS-", 8) == 0 || memcmp(boot + 3, "MSWIN4.1", 8) == 0)
		for (size_t i = 0; i < sizeof(metadata) / sizeof(*metadata); i++)
			offs[n++] = im_get64(boot + metadata[i]);
	for (size_t i = 0; i < n; i++)
		if (offs[i] < size && im_add(start, offs[i], &sum) &&
		    add(r, sum, im_min(window, size - offs[i]), err))
			return -1;
	return 0;
}

static int add_volume(struct ranges *r, uint64_t start, uint64_t size, uint64_t window, struct im_error *err)
{
	if (start >= r->dev->size)
		return 0;
	size = im_min(size, r->dev->size - start);
	/* one page more in front: a format with its anchor at 512 KiB (UDF) is known by it */
	if (add(r, start, im_min(size, window + PAGE), err) ||
	    add(r, start + size - im_min(size, window), im_min(size, window), err))
		return -1;
	return add_pointed(r, start, size, im_min(window / 8, POINTED), err);
}

static int add_volumes(struct ranges *r, const struct im_claim *claim, struct im_error *err)
{
	uint64_t fixed = 0, window, n = claim->partitions.n + 1;

	for (size_t i = 0; i < r->list.n; i++)
		fixed += r->list.v[i].end - r->list.v[i].start;
	/* each volume: two ends and at most eight places of an eighth */
	window = im_min(VOLUME_END, (BUDGET - im_min(BUDGET, fixed)) / (3 * n) / PAGE * PAGE);
	if (!strcmp(claim->table, "none") && add_volume(r, claim->volume_start, UINT64_MAX, window, err))
		return -1;
	for (size_t i = 0; i < claim->partitions.n; i++)
		if (!claim->partitions.v[i].is_extended &&
		    add_volume(r, claim->partitions.v[i].start, claim->partitions.v[i].size, window, err))
			return -1;
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* Bytes of buf from i on that are pages of the same kind: of zeros, or not. */
static size_t run_of(const uint8_t *buf, size_t i, size_t len, bool *is_zero)
{
	size_t end = im_min(i + PAGE, len);

	*is_zero = im_is_zero(buf + i, end - i);
	while (end < len && im_is_zero(buf + end, im_min(PAGE, len - end)) == *is_zero)
		end = im_min(end + PAGE, len);
	return end - i;
}

/* Write the pages of buf that are not all zero. */
static int put_pages(int fd, uint64_t off, const uint8_t *buf, size_t len, struct im_error *err)
{
	bool is_zero;

	for (size_t i = 0, n; i < len; i += n) {
		n = run_of(buf, i, len, &is_zero);
		if (!is_zero && pwrite(fd, buf + i, n, (off_t)(off + i)) != (ssize_t)n)
			return im_error_sys(err, errno, "cannot write the sample of the disk");
	}
	return 0;
}

static int copy_range(struct im_dev *dev, int fd, uint64_t off, uint64_t end, uint8_t *buf, struct im_error *err)
{
	struct im_extent extent;
	size_t n;

	for (; off < end; off += n) {
		n = (size_t)im_min(end - off, CHUNK);
		if (im_dev_extent(dev, off, n, &extent, NULL) == 0 && extent.len) {
			n = (size_t)im_min(n, extent.len);
			if (extent.is_zero)
				continue;
		}
		if (im_dev_read(dev, off, buf, n, NULL)) {
			/* page by page, and leave out what cannot be read */
			n = (size_t)im_min(n, PAGE - off % PAGE);
			if (im_dev_read(dev, off, buf, n, NULL))
				continue;
		}
		if (put_pages(fd, off, buf, n, err))
			return -1;
	}
	return 0;
}

static int copy_all(struct ranges *r, int fd, struct im_error *err)
{
	uint8_t *buf = malloc(CHUNK);
	uint64_t done = 0;
	int rc = 0;

	if (!buf)
		return im_error_nomem(err);
	qsort(r->list.v, r->list.n, sizeof(*r->list.v), by_start);
	for (size_t i = 0; i < r->list.n && !rc; i++) {
		rc = copy_range(r->dev, fd, im_max(done, r->list.v[i].start), r->list.v[i].end, buf, err);
		done = im_max(done, r->list.v[i].end);
	}
	free(buf);
	return rc;
}

int im_sample(struct im_dev *dev, const struct im_claim *claim, struct im_error *err)
{
	struct ranges r = { .dev = dev };
	int fd = memfd_create("imgmend", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return im_error_sys(err, errno, "cannot make a file in memory");
	if (dev->size > INT64_MAX || ftruncate(fd, (off_t)dev->size)) {
		im_error_sys(err, dev->size > INT64_MAX ? EFBIG : errno, "cannot make a file of %llu bytes in memory",
			     (unsigned long long)dev->size);
		goto fail;
	}
	if (add_disk(&r, claim, err) || add_volumes(&r, claim, err) || copy_all(&r, fd, err))
		goto fail;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)) {
		im_error_sys(err, errno, "cannot seal the sample of the disk");
		goto fail;
	}
	im_vec_free(&r.list);
	return fd;
fail:
	im_vec_free(&r.list);
	close(fd);
	return -1;
}
