/* windows.c - which hives there are, and what is to be said where one cannot be changed. */
#include "plan/windows.h"

#include <stdio.h>
#include <string.h>

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

static bool is_fat(const struct im_volume *v)
{
	return strncmp(v->info[0].name, "fat", 3) == 0;
}

/* IM_FOUND, IM_ABSENT, IM_DAMAGED with why, -1. */
static int locate(const struct volume *vol, enum im_windows_file which, struct im_file_map *file, const char **why,
		  struct im_error *err)
{
	if (is_fat(vol->v))
		return im_fat_file(vol->dev, im_windows_paths[which], file, why, err);
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
	rc = locate(vol, which, &file, &clause, err);
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
	struct im_file_map file = { 0 };
	const char *why;
	char mark[4] = "";
	int rc = locate(vol, IM_WINDOWS_HIBERNATED, &file, &why, err);

	if (rc == IM_FOUND && file.size >= sizeof(mark))
		rc = im_file_map_read(&file, vol->dev, 0, mark, sizeof(mark), err);
	im_file_map_free(&file);
	if (rc < 0)
		return -1;
	if (memcmp(mark, "hibr", 4) != 0 && memcmp(mark, "HIBR", 4) != 0)
		return 0;
	return doubt(vol, N_("the system"), N_("it is hibernated (\\hiberfil.sys); start it and shut it down fully first"), err);
}

static int hives_of(const struct volume *vol, struct im_error *err)
{
	for (int i = 0; i < IM_WINDOWS_HIBERNATED; i++)
		if (vol->found.has[i] && one_hive(vol, i, err) < 0)
			return -1;
	if (vol->found.has[IM_WINDOWS_HIBERNATED] && (vol->found.has[IM_WINDOWS_HIVE] || vol->found.has[IM_WINDOWS_NT_HIVE]))
		return check_asleep(vol, err);
	return 0;
}

static int look_into(struct im_plan_context *ctx, const struct im_volume *v, struct im_dev *view, bool *has_bcd, struct im_error *err)
{
	struct volume vol = { .ctx = ctx, .v = v, .new_start = im_layout_start(ctx->layout, v->start) };
	int rc;

	vol.dev = im_dev_window(view, vol.new_start, v->there, err);
	if (!vol.dev)
		return -1;
	rc = im_windows_look(vol.dev, 0, vol.dev->size, v->info[0].name, &vol.found, err);
	if (rc == 0 && vol.found.is_closed)
		rc = im_plan_note(ctx->plan, err, "partition %d could not be searched for Windows' boot configuration and drive letters",
				  v->number);
	*has_bcd |= (vol.found.what & IM_WINDOWS_BCD) != 0;
	if (rc == 0)
		rc = hives_of(&vol, err);
	im_dev_close(vol.dev);
	return rc;
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

static bool is_locked(const struct im_volume *v)
{
	return v->n_formats && strcmp(v->info[0].name, "bitlocker") == 0;
}

/* What is locked may be a Windows system where the disk has a boot configuration that starts it; else it is somebody's data. */
static int look_at_locked(struct im_plan_context *ctx, const struct im_volume *v, bool has_bcd, struct im_error *err)
{
	struct volume vol = { .ctx = ctx, .v = v };

	if (has_bcd)
		return doubt(&vol, N_("what lies there"), N_("it is encrypted (BitLocker)"), err);
	return im_plan_note(ctx->plan, err, "partition %d is encrypted (BitLocker); if a Windows system is in it, it may not know its drives"
			    " afterwards: %s", v->number, _(advice));
}

static int look_everywhere(struct im_plan_context *ctx, struct im_dev *view, struct im_error *err)
{
	bool has_bcd = false;

	for (size_t i = 0; i < ctx->scan->volumes.n; i++) {
		const struct im_volume *v = &ctx->scan->volumes.v[i];

		if (v->n_formats == 1 && v->state == IM_FOUND && look_into(ctx, v, view, &has_bcd, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < ctx->scan->volumes.n; i++)
		if (is_locked(&ctx->scan->volumes.v[i]) && look_at_locked(ctx, &ctx->scan->volumes.v[i], has_bcd, err) < 0)
			return -1;
	return 0;
}

static bool has_windows_volume(const struct im_scan *scan)
{
	for (size_t i = 0; i < scan->volumes.n; i++)
		if (scan->volumes.v[i].n_formats &&
		    (strcmp(scan->volumes.v[i].info[0].name, "ntfs") == 0 || is_locked(&scan->volumes.v[i])))
			return true;
	return false;
}

int im_map_windows(struct im_plan_context *ctx, struct im_error *err)
{
	struct im_dev *view;
	int rc;

	if (!moves(ctx))
		return 0;
	if (ctx->scan->table == IM_TABLE_GPT)
		return !has_windows_volume(ctx->scan) ? 0 :
			im_plan_note(ctx->plan, err, "Windows knows the partitions of a disk with a GPT by their GUIDs, which stay");
	if (ctx->scan->table != IM_TABLE_DOS)
		return 0;
	view = im_map_view(ctx->map, ctx->dev, err);
	if (!view)
		return -1;
	rc = look_everywhere(ctx, view, err);
	im_dev_close(view);
	return rc;
}
