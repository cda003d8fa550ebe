/* fs_util.h - what several readers of volumes need: a read that may miss, labels, UUIDs. */
#ifndef IM_FMT_FS_UTIL_H
#define IM_FMT_FS_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/dev.h"

/* Read [off, off+len) of vol into buf. Returns 1; 0 when the range does not lie wholly inside the
 * volume (buf untouched: a probe takes that for "not there"); -1 when the read failed. */
int im_fs_peek(struct im_dev *vol, uint64_t off, void *buf, size_t len, struct im_error *err);

/* A label as it lies on disk, into out (outsize bytes, always ended by NUL) as printable UTF-8:
 * stops at the first NUL, drops trailing spaces, puts U+FFFD for what is not UTF-8 or is a control
 * character, and cuts only between characters. */
void im_fs_label(char *out, size_t outsize, const uint8_t *in, size_t len);

/* The same from UTF-16; units counts 16-bit units. */
void im_fs_label_utf16le(char *out, size_t outsize, const uint8_t *in, size_t units);

/* 16 bytes in the order in which they lie there, as 8-4-4-4-12 lower-case hexadecimal digits. */
void im_fs_uuid(char out[40], const uint8_t bytes[16]);

/* The same of a GUID, of which the first three parts are little-endian numbers, in upper case. */
void im_fs_guid(char out[40], const uint8_t bytes[16]);

/* The other way: 36 characters in any case, whatever follows them. False: that is no GUID. */
bool im_fs_guid_parse(uint8_t bytes[16], const char *text);

/* The serial number of FAT and exFAT as "ABCD-1234". */
void im_fs_serial(char out[40], uint32_t serial);

#endif
