/* check_plan.c - saved plans: what imgmend_plan_json writes comes back, and what anybody else wrote is harmless. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "crashdev.h"
#include "imgmend.h"
#include "plan/plan.h"
#include "run_suite.h"

static char path[256];
static char *text;		/* of a plan for the image at path */
static size_t text_len;
static imgmend_plan *plan;

/* A disk whose only partition, of unknown content, begins in sector 1. */
static void make_plan(void)
{
	const char *tmp = getenv("TMPDIR");
	uint8_t disk[64 << 10] = { 0 };
	struct imgmend_error err;
	int fd;

	for (size_t i = 512; i < sizeof(disk); i++)
		disk[i] = (uint8_t)(i * 7 + i / 256);
	im_put32(disk + 440, 0x12345678);
	disk[446 + 4] = 0xda;
	im_put32(disk + 446 + 8, 1);
	im_put32(disk + 446 + 12, 100);
	im_put16(disk + 510, 0xaa55);
	snprintf(path, sizeof(path), "%s/imgmend-plan.XXXXXX", tmp ? tmp : "/tmp");
	fd = mkstemp(path);
	ck_assert(fd >= 0 && write(fd, disk, sizeof(disk)) == sizeof(disk));
	close(fd);
	ck_assert_msg(imgmend_plan_image(path, NULL, &plan, &err) == 0, "%s", err.message);
	text = imgmend_plan_json(plan);
	ck_assert_ptr_nonnull(text);
	text_len = strlen(text);
}

static void drop_plan(void)
{
	imgmend_plan_free(plan);
	free(text);
	unlink(path);
}

START_TEST(round_trip)
{
	struct imgmend_plan_figures figures;
	const struct imgmend_partition *parts;
	const struct imgmend_segment *segs;
	struct im_error err = { 0 };
	struct im_plan back;
	size_t n, k = 0;

	ck_assert_msg(im_plan_parse(&back, text, text_len, &err) == 0, "%s", err.message);
	imgmend_plan_figures(plan, &figures);
	segs = imgmend_plan_segments(plan, &n);
	ck_assert_uint_gt(n, 2);
	ck_assert_int_eq(im_map_check(&back.map, NULL), 0);
	ck_assert(back.map.old_size == figures.old_size && back.map.new_size == figures.new_size);
	for (size_t i = 0; i < back.map.segs.n; i++) {
		const struct im_segment *s = &back.map.segs.v[i];

		if (s->kind == IM_KEEP)
			continue;
		ck_assert_uint_lt(k, n);
		ck_assert(s->start == segs[k].start && s->len == segs[k].size && (int)s->kind == (int)segs[k].kind);
		ck_assert(s->kind != IM_FROM || s->from == segs[k].from);
		ck_assert(s->kind != IM_BYTES || memcmp(s->data, segs[k].data, s->len) == 0);
		ck_assert_str_eq(s->reason, segs[k].reason);
		k++;
	}
	ck_assert_uint_eq(k, n);
	ck_assert_uint_eq(back.sector_size, 512);
	ck_assert_uint_eq(back.bytes_moved, figures.bytes_moved);
	ck_assert_uint_eq(back.literal_bytes, figures.literal_bytes);
	ck_assert_str_eq(back.fingerprint, figures.fingerprint);
	ck_assert_uint_gt(back.read.n, 0);
	parts = imgmend_plan_partitions(plan, &n);
	ck_assert(n == 1 && back.partitions.n == 1 && back.partitions.v[0].new_start == parts[0].new_start);
	im_plan_free(&back);
}
END_TEST

