/* shadow_files.c - the files in \System Volume Information that hold catalog and stores. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "fmt/fs_util.h"
#include "fmt/ntfs_runs.h"
#include "scan/shadows.h"

#define NAME_SIZE (3 * IM_NTFS_NAME_MAX + 1)
#define GUID_CHARS 38u			/* with its braces */
#define FILES_MAX 8192

struct walking {
	struct im_shadows *s;
	struct im_ntfs *fs;
};

/* Is this the name of such a file? */
static bool is_ours(const char *name, struct im_shadow_file *file)
{
	size_t n = strlen(name);

	*file = (struct im_shadow_file){ .start = UINT64_MAX };
	if (n == GUID_CHARS && strcasecmp(name, IM_VSS_FILE_GUID) == 0)
		file->is_catalog = true;
	else if (n != 2 * GUID_CHARS || strcasecmp(name + GUID_CHARS, IM_VSS_FILE_GUID) != 0)
		return false;
	return name[0] == '{' && name[GUID_CHARS - 1] == '}' && im_fs_guid_parse(file->id, name + 1);
}

/* Where the unnamed data of an opened record begins. */
static uint64_t start_of(const struct im_ntfs *fs, const uint8_t *record)
{
	static const uint8_t no_name[1];
	struct im_ntfs_pairs pairs;
	struct im_ntfs_attr attr;
	struct im_ntfs_run run;
	uint32_t pos = 0;

	while (im_ntfs_attr_next(record, &pos, &attr) == 1) {
		if (!im_ntfs_attr_is(&attr, IM_NTFS_DATA, no_name, 0) || attr.is_resident || attr.first_vcn)
			continue;
		im_ntfs_pairs_init(&pairs, &attr, fs->g.clusters);
		if (im_ntfs_pairs_next(&pairs, &run) == 1 && run.lcn != IM_NTFS_HOLE)
			return run.lcn * fs->g.cluster;
	}
	return UINT64_MAX;
}

static int look_at_record(void *arg, uint64_t number, uint8_t *record, struct im_error *err)
{
	struct walking *w = arg;
	struct im_shadow_file found, *n;
	struct im_ntfs_attr attr;
	char name[NAME_SIZE];
	uint32_t pos = 0;

	if (im_ntfs_record_open(record, w->fs->g.record) != IM_FOUND || im_ntfs_record_base(record) != UINT64_MAX)
		return 0;
	while (im_ntfs_attr_next(record, &pos, &attr) == 1) {
		if (attr.type > IM_NTFS_FILE_NAME)
			break;
		if (!im_ntfs_name(&attr, name, sizeof(name)) || !is_ours(name, &found) || w->s->files.n == FILES_MAX)
			continue;
		n = im_vec_push(&w->s->files, err);
		if (!n)
			return -1;
		found.reference = number | (uint64_t)im_ntfs_record_sequence(record) << 48;
		found.start = start_of(w->fs, record);
		*n = found;
		break;
	}
	return 0;
}

int im_shadow_files(struct im_shadows *s, struct im_dev *vol, struct im_error *err)
{
	struct im_ntfs fs;
	struct walking w = { s, &fs };
	const char *why;
	int got = im_ntfs_open(&fs, vol, &why, err);

	if (got == IM_FOUND)
		got = im_ntfs_each_record(&fs, look_at_record, &w, err);
	im_ntfs_close(&fs);
	return got < 0 ? -1 : 0;
}

struct placing {
	const im_ntfs_runs *runs;
	uint32_t cluster;
};

static int check_place(void *arg, const uint8_t *block, uint64_t off, const char **why, struct im_error *err)
{
	const struct placing *p = arg;

	(void)block;
	(void)err;
	*why = _("a block of it does not lie in its file");
	return im_ntfs_runs_hold(p->runs, p->cluster, off, IM_VSS_BLOCK) ? IM_FOUND : IM_DAMAGED;
}

/* In this file's clusters? FOUND, DAMAGED, -1. */
static int check_in_file(const struct im_shadows *s, struct im_dev *vol, const struct im_shadow_file *file, const char **why,
			 struct im_error *err)
{
	struct im_ntfs_stream stream = { 0 };
	struct im_ntfs fs;
	struct placing p;
	int got = im_ntfs_open(&fs, vol, why, err);

	if (got == IM_FOUND) {
		*why = _("its file cannot be read");
		got = im_ntfs_stream_of(&fs, file->reference & IM_SHADOW_RECORD, IM_NTFS_DATA, &stream, err);
	}
	p = (struct placing){ &stream.runs, fs.g.cluster };
	if (got == IM_FOUND)
		got = im_vss_walk(vol, s->catalog.off, IM_VSS_CATALOG, check_place, &p, why, err);
	im_ntfs_stream_close(&stream);
	im_ntfs_close(&fs);
	return got == IM_ABSENT ? IM_DAMAGED : got;
}

int im_shadow_check_catalog(struct im_shadows *s, struct im_dev *vol, struct im_error *err)
{
	const char *why = _("it has no file");
	int got = IM_DAMAGED;

	for (size_t i = 0; i < s->files.n && got == IM_DAMAGED; i++)
		if (s->files.v[i].is_catalog)
			got = check_in_file(s, vol, &s->files.v[i], &why, err);
	s->catalog_fault = got == IM_DAMAGED ? why : NULL;
	return got < 0 ? -1 : 0;
}

static const struct im_shadow_file *file_of(const struct im_shadows *s, const uint8_t id[16])
{
	for (size_t i = 0; i < s->files.n; i++)
		if (!s->files.v[i].is_catalog && !memcmp(s->files.v[i].id, id, 16))
			return &s->files.v[i];
	return NULL;
}

static bool is_named(const struct im_shadows *s, const struct im_shadow_file *f)
{
	for (size_t i = 0; i < s->catalog.list.n; i++)
		if (!memcmp(s->catalog.list.v[i].id, f->id, 16))
			return true;
	return false;
}

void im_shadow_check_files(struct im_shadows *s)
{
	for (size_t i = 0; i < s->catalog.list.n; i++) {
		struct im_vss_snapshot *snapshot = &s->catalog.list.v[i];
		const struct im_shadow_file *f = file_of(s, snapshot->id);

		if (snapshot->fault)
			continue;
		if (!f)
			snapshot->fault = _("the file of its store is not there");
		else if (f->reference != snapshot->file)
			snapshot->fault = _("the catalog names another file than the one of its store");
	}
	s->lost_files = 0;
	for (size_t i = 0; i < s->files.n; i++)
		s->lost_files += !s->files.v[i].is_catalog && !is_named(s, &s->files.v[i]);
}
