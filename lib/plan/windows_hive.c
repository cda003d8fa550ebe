/* windows_hive.c - one hive: which of its values name a partition that moves, and what they say afterwards. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/hive.h"
#include "base/bytes.h"
#include "base/intl.h"
#include "fmt/fs.h"
#include "fmt/regf.h"
#include "fmt/windows_position.h"
#include "plan/windows.h"

#define POSITIONS_MAX 256u	/* in one hive that change */
#define VALUE_MAX 16344u	/* bytes; larger values lie in pieces, and none of them names a partition */

struct hive {
	struct im_plan_context *ctx;
	const struct im_file_map *file;
	struct im_dev *vol;
	uint64_t start;			/* of the volume on the corrected disk */
	bool is_bcd;
	const char *title;
	char *why;			/* 160 bytes */
	unsigned changed;		/* positions so far */
};

/* The partition that began at this byte and begins elsewhere now; false: none. */
static bool moved_to(const struct im_plan_context *ctx, uint64_t old, uint64_t *new)
{
	for (size_t i = 0; i < ctx->scan->volumes.n; i++) {
		const struct im_volume *v = &ctx->scan->volumes.v[i];

		*new = im_layout_start(ctx->layout, v->start);
		if (v->start == old && *new != old)
			return true;
	}
	return false;
}

/* Write the offset at byte `at` of the file, which may lie in two pieces of it. */
static int put(const struct hive *h, uint64_t at, uint64_t new, struct im_error *err)
{
	uint8_t bytes[8];
	char reason[240];
	uint64_t there;

	im_put64(bytes, new);
	im_say(reason, sizeof(reason), "%s: where partitions begin", h->title);
	for (size_t done = 0, n; done < sizeof(bytes); done += n) {
		uint64_t on_disk = h->start + im_file_map_at(h->file, at + done, &there);

		n = (size_t)im_min(there, sizeof(bytes) - done);
		if (im_map_patch(h->ctx, on_disk, bytes + done, n, reason, err) < 0)
			return -1;
	}
	return 0;
}

static bool next_position(const struct hive *h, const uint8_t *data, size_t len, size_t *at, bool is_first)
{
	uint32_t signature = h->ctx->scan->mbr.disk_id;

	if (h->is_bcd)
		return im_bcd_next_position(data, len, signature, at);
	return is_first && im_mounted_position(data, len, signature, at);
}

/* Does the value name a partition that moves in a form that is not known? */
static bool is_strange(const struct hive *h, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < h->ctx->scan->volumes.n; i++) {
		uint64_t start = h->ctx->scan->volumes.v[i].start, new;

		if (moved_to(h->ctx, start, &new) && im_windows_may_name(data, len, h->ctx->scan->mbr.disk_id, start))
			return true;
	}
	return false;
}

/* 0; 1 with why; -1. */
static int one_value(struct hive *h, const struct im_hive_value *v, uint8_t *data, struct im_error *err)
{
	size_t at = 0;

	if (v->len > VALUE_MAX || (h->is_bcd && !im_bcd_is_device(v->type)))
		return 0;
	if (im_file_map_read(h->file, h->vol, v->at, data, v->len, err) < 0)
		return -1;
	for (bool is_first = true; next_position(h, data, v->len, &at, is_first); is_first = false) {
		uint64_t old = im_get64(data + at), new;

		if (moved_to(h->ctx, old, &new)) {
			if (++h->changed > POSITIONS_MAX) {
				im_say(h->why, 160, "it names partitions in more than %u places", POSITIONS_MAX);
				return 1;
			}
			if (put(h, v->at + at, new, err) < 0 ||
			    im_plan_note(h->ctx->plan, err, "%s: %s names the partition at byte %" PRIu64 " → %" PRIu64, h->title, v->name,
					 old, new) < 0)
				return -1;
		}
		/* what is known is not looked through for what is not */
		memset(data + at, 0xff, 8);
		at += 8;
	}
	if (!is_strange(h, data, v->len))
		return 0;
	im_say(h->why, 160, "the record %.90s is of a form that is not known", v->name);
	return 1;
}

/* May the hive be believed? 0; 1 with why; -1. */
static int check_head(const struct hive *h, struct im_error *err)
{
	uint8_t block[IM_REGF_BLOCK];
	const char *clause = N_("it is no registry hive");

	if (h->file->valid >= sizeof(block)) {
		if (im_file_map_read(h->file, h->vol, 0, block, sizeof(block), err) < 0)
			return -1;
		if (im_regf_check(block, h->file->valid, &clause) == IM_FOUND)
			return 0;
	}
	snprintf(h->why, 160, "%s", _(clause));
	return 1;
}

int im_windows_hive(struct im_plan_context *ctx, const struct im_file_map *file, struct im_dev *vol, uint64_t start, bool is_bcd,
		    const char *title, char why[160], struct im_error *err)
{
	struct hive h = { .ctx = ctx, .file = file, .vol = vol, .start = start, .is_bcd = is_bcd, .title = title, .why = why };
	struct im_hive hive = { 0 };
	uint8_t *data = malloc(VALUE_MAX);
	int rc = data ? check_head(&h, err) : im_error_nomem(err);

	if (rc == 0)
		rc = im_hive_read(&hive, file, vol, is_bcd ? IM_HIVE_BCD : IM_HIVE_SYSTEM, why, err);
	for (size_t i = 0; rc == 0 && i < hive.values.n; i++)
		rc = one_value(&h, &hive.values.v[i], data, err);
	im_hive_free(&hive);
	free(data);
	return rc;
}