/* Reading and writing once more gives the same plan, but for what only the scan knew. */
START_TEST(fingerprint_guards)
{
	struct im_dev *dev = im_dev_file(path, true, 0, NULL);
	struct im_error err = { 0 };
	struct im_plan back;
	uint8_t byte;

	ck_assert_int_eq(im_plan_parse(&back, text, text_len, NULL), 0);
	ck_assert_int_eq(im_plan_check_fingerprint(&back, dev, NULL), 0);
	ck_assert_int_eq(im_dev_read(dev, 446, &byte, 1, NULL), 0);
	byte ^= 0x80;
	ck_assert_int_eq(im_dev_write(dev, 446, &byte, 1, NULL), 0);
	ck_assert_int_eq(im_plan_check_fingerprint(&back, dev, &err), -1);
	ck_assert_int_eq(err.code, IM_ECHANGED);
	byte ^= 0x80;
	ck_assert_int_eq(im_dev_write(dev, 446, &byte, 1, NULL), 0);
	ck_assert_int_eq(im_plan_check_fingerprint(&back, dev, NULL), 0);
	ck_assert_int_eq(im_dev_resize(dev, dev->size + 512, NULL), 0);
	ck_assert_int_eq(im_plan_check_fingerprint(&back, dev, &err), -1);
	ck_assert_int_eq(err.code, IM_ECHANGED);
	back.read.v[0].start = UINT64_MAX;
	ck_assert_int_eq(im_dev_resize(dev, dev->size - 512, NULL), 0);
	ck_assert_int_eq(im_plan_check_fingerprint(&back, dev, &err), -1);
	ck_assert_int_eq(err.code, IM_EFORMAT);
	im_plan_free(&back);
	im_dev_close(dev);
}
END_TEST

/* Whatever is accepted must be a sound map; what is refused must say why and leave nothing behind. */
static bool parse_any(const char *p, size_t len)
{
	char *exact = malloc(len ? len : 1);	/* so that a read too far is seen */
	struct im_error err = { 0 };
	struct im_plan back;
	int rc;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, p, len);
	rc = im_plan_parse(&back, exact, len, &err);
	free(exact);
	if (rc < 0) {
		ck_assert_msg(err.code == IM_EFORMAT, "code %d: %s", err.code, err.message);
		ck_assert(err.message[0] && !back.map.segs.n && !back.read.n);
		return false;
	}
	ck_assert_int_eq(im_map_check(&back.map, NULL), 0);
	ck_assert(back.sector_size == 512 || back.sector_size == 4096);
	ck_assert_uint_eq(strlen(back.fingerprint), 64);
	im_plan_free(&back);
	return true;
}

START_TEST(truncated)
{
	for (size_t n = 0; n < text_len; n++)
		ck_assert(!parse_any(text, n));
	ck_assert(parse_any(text, text_len));
}
END_TEST

START_TEST(mutated)
{
	static const char alphabet[] = "{}[]\",:\\0123456789-.eE abcdefnrtu\x01\x7f\x80\xff=+/A";
	uint64_t seed = 400 + (uint64_t)_i;
	char *copy = malloc(text_len + 64);

	ck_assert_ptr_nonnull(copy);
	for (int i = 0; i < 2500; i++) {
		size_t len = text_len, at = im_random(&seed) % len, n = 1 + im_random(&seed) % 20;

		memcpy(copy, text, len);
		switch (im_random(&seed) % 4) {
		case 0:
			copy[at] = alphabet[im_random(&seed) % sizeof(alphabet)];
			break;
		case 1:
			copy[at] ^= (char)(1 << im_random(&seed) % 8);
			break;
		case 2:
			n = im_min(n, len - at);
			memmove(copy + at, copy + at + n, len - at - n);
			len -= n;
			break;
		default:
			memmove(copy + at + n, copy + at, len - at);
			for (size_t k = 0; k < n; k++)
				copy[at + k] = alphabet[im_random(&seed) % sizeof(alphabet)];
			len += n;
		}
		parse_any(copy, len);
	}
	free(copy);
}
END_TEST

