/* check_columns.c - what is shown of hostile labels and names, and how wide it is. */
#include <check.h>
#include <locale.h>
#include <string.h>

#include "../../src/program.h"
#include "run_suite.h"

static void expect(const char *text, const char *want, int width)
{
	char buf[SHOWN_MAX];

	ck_assert_str_eq(shown(text, buf), want);
	ck_assert_int_eq(width_of(buf), width);
}

static void use_utf8(void)
{
	ck_assert_ptr_nonnull(setlocale(LC_ALL, "C.UTF-8"));
}

static void use_c(void)
{
	ck_assert_ptr_nonnull(setlocale(LC_ALL, "C"));
}

START_TEST(utf8)
{
	use_utf8();
	expect("CARD", "CARD", 4);
	expect("\u4e2d\u6587\u5377", "\u4e2d\u6587\u5377", 6);
	expect("e\u0301te\u0301", "e\u0301te\u0301", 3);
	expect("\U0001f4be disk", "\U0001f4be disk", 7);
	/* letters that are written to the left are no harm, marks that turn what follows are */
	expect("\u05d0\u05d1", "\u05d0\u05d1", 2);
	expect("a\u202e\u2066b", "a\\u202E\\u2066b", 14);
	expect("a\u200bb\ufeff", "a\\u200Bb\\uFEFF", 14);
	expect("\U000e0041", "\\U000E0041", 10);
}
END_TEST

START_TEST(controls)
{
	use_utf8();
	expect("\033[2J\a\r\n\t\177", "\\x1B[2J\\x07\\x0D\\x0A\\x09\\x7F", 27);
	/* CSI as one character of eight bits */
	expect("\xc2\x9b" "2J", "\\u009B2J", 8);
	expect("a\xff\xfe", "a\\xFF\\xFE", 9);
	/* overlong, a surrogate, beyond the last one */
	expect("\xc0\xaf", "\\xC0\\xAF", 8);
	expect("\xed\xa0\x80", "\\xED\\xA0\\x80", 12);
	expect("\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80", 16);
	/* the text ends in the middle of a character */
	expect("a\xe4\xb8", "a\\xE4\\xB8", 9);
	expect("\xf0", "\\xF0", 4);
}
END_TEST

START_TEST(ascii)
{
	use_c();
	expect("CARD", "CARD", 4);
	expect("\u4e2d\u6587", "\\u4E2D\\u6587", 12);
	expect("e\u0301", "e\\u0301", 7);
	expect("\U0001f4be", "\\U0001F4BE", 10);
	expect("1 \u2192 2 \u2026 \ufffd", "1 -> 2 ... ?", 12);
	expect("\033]0;x\a\x9b", "\\x1B]0;x\\x07\\x9B", 16);
}
END_TEST

/* Neither cut in the middle of a character nor beyond the room. */
START_TEST(length)
{
	static char text[3 * SHOWN_MAX];
	char buf[SHOWN_MAX];
	size_t n;

	use_utf8();
	for (size_t i = 0; i + 4 < sizeof(text); i += 3)
		memcpy(text + i, "\u4e2d", 3);
	n = strlen(shown(text, buf));
	ck_assert_uint_lt(n, SHOWN_MAX);
	ck_assert_uint_gt(n, SHOWN_MAX - 8);
	ck_assert_str_eq(buf + n - 3, "...");
	ck_assert_uint_eq((n - 3) % 3, 0);
	memset(text, 1, sizeof(text) - 1);
	n = strlen(shown(text, buf));
	ck_assert_uint_lt(n, SHOWN_MAX);
	ck_assert_uint_eq((n - 3) % 4, 0);
}
END_TEST

static void expect_column(const char *text, int width, const char *want)
{
	char buf[100];
	FILE *out = fmemopen(buf, sizeof(buf), "w");

	put_column(out, text, width);
	fputc('|', out);
	fclose(out);
	ck_assert_str_eq(buf, want);
}

START_TEST(columns)
{
	use_utf8();
	expect_column("ab", -5, "ab   |");
	expect_column("ab", 5, "   ab|");
	expect_column("\u4e2d\u6587", -5, "\u4e2d\u6587 |");
	expect_column("\u4e2d\u6587", 5, " \u4e2d\u6587|");
	expect_column("e\u0301", -3, "e\u0301  |");
	expect_column("\U0001f4be", 3, " \U0001f4be|");
	expect_column("too long", 3, "too long|");
	expect_column("Gr\u00f6\u00dfe", 7, "  Gr\u00f6\u00dfe|");
	expect_column("", -2, "  |");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("columns");
	TCase *tc = tcase_create("columns");

	tcase_add_test(tc, utf8);
	tcase_add_test(tc, controls);
	tcase_add_test(tc, ascii);
	tcase_add_test(tc, length);
	tcase_add_test(tc, columns);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
