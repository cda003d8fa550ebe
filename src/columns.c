/* columns.c - text that comes from images and file names, as the output can show it, and columns that stay straight.
 *
 * A label or a name may hold anything: escape sequences, characters that turn the direction of writing, half characters. What is
 * shown of it moves no cursor, and its width is known. Where the locale is not UTF-8 all that is not ASCII is written as an escape.
 */
#include <config.h>
#include <langinfo.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "program.h"

/* Signs of our own, as they are drawn in ASCII. */
static const struct { uint32_t sign; const char *plain; } signs[] = {
	{ 0x2192, "->" }, { 0x2026, "..." }, { 0xb7, "." }, { 0xfffd, "?" },
};

bool is_locale_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

bool is_plain(void)
{
	return !is_locale_utf8() || !isatty(STDOUT_FILENO);
}

int32_t next_character(const char **text)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)*text;
	size_t need = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	uint32_t c = need == 1 ? p[0] : p[0] & (0x7fu >> need);

	*text += 1;
	if (p[0] >= 0xf8 || (p[0] >= 0x80 && p[0] < 0xc0))
		return -1;
	/* the byte that ends the text is no part of a character */
	for (size_t i = 1; i < need; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[need] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return -1;
	*text += need - 1;
	return (int32_t)c;
}

/* Controls, and what turns the direction of writing, breaks lines or cannot be seen. */
bool is_harmful(int32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x200b || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff0 && c <= 0xfffb) ||
	       (c >= 0xe0000 && c <= 0xe0fff);
}

const char *escape_of(int32_t c, unsigned char byte, char buf[16])
{
	if (c < 0x80)
		snprintf(buf, 16, "\\x%02X", byte);
	else
		snprintf(buf, 16, c > 0xffff ? "\\U%08X" : "\\u%04X", (unsigned)c);
	return buf;
}

/* What stands for one of our signs where it cannot be drawn; NULL: c is none, or can be. */
static const char *plain_sign(int32_t c)
{
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (c == (int32_t)signs[i].sign)
			return is_plain() && !(c == 0xfffd && is_locale_utf8()) ? signs[i].plain : NULL;
	return NULL;
}

/* One character of the text, as it is shown. */
static void show(const char *from, size_t len, int32_t c, char out[16])
{
	const char *plain = c < 0x80 ? NULL : plain_sign(c);

	if (plain)
		strcpy(out, plain);
	else if (is_harmful(c) || (c >= 0x80 && (!is_locale_utf8() || wcwidth((wchar_t)c) < 0)))
		escape_of(c, (unsigned char)*from, out);
	else
		snprintf(out, 16, "%.*s", (int)len, from);
}

const char *shown(const char *text, char buf[SHOWN_MAX])
{
	size_t n = 0;

	while (*text) {
		const char *from = text;
		int32_t c = next_character(&text);
		char one[16];

		show(from, (size_t)(text - from), c, one);
		if (n + strlen(one) + 4 > SHOWN_MAX) {
			strcpy(buf + n, "...");
			return buf;
		}
		n += (size_t)snprintf(buf + n, SHOWN_MAX - n, "%s", one);
	}
	buf[n] = 0;
	return buf;
}

void put_shown(FILE *out, const char *text)
{
	char buf[SHOWN_MAX];

	fputs(shown(text, buf), out);
}

int width_of(const char *text)
{
	int width = 0;

	if (!is_locale_utf8())
		return (int)strlen(text);
	while (*text) {
		int32_t c = next_character(&text);
		int w = c < 0 ? 1 : wcwidth((wchar_t)c);

		width += w < 0 ? 1 : w;
	}
	return width;
}

void put_column(FILE *out, const char *text, int width)
{
	int room = (width < 0 ? -width : width) - width_of(text);

	fprintf(out, "%*s%s%*s", width > 0 && room > 0 ? room : 0, "", text, width < 0 && room > 0 ? room : 0, "");
}
