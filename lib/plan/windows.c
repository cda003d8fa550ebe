/* windows.c - which hives there are, and what is to be said where one cannot be changed. */
#include "plan/windows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/hive.h"
#include "adapt/windows.h"
#include "base/intl.h"
#include "fmt/fatdir.h"
#include "fmt/fs.h"

static const char advice[] = N_("run `bcdboot` (or `bootrec /rebuildbcd`) in Windows' recovery environment afterwards; drive letters are"
			       " given anew in Disk Management");

/* A volume as it will be. */
struct volume {
	struct im_plan_context *ctx;
	const struct im_volume *v;
	uint64_t new_start;
	struct im_dev *dev;
	struct im_windows found;
};

/* `what`: the subject of the sentence, why: a clause. */
static int doubt(const struct volume *vol, const char *what, const char *why, struct im_error *err)
{
	struct im_plan_context *ctx = vol->ctx;

	what = _(what);
	why = _(why);
	if (ctx->options->allow_boot_code)
		return im_plan_note(ctx->plan, err, "partition %d: %s keeps the old positions: %s; %s", vol->v->number, what, why,
				    _(advice));
	return im_error_at(err, IM_EREFUSED, vol->v->start, "Windows knows partitions of this disk by their byte offsets, and %s of partition %d"
			   " cannot follow the move: %s; allow it with --allow=unknown-boot-code and %s", what, vol->v->number, why,
			   _(advice));
}

/* IM_FOUND, IM_ABSENT, IM_DAMAGED with why, -1. Of the file at least the first `most` bytes. */
static int locate(const struct volume *vol, enum im_windows_file which, uint64_t most, struct im_file_map *file, const char **why,
		  struct im_error *err)
{
	if (im_fs_is_fat(vol->v->info[0].name))
		return im_fat_file(vol->dev, im_windows_paths[which], most, file, why, err);
	return im_file_map_ntfs(file, vol->dev, vol->found.record[which], why, err);
}

/* "\Boot\BCD" */
static void path_of(enum im_windows_file which, char out[64])
{
	snprintf(out, 64, "\\%s", im_windows_paths[which]);
	for (char *p = out; *p; p++)
		if (*p == '/')
			*p = '\\';
}

static int one_hive(const struct volume *vol, enum im_windows_file which, struct im_error *err)
{
	bool is_bcd = which == IM_WINDOWS_BOOT_BCD || which == IM_WINDOWS_EFI_BCD;
	struct im_file_map file = { 0 };
	char path[64], title[160], why[160];
	const char *clause = N_("it is not where libntfs-3g found it");
	int rc;

	path_of(which, path);
	im_say(title, sizeof(title), is_bcd ? N_("the boot configuration (%s)") : N_("the registry with the drive letters (%s)"), path);
	rc = locate(vol, which, IM_HIVE_MAX, &file, &clause, err);
	if (rc >= 0 && rc != IM_FOUND)
		rc = doubt(vol, title, clause, err);
	else if (rc == IM_FOUND) {
		rc = im_windows_hive(vol->ctx, &file, vol->dev, vol->new_start, is_bcd, title, why, err);
		if (rc > 0)
			rc = doubt(vol, title, why, err);
	}
	im_file_map_free(&file);
	return rc;
}

/* A system that was put to sleep goes on with the drive letters that it had, and writes them over what is changed here. */
static int check_asleep(const struct volume *vol, struct im_error *err)
{
	static const char marks[2][4] = { { 'h', 'i', 'b', 'r' }, { 'H', 'I', 'B', 'R' } };
	struct im_file_map file = { 0 };
	const char *why;
	char mark[4] = "";
	int rc = locate(vol, IM_WINDOWS_HIBERNATED, sizeof(mark), &file, &why, err), found = rc;

	if (rc == IM_FOUND && file.valid >= sizeof(mark))
		rc = im_file_map_read(&file, vol->dev, 0, mark, sizeof(mark), err);
	im_file_map_free(&file);
	if (rc < 0)
		return -1;
	if (found == IM_DAMAGED)
		return doubt(vol, N_("the system"), N_("it may be hibernated (\\hiberfil.sys cannot be read); start it and shut it down fully first"),
			     err);
	if (memcmp(mark, marks[0], sizeof(mark)) != 0 && memcmp(mark, marks[1], sizeof(mark)) != 0)
		return 0;
	return doubt(vol, N_("the system"), N_("it is hibernated (\\hiberfil.sys); start it and shut it down fully first"), err);
}

static int hives_of(const struct volume *vol, struct im_error *err)
{
	const struct im_windows *w = &vol->found;

	for (int i = 0; i < IM_WINDOWS_HIBERNATED; i++)
		if (w->has[i] && one_hive(vol, i, err) < 0)
			return -1;
	if (!w->has[IM_WINDOWS_HIVE] && !w->has[IM_WINDOWS_NT_HIVE])
		return 0;
	if (w->has[IM_WINDOWS_HIBERNATED] && check_asleep(vol, err) < 0)
		return -1;
	return im_plan_note(vol->ctx->plan, err, "partition %d: the settings of Windows' recovery environment (ReAgent.xml) are not edited; if"
			    " `reagentc /info` does not find it afterwards, run `reagentc /disable` and `reagentc /enable`", vol->v->number);
}

/* ---- which volumes ---- */

static bool is_named(const struct im_volume *v, const char *name)
{
	for (int i = 0; i < v->n_formats; i++)
		if (strcmp(v->info[i].name, name) == 0)
			return true;
	return false;
}

