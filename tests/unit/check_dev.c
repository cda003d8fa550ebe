/* check_dev.c - devices in memory and in files, their filters, and the bounds that all of them share. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/bytes.h"
#include "crashdev.h"
#include "dev/dev.h"
#include "run_suite.h"

static char dir[256];

static void enter_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/imgmend-dev.XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
}

static void leave_folder(void)
{
	unlink("a");
	unlink("b");
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

static struct im_dev *mem(uint64_t size)
{
	struct im_dev *dev = im_dev_mem(size, 512, NULL);

	ck_assert_ptr_nonnull(dev);
	return dev;
}

static struct im_dev *noise(uint64_t size, uint64_t seed)
{
	struct im_dev *dev = mem(size);

	for (uint64_t i = 0; i < size; i++)
		im_dev_mem_bytes(dev)[i] = (uint8_t)im_random(&seed);
	return dev;
}

/* ---- bounds ---- */

static void expect_bounds(struct im_dev *dev, bool writable)
{
	static const struct { uint64_t off, len; } bad[] = {
		{ 1000, 1 }, { 999, 2 }, { 0, 1001 }, { UINT64_MAX, 1 }, { UINT64_MAX, UINT64_MAX }, { 1, UINT64_MAX },
		{ UINT64_MAX - 1, 2 },
	};
	uint8_t buf[1] = { 0 };
	struct im_extent ext;

	ck_assert_uint_eq(dev->size, 1000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct im_error err = { 0 };

		ck_assert_int_eq(im_dev_read(dev, bad[i].off, buf, bad[i].len, &err), -1);
		ck_assert(err.code == IM_EIO && err.has_off && err.off == bad[i].off);
		ck_assert_int_eq(im_dev_write(dev, bad[i].off, buf, bad[i].len, &err), -1);
		ck_assert_int_eq(im_dev_zero(dev, bad[i].off, bad[i].len, &err), -1);
		ck_assert_int_eq(im_dev_extent(dev, bad[i].off, bad[i].len, &ext, &err), -1);
	}
	ck_assert_int_eq(im_dev_read(dev, 999, buf, 1, NULL), 0);
	ck_assert_int_eq(im_dev_read(dev, 1000, buf, 0, NULL), 0);
	ck_assert_int_eq(im_dev_extent(dev, 1000, 0, &ext, NULL), 0);
	ck_assert_int_eq(im_dev_write(dev, 999, buf, 1, NULL), writable ? 0 : -1);
	ck_assert_int_eq(im_dev_zero(dev, 999, 1, NULL), writable ? 0 : -1);
	if (!writable)
		ck_assert_int_eq(im_dev_resize(dev, 2000, NULL), -1);
}

START_TEST(bounds)
{
	struct im_dev *m = noise(1000, 1), *w = im_dev_window(m, 0, 1000, NULL), *r = im_dev_recorder(m, NULL);
	struct im_dev *c = im_dev_cache(m, NULL), *f = im_dev_file_create("a", 1000, 512, NULL);

	expect_bounds(m, true);
	expect_bounds(w, false);
	expect_bounds(r, false);
	expect_bounds(c, false);
	expect_bounds(f, true);
	im_dev_close(w);
	im_dev_close(r);
	im_dev_close(c);
	im_dev_close(m);
	im_dev_close(f);
	f = im_dev_file("a", false, 0, NULL);
	expect_bounds(f, false);
	ck_assert(!im_dev_can_resize(f));
	im_dev_close(f);
	im_dev_close(NULL);
}
END_TEST

/* ---- memory ---- */

