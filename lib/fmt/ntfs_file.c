/* ntfs_file.c - all records of a file, and a stream with all its extents. */
#include <stdlib.h>

#include "fmt/ntfs_list.h"
#include "fmt/ntfs_runs.h"

#define RECORDS_MAX 2048	/* of one file */

static const uint8_t no_name[1];

/* Append record n of the file; the base record when the file has none yet. */
static int add_record(struct im_ntfs *fs, struct im_ntfs_file *file, uint64_t n, struct im_error *err)
{
	uint64_t base = file->records.n ? file->number : UINT64_MAX;
	uint8_t *buf = malloc(fs->g.record), **slot;
	int got = buf ? im_ntfs_record(fs, n, buf, err) : im_error_nomem(err);

	if (got == IM_FOUND && im_ntfs_record_base(buf) != base)
		got = IM_DAMAGED;
	/* an extension that is not there is damage; a base record that is not there is no file */
	if (got == IM_ABSENT && file->records.n)
		got = IM_DAMAGED;
	slot = got == IM_FOUND ? im_vec_push(&file->records, err) : NULL;
	if (!slot) {
		free(buf);
		return got == IM_FOUND ? -1 : got;
	}
	*slot = buf;
	return IM_FOUND;
}

static int by_record(const void *a, const void *b)
{
	const struct im_ntfs_list_entry *x = a, *y = b;

	return (x->record > y->record) - (x->record < y->record);
}

int im_ntfs_file_open(struct im_ntfs *fs, uint64_t number, struct im_ntfs_file *file, struct im_error *err)
{
	im_ntfs_list list = { 0 };
	uint64_t last = number;
	int got;

	*file = (struct im_ntfs_file){ .number = number };
	got = add_record(fs, file, number, err);
	if (got == IM_FOUND)
		got = im_ntfs_list_read(fs, file->records.v[0], &list, err);
	if (list.n)
		qsort(list.v, list.n, sizeof(*list.v), by_record);
	for (size_t i = 0; got == IM_FOUND && i < list.n; i++) {
		if (list.v[i].record == last || list.v[i].record == number)
			continue;
		last = list.v[i].record;
		got = file->records.n < RECORDS_MAX ? add_record(fs, file, last, err) : IM_DAMAGED;
	}
	im_vec_free(&list);
	if (got == IM_ABSENT && file->records.n)
		got = IM_FOUND;		/* no attribute list */
	if (got != IM_FOUND)
		im_ntfs_file_close(file);
	return got;
}

void im_ntfs_file_close(struct im_ntfs_file *file)
{
	for (size_t i = 0; i < file->records.n; i++)
		free(file->records.v[i]);
	im_vec_free(&file->records);
}

typedef IM_VEC(struct im_ntfs_attr) extents;

static int collect(const struct im_ntfs_file *file, uint32_t type, const uint8_t *name, uint8_t name_len, extents *out,
		   struct im_error *err)
{
	for (size_t i = 0; i < file->records.n; i++) {
		struct im_ntfs_attr attr, *n;
		uint32_t pos = 0;
		int got;

		while ((got = im_ntfs_attr_next(file->records.v[i], &pos, &attr)) == 1) {
			if (!im_ntfs_attr_is(&attr, type, name, name_len))
				continue;
			n = im_vec_push(out, err);
			if (!n)
				return -1;
			*n = attr;
		}
		if (got < 0)
			return IM_DAMAGED;
	}
	return out->n ? IM_FOUND : IM_ABSENT;
}

static int by_vcn(const void *a, const void *b)
{
	const struct im_ntfs_attr *x = a, *y = b;

	return (x->first_vcn > y->first_vcn) - (x->first_vcn < y->first_vcn);
}

/* The extents lie end to end from VCN 0. */
static int join(struct im_ntfs *fs, extents *all, struct im_ntfs_stream *s, struct im_error *err)
{
	const struct im_ntfs_attr *first = all->v;

	qsort(all->v, all->n, sizeof(*all->v), by_vcn);
	*s = (struct im_ntfs_stream){
		.is_resident = first->is_resident, .flags = first->flags, .allocated = first->allocated,
		.size = first->size, .initialized = first->initialized, .compressed = first->compressed,
		.compression_unit = first->compression_unit,
	};
	if (first->is_resident)
		return all->n == 1 ? IM_FOUND : IM_DAMAGED;
	for (size_t i = 0; i < all->n; i++) {
		int got;

		if (all->v[i].is_resident || all->v[i].first_vcn != im_ntfs_runs_end(&s->runs))
			return IM_DAMAGED;
		got = im_ntfs_runs_add(&s->runs, &all->v[i], &fs->g, err);
		if (got != IM_FOUND)
			return got;
	}
	return IM_FOUND;
}

int im_ntfs_stream(struct im_ntfs *fs, const struct im_ntfs_file *file, uint32_t type, const uint8_t *name,
		   uint8_t name_len, struct im_ntfs_stream *stream, struct im_error *err)
{
	extents all = { 0 };
	int got;

	*stream = (struct im_ntfs_stream){ 0 };
	got = collect(file, type, name, name_len, &all, err);
	if (got == IM_FOUND)
		got = join(fs, &all, stream, err);
	im_vec_free(&all);
	if (got != IM_FOUND)
		im_ntfs_stream_close(stream);
	return got;
}

void im_ntfs_stream_close(struct im_ntfs_stream *stream)
{
	im_vec_free(&stream->runs);
}

int im_ntfs_stream_of(struct im_ntfs *fs, uint64_t number, uint32_t type, struct im_ntfs_stream *stream,
		      struct im_error *err)
{
	struct im_ntfs_file file;
	int got = im_ntfs_file_open(fs, number, &file, err);

	*stream = (struct im_ntfs_stream){ 0 };
	if (got != IM_FOUND)
		return got;
	got = im_ntfs_stream(fs, &file, type, no_name, 0, stream, err);
	im_ntfs_file_close(&file);
	return got;
}
