/* shadow_keep.c - see shadow_keep.h. */
#include "plan/shadow_keep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "plan/inside.h"
#include "plan/shadow_keeper.h"
#include "scan/ntfs_area.h"
#include "scan/shadows.h"

#define LITERALS_MAX 32			/* blocks */

/* ---- one block ---- */

bool im_shadow_is_kept(const struct im_shadow_keeper *k, int from, uint64_t off)
{
	for (size_t i = (size_t)from; i < k->cat.list.n; i++) {
		const struct im_vss_slot *slot = im_vss_table_find(&k->tables[i], off);

		if (slot && slot->kind != IM_VSS_NOTHING)
			return true;
	}
	return false;
}

/* Does the view of snapshot i reach that far? */
static bool reaches(const struct im_shadow_keeper *k, int i, uint64_t off)
{
	uint64_t size = k->cat.list.v[i].volume_size;

	return !size || off < size;
}

/* The newest snapshot that reads the block from the volume; -1: none. */
static int who_reads(const struct im_shadow_keeper *k, uint64_t off)
{
	for (int i = (int)k->cat.list.n - 1; i >= 0; i--) {
		if (!reaches(k, i, off))
			continue;
		/* it has its own, and older ones take it from there */
		if (im_shadow_is_kept(k, i, off))
			return -1;
		if (!im_vss_table_is_unused(&k->tables[i], off))
			return i;
	}
	return -1;
}

/* Is it to be hidden: not in use for the newest snapshot, which the others are read through? */
static bool is_to_hide(const struct im_shadow_keeper *k, int who, uint64_t off)
{
	int newest = (int)k->cat.list.n - 1;

	return k->hides && who < newest && reaches(k, newest, off);
}

/* A few blocks as literals: then no old byte has two places, and the plan can still be carried out by moving blocks of the host. */
static int lay_run(struct im_shadow_keeper *k, struct im_error *err)
{
	struct im_map *map = k->ctx->map;
	uint64_t n = k->run.len, to = k->start + k->run.to;
	char reason[320];
	uint8_t *bytes;
	int rc;

	k->run.len = 0;
	im_say(reason, sizeof(reason), "kept for snapshot %d: blocks of 16 KiB in which something changes", k->run.who + 1);
	if (!n || k->changed.n > LITERALS_MAX)
		return n ? im_map_from(map, to, n, k->v->start + k->run.from, reason, err) : 0;
	bytes = malloc(n);
	if (!bytes)
		return im_error_nomem(err);
	rc = im_dev_read(k->vol, k->run.from, bytes, n, err);
	if (rc == 0)
		rc = im_map_bytes(map, to, bytes, n, reason, err);
	free(bytes);
	return rc;
}

int im_shadow_lay_copy(struct im_shadow_keeper *k, int who, uint64_t off, uint64_t copy, struct im_error *err)
{
	uint64_t n = im_min(IM_VSS_BLOCK, k->vol->size - off);

	if (k->run.len && k->run.who == who && k->run.from + k->run.len == off && k->run.to + k->run.len == copy) {
		k->run.len += n;
		return 0;
	}
	if (lay_run(k, err) < 0)
		return -1;
	k->run.to = copy;
	k->run.from = off;
	k->run.len = n;
	k->run.who = who;
	return 0;
}

static int keep_block(struct im_shadow_keeper *k, uint64_t off, struct im_error *err)
{
	uint64_t copy;
	int who;

	if (im_shadow_is_taken(k, off))
		return im_error_at(err, IM_EREFUSED, off, "byte %" PRIu64 " of the volume, which would change, belongs to the shadow copies", off);
	for (size_t i = 0; i < k->cat.list.n; i++)
		if (im_vss_table_stands_for(&k->tables[i], off))
			return im_error_at(err, IM_EREFUSED, off, "byte %" PRIu64 " of the volume stands for another block of a snapshot", off);
	who = who_reads(k, off);
	if (is_to_hide(k, who, off))
		return im_shadow_hide_block(k, off, err);
	if (who < 0)
		return 0;
	if (im_shadow_room_add(&k->rooms[who], off, &copy, err) < 0 || im_shadow_blocks_add(&k->ours, copy, err) < 0)
		return -1;
	return im_shadow_lay_copy(k, who, off, copy, err);
}