START_TEST(memory)
{
	struct im_dev *m = mem(100);
	uint8_t buf[300];

	memset(im_dev_mem_bytes(m), 7, 100);
	ck_assert_int_eq(im_dev_resize(m, 50, NULL), 0);
	ck_assert_int_eq(im_dev_reserve(m, 300, NULL), 0);
	ck_assert_uint_eq(m->size, 300);
	ck_assert_int_eq(im_dev_read(m, 0, buf, 300, NULL), 0);
	ck_assert(buf[49] == 7 && im_is_zero(buf + 50, 250));	/* what grows is zero, what was cut is gone */
	ck_assert_int_eq(im_dev_resize(m, 0, NULL), 0);
	ck_assert_int_eq(im_dev_resize(m, 10, NULL), 0);
	ck_assert(im_is_zero(im_dev_mem_bytes(m), 10));
	ck_assert_int_eq(im_dev_flush(m, NULL), 0);
	ck_assert_int_eq(im_dev_file_fd(m), -1);
#if SIZE_MAX < UINT64_MAX	/* more than can be addressed is not cut down to something that can */
	ck_assert_int_eq(im_dev_resize(m, (1ull << 32) + 20, NULL), -1);
	ck_assert_uint_eq(m->size, 10);
	ck_assert_ptr_null(im_dev_mem((1ull << 32) + 20, 512, NULL));
#endif
	im_dev_close(m);
}
END_TEST

/* ---- window ---- */

START_TEST(window)
{
	static const struct { uint64_t start, len, want; } cut[] = {
		{ 0, 1000, 1000 }, { 10, 20, 20 }, { 990, 20, 10 }, { 1000, 1, 0 }, { 5000, 1, 0 }, { 0, UINT64_MAX, 1000 },
		{ 1, UINT64_MAX, 999 }, { UINT64_MAX, UINT64_MAX, 0 },
	};
	struct im_dev *m = noise(1000, 2), *inner;
	uint8_t buf[1000];

	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		struct im_dev *w = im_dev_window(m, cut[i].start, cut[i].len, NULL);

		ck_assert_uint_eq(w->size, cut[i].want);
		ck_assert_int_eq(im_dev_read(w, 0, buf, cut[i].want, NULL), 0);
		ck_assert(!cut[i].want || memcmp(buf, im_dev_mem_bytes(m) + cut[i].start, cut[i].want) == 0);
		ck_assert_int_eq(im_dev_read(w, cut[i].want, buf, 1, NULL), -1);
		im_dev_close(w);
	}
	for (uint64_t seed = 1; seed < 50; seed++) {
		uint64_t r = seed, a = im_random(&r) % 900, b = im_random(&r) % 100;
		struct im_dev *w = im_dev_window(m, a, 100, NULL);

		inner = im_dev_window(w, b, UINT64_MAX, NULL);
		ck_assert_uint_eq(inner->size, 100 - b);
		ck_assert_int_eq(im_dev_read(inner, 0, buf, inner->size, NULL), 0);
		ck_assert_mem_eq(buf, im_dev_mem_bytes(m) + a + b, inner->size);
		im_dev_close(inner);
		im_dev_close(w);
	}
	im_dev_close(m);
}
END_TEST

/* ---- recorder ---- */

START_TEST(recorder)
{
	uint64_t seed = 30 + (uint64_t)_i, start, len, last_end = 0, size = 400;
	struct im_dev *m = noise(size, seed), *r = im_dev_recorder(m, NULL);
	bool was_read[400] = { false }, listed[400] = { false };
	uint8_t buf[400];

	for (int i = 0; i < 1 + _i % 40; i++) {
		uint64_t off = im_random(&seed) % (size + 1), n = im_min(im_random(&seed) % 30, size - off);

		ck_assert_int_eq(im_dev_read(r, off, buf, n, NULL), 0);
		ck_assert(!n || memcmp(buf, im_dev_mem_bytes(m) + off, n) == 0);
		for (uint64_t b = off; b < off + n; b++)
			was_read[b] = true;
	}
	ck_assert_int_eq(im_dev_read(r, size, buf, 1, NULL), -1);	/* is not recorded */
	for (size_t i = 0; im_dev_recorded(r, i, &start, &len); i++) {
		/* sorted, and merged where they touch */
		ck_assert(len && (i == 0 || start > last_end) && start + len <= size);
		last_end = start + len;
		for (uint64_t b = start; b < start + len; b++)
			listed[b] = true;
	}
	ck_assert_mem_eq(was_read, listed, sizeof(listed));
	im_dev_close(r);
	im_dev_close(m);
}
END_TEST

