/* json.c - a small streaming writer of JSON. */
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct im_json *j, const char *p, size_t n)
{
	if (j->failed)
		return;
	if (j->len + n + 1 > j->cap) {
		size_t cap;
		char *grown = __builtin_mul_overflow(j->cap + n + 1, 2, &cap) ? NULL : realloc(j->text, cap);

		if (!grown) {
			j->failed = true;
			return;
		}
		j->text = grown;
		j->cap = cap;
	}
	memcpy(j->text + j->len, p, n);
	j->len += n;
	j->text[j->len] = 0;
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

	while (s[n] >= 0x20 && s[n] < 0x7f && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

static void quote(struct im_json *j, const char *value)
{
	const uint8_t *s = (const uint8_t *)value;
	char hex[8];

	puts_(j, "\"");
	while (*s) {
		size_t plain = plain_len(s), n = plain ? plain : utf8_len(s);

		if (plain) {
			put(j, (const char *)s, n);
		} else if (!n) {
			puts_(j, "\xef\xbf\xbd");
			n = 1;
		} else if (*s == '"' || *s == '\\') {
			put(j, "\\", 1);
			put(j, (const char *)s, 1);
		} else if (*s < 0x20 || *s == 0x7f) {
			snprintf(hex, sizeof(hex), "\\u%04x", *s);
			puts_(j, hex);
		} else {
			put(j, (const char *)s, n);
		}
		s += n;
	}
	puts_(j, "\"");
}

static void begin(struct im_json *j, const char *key)
{
	if (j->needs_comma)
		puts_(j, ",");
	j->needs_comma = true;
	if (key) {
		quote(j, key);
		puts_(j, ":");
	}
}

void im_json_open(struct im_json *j, const char *key, char bracket)
{
	begin(j, key);
	put(j, &bracket, 1);
	j->needs_comma = false;
}

void im_json_close(struct im_json *j, char bracket)
{
	put(j, bracket == '{' ? "}" : "]", 1);
	j->needs_comma = true;
}

void im_json_uint(struct im_json *j, const char *key, uint64_t value)
{
	char text[24];

	begin(j, key);
	snprintf(text, sizeof(text), "%" PRIu64, value);
	puts_(j, text);
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
	if (j->failed) {
		free(j->text);
		return NULL;
	}
	return j->text;
}