static int lay_list(struct im_shadow_keeper *k, const struct im_list_block *b, struct im_error *err)
{
	const char *reason = _("the store's list of blocks names what is kept");
	struct im_map *map = k->ctx->map;
	uint64_t at = k->start + b->off;

	if (im_shadow_blocks_add(&k->ours, b->off, err) < 0)
		return -1;
	if (b->is_new)
		return im_map_bytes(map, at, b->bytes, IM_VSS_BLOCK, reason, err);
	if (b->next && im_map_bytes(map, at + 40, b->bytes + 40, 8, reason, err) < 0)
		return -1;
	return b->end > b->first ? im_map_bytes(map, at + b->first, b->bytes + b->first, b->end - b->first, reason, err) : 0;
}

static int lay_lists(struct im_shadow_keeper *k, struct im_error *err)
{
	for (size_t i = 0; i < k->cat.list.n; i++)
		for (size_t n = 0; n < k->rooms[i].blocks.n; n++)
			if (lay_list(k, &k->rooms[i].blocks.v[n], err) < 0)
				return -1;
	for (size_t i = 0; i < k->ours.n; i++)
		if (who_reads(k, k->ours.v[i]) >= 0)
			return im_error_at(err, IM_EREFUSED, k->ours.v[i], "byte %" PRIu64 " of the volume, in a store, counts as in use for a"
					   " snapshot", k->ours.v[i]);
	return 0;
}

/* ---- one volume ---- */

/* Forget what was read and laid for the snapshots; what changes is known still. */
static void start_again(struct im_shadow_keeper *k)
{
	for (size_t i = 0; k->tables && k->rooms && i < k->cat.list.n; i++) {
		im_vss_table_free(&k->tables[i]);
		im_shadow_room_free(&k->rooms[i]);
	}
	free(k->tables);
	free(k->rooms);
	k->tables = NULL;
	k->rooms = NULL;
	k->run.len = 0;
	k->zeros = 0;
	im_vec_free(&k->taken);
	im_vec_free(&k->ours);
	im_vss_catalog_free(&k->cat);
	k->cat = (struct im_vss_catalog){ 0 };
}

static void keeper_free(struct im_shadow_keeper *k)
{
	start_again(k);
	im_vec_free(&k->changed);
	im_dev_close(k->vol);
}

static int say_spared(const struct im_shadow_keeper *k, size_t kept, struct im_error *err)
{
	if (k->hides || k->cat.list.n == 1)
		return im_plan_note(k->ctx->plan, err, im_plural(k->cat.list.n,
				    "%zu snapshot of the volume at byte %" PRIu64 " shows the same before and after, in every byte: blocks of"
				    " 16 KiB that change (%zu) are kept in its store first, as Volsnap does; libvshadow's rules were followed,"
				    " Windows itself was not asked",
				    "%zu snapshots of the volume at byte %" PRIu64 " show the same before and after, in every byte: blocks of"
				    " 16 KiB that change (%zu) are kept in their stores first, as Volsnap does; libvshadow's rules were followed,"
				    " Windows itself was not asked"), k->cat.list.n, k->v->start, kept);
	return im_plan_note(k->ctx->plan, err, "%zu snapshots of the volume at byte %" PRIu64 " show the same before and after, in all that they"
			    " have in use: blocks of 16 KiB that change (%zu) are kept in their stores first, as Volsnap does; libvshadow's"
			    " rules were followed, Windows itself was not asked", k->cat.list.n, k->v->start, kept);
}

static int spare(struct im_shadow_keeper *k, uint64_t catalog, struct im_error *err)
{
	size_t kept;

	if (im_shadow_load(k, catalog, err) < 0)
		return -1;
	k->hides = k->hides && k->cat.list.n > 1;
	for (size_t i = 0; i < k->changed.n; i++)
		if (keep_block(k, k->changed.v[i], err) < 0)
			return -1;
	kept = k->ours.n;
	if ((k->hides && im_shadow_hide(k, err) < 0) || lay_run(k, err) < 0 || lay_lists(k, err) < 0 || im_shadow_prove(k, err) < 0)
		return -1;
	return say_spared(k, kept, err);
}