/* Every number of the plan replaced by those that break arithmetic. */
START_TEST(other_numbers)
{
	static const char *const values[] = {
		"0", "1", "511", "4096", "9223372036854775807", "9223372036854775808", "18446744073709551615",
		"18446744073709551616", "99999999999999999999999", "-1", "-0", "1.5", "1e30", "null", "\"1\"", "[]", "{}", "true",
	};
	char *copy = malloc(text_len + 64);

	ck_assert_ptr_nonnull(copy);
	for (size_t at = 1; at < text_len; at++) {
		size_t n = 0;

		if (text[at - 1] != ':' || text[at] < '0' || text[at] > '9')
			continue;
		while (text[at + n] >= '0' && text[at + n] <= '9')
			n++;
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			int len = snprintf(copy, text_len + 64, "%.*s%s%s", (int)at, text, values[v], text + at + n);

			parse_any(copy, (size_t)len);
		}
	}
	free(copy);
}
END_TEST

static const struct { const char *old, *new; } swaps[] = {
	{ "imgmend.plan/1", "imgmend.plan/2" }, { "imgmend.plan/1", "imgmend.scan/1" }, { "\"segments\"", "\"segment\"" },
	{ "\"segments\":[", "\"segments\":[null," }, { "\"segments\":[", "\"segments\":[[]," },
	{ "\"kind\":\"from\"", "\"kind\":\"keep\"" }, { "\"kind\":\"from\"", "\"kind\":\"FROM\"" },
	{ "\"kind\":\"from\"", "\"kind\":\"bytes\"" }, { "\"kind\":\"bytes\"", "\"kind\":\"from\"" },
	{ "\"kind\":\"from\"", "\"kind\":7" }, { "\"reason\"", "\"because\"" }, { "\"data\":\"", "\"data\":\"AAAA" },
	{ "\"data\":\"", "\"data\":\"=" }, { "\"data\":\"", "\"data\":\"\\u0000" }, { "\"fingerprint\":\"", "\"fingerprint\":\"0" },
	{ "\"fingerprint\"", "\"fingerprints\"" }, { "\"fingerprint_ranges\":[", "\"fingerprint_ranges\":[1," },
	{ "\"sector_size\":512", "\"sector_size\":1024" }, { "\"old_size\"", "\"size\"" },
};

#define SWAPS (int)(sizeof(swaps) / sizeof(swaps[0]))

START_TEST(wrong_words)
{
	const char *at = strstr(text, swaps[_i].old);
	char *copy = malloc(text_len + 64);
	int len;

	ck_assert(at && copy);
	len = snprintf(copy, text_len + 64, "%.*s%s%s", (int)(at - text), text, swaps[_i].new, at + strlen(swaps[_i].old));
	ck_assert_msg(!parse_any(copy, (size_t)len), "\"%s\" for \"%s\" is accepted", swaps[_i].new, swaps[_i].old);
	free(copy);
}
END_TEST

START_TEST(other_documents)
{
	static const char *const docs[] = {
		"", " ", "null", "0", "\"\"", "[]", "{}", "{\"schema\":\"imgmend.plan/1\"}", "{\"schema\":1}", "{]", "\xff\xfe{",
		"{\"schema\":\"imgmend.plan/1\",\"old_size\":0,\"new_size\":0,\"segments\":{}}",
		"{\"schema\":\"imgmend.plan/1\",\"old_size\":512,\"new_size\":512,\"segments\":[],\"fingerprint\":\"\"}",
	};
	char deep[4000];

	for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++)
		ck_assert(!parse_any(docs[i], strlen(docs[i])));
	memset(deep, '[', sizeof(deep));
	ck_assert(!parse_any(deep, sizeof(deep)));
	memset(deep, 0, sizeof(deep));
	ck_assert(!parse_any(deep, sizeof(deep)));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("plan");
	TCase *c = tcase_create("plan");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, make_plan, drop_plan);
	tcase_add_test(c, round_trip);
	tcase_add_test(c, fingerprint_guards);
	tcase_add_test(c, truncated);
	tcase_add_loop_test(c, mutated, 0, 4);
	tcase_add_test(c, other_numbers);
	tcase_add_loop_test(c, wrong_words, 0, SWAPS);
	tcase_add_test(c, other_documents);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
