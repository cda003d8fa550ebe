/* ntfs_path.c - the path of a file, from its names and its parents'. */
#include <stdio.h>
#include <string.h>

#include "fmt/fs_util.h"
#include "fmt/ntfs.h"

#define DEPTH_MAX 128
#define SEARCHES_MAX 2	/* files on a path whose attribute lists are gone through for a name */

/* The value of a $FILE_NAME attribute. */
struct name {
	le64 parent;		/* 0x00 48 bits of record number, 16 of sequence number */
	uint8_t unused[0x38];
	uint8_t len;		/* 0x40 units */
	uint8_t space;		/* 0x41 0 POSIX, 1 Win32, 2 DOS, 3 Win32 and DOS */
	uint8_t text[];		/* 0x42 UTF-16LE */
};

static_assert(offsetof(struct name, text) == 0x42, "the name at 0x42");

static const struct name *name_in(const struct im_ntfs_attr *attr)
{
	const struct name *n = (const void *)attr->value;

	return attr->type != IM_NTFS_FILE_NAME || !attr->is_resident || attr->value_len < sizeof(*n) ||
	       attr->value_len - sizeof(*n) < 2u * n->len ? NULL : n;
}

bool im_ntfs_name(const struct im_ntfs_attr *attr, char *out, size_t size)
{
	const struct name *n = name_in(attr);

	if (n)
		im_fs_label_utf16le(out, size, n->text, n->len);
	return n != NULL;
}

/* The better of best and of what this record has: any but a DOS name, if there is another. NULL: none. */
static const struct name *best_in(const uint8_t *record, const struct name *best)
{
	struct im_ntfs_attr attr;
	uint32_t pos = 0;

	while (im_ntfs_attr_next(record, &pos, &attr) == 1) {
		const struct name *n = name_in(&attr);

		if (n && (!best || best->space == 2))
			best = n;
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

static void take(const struct name *name, uint64_t *number, char *text, size_t size)
{
	im_fs_label_utf16le(text, size, name->text, name->len);
	*number = im_le64(name->parent) & 0xffffffffffff;
}

/* A file whose names are all in extension records: there are few, and it may have many records. */
static int step_through_list(struct im_ntfs *fs, uint64_t *number, char *text, size_t size, struct im_error *err)
{
	const struct name *name = NULL;
	struct im_ntfs_file file;
	int got = im_ntfs_file_open(fs, *number, &file, err);

	*number = IM_NTFS_ROOT;
	if (got != IM_FOUND)
		return got < 0 ? -1 : 0;
	for (size_t i = 0; i < file.records.n; i++)
		name = best_in(file.records.v[i], name);
	if (name)
		take(name, number, text, size);
	im_ntfs_file_close(&file);
	return 0;
}

/* The name and the parent of a file. A name that cannot be had is "?" and ends the path. may_search: the list of the
 * file may be gone through as well. */
static int step(struct im_ntfs *fs, uint64_t *number, bool may_search, char *text, size_t size, struct im_error *err)
{
	uint8_t record[IM_NTFS_MAX_RECORD];
	const struct name *name;
	int got = im_ntfs_record(fs, *number, record, err);

	if (got < 0)
		return -1;
	snprintf(text, size, "?");
	name = got == IM_FOUND ? best_in(record, NULL) : NULL;
	if (name)
		take(name, number, text, size);
	else if (got == IM_FOUND && may_search)
		return step_through_list(fs, number, text, size, err);
	else
		*number = IM_NTFS_ROOT;
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
		else if (step(fs, &number, depth < SEARCHES_MAX, text, sizeof(text), err) < 0)
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