/* ---- cache ---- */

/* Random writes and reads beside a plain copy; the device below never changes, the blocks come sorted. */
START_TEST(overlay)
{
	uint64_t seed = 70 + (uint64_t)_i, size = 40 * 512 + (uint64_t)_i * 37, off, last = 0;
	struct im_dev *m = noise(size, seed), *o = im_dev_overlay(m, NULL);
	uint8_t *want = malloc(size), *below = malloc(size), buf[2000];
	const uint8_t *block;
	size_t n_blocks = 0;

	memcpy(want, im_dev_mem_bytes(m), size);
	memcpy(below, want, size);
	for (int i = 0; i < 60; i++) {
		uint64_t n = im_random(&seed) % sizeof(buf);

		off = im_random(&seed) % size;
		n = im_min(n, size - off);
		if (im_random(&seed) % 2) {
			memset(buf, (int)im_random(&seed), n);
			memcpy(want + off, buf, n);
			ck_assert_int_eq(im_dev_write(o, off, buf, n, NULL), 0);
		} else {
			ck_assert_int_eq(im_dev_read(o, off, buf, n, NULL), 0);
			ck_assert(!n || memcmp(buf, want + off, n) == 0);
		}
		if (i == 30)
			im_dev_overlay_settle(o);
	}
	im_dev_overlay_settle(o);
	for (; (block = im_dev_overlay_block(o, n_blocks, &off)); n_blocks++) {
		ck_assert(off % IM_OVERLAY_BLOCK == 0 && off < size && (!n_blocks || off > last));
		ck_assert_mem_eq(block, want + off, im_min(IM_OVERLAY_BLOCK, size - off));
		memcpy(below + off, block, im_min(IM_OVERLAY_BLOCK, size - off));
		last = off;
	}
	ck_assert_uint_gt(n_blocks, 0);
	/* what is written as it was is no change */
	ck_assert_int_eq(im_dev_read(m, 0, buf, 512, NULL), 0);
	ck_assert_int_eq(im_dev_write(o, 0, buf, 512, NULL), 0);
	im_dev_overlay_settle(o);
	ck_assert(!im_dev_overlay_block(o, 0, &off) || off);
	memcpy(want, buf, 512);
	memcpy(below, buf, 512);
	/* what is no block is as below, and below is as it was */
	ck_assert_mem_eq(below, want, size);
	ck_assert_int_eq(im_dev_write(o, size - 1, buf, 2, NULL), -1);
	im_dev_close(o);
	o = noise(size, 70 + (uint64_t)_i);
	ck_assert_mem_eq(im_dev_mem_bytes(o), im_dev_mem_bytes(m), size);
	im_dev_close(o);
	im_dev_close(m);
	free(want);
	free(below);
}
END_TEST

START_TEST(cache)
{
	uint64_t seed = 60 + (uint64_t)_i, size = 8192 * 40 + (uint64_t)_i * 777;
	struct im_dev *m = noise(size, seed), *c = im_dev_cache(m, NULL);
	uint8_t *buf = malloc(100000);

	for (int i = 0; i < 2000; i++) {
		uint64_t off = im_random(&seed) % size, n = im_random(&seed) % (i % 10 ? 600 : 100000);

		n = im_min(n, size - off);
		ck_assert_int_eq(im_dev_read(c, off, buf, n, NULL), 0);
		ck_assert(!n || memcmp(buf, im_dev_mem_bytes(m) + off, n) == 0);
	}
	free(buf);
	im_dev_close(c);
	im_dev_close(m);
}
END_TEST

struct faulty {
	struct im_dev dev;
	bool fails;
	int large;		/* reads of more than a block */
};

static int failing_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	struct faulty *f = (struct faulty *)dev;

	memset(buf, 0x5a, len);
	f->large += len > 4096;
	return f->fails ? im_error_at(err, IM_EIO, off, "a fault") : 0;
}

/* A read that fails must not be remembered as one that went well; of what lies beside a bad sector no more is tried again
 * than was asked for. */
