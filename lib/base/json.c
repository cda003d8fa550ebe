/* json.c - a small streaming writer of JSON. */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 2048	/* bytes of a text: most are longer than some hundred */

static bool grow(struct im_json *j, size_t n)
{
	size_t cap;
	char *grown = __builtin_mul_overflow(j->cap + n + LEAST, 2, &cap) ? NULL : realloc(j->text, cap);

	j->failed |= !grown;
	if (!grown)
		return false;
	j->text = grown;
	j->cap = cap;
	return true;
}

static inline void put(struct im_json *j, const char *p, size_t n)
{
	if (j->failed || (n >= j->cap - j->len && !grow(j, n)))
		return;
	memcpy(j->text + j->len, p, n);
	j->len += n;
}

static void put_char(struct im_json *j, char c)
{
	put(j, &c, 1);
}

static void puts_(struct im_json *j, const char *s)
{
	put(j, s, strlen(s));
}

/* Length of the UTF-8 sequence at s, 0 when it is not one (overlong forms and surrogates included). */
static size_t utf8_len(const uint8_t *s)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] < 0xe0 && (s[1] & 0xc0) == 0x80)
		return 2;
	if ((s[0] & 0xf0) == 0xe0 && (s[1] & 0xc0) == 0x80 && (s[2] & 0xc0) == 0x80 &&
	    !(s[0] == 0xe0 && s[1] < 0xa0) && !(s[0] == 0xed && s[1] >= 0xa0))
		return 3;
	if (s[0] >= 0xf0 && s[0] < 0xf5 && (s[1] & 0xc0) == 0x80 && (s[2] & 0xc0) == 0x80 && (s[3] & 0xc0) == 0x80 &&
	    !(s[0] == 0xf0 && s[1] < 0x90) && !(s[0] == 0xf4 && s[1] >= 0x90))
		return 4;
	return 0;
}

/* Bytes from s on that stand for themselves. */
static size_t plain_len(const uint8_t *s)
{
	size_t n = 0;

	while ((uint8_t)(s[n] - 0x20) < 0x5f && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

static void quote(struct im_json *j, const char *value)
{
	const uint8_t *s = (const uint8_t *)value;
	char hex[8];

	put_char(j, '"');
	while (*s) {
		size_t plain = plain_len(s), n = plain ? plain : utf8_len(s);

		if (plain) {
			put(j, (const char *)s, n);
		} else if (!n) {
			puts_(j, "\xef\xbf\xbd");
			n = 1;
		} else if (*s == '"' || *s == '\\') {
			put_char(j, '\\');
			put_char(j, (char)*s);
		} else if (*s < 0x20 || *s == 0x7f) {
			snprintf(hex, sizeof(hex), "\\u%04x", *s);
			puts_(j, hex);
		} else {
			put(j, (const char *)s, n);
		}
		s += n;
	}
	put_char(j, '"');
}

static void begin(struct im_json *j, const char *key)
{
	if (j->needs_comma)
		put_char(j, ',');
	j->needs_comma = true;
	if (!key)
		return;
	put_char(j, '"');
	puts_(j, key);		/* ours: plain letters */
	put(j, "\":", 2);
}

void im_json_open(struct im_json *j, const char *key, char bracket)
{
	begin(j, key);
	put_char(j, bracket);
	j->needs_comma = false;
}

void im_json_close(struct im_json *j, char bracket)
{
	put_char(j, bracket == '{' ? '}' : ']');
	j->needs_comma = true;
}

void im_json_uint(struct im_json *j, const char *key, uint64_t value)
{
	char text[20];
	size_t at = sizeof(text);

	begin(j, key);
	do
		text[--at] = (char)('0' + value % 10);
	while (value /= 10);
	put(j, text + at, sizeof(text) - at);
}

void im_json_bool(struct im_json *j, const char *key, bool value)
{
	begin(j, key);
	puts_(j, value ? "true" : "false");
}

void im_json_string(struct im_json *j, const char *key, const char *value)
{
	begin(j, key);
	quote(j, value);
}

void im_json_base64(struct im_json *j, const char *key, const uint8_t *p, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	begin(j, key);
	puts_(j, "\"");
	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < len ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < len ? p[i + 2] : 0);
		char four[4] = { digits[v >> 18], digits[v >> 12 & 63], i + 1 < len ? digits[v >> 6 & 63] : '=',
				 i + 2 < len ? digits[v & 63] : '=' };

		put(j, four, 4);
	}
	puts_(j, "\"");
}

char *im_json_end(struct im_json *j)
{
	put_char(j, 0);
	if (j->failed) {
		free(j->text);
		return NULL;
	}
	return j->text;
}