/* Where the volume's catalog is, as far as the scan knows; 0: it has none. */
static uint64_t catalog_of(const struct im_volume *v)
{
	if (v->shadows && v->shadows->way)
		return v->shadows->catalog.off;
	return v->area && v->area->has_vss ? v->area->vss.catalog : 0;
}

/* Does the plan do more inside the volume than to correct what it says of its own position? */
static bool is_inside(const struct im_shadow_keeper *k)
{
	const struct im_insides *insides = k->ctx->insides;

	for (size_t i = 0; insides && i < insides->list.n; i++)
		if (&k->ctx->scan->volumes.v[insides->list.v[i].volume] == k->v)
			return true;
	return false;
}

/* Spare the snapshots, or leave the map as it was: IM_EREFUSED. */
static int attempt(struct im_shadow_keeper *k, uint64_t catalog, bool hides, struct im_error *err)
{
	struct im_map before = { 0 };
	int rc;

	start_again(k);
	k->hides = hides;
	if (im_map_copy(&before, k->ctx->map, err) < 0)
		return -1;
	rc = spare(k, catalog, err);
	if (rc == 0 && k->ctx->map->segs.n > IM_MAP_SEGMENTS_MAX)
		rc = im_error_set(err, IM_EREFUSED, "the plan would have too many pieces");
	if (rc < 0 && err->code == IM_EFORMAT)
		err->code = IM_EREFUSED;
	if (rc == 0 || err->code != IM_EREFUSED) {
		im_map_free(&before);
		return rc;
	}
	im_map_free(k->ctx->map);
	*k->ctx->map = before;
	return -1;
}

/* Every byte that any snapshot shows, or else at least what they have in use. */
static int try(struct im_shadow_keeper *k, uint64_t catalog, struct im_error *err)
{
	int rc = attempt(k, catalog, true, err);

	if (rc < 0 && err->code == IM_EREFUSED && k->hides)
		rc = attempt(k, catalog, false, err);
	if (rc == 0 || err->code != IM_EREFUSED)
		return rc;
	if (is_inside(k))
		return im_error_prefix(err, "the NTFS volume at byte %" PRIu64 " has shadow copies, and what changes inside it cannot be kept for"
				       " them; delete them in Windows first (`vssadmin delete shadows`), or allow it with --allow=snapshots",
				       k->v->start);
	return im_plan_note(k->ctx->plan, err, "the volume at byte %" PRIu64 " has shadow copies, which move with it; its corrected boot sector"
			    " will show in them as well (%s)", k->v->start, err->message);
}

static int one_volume(struct im_plan_context *ctx, const struct im_volume *v, struct im_error *err)
{
	struct im_shadow_keeper k = { .ctx = ctx, .v = v, .start = im_layout_start(ctx->layout, v->start) };
	uint64_t catalog = catalog_of(v);
	int rc;

	if (!catalog)
		return 0;
	k.vol = im_dev_window(ctx->dev, v->start, v->there, err);
	rc = k.vol ? im_shadow_find_changed(&k, err) : -1;
	if (rc == 0 && k.changed.n)
		rc = !ctx->options->allow_snapshots ? try(&k, catalog, err) :
		     im_plan_note(ctx->plan, err, im_plural(k.changed.n,
				  "the volume at byte %" PRIu64 " has shadow copies, which stay; in the %zu block of 16 KiB that changes they will"
				  " show today's content, not that of their time",
				  "the volume at byte %" PRIu64 " has shadow copies, which stay; in the %zu blocks of 16 KiB that change they will"
				  " show today's content, not that of their time"), v->start, k.changed.n);
	keeper_free(&k);
	return rc;
}

int im_shadow_keep(struct im_plan_context *ctx, struct im_error *err)
{
	for (size_t i = 0; i < ctx->scan->volumes.n; i++)
		if (one_volume(ctx, &ctx->scan->volumes.v[i], err) < 0)
			return -1;
	return 0;
}
