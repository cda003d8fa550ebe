/* ntfs_path.c - the path of a file, from its names and its parents'. */
#include <stdio.h>
#include <string.h>

#include "fmt/fs_util.h"
#include "fmt/ntfs.h"

#define DEPTH_MAX 128

/* The value of a $FILE_NAME attribute. */
struct name {
	le64 parent;		/* 0x00 48 bits of record number, 16 of sequence number */
	uint8_t unused[0x38];
	uint8_t len;		/* 0x40 units */
	uint8_t space;		/* 0x41 0 POSIX, 1 Win32, 2 DOS, 3 Win32 and DOS */
	uint8_t text[];		/* 0x42 UTF-16LE */
};

static_assert(offsetof(struct name, text) == 0x42, "the name at 0x42");

/* The best name among the file's records: any but a DOS one, if there is another. NULL: none. */
static const struct name *best_name(const struct im_ntfs_file *file)
{
	const struct name *best = NULL;

	for (size_t i = 0; i < file->records.n; i++) {
		struct im_ntfs_attr attr;
		uint32_t pos = 0;

		while (im_ntfs_attr_next(file->records.v[i], &pos, &attr) == 1) {
			const struct name *n = (const void *)attr.value;

			if (attr.type != IM_NTFS_FILE_NAME || !attr.is_resident || attr.value_len < sizeof(*n) ||
			    attr.value_len - sizeof(*n) < 2u * n->len)
				continue;
			if (!best || best->space == 2)
				best = n;
		}
	}
	return best;
}

/* Put "\name" in front of the path that ends at `end` of out and begins at *start. false: no room. */
static bool prepend(char *out, size_t *start, const char *name)
{
	size_t n = strlen(name);

	if (n + 1 > *start)
		return false;
	*start -= n + 1;
	out[*start] = '\\';
	memcpy(out + *start + 1, name, n);
	return true;
}

/* "…" in front of what there is, at the start of a character. */
static void cut_front(char *out, size_t *start)
{
	static const char dots[] = "…";

	while (*start < sizeof(dots) - 1 || (out[*start] & 0xc0) == 0x80)
		(*start)++;
	*start -= sizeof(dots) - 1;
	memcpy(out + *start, dots, sizeof(dots) - 1);
}

/* The name and the parent of a file. A name that cannot be had is "?" and ends the path. */
static int step(struct im_ntfs *fs, uint64_t *number, char *text, size_t size, struct im_error *err)
{
	struct im_ntfs_file file;
	const struct name *name;
	int got = im_ntfs_file_open(fs, *number, &file, err);

	if (got < 0)
		return -1;
	name = got == IM_FOUND ? best_name(&file) : NULL;
	if (name) {
		im_fs_label_utf16le(text, size, name->text, name->len);
		*number = im_le64(name->parent) & 0xffffffffffff;
	} else {
		snprintf(text, size, "?");
		*number = IM_NTFS_ROOT;
	}
	if (got == IM_FOUND)
		im_ntfs_file_close(&file);
	return 0;
}

int im_ntfs_path(struct im_ntfs *fs, uint64_t number, char *out, size_t size, struct im_error *err)
{
	char text[3 * IM_NTFS_NAME_MAX + 1];
	size_t start = size - 1;
	bool fits = true;

	out[start] = 0;
	for (int depth = 0; fits && (number != IM_NTFS_ROOT || !depth); depth++) {
		if (number == IM_NTFS_ROOT) {
			fits = prepend(out, &start, "");
			break;
		}
		if (depth == DEPTH_MAX)
			snprintf(text, sizeof(text), "?");
		else if (step(fs, &number, text, sizeof(text), err) < 0)
			return -1;
		fits = prepend(out, &start, text);
		if (depth == DEPTH_MAX)
			break;
	}
	if (!fits)
		cut_front(out, &start);
	memmove(out, out + start, size - start);
	return 0;
}
