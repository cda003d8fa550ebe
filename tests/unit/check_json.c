/* check_json.c - the JSON writer: exact texts, and json-c as the judge of everything else. */
#include <check.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "run_suite.h"

/* Parse strictly; NULL when it is not one JSON value. */
static struct json_object *parse(const char *text)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *o;

	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, text, (int)strlen(text) + 1);
	if (json_tokener_get_error(tok) != json_tokener_success) {
		json_object_put(o);
		o = NULL;
	}
	json_tokener_free(tok);
	return o;
}

static void expect(struct im_json *j, const char *want)
{
	char *got = im_json_end(j);

	ck_assert_str_eq(got, want);
	free(got);
}

START_TEST(commas)
{
	struct im_json j = { 0 };

	im_json_open(&j, NULL, '{');
	im_json_uint(&j, "a", 0);
	im_json_open(&j, "b", '[');
	im_json_close(&j, '[');
	im_json_open(&j, "c", '[');
	im_json_uint(&j, NULL, UINT64_MAX);
	im_json_open(&j, NULL, '{');
	im_json_close(&j, '{');
	im_json_open(&j, NULL, '{');
	im_json_bool(&j, "t", true);
	im_json_bool(&j, "f", false);
	im_json_close(&j, '{');
	im_json_string(&j, NULL, "x");
	im_json_close(&j, '[');
	im_json_string(&j, "d", "");
	im_json_close(&j, '{');
	expect(&j, "{\"a\":0,\"b\":[],\"c\":[18446744073709551615,{},{\"t\":true,\"f\":false},\"x\"],\"d\":\"\"}");
}
END_TEST

START_TEST(escapes)
{
	struct im_json j = { 0 };

	im_json_string(&j, NULL, "a\"b\\c/d\n\t\r\b\f\x01\x1f\x7f \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	expect(&j, "\"a\\\"b\\\\c/d\\u000a\\u0009\\u000d\\u0008\\u000c\\u0001\\u001f\\u007f"
	       " \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
}
END_TEST

/* Sequences that are no UTF-8 (Unicode standard, table 3-7), whole and cut off by the string's end. */
START_TEST(not_utf8)
{
	static const char *const bad[] = {
		"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x9f\xbf", "\xe2\x82", "\xe2", "\xed\xa0\x80",
		"\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98", "\xf0\x9f", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
		"\xff", "\xfe", "\xc3\x28", "\xe2\x28\xa1", "\xf0\x28\x8c\xbc",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *exact = strdup(bad[i]), *text;
		struct im_json j = { 0 };
		struct json_object *o;

		im_json_string(&j, NULL, exact);
		text = im_json_end(&j);
		o = parse(text);
		ck_assert_msg(o != NULL, "case %zu is not JSON: %s", i, text);
		ck_assert_ptr_nonnull(strstr(json_object_get_string(o), "\xef\xbf\xbd"));
		json_object_put(o);
		free(text);
		free(exact);
	}
}
END_TEST

/* Every string of three bytes from a set with all the interesting borders. */
START_TEST(any_bytes)
{
	static const char set[] = "\x01\x1f \"\\/az\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xed\xee\xef\xf0\xf1\xf4\xf5\xff";
	const size_t n = sizeof(set) - 1;

	for (size_t i = 0; i < n * n * n; i++) {
		char raw[4] = { set[i % n], set[i / n % n], set[i / n / n], 0 };
		struct im_json j = { 0 };
		struct json_object *o;
		char *text;

		im_json_string(&j, NULL, raw);
		text = im_json_end(&j);
		o = parse(text);
		ck_assert_msg(o != NULL, "not JSON: %s", text);
		/* what is UTF-8 comes back as it was */
		if (!strstr(json_object_get_string(o), "\xef\xbf\xbd"))
			ck_assert_str_eq(json_object_get_string(o), raw);
		json_object_put(o);
		free(text);
	}
}
END_TEST

START_TEST(numbers)
{
	static const struct { uint64_t value; const char *text; } list[] = {
		{ 0, "0" }, { 9007199254740993, "9007199254740993" }, { INT64_MAX, "9223372036854775807" },
		{ (uint64_t)INT64_MAX + 1, "9223372036854775808" }, { UINT64_MAX, "18446744073709551615" },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		struct im_json j = { 0 };

		im_json_uint(&j, NULL, list[i].value);
		expect(&j, list[i].text);
	}
}
END_TEST

/* RFC 4648, section 10. */
START_TEST(base64)
{
	static const char *const want[] = {
		"\"\"", "\"Zg==\"", "\"Zm8=\"", "\"Zm9v\"", "\"Zm9vYg==\"", "\"Zm9vYmE=\"", "\"Zm9vYmFy\"",
	};
	static const uint8_t high[] = { 0xfb, 0xff, 0xbf };
	struct im_json last = { 0 };

	for (size_t i = 0; i <= 6; i++) {
		uint8_t *exact = malloc(i + 1);
		struct im_json j = { 0 };

		memcpy(exact, "foobar", i);
		exact = realloc(exact, i ? i : 1);
		im_json_base64(&j, NULL, exact, i);
		expect(&j, want[i]);
		free(exact);
	}
	im_json_base64(&last, NULL, high, sizeof(high));
	expect(&last, "\"+/+/\"");
}
END_TEST

START_TEST(long_texts)
{
	struct im_json j = { 0 };
	struct json_object *o;
	char *text;

	im_json_open(&j, NULL, '[');
	for (uint64_t i = 0; i < 20000; i++)
		im_json_uint(&j, NULL, i * 1000003);
	im_json_close(&j, '[');
	text = im_json_end(&j);
	o = parse(text);
	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(json_object_array_length(o), 20000);
	for (uint64_t i = 0; i < 20000; i++)
		ck_assert_uint_eq(json_object_get_uint64(json_object_array_get_idx(o, i)), i * 1000003);
	json_object_put(o);
	free(text);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("json");
	TCase *c = tcase_create("json");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, commas);
	tcase_add_test(c, escapes);
	tcase_add_test(c, not_utf8);
	tcase_add_test(c, any_bytes);
	tcase_add_test(c, numbers);
	tcase_add_test(c, base64);
	tcase_add_test(c, long_texts);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
