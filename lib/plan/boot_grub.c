/* boot_grub.c - GRUB 2 knows by absolute sectors where core.img lies: keep that true.
 *
 * Every sector that a list names must come to lie whole somewhere, all of one list together. That is not inferred from
 * the layout but read through the corrected view.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/intl.h"
#include "fmt/grub.h"
#include "plan/boot.h"

#define CORE_MAX (16u << 20)	/* bytes; core.img is loaded below the first MiB, and unpacks itself */
#define CHUNK (64u << 10)

/* All offsets in bytes. */
struct core {
	uint64_t at, new_at;		/* of its first sector */
	uint8_t first[IM_GRUB_SECTOR];
	struct im_grub_list lists[IM_GRUB_LISTS_MAX];
	uint64_t new_lists[IM_GRUB_LISTS_MAX];
	size_t n;
};

/* Do [off, off+len) of the old disk and as many bytes at new_off of the corrected one hold the same? 1, 0, -1. */
static int is_same(struct im_plan_context *ctx, struct im_dev *view, uint64_t off, uint64_t new_off, uint64_t len, struct im_error *err)
{
	uint8_t *buf = malloc(2 * CHUNK);
	int same = 1;

	if (!buf)
		return im_error_nomem(err);
	for (uint64_t done = 0; same == 1 && done < len; done += CHUNK) {
		uint64_t n = im_min(CHUNK, len - done);

		if (im_dev_read(ctx->dev, off + done, buf, n, err) < 0 || im_dev_read(view, new_off + done, buf + CHUNK, n, err) < 0)
			same = -1;
		else
			same = memcmp(buf, buf + CHUNK, n) == 0;
	}
	free(buf);
	return same;
}

/* Where [off, off+len) comes to lie. 1 with *new_off; 0: it is torn apart, overwritten, or beyond the disk; -1. */
static int follow(struct im_plan_context *ctx, struct im_dev *view, uint64_t off, uint64_t len, uint64_t *new_off, struct im_error *err)
{
	uint64_t last;

	if (!len || off >= ctx->dev->size || len > ctx->dev->size - off)
		return 0;
	*new_off = im_layout_moved(ctx->layout, off);
	last = im_layout_moved(ctx->layout, off + len - 1);
	if (last - *new_off != len - 1 || *new_off >= view->size || len > view->size - *new_off)
		return 0;
	return is_same(ctx, view, off, *new_off, len, err);
}

/* core.img as boot.img at byte `at` names it, and where its parts come to lie. 1, 0 with a clause in why, -1. */
static int find(struct im_plan_context *ctx, struct im_dev *view, uint64_t at, struct core *c, const char **why, struct im_error *err)
{
	uint8_t boot[IM_BOOT_SECTOR];
	uint64_t total = 0;
	int kept;

	if (im_dev_read(ctx->dev, at, boot, sizeof(boot), err) < 0)
		return -1;
	*why = N_("the sectors that it names as its next stage are none, or beyond the end of the disk");
	if (!im_mul(im_get64(boot + IM_GRUB_NEXT), IM_GRUB_SECTOR, &c->at) || c->at >= ctx->dev->size ||
	    ctx->dev->size - c->at < sizeof(c->first))
		return 0;
	if (im_dev_read(ctx->dev, c->at, c->first, sizeof(c->first), err) < 0)
		return -1;
	if (!im_grub_lists(c->first, c->lists, &c->n))
		return 0;
	*why = N_("the correction would overwrite its next stage (core.img), or tear it apart");
	kept = follow(ctx, view, c->at, sizeof(c->first), &c->new_at, err);
	for (size_t i = 0; kept == 1 && i < c->n; i++) {
		uint64_t len = (uint64_t)c->lists[i].n * IM_GRUB_SECTOR;

		total += len;
		kept = total > CORE_MAX ? 0 : follow(ctx, view, c->lists[i].sector * IM_GRUB_SECTOR, len, &c->new_lists[i], err);
	}
	return kept;
}

static bool is_still(const struct core *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->new_lists[i] != c->lists[i].sector * IM_GRUB_SECTOR)
			return false;
	return c->new_at == c->at;
}

/* Set a number of 64 bits in the sector at `at` of the corrected disk, as the map gives it so far. */
static int put(struct im_plan_context *ctx, struct im_dev *view, uint64_t at, unsigned offset, uint64_t value, const char *reason,
	       struct im_error *err)
{
	uint8_t sector[IM_GRUB_SECTOR];

	if (im_dev_read(view, at, sector, sizeof(sector), err) < 0)
		return -1;
	im_put64(sector + offset, value);
	return im_map_literal(ctx, at, sector, sizeof(sector), reason, err);
}

static int rewrite(struct im_plan_context *ctx, struct im_dev *view, const struct core *c, uint64_t boot_at, struct im_error *err)
{
	char reason[200];

	im_say(reason, sizeof(reason), "GRUB 2: its next stage is in sector %" PRIu64 " → %" PRIu64, c->at / IM_GRUB_SECTOR,
		 c->new_at / IM_GRUB_SECTOR);
	if (c->new_at != c->at && put(ctx, view, boot_at, IM_GRUB_NEXT, c->new_at / IM_GRUB_SECTOR, reason, err) < 0)
		return -1;
	for (size_t i = 0; i < c->n; i++)
		if (put(ctx, view, c->new_at, c->lists[i].at, c->new_lists[i] / IM_GRUB_SECTOR,
			_("GRUB 2: where the rest of core.img comes to lie"), err) < 0)
			return -1;
	return 0;
}

int im_boot_grub(struct im_plan_context *ctx, const struct im_boot_code *code, const char *where, uint64_t at, uint64_t new_at,
		 struct im_error *err)
{
	struct core c = { 0 };
	struct im_dev *view;
	const char *why;
	int kept, rc;

	if (ctx->scan->sector_size != IM_GRUB_SECTOR)
		return im_boot_doubt(ctx, code, where, at, N_("what it counts on a disk with sectors of 4096 bytes is not known"), err);
	view = im_map_view(ctx->map, ctx->dev, err);
	if (!view)
		return -1;
	kept = find(ctx, view, at, &c, &why, err);
	if (kept < 0)
		rc = -1;
	else if (!kept)
		rc = im_boot_doubt(ctx, code, where, at, why, err);
	else if (is_still(&c))
		rc = im_plan_note(ctx->plan, err, "GRUB 2 in %s finds its next stage in sector %" PRIu64 ", which stays where it is, as do the"
				  " sectors that it lists", where, c.at / IM_GRUB_SECTOR);
	else if ((rc = rewrite(ctx, view, &c, new_at, err)) == 0)
		rc = im_plan_note(ctx->plan, err, "GRUB 2 in %s finds its next stage by sector numbers, which are rewritten: sector %" PRIu64
				  " → %" PRIu64, where, c.at / IM_GRUB_SECTOR, c.new_at / IM_GRUB_SECTOR);
	im_dev_close(view);
	return rc;
}
