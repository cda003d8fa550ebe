/* fuzz_filesystems.c - every reader of volumes on each input, and the edits that follow a move.
 *
 * Oracle: no read fails; edits stay inside the volume; a volume whose new position was recorded is still the same
 * volume, records that position, and has a backup that is a copy.
 */
#include <string.h>

#include "base/bytes.h"
#include "fmt/free.h"
#include "fmt/fs_types.h"
#include "fuzz.h"

#define SIZE_MAX_BYTES (8ull << 30)
#define FORMATS 20

static void check_info(const struct im_fs_info *info)
{
	FUZZ_CHECK(info->name && info->name[0], "no name");
	FUZZ_CHECK(info->state == IM_FOUND || info->state == IM_DAMAGED, "state %d", info->state);
	FUZZ_CHECK(memchr(info->label, 0, sizeof(info->label)) && memchr(info->uuid, 0, sizeof(info->uuid)), "text");
}

/* The volume with the edits in it, read again: what its type makes of it. */
static void apply(struct im_dev *vol, const struct im_fs_edits *edits, const struct im_fs_type *type,
		  struct im_fs_info *info)
{
	struct im_error err = { 0 };
	struct im_dev *overlay = im_dev_overlay(vol, &err);
	int got;

	if (!overlay)
		abort();
	for (size_t i = 0; i < edits->list.n; i++) {
		const struct im_fs_edit *e = &edits->list.v[i];
		uint64_t end;

		FUZZ_CHECK(im_add(e->off, e->len, &end) && end <= vol->size, "an edit of %u bytes at %llu of %llu", e->len,
			   (unsigned long long)e->off, (unsigned long long)vol->size);
		FUZZ_CHECK(e->reason[0] && memchr(e->reason, 0, sizeof(e->reason)), "no reason");
		FUZZ_CHECK(im_dev_write(overlay, e->off, e->data, e->len, &err) == 0, "%s", err.message);
	}
	memset(info, 0, sizeof(*info));
	got = type->probe(overlay, info, &err);
	FUZZ_CHECK(got == IM_FOUND, "the edited volume is no %s any more: %d", type->name, got);
	im_dev_close(overlay);
}

static void relocate(struct im_dev *vol, const struct im_fs_info *info, const struct im_fs_type *type, uint64_t hidden)
{
	struct im_fs_edits edits = { 0 };
	struct im_error err = { 0 };
	struct im_fs_info now;

	if (type->relocate(vol, info, hidden, &edits, &err) == 0) {
		apply(vol, &edits, type, &now);
		FUZZ_CHECK(strcmp(now.name, info->name) == 0 && now.size == info->size, "another volume");
		/* FAT without extended fields that records nothing but zeros may have no such field */
		FUZZ_CHECK(!info->has_hidden || (now.hidden == hidden && (now.has_hidden || !hidden)), "position %llu, not %llu",
			   (unsigned long long)now.hidden, (unsigned long long)hidden);
		FUZZ_CHECK(!info->has_hidden || !info->has_backup || !now.backup_stale, "a stale backup");
	} else {
		FUZZ_NO_EIO(&err);
		FUZZ_CHECK(err.message[0], "no message");
	}
	im_fs_edits_free(&edits);
}

static void refresh(struct im_dev *vol, const struct im_fs_info *info, const struct im_fs_type *type)
{
	struct im_fs_edits edits = { 0 };
	struct im_error err = { 0 };
	struct im_fs_info now;

	if (type->refresh_backup(vol, info, &edits, &err) == 0) {
		apply(vol, &edits, type, &now);
		FUZZ_CHECK(!now.has_backup || !now.backup_stale || !info->has_backup, "a stale backup");
		FUZZ_CHECK(now.hidden == info->hidden && now.size == info->size, "another volume");
	} else {
		FUZZ_NO_EIO(&err);
	}
	im_fs_edits_free(&edits);
}

/* Free ranges are in order, apart and inside. */
static void look_for_free(struct im_dev *vol, const struct im_fs_info *info)
{
	struct im_error err = { 0 };
	struct im_free f;
	uint64_t at = 0;
	int rc = im_free_find(vol, info, &f, &err);

	FUZZ_CHECK(rc >= 0, "%s", err.message);
	FUZZ_CHECK(rc == IM_FOUND || (f.why && !f.list.n), "no reason");
	for (size_t i = 0; i < f.list.n; i++) {
		uint64_t end;

		FUZZ_CHECK(f.list.v[i].off >= at && im_add(f.list.v[i].off, f.list.v[i].len, &end) && end <= vol->size, "range %zu", i);
		at = end;
	}
	im_free_done(&f);
}

FUZZ_TARGET(filesystems)
{
	const struct im_fs_type *types[FORMATS];
	struct im_fs_info found[FORMATS];
	struct im_error err = { 0 };
	struct fuzz_head head;
	struct im_dev *dev[2];
	int n;

	if (!fuzz_devices(data, size, SIZE_MAX_BYTES, false, &head, dev))
		return 0;
	if (head.flags & FUZZ_SEAL)
		fuzz_seal_volume(dev[0]);
	n = im_fs_probe(dev[0], found, types, FORMATS, &err);
	FUZZ_CHECK(n >= 0, "%s", err.message);
	for (int i = 0; i < n; i++) {
		check_info(&found[i]);
		look_for_free(dev[0], &found[i]);
		if (found[i].state == IM_FOUND && types[i]->relocate)
			relocate(dev[0], &found[i], types[i], head.number);
		if (found[i].state == IM_FOUND && types[i]->refresh_backup)
			refresh(dev[0], &found[i], types[i]);
	}
	im_dev_close(dev[0]);
	return 0;
}
