/* json.h - a small streaming writer of JSON (RFC 8259).
 *
 * Numbers are exact unsigned 64-bit integers. Strings must be UTF-8; bytes that are not become U+FFFD.
 * Commas and colons come by themselves. A failed allocation sticks: im_json_end then returns NULL.
 */
#ifndef IM_BASE_JSON_H
#define IM_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct im_json {
	char *text;
	size_t len, cap;
	bool failed, needs_comma;
};

void im_json_open(struct im_json *j, const char *key, char bracket);	/* '{' or '['; key NULL in arrays */
void im_json_close(struct im_json *j, char bracket);
void im_json_uint(struct im_json *j, const char *key, uint64_t value);
void im_json_bool(struct im_json *j, const char *key, bool value);
void im_json_string(struct im_json *j, const char *key, const char *value);
void im_json_base64(struct im_json *j, const char *key, const uint8_t *p, size_t len);

/* The finished text without a newline, for the caller to free; NULL without memory. */
char *im_json_end(struct im_json *j);

#endif
