/* check_intl.c - sentences that are cut, plural forms, and English as long as nobody asked for another language. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/intl.h"
#include "run_suite.h"

/* "é" has two bytes, "→" three, "𝄞" four: whatever the room, no part of a character is left. */
START_TEST(cut)
{
	static const char text[] = "aé→𝄞é";
	static const size_t ends[] = { 0, 1, 3, 6, 10, 12 };

	for (size_t size = 1; size <= sizeof(text) + 1; size++) {
		char buf[sizeof(text) + 1];
		size_t n = im_say(buf, size, "%s", text), want = 0;

		for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
			if (ends[i] < size)
				want = ends[i];
		ck_assert_uint_eq(n, want);
		ck_assert_uint_eq(strlen(buf), want);
		ck_assert_int_eq(memcmp(buf, text, want), 0);
	}
}
END_TEST

START_TEST(not_utf8)
{
	char buf[8];

	/* what is no UTF-8 is cut by bytes, and nothing is read in front of it */
	ck_assert_uint_eq(im_say(buf, 3, "%s", "\x80\x80\x80\x80"), 2);
	ck_assert_uint_eq(im_say(buf, 5, "%s", "\x80\x80\x80\x80\x80\x80"), 4);
	ck_assert_uint_eq(im_say(buf, 1, "%s", "abc"), 0);
	ck_assert_str_eq(buf, "");
}
END_TEST

START_TEST(plural)
{
	ck_assert_str_eq(im_plural(0, "one", "many"), "many");
	ck_assert_str_eq(im_plural(1, "one", "many"), "one");
	ck_assert_str_eq(im_plural(2, "one", "many"), "many");
	ck_assert_str_eq(im_plural(UINT64_MAX, "one", "many"), "many");
}
END_TEST

START_TEST(english)
{
	char buf[16] = "";

	for (int on = 0; on < 2; on++) {
		/* the process is in the C locale */
		im_intl_use(on != 0);
		ck_assert_str_eq(_("out of memory"), "out of memory");
		/* an empty text is not the head of the catalog */
		ck_assert_str_eq(im_text(""), "");
		im_say_again(buf, sizeof(buf));
		ck_assert_str_eq(buf, "");
		ck_assert_str_eq(im_errno_text(ENOENT), "No such file or directory");
		ck_assert_ptr_nonnull(im_errno_text(123456));
		ck_assert_str_eq(im_signal_text(SIGSEGV), "Segmentation fault");
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("intl");
	TCase *c = tcase_create("intl");

	tcase_add_test(c, cut);
	tcase_add_test(c, not_utf8);
	tcase_add_test(c, plural);
	tcase_add_test(c, english);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
