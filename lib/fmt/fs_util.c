/* fs_util.c - a read that may miss, labels and UUIDs, for the readers of volumes. */
#include "fmt/fs_util.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#define REPLACEMENT 0xfffd

int im_fs_peek(struct im_dev *vol, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	if (off > vol->size || len > vol->size - off)
		return 0;
	return im_dev_read(vol, off, buf, len, err) < 0 ? -1 : 1;
}

/* A character that is safe to print: no control character (C0, DEL, C1), no surrogate. */
static uint32_t printable(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return REPLACEMENT;
	return c;
}

/* Append c in UTF-8; false when it does not fit before the final NUL. */
static bool append(char *out, size_t outsize, size_t *n, uint32_t c)
{
	size_t need = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	if (*n + need >= outsize)
		return false;
	for (size_t i = need - 1; i; i--, c >>= 6)
		out[*n + i] = (char)(0x80 | (c & 0x3f));
	out[*n] = (char)(lead[need] | c);
	*n += need;
	return true;
}

static void finish(char *out, size_t n)
{
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

/* Decode the character at p; *used is 1 and the result U+FFFD where there is no valid UTF-8. */
static uint32_t decode(const uint8_t *p, size_t len, size_t *used)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t need = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	uint32_t c = need == 1 ? p[0] : p[0] & (0x7fu >> need);

	*used = 1;
	if (p[0] >= 0xf8 || (p[0] >= 0x80 && p[0] < 0xc0) || need > len)
		return REPLACEMENT;
	for (size_t i = 1; i < need; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return REPLACEMENT;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[need])
		return REPLACEMENT;
	*used = need;
	return c;
}

void im_fs_label(char *out, size_t outsize, const uint8_t *in, size_t len)
{
	size_t n = 0, used;

	for (size_t i = 0; i < len && in[i]; i += used)
		if (!append(out, outsize, &n, printable(decode(in + i, len - i, &used))))
			break;
	finish(out, n);
}

void im_fs_label_utf16le(char *out, size_t outsize, const uint8_t *in, size_t units)
{
	size_t n = 0;

	for (size_t i = 0; i < units; i++) {
		uint32_t c = im_get16(in + 2 * i);

		if (!c)
			break;
		if (c >= 0xd800 && c < 0xdc00 && i + 1 < units) {
			uint32_t low = im_get16(in + 2 * i + 2);

			if (low >= 0xdc00 && low < 0xe000) {
				c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
				i++;
			}
		}
		if (!append(out, outsize, &n, printable(c)))
			break;
	}
	finish(out, n);
}

void im_fs_uuid(char out[40], const uint8_t b[16])
{
	snprintf(out, 40, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
		 b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

void im_fs_guid(char out[40], const uint8_t b[16])
{
	snprintf(out, 40, "%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X", im_get32(b), im_get16(b + 4), im_get16(b + 6), b[8], b[9],
		 b[10], b[11], b[12], b[13], b[14], b[15]);
}

bool im_fs_guid_parse(uint8_t bytes[16], const char *text)
{
	static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	size_t digits = 0;

	for (size_t i = 0; i < 36; i++) {
		static const char hex[] = "0123456789abcdef";
		const char *p = text[i] ? strchr(hex, text[i] >= 'A' ? text[i] | 0x20 : text[i]) : NULL;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return false;
			continue;
		}
		if (!p)
			return false;
		bytes[order[digits / 2]] = (uint8_t)(bytes[order[digits / 2]] << 4 | (p - hex));
		digits++;
	}
	return true;
}

void im_fs_serial(char out[40], uint32_t serial)
{
	snprintf(out, 40, "%04X-%04X", serial >> 16, serial & 0xffff);
}