START_TEST(cache_after_a_fault)
{
	static const struct im_dev_ops ops = { .read = failing_read };
	struct faulty faulty = { .dev = { .ops = &ops, .size = 20000, .sector_size = 512 }, .fails = true };
	struct im_dev *c = im_dev_cache(&faulty.dev, NULL);
	struct im_error err = { 0 };
	uint8_t buf[100];

	ck_assert_int_eq(im_dev_read(c, 10, buf, 100, &err), -1);
	ck_assert_int_eq(im_dev_read(c, 10, buf, 100, &err), -1);
	faulty.fails = false;
	ck_assert_int_eq(im_dev_read(c, 10, buf, 100, &err), 0);
	ck_assert_uint_eq(buf[99], 0x5a);
	ck_assert_int_eq(im_dev_read(c, 12288, buf, 100, &err), 0);
	ck_assert_int_eq(faulty.large, 1);
	im_dev_close(c);
}
END_TEST

/* ---- files ---- */

static void write_file(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_WRONLY, 0600);

	ck_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

START_TEST(file_create)
{
	struct im_error err = { 0 };
	struct im_dev *f;
	struct stat st;

	write_file("a", "mine");
	ck_assert_ptr_null(im_dev_file_create("a", 10, 512, &err));	/* never over something */
	ck_assert_int_eq(stat("a", &st), 0);
	ck_assert_int_eq(st.st_size, 4);
	ck_assert_int_eq(symlink("c", "b"), 0);
	ck_assert_ptr_null(im_dev_file_create("b", 10, 512, &err));	/* nor through a link */
	ck_assert_int_eq(access("c", F_OK), -1);
	unlink("b");
	f = im_dev_file_create("b", 1 << 20, 4096, &err);
	ck_assert_ptr_nonnull(f);
	ck_assert(f->size == 1 << 20 && f->sector_size == 4096 && !f->is_block && !f->is_read_only);
	ck_assert_int_eq(fstat(im_dev_file_fd(f), &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(st.st_blocks, 0);
	im_dev_close(f);
	ck_assert_ptr_null(im_dev_file_create("no/such", 10, 512, &err));
}
END_TEST

START_TEST(file_open)
{
	struct im_error err = { 0 };
	struct im_dev *f;

	ck_assert_ptr_null(im_dev_file("a", true, 0, &err));
	ck_assert_int_eq(err.code, IM_EIO);
	ck_assert_int_eq(access("a", F_OK), -1);			/* opening never creates */
	ck_assert_ptr_null(im_dev_file(".", false, 0, &err));
	ck_assert_int_eq(mkfifo("a", 0600), 0);
	ck_assert_ptr_null(im_dev_file("a", false, 0, &err));		/* and does not hang */
	ck_assert_int_eq(err.code, IM_EUSAGE);
	ck_assert_ptr_null(im_dev_file("/dev/null", false, 0, &err));
	write_file("b", "0123456789");
	f = im_dev_file("b", false, 0, &err);
	ck_assert(f && f->size == 10 && f->sector_size == 512 && f->is_read_only);
	ck_assert_int_eq(im_dev_write(f, 0, "x", 1, &err), -1);
	/* a file that shrinks while it is read is an error, not a shorter read */
	ck_assert_int_eq(truncate("b", 5), 0);
	ck_assert_int_eq(im_dev_read(f, 0, (uint8_t[10]){ 0 }, 10, &err), -1);
	ck_assert_int_eq(err.code, IM_EIO);
	im_dev_close(f);
}
END_TEST

/* What a device says to be zero must be, and is what was never written. */
static void check_extents(struct im_dev *f, const uint8_t *want)
{
	for (uint64_t off = 0; off < f->size;) {
		struct im_extent ext;

		ck_assert_int_eq(im_dev_extent(f, off, f->size - off, &ext, NULL), 0);
		ck_assert(ext.len && ext.len <= f->size - off);
		ck_assert(!ext.is_zero || im_is_zero(want + off, ext.len));
		off += ext.len;
	}
}

#define GROWTH 8192u

START_TEST(file_holes)
{
	uint64_t seed = 90 + (uint64_t)_i, size = 400000;
	struct im_dev *f = im_dev_file_create("a", size, 512, NULL);
	uint8_t *want = calloc(1, 2 * size), *got = malloc(2 * size);
	struct stat st;
	uint64_t before;

	ck_assert(f && want && got);
	for (int i = 0; i < 60; i++) {
		uint64_t off = im_random(&seed) % f->size, n = im_min(im_random(&seed) % 40000, f->size - off);

		switch (im_random(&seed) % 4) {
		case 0:
			memset(want + off, 0, n);
			ck_assert_int_eq(im_dev_zero(f, off, n, NULL), 0);
			break;
		case 1:
			for (uint64_t b = off; b < off + n; b++)
				want[b] = b / 3000 % 2 ? (uint8_t)im_random(&seed) : 0;
			ck_assert_int_eq(im_dev_write_sparse(f, off, want + off, n, NULL), 0);
			break;
		case 2:
			for (uint64_t b = off; b < off + n; b++)
				want[b] = (uint8_t)im_random(&seed);
			ck_assert_int_eq(im_dev_write(f, off, want + off, n, NULL), 0);
			break;
		default:
			if (i % 3)
				break;
			n = size / 2 + im_random(&seed) % size;
			if (n < f->size)
				memset(want + n, 0, 2 * size - n);
			ck_assert_int_eq(im_dev_resize(f, n, NULL), 0);
		}
	}
	ck_assert_int_eq(im_dev_flush(f, NULL), 0);
	ck_assert_int_eq(im_dev_read(f, 0, got, f->size, NULL), 0);
	ck_assert_mem_eq(got, want, f->size);
	ck_assert_int_eq(stat("a", &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, f->size);
	check_extents(f, want);
	/* reserving gives every new byte a place, changes none, and leaves the holes alone */
	before = (uint64_t)st.st_blocks * 512;
	ck_assert_int_eq(im_dev_reserve(f, f->size + GROWTH, NULL), 0);
	ck_assert_int_eq(im_dev_read(f, 0, got, f->size, NULL), 0);
	memset(want + f->size - GROWTH, 0, GROWTH);
	ck_assert_mem_eq(got, want, f->size);
	ck_assert_int_eq(stat("a", &st), 0);
	ck_assert_uint_ge((uint64_t)st.st_blocks * 512, before + GROWTH - 4096);
	ck_assert_uint_le((uint64_t)st.st_blocks * 512, before + GROWTH + 65536);
	im_dev_close(f);
	free(want);
	free(got);
}
END_TEST

START_TEST(file_sizes)
{
	struct im_dev *f = im_dev_file_create("a", 100, 512, NULL);
	struct im_error err = { 0 };

	ck_assert_int_eq(im_dev_resize(f, UINT64_MAX, &err), -1);
	ck_assert_int_eq(im_dev_reserve(f, UINT64_MAX, &err), -1);
	ck_assert_uint_eq(f->size, 100);
	ck_assert_ptr_null(im_dev_file_create("b", UINT64_MAX, 512, &err));
	ck_assert_int_eq(access("b", F_OK), -1);			/* nothing half-made stays */
	im_dev_close(f);
}
END_TEST

/* A device without a function of its own for zeroing gets zeros written. */
/* Reads and writes of all sizes and alignments, past the page cache where they are large, against memory. */
START_TEST(file_bypass)
{
	uint64_t seed = (uint64_t)_i + 77, size = (3 << 20) + im_random(&seed) % 5000;
	struct im_dev *model = noise(size, seed), *file = im_dev_file_create("a", size, 512, NULL);
	uint8_t *block = aligned_alloc(4096, 2 << 20);

	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(block);
	memset(block, 0xa5, 2 << 20);
	ck_assert_int_eq(im_dev_write(file, 0, im_dev_mem_bytes(model), size, NULL), 0);
	im_dev_bypass(file);
	for (int k = 0; k < 60; k++) {
		uint64_t unit = (uint64_t[]){ 1, 512, 4096 }[im_random(&seed) % 3], len = 1 + im_random(&seed) % (1 << 20);
		uint64_t off = im_random(&seed) % (size - len) / unit * unit;
		uint8_t *p = block + im_random(&seed) % 3 * 512 + im_random(&seed) % 2;

		if (k % 2) {
			ck_assert_int_eq(im_dev_read(file, off, p, len, NULL), 0);
			ck_assert_mem_eq(p, im_dev_mem_bytes(model) + off, len);
			continue;
		}
		for (uint64_t i = 0; i < len; i += 64)
			p[i] = (uint8_t)im_random(&seed);
		ck_assert_int_eq(im_dev_write(file, off, p, len, NULL), 0);
		memcpy(im_dev_mem_bytes(model) + off, p, len);
	}
	ck_assert_int_eq(im_dev_flush(file, NULL), 0);
	ck_assert_uint_eq(file->size, size);
	/* the end of the file, which is no multiple of anything, and through the page cache */
	ck_assert_int_eq(im_dev_read(file, size - 200000, block, 200000, NULL), 0);
	ck_assert_mem_eq(block, im_dev_mem_bytes(model) + size - 200000, 200000);
	im_dev_close(file);
	file = im_dev_file("a", false, 512, NULL);
	ck_assert_ptr_nonnull(file);
	for (uint64_t off = 0; off < size; off += 1 << 20) {
		uint64_t n = im_min(1 << 20, size - off);

		ck_assert_int_eq(im_dev_read(file, off, block, n, NULL), 0);
		ck_assert_mem_eq(block, im_dev_mem_bytes(model) + off, n);
	}
	im_dev_close(file);
	im_dev_close(model);
	free(block);
}
END_TEST

/* ---- a second thread ---- */

static int add_one(void *arg, struct im_error *err)
{
	++*(int *)arg;
	return *(int *)arg == 3 ? im_error_set(err, IM_EIO, "three") : 0;
}

START_TEST(aside)
{
	struct im_aside a;
	struct im_error err = { 0 };
	int n = 0;

	im_aside_start(&a, _i);
	ck_assert_int_eq(im_aside_wait(&a, &err), 0);
	for (int i = 1; i <= 5; i++) {
		im_aside_run(&a, add_one, &n);
		ck_assert_int_eq(im_aside_wait(&a, &err), i == 3 ? -1 : 0);
		ck_assert_int_eq(n, i);
		ck_assert_int_eq(err.code, i < 3 ? IM_OK : IM_EIO);
	}
	im_aside_stop(&a);
}
END_TEST

START_TEST(zero_without_help)
{
	struct im_dev *m = noise(3 << 20, 3);
	struct im_dev_ops ops = *m->ops;

	ops.zero = NULL;
	m->ops = &ops;
	ck_assert_int_eq(im_dev_zero(m, 5, (3 << 20) - 10, NULL), 0);
	ck_assert(im_is_zero(im_dev_mem_bytes(m) + 5, (3 << 20) - 10));
	ck_assert(!im_is_zero(im_dev_mem_bytes(m), 5) && !im_is_zero(im_dev_mem_bytes(m) + (3 << 20) - 5, 5));
	im_dev_close(m);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("dev");
	TCase *c = tcase_create("dev"), *f = tcase_create("files");

	tcase_add_test(c, memory);
	tcase_add_test(c, window);
	tcase_add_loop_test(c, recorder, 0, 200);
	tcase_add_loop_test(c, cache, 0, 4);
	tcase_add_loop_test(c, overlay, 0, 20);
	tcase_add_test(c, cache_after_a_fault);
	tcase_add_test(c, zero_without_help);
	tcase_add_loop_test(c, aside, 0, 2);
	suite_add_tcase(s, c);
	tcase_add_checked_fixture(f, enter_folder, leave_folder);
	tcase_set_timeout(f, 60);
	tcase_add_test(f, bounds);
	tcase_add_test(f, file_create);
	tcase_add_test(f, file_open);
	tcase_add_loop_test(f, file_holes, 0, 12);
	tcase_add_test(f, file_sizes);
	tcase_add_loop_test(f, file_bypass, 0, 6);
	suite_add_tcase(s, f);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
