/* boot_grub.c - GRUB 2 knows by absolute sectors where core.img lies: keep that true.
 *
 * Every sector that a list names must come to lie somewhere. Where a list is torn apart, as by clusters that leave a boot area,
 * it becomes several. Where sectors go is told by the map as it is before any of this is laid: several first stages may name one
 * core.img.
 */
#include <inttypes.h>

#include "base/bytes.h"
#include "base/intl.h"
#include "plan/boot.h"

#define CORE_MAX (16u << 20)	/* bytes; core.img is loaded below the first MiB, and unpacks itself */
#define OWN_DISK 0xff

struct job {
	struct im_plan_context *ctx;
	const struct im_map *map;	/* before */
	struct im_boot_core core;
	uint64_t new_at;		/* of its first sector */
	struct im_grub_list new_lists[IM_GRUB_LISTS_MAX];
	size_t n;
};

int im_boot_core_at(struct im_dev *dev, uint64_t at, struct im_boot_core *core, const char **why, struct im_error *err)
{
	uint8_t boot[IM_BOOT_SECTOR];
	uint64_t total = 0;

	*why = N_("the next stage that it names is not there");
	if (im_dev_read(dev, at, boot, sizeof(boot), err) < 0)
		return -1;
	if (boot[IM_GRUB_DRIVE] != OWN_DISK) {
		*why = N_("it names a next stage on a disk by the BIOS' number");
		return 0;
	}
	if (!im_mul(im_get64(boot + IM_GRUB_NEXT), IM_GRUB_SECTOR, &core->at) || core->at >= dev->size ||
	    dev->size - core->at < sizeof(core->first))
		return 0;
	if (im_dev_read(dev, core->at, core->first, sizeof(core->first), err) < 0)
		return -1;
	if (!im_grub_lists(core->first, core->lists, &core->n))
		return 0;
	for (size_t i = 0; i < core->n; i++) {
		uint64_t off = core->lists[i].sector * IM_GRUB_SECTOR, len = (uint64_t)core->lists[i].n * IM_GRUB_SECTOR;

		total += len;
		if (off >= dev->size || len > dev->size - off || total > CORE_MAX)
			return 0;
	}
	return 1;
}

/* Where byte off comes to lie, and how many of the len bytes from there go along. False: nowhere. */
static bool place_of(const struct job *j, uint64_t off, uint64_t len, uint64_t *to, uint64_t *n)
{
	const struct im_map *map = j->map;
	const struct im_segment *s;

	*to = im_layout_moved(j->ctx->layout, off);
	s = *to < map->new_size ? &map->segs.v[im_map_find(map, *to)] : NULL;
	/* with its partition, or, from a boot area, on a way of its own */
	if (s && (s->kind == IM_KEEP ? *to == off : s->kind == IM_FROM && s->from + (*to - s->start) == off)) {
		*n = im_min(len, s->start + s->len - *to);
		return true;
	}
	for (size_t i = 0; i < map->segs.n; i++) {
		s = &map->segs.v[i];
		if (s->kind == IM_FROM && s->from <= off && off - s->from < s->len) {
			*n = im_min(len, s->len - (off - s->from));
			*to = s->start + (off - s->from);
			return true;
		}
	}
	return false;
}

/* One list, as it will be: one or more of the new ones. */
static bool follow(struct job *j, const struct im_grub_list *list)
{
	uint64_t off = list->sector * IM_GRUB_SECTOR, len = (uint64_t)list->n * IM_GRUB_SECTOR, to, n;
	uint16_t segment = list->segment;

	for (; len; off += n, len -= n) {
		if (j->n >= IM_GRUB_LISTS_MAX || !place_of(j, off, len, &to, &n) || n % IM_GRUB_SECTOR || to % IM_GRUB_SECTOR)
			return false;
		j->new_lists[j->n++] = (struct im_grub_list){ to / IM_GRUB_SECTOR, (uint32_t)(n / IM_GRUB_SECTOR), segment };
		segment = (uint16_t)(segment + n / 16);
	}
	return true;
}

static bool follow_all(struct job *j)
{
	uint64_t n;

	if (!place_of(j, j->core.at, IM_GRUB_SECTOR, &j->new_at, &n) || n != IM_GRUB_SECTOR || j->new_at % IM_GRUB_SECTOR)
		return false;
	for (size_t i = 0; i < j->core.n; i++)
		if (!follow(j, &j->core.lists[i]))
			return false;
	return true;
}

static bool is_still(const struct job *j)
{
	for (size_t i = 0; i < j->n && j->n == j->core.n; i++)
		if (j->new_lists[i].sector != j->core.lists[i].sector)
			return false;
	return j->n == j->core.n && j->new_at == j->core.at;
}

/* Lay what changes. The first sector of core.img is laid whole: where two stages name it, twice the same. */
static int lay(struct job *j, const struct im_boot_stage *stage, struct im_error *err)
{
	uint8_t next[8];
	char reason[200];

	im_put64(next, j->new_at / IM_GRUB_SECTOR);
	im_say(reason, sizeof(reason), "GRUB 2: its next stage is in sector %" PRIu64 " → %" PRIu64, j->core.at / IM_GRUB_SECTOR,
	       j->new_at / IM_GRUB_SECTOR);
	if (im_map_patch(j->ctx, stage->new_at + IM_GRUB_NEXT, next, sizeof(next), reason, err) < 0)
		return -1;
	return im_map_literal(j->ctx, j->new_at, j->core.first, sizeof(j->core.first),
			      _("GRUB 2: where the rest of core.img comes to lie"), err);
}

static int one_grub(struct im_plan_context *ctx, const struct im_map *before, const struct im_boot_stage *stage, struct im_error *err)
{
	struct job j = { .ctx = ctx, .map = before };
	struct im_plan *plan = ctx->plan;
	const char *why;
	int found;

	if (ctx->scan->sector_size != IM_GRUB_SECTOR)
		return im_boot_doubt(ctx, stage, N_("what it counts on a disk with sectors of 4096 bytes is not known"), err);
	found = im_boot_core_at(ctx->dev, stage->at, &j.core, &why, err);
	if (found <= 0)
		return found < 0 ? -1 : im_boot_doubt(ctx, stage, why, err);
	if (!follow_all(&j))
		return im_boot_doubt(ctx, stage, N_("the correction would overwrite its next stage (core.img), or tear it apart"), err);
	if (is_still(&j))
		return im_plan_note(plan, err, "GRUB 2 in %s finds its next stage in sector %" PRIu64 ", which stays where it is, as do the"
				    " sectors that it lists", stage->where, j.core.at / IM_GRUB_SECTOR);
	if (!im_grub_put_lists(j.core.first, j.core.n, j.new_lists, j.n))
		return im_boot_doubt(ctx, stage, N_("its next stage (core.img) would be torn into more pieces than its list has room for"), err);
	if (lay(&j, stage, err) < 0)
		return -1;
	return im_plan_note(plan, err, "GRUB 2 in %s finds its next stage by sector numbers, which are rewritten: sector %" PRIu64
			    " → %" PRIu64, stage->where, j.core.at / IM_GRUB_SECTOR, j.new_at / IM_GRUB_SECTOR);
}

int im_boot_grubs(struct im_plan_context *ctx, const im_boot_stages *stages, struct im_error *err)
{
	struct im_map before = { 0 };
	int rc = im_map_copy(&before, ctx->map, err);

	for (size_t i = 0; rc == 0 && i < stages->n; i++)
		if (stages->v[i].code->way == IM_BOOT_GRUB)
			rc = one_grub(ctx, &before, &stages->v[i], err);
	im_map_free(&before);
	return rc;
}
