/* boot_grub.c - GRUB 2 knows by absolute sectors where core.img lies: keep that true.
 *
 * Every sector that a list names must come to lie somewhere. Where a list is torn apart, as by clusters that leave a boot area,
 * it becomes several. What the map says of it is not believed, but compared through the corrected view.
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
	struct im_grub_list lists[IM_GRUB_LISTS_MAX], new_lists[IM_GRUB_LISTS_MAX];
	size_t n, new_n;
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

/* Where byte off comes to lie, and how many of the len bytes from there go along. */
static uint64_t place_of(const struct im_plan_context *ctx, uint64_t off, uint64_t len, uint64_t *n)
{
	const struct im_map *map = ctx->map;
	uint64_t to = im_layout_moved(ctx->layout, off);
	const struct im_segment *s = to < map->new_size ? &map->segs.v[im_map_find(map, to)] : NULL;

	/* with its partition, or, from a boot area, on a way of its own */
	if (s && (s->kind == IM_KEEP ? to == off : s->kind == IM_FROM && s->from + (to - s->start) == off)) {
		*n = im_min(len, s->start + s->len - to);
		return to;
	}
	for (size_t i = 0; i < map->segs.n; i++) {
		s = &map->segs.v[i];
		if (s->kind == IM_FROM && s->from <= off && off - s->from < s->len) {
			*n = im_min(len, s->len - (off - s->from));
			return s->start + (off - s->from);
		}
	}
	/* a sector that is written anew, perhaps with the same content */
	*n = im_min(len, IM_GRUB_SECTOR);
	return to;
}

/* Where [off, off+len) comes to lie, or the first *n bytes of it. 1; 0: nowhere, or it is beyond the disk; -1. */
static int follow(struct im_plan_context *ctx, struct im_dev *view, uint64_t off, uint64_t len, uint64_t *new_off, uint64_t *n,
		  struct im_error *err)
{
	if (!len || off >= ctx->dev->size || len > ctx->dev->size - off)
		return 0;
	*new_off = place_of(ctx, off, len, n);
	if (*n % IM_GRUB_SECTOR || *new_off % IM_GRUB_SECTOR || *new_off >= view->size || *n > view->size - *new_off)
		return 0;
	return is_same(ctx, view, off, *new_off, *n, err);
}

/* One list, as it will be: one or more of the new ones. 1, 0, -1. */
static int follow_list(struct im_plan_context *ctx, struct im_dev *view, struct core *c, const struct im_grub_list *list,
		       struct im_error *err)
{
	uint64_t off = list->sector * IM_GRUB_SECTOR, len = (uint64_t)list->n * IM_GRUB_SECTOR, new_off, n;
	uint16_t segment = list->segment;

	for (; len; off += n, len -= n) {
		int kept = c->new_n < IM_GRUB_LISTS_MAX ? follow(ctx, view, off, len, &new_off, &n, err) : 0;

		if (kept != 1)
			return kept;
		c->new_lists[c->new_n++] = (struct im_grub_list){ new_off / IM_GRUB_SECTOR, (uint32_t)(n / IM_GRUB_SECTOR), segment };
		segment = (uint16_t)(segment + n / 16);
	}
	return 1;
}

/* core.img as boot.img at byte `at` names it, and where its parts come to lie. 1, 0 with a clause in why, -1. */
static int find(struct im_plan_context *ctx, struct im_dev *view, uint64_t at, struct core *c, const char **why, struct im_error *err)
{
	uint8_t boot[IM_BOOT_SECTOR];
	uint64_t total = 0, n;
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
	kept = follow(ctx, view, c->at, sizeof(c->first), &c->new_at, &n, err);
	for (size_t i = 0; kept == 1 && i < c->n; i++) {
		total += (uint64_t)c->lists[i].n * IM_GRUB_SECTOR;
		kept = total > CORE_MAX ? 0 : follow_list(ctx, view, c, &c->lists[i], err);
	}
	return kept;
}

static bool is_still(const struct core *c)
{
	for (size_t i = 0; i < c->n && c->n == c->new_n; i++)
		if (c->new_lists[i].sector != c->lists[i].sector)
			return false;
	return c->n == c->new_n && c->new_at == c->at;
}

/* Lay what changes over what the map gives so far. 1; 0: there is no room for more lists; -1. */
static int rewrite(struct im_plan_context *ctx, struct im_dev *view, const struct core *c, uint64_t boot_at, struct im_error *err)
{
	uint8_t sector[IM_GRUB_SECTOR];
	char reason[200];

	if (im_dev_read(view, c->new_at, sector, sizeof(sector), err) < 0)
		return -1;
	if (!im_grub_put_lists(sector, c->n, c->new_lists, c->new_n))
		return 0;
	if (im_map_literal(ctx, c->new_at, sector, sizeof(sector), _("GRUB 2: where the rest of core.img comes to lie"), err) < 0 ||
	    im_dev_read(view, boot_at, sector, sizeof(sector), err) < 0)
		return -1;
	im_put64(sector + IM_GRUB_NEXT, c->new_at / IM_GRUB_SECTOR);
	im_say(reason, sizeof(reason), "GRUB 2: its next stage is in sector %" PRIu64 " → %" PRIu64, c->at / IM_GRUB_SECTOR,
	       c->new_at / IM_GRUB_SECTOR);
	return im_map_literal(ctx, boot_at, sector, sizeof(sector), reason, err) < 0 ? -1 : 1;
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
	if (kept == 1 && !is_still(&c)) {
		kept = rewrite(ctx, view, &c, new_at, err);
		why = N_("its next stage (core.img) would be torn into more pieces than its list has room for");
	}
	if (kept < 0)
		rc = -1;
	else if (!kept)
		rc = im_boot_doubt(ctx, code, where, at, why, err);
	else if (is_still(&c))
		rc = im_plan_note(ctx->plan, err, "GRUB 2 in %s finds its next stage in sector %" PRIu64 ", which stays where it is, as do the"
				  " sectors that it lists", where, c.at / IM_GRUB_SECTOR);
	else
		rc = im_plan_note(ctx->plan, err, "GRUB 2 in %s finds its next stage by sector numbers, which are rewritten: sector %" PRIu64
				  " → %" PRIu64, where, c.at / IM_GRUB_SECTOR, c.new_at / IM_GRUB_SECTOR);
	im_dev_close(view);
	return rc;
}