/* What a look at all volumes found before one of them is changed. */
struct survey {
	struct im_windows *found;	/* of each volume */
	bool has_bcd;			/* the disk has a boot configuration */
	bool may_boot;			/* … or what starts one, or where one may be */
};

/* The volume as the map has it before hives are edited; what lies behind its end in a cut-off image is not there. */
static struct im_dev *window_of(struct im_plan_context *ctx, const struct im_volume *v, struct im_dev *view, struct im_error *err)
{
	uint64_t start = im_layout_start(ctx->layout, v->start), size = im_layout_size(ctx->layout, v->start, v->there);

	return im_dev_window(view, start, size, err);
}

/* Can nobody tell what is on this volume of Windows? */
static bool is_closed(const struct survey *s, const struct im_scan *scan, size_t i)
{
	const struct im_volume *v = &scan->volumes.v[i];

	return is_named(v, "ntfs") && (v->n_formats != 1 || v->state != IM_FOUND || s->found[i].is_closed);
}

static int survey(struct survey *s, struct im_plan_context *ctx, struct im_dev *view, struct im_error *err)
{
	bool some_closed = false;

	for (size_t i = 0; i < ctx->scan->volumes.n; i++) {
		const struct im_volume *v = &ctx->scan->volumes.v[i];
		struct im_dev *dev;
		int rc;

		if (v->n_formats == 1 && v->state == IM_FOUND && (im_fs_is_fat(v->info[0].name) || is_named(v, "ntfs"))) {
			dev = window_of(ctx, v, view, err);
			rc = dev ? im_windows_look(dev, 0, dev->size, v->info[0].name, &s->found[i], err) : -1;
			im_dev_close(dev);
			if (rc < 0)
				return -1;
		}
		s->has_bcd |= s->found[i].has[IM_WINDOWS_BOOT_BCD] || s->found[i].has[IM_WINDOWS_EFI_BCD];
		some_closed |= is_closed(s, ctx->scan, i);
	}
	s->may_boot = s->has_bcd || (some_closed && ctx->scan->boot.by_bios);
	return 0;
}

/* Where the disk starts a Windows, or may do so, it may be in here; else this is somebody's data. */
static int cannot_look(const struct survey *s, const struct volume *vol, const char *why, struct im_error *err)
{
	if (s->may_boot)
		return doubt(vol, N_("what lies there"), why, err);
	return im_plan_note(vol->ctx->plan, err, "partition %d: %s; if a Windows system is in it, it may not know its drives afterwards: %s",
			    vol->v->number, _(why), _(advice));
}

static int one_volume(struct im_plan_context *ctx, const struct survey *s, size_t i, struct im_dev *view, struct im_error *err)
{
	const struct im_volume *v = &ctx->scan->volumes.v[i];
	struct volume vol = { .ctx = ctx, .v = v, .new_start = im_layout_start(ctx->layout, v->start), .found = s->found[i] };
	int rc;

	if (is_named(v, "bitlocker"))
		return cannot_look(s, &vol, N_("it is encrypted (BitLocker)"), err);
	if (is_closed(s, ctx->scan, i))
		return cannot_look(s, &vol, N_("it cannot be searched for Windows' registry"), err);
	vol.dev = window_of(ctx, v, view, err);
	rc = vol.dev ? hives_of(&vol, err) : -1;
	im_dev_close(vol.dev);
	return rc;
}

static int all_volumes(struct im_plan_context *ctx, struct im_dev *view, struct im_error *err)
{
	struct survey s = { .found = calloc(ctx->scan->volumes.n + 1, sizeof(*s.found)) };
	int rc = s.found ? survey(&s, ctx, view, err) : im_error_nomem(err);

	for (size_t i = 0; rc == 0 && i < ctx->scan->volumes.n; i++)
		if (!ctx->scan->volumes.v[i].is_extended)
			rc = one_volume(ctx, &s, i, view, err);
	free(s.found);
	return rc;
}

static bool has_windows_volume(const struct im_scan *scan)
{
	for (size_t i = 0; i < scan->volumes.n; i++)
		if (is_named(&scan->volumes.v[i], "ntfs") || is_named(&scan->volumes.v[i], "bitlocker"))
			return true;
	return false;
}

static bool moves(const struct im_plan_context *ctx)
{
	for (size_t i = 0; i < ctx->scan->volumes.n; i++) {
		const struct im_volume *v = &ctx->scan->volumes.v[i];

		if (im_layout_start(ctx->layout, v->start) != v->start)
			return true;
	}
	return false;
}

int im_map_windows(struct im_plan_context *ctx, struct im_error *err)
{
	enum im_table table = ctx->scan->table;
	struct im_map before = { 0 };
	struct im_dev *view;
	int rc;

	if (!moves(ctx) || (table != IM_TABLE_DOS && table != IM_TABLE_GPT))
		return 0;
	/* a hybrid's Windows sees the MBR */
	if (table == IM_TABLE_GPT && !ctx->scan->mbr.is_hybrid)
		return !has_windows_volume(ctx->scan) ? 0 :
			im_plan_note(ctx->plan, err, "Windows knows the partitions of a disk with a GPT by their GUIDs, which stay");
	/* one hive may be reached by two paths: what is edited is never read */
	if (im_map_copy(&before, ctx->map, err) < 0)
		return -1;
	view = im_map_view(&before, ctx->dev, err);
	rc = view ? all_volumes(ctx, view, err) : -1;
	im_dev_close(view);
	im_map_free(&before);
	return rc;
}
