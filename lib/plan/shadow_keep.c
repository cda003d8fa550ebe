/* shadow_keep.c - see shadow_keep.h. */
#include "plan/shadow_keep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/vss_table.h"
#include "plan/inside.h"
#include "plan/shadow_room.h"
#include "scan/ntfs_area.h"
#include "scan/shadows.h"

#define LITERALS_MAX 32			/* blocks */
#define DESCRIPTORS_MAX (4u << 20)	/* of all snapshots of a volume: 64 GiB of copies */

typedef IM_VEC(uint64_t) offsets;

struct keeper {
	struct im_plan_context *ctx;
	const struct im_volume *v;
	uint64_t start;			/* of the volume, in the corrected image */
	struct im_dev *vol;		/* as it is */
	struct im_vss_catalog cat;
	struct im_vss_table *tables;	/* of every snapshot, the oldest first */
	struct im_shadow_room *rooms;
	offsets taken;			/* blocks of all stores and of the catalog, sorted */
	offsets changed;		/* blocks of the volume that the plan changes */
	offsets ours;			/* … and those that keeping them changes */
	struct { uint64_t to, from, len; int who; } run;	/* copies that lie one behind the other, not yet laid */
};

static int push(offsets *o, uint64_t off, struct im_error *err)
{
	uint64_t *n = o->n && o->v[o->n - 1] == off ? o->v : im_vec_push(o, err);

	if (!n)
		return -1;
	o->v[o->n - 1] = off;
	return 0;
}

/* ---- what changes ---- */

/* The volume as the map would have it. */
static struct im_dev *new_volume(const struct keeper *k, struct im_dev **view, struct im_error *err)
{
	struct im_dev *window;

	*view = im_map_view(k->ctx->map, k->ctx->dev, err);
	window = *view ? im_dev_window(*view, k->start, k->vol->size, err) : NULL;
	if (!window)
		im_dev_close(*view);
	return window;
}

static int read_block(struct im_dev *vol, uint64_t off, uint8_t *block, struct im_error *err)
{
	size_t n = (size_t)im_min(IM_VSS_BLOCK, vol->size - off);

	memset(block + n, 0, IM_VSS_BLOCK - n);
	return im_dev_read(vol, off, block, n, err);
}

/* Does the block change? The header of the shadow copies belongs to them, and counts for nothing. */
static int compare_block(struct keeper *k, struct im_dev *new, uint64_t off, uint8_t *two, struct im_error *err)
{
	uint8_t *a = two, *b = two + IM_VSS_BLOCK;

	if (read_block(k->vol, off, a, err) < 0 || read_block(new, off, b, err) < 0)
		return -1;
	if (!off) {
		memset(a + IM_VSS_HEADER, 0, IM_VSS_HEADER_SIZE);
		memset(b + IM_VSS_HEADER, 0, IM_VSS_HEADER_SIZE);
	}
	return memcmp(a, b, IM_VSS_BLOCK) == 0 ? 0 : push(&k->changed, off, err);
}

/* Is this segment what the volume has there already? */
static bool moves_with(const struct keeper *k, const struct im_segment *s)
{
	uint64_t from = s->kind == IM_KEEP ? s->start : s->from;

	return (s->kind == IM_KEEP || s->kind == IM_FROM) && from - k->v->start == s->start - k->start;
}

static int find_changed(struct keeper *k, struct im_error *err)
{
	const struct im_map *map = k->ctx->map;
	struct im_dev *view, *new = new_volume(k, &view, err);
	uint8_t *two = malloc(2 * IM_VSS_BLOCK);
	uint64_t next = 0;
	int rc = new && two ? 0 : -1;

	if (new && !two)
		im_error_nomem(err);
	for (size_t i = 0; rc == 0 && i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];
		uint64_t from = im_max(s->start, k->start), end = im_min(s->start + s->len, k->start + k->vol->size);

		if (from >= end || moves_with(k, s))
			continue;
		next = im_max(next, (from - k->start) / IM_VSS_BLOCK * IM_VSS_BLOCK);
		for (; rc == 0 && next < end - k->start; next += IM_VSS_BLOCK)
			rc = compare_block(k, new, next, two, err);
	}
	free(two);
	if (new) {
		im_dev_close(new);
		im_dev_close(view);
	}
	return rc;
}

/* ---- keeping it ---- */

/* The newest snapshot that reads the block from the volume; -1: none. */
static int who_reads(const struct keeper *k, uint64_t off)
{
	for (int i = (int)k->cat.list.n - 1; i >= 0; i--) {
		const struct im_vss_slot *slot = im_vss_table_find(&k->tables[i], off);

		/* it ends before that */
		if (k->cat.list.v[i].volume_size && off >= k->cat.list.v[i].volume_size)
			continue;
		/* it has its own, and older ones take it from there */
		if (slot && slot->kind != IM_VSS_NOTHING)
			return -1;
		if (!im_vss_table_is_unused(&k->tables[i], off))
			return i;
	}
	return -1;
}

static int by_offset(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool is_taken(void *arg, uint64_t off)
{
	const struct keeper *k = arg;

	return bsearch(&off, k->taken.v, k->taken.n, sizeof(off), by_offset) != NULL;
}

/* A few blocks as literals: then no old byte has two places, and the plan can still be carried out by moving blocks of the host. */
static int lay_run(struct keeper *k, struct im_error *err)
{
	struct im_map *map = k->ctx->map;
	uint64_t n = k->run.len, to = k->start + k->run.to;
	char reason[160];
	uint8_t *bytes;
	int rc;

	k->run.len = 0;
	snprintf(reason, sizeof(reason), "kept for snapshot %d: blocks of 16 KiB in which something changes", k->run.who + 1);
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

static int lay_copy(struct keeper *k, int who, uint64_t off, uint64_t copy, struct im_error *err)
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

static int keep_block(struct keeper *k, uint64_t off, struct im_error *err)
{
	uint64_t copy;
	int who;

	if (is_taken(k, off))
		return im_error_at(err, IM_EREFUSED, off, "byte %" PRIu64 " of the volume, which would change, belongs to the shadow copies", off);
	for (size_t i = 0; i < k->cat.list.n; i++)
		if (im_vss_table_stands_for(&k->tables[i], off))
			return im_error_at(err, IM_EREFUSED, off, "byte %" PRIu64 " of the volume stands for another block of a snapshot", off);
	who = who_reads(k, off);
	if (who < 0)
		return 0;
	if (im_shadow_room_add(&k->rooms[who], off, &copy, err) < 0 || push(&k->ours, copy, err) < 0)
		return -1;
	return lay_copy(k, who, off, copy, err);
}

static int lay_list(struct keeper *k, const struct im_list_block *b, struct im_error *err)
{
	static const char reason[] = "the store's list of blocks names what is kept";
	struct im_map *map = k->ctx->map;
	uint64_t at = k->start + b->off;

	if (push(&k->ours, b->off, err) < 0)
		return -1;
	if (b->is_new)
		return im_map_bytes(map, at, b->bytes, IM_VSS_BLOCK, reason, err);
	if (b->next && im_map_bytes(map, at + 40, b->bytes + 40, 8, reason, err) < 0)
		return -1;
	return b->end > b->first ? im_map_bytes(map, at + b->first, b->bytes + b->first, b->end - b->first, reason, err) : 0;
}

static int lay_lists(struct keeper *k, struct im_error *err)
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

/* ---- the proof ---- */

/* What one snapshot shows in these blocks must be what it showed, where that means anything. */
static int compare_blocks(const struct keeper *k, size_t i, struct im_dev *was, struct im_dev *is, const offsets *blocks, struct im_error *err)
{
	uint8_t *two = malloc(2 * IM_VSS_BLOCK);
	int rc = two ? 0 : im_error_nomem(err);

	for (size_t n = 0; rc == 0 && n < blocks->n; n++) {
		uint64_t off = blocks->v[n];

		if (off >= was->size || im_vss_table_is_unused(&k->tables[i], off))
			continue;
		rc = read_block(was, off, two, err) < 0 || read_block(is, off, two + IM_VSS_BLOCK, err) < 0 ? -1 : 0;
		if (rc == 0 && !off) {
			memset(two + IM_VSS_HEADER, 0, IM_VSS_HEADER_SIZE);
			memset(two + IM_VSS_BLOCK + IM_VSS_HEADER, 0, IM_VSS_HEADER_SIZE);
		}
		if (rc == 0 && memcmp(two, two + IM_VSS_BLOCK, IM_VSS_BLOCK) != 0)
			rc = im_error_at(err, IM_EREFUSED, off, "snapshot %zu would show something else at byte %" PRIu64, i + 1, off);
	}
	free(two);
	return rc;
}

static int prove_one(const struct keeper *k, size_t i, const struct im_vss_table *tables, struct im_dev *new, struct im_error *err)
{
	struct im_dev *was = im_vss_view_of(k->vol, &k->cat, i, k->tables, err);
	struct im_dev *is = was ? im_vss_view_of(new, &k->cat, i, tables, err) : NULL;
	int rc = is ? compare_blocks(k, i, was, is, &k->changed, err) : -1;

	if (rc == 0)
		rc = compare_blocks(k, i, was, is, &k->ours, err);
	im_dev_close(is);
	im_dev_close(was);
	return rc;
}

static int prove(const struct keeper *k, struct im_error *err)
{
	struct im_dev *view, *new = new_volume(k, &view, err);
	struct im_vss_table *tables = calloc(k->cat.list.n + 1, sizeof(*tables));
	int rc = new ? 0 : -1;

	if (rc == 0 && !tables)
		rc = im_error_nomem(err);
	for (size_t i = 0; rc == 0 && i < k->cat.list.n; i++)
		rc = im_vss_table_load(&tables[i], new, &k->cat.list.v[i], err);
	for (size_t i = 0; rc == 0 && i < k->cat.list.n; i++)
		rc = prove_one(k, i, tables, new, err);
	for (size_t i = 0; tables && i < k->cat.list.n; i++)
		im_vss_table_free(&tables[i]);
	free(tables);
	if (new) {
		im_dev_close(new);
		im_dev_close(view);
	}
	return rc;
}

/* ---- one volume ---- */

/* All of them sound, with the files that the catalog names, and in an order that is beyond doubt. */
static int check_snapshots(struct keeper *k, struct im_error *err)
{
	struct im_shadows all = { .catalog = k->cat };
	uint64_t sum = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < k->cat.list.n; i++) {
		rc = im_vss_snapshot_look(k->vol, &k->cat.list.v[i], err);
		sum += k->cat.list.v[i].used;
	}
	if (rc == 0)
		rc = im_shadow_files(&all, k->vol, err);
	if (rc == 0)
		im_shadow_check_files(&all);
	for (size_t i = 0; rc == 0 && i < k->cat.list.n; i++) {
		const struct im_vss_snapshot *s = &k->cat.list.v[i];

		if (s->fault)
			rc = im_error_set(err, IM_EREFUSED, "snapshot %zu cannot be read: %s", i + 1, s->fault);
		else if (i && s->position <= s[-1].position)
			rc = im_error_set(err, IM_EREFUSED, "the snapshots' times and their order in the catalog do not agree");
	}
	if (rc == 0 && all.lost_files)
		rc = im_error_set(err, IM_EREFUSED, "there are stores that the catalog does not name");
	if (rc == 0 && sum > DESCRIPTORS_MAX)
		rc = im_error_set(err, IM_EREFUSED, "they have kept more than %u blocks, too many to look through", DESCRIPTORS_MAX);
	im_vec_free(&all.files);
	return rc;
}

static int take_catalog_block(void *arg, const uint8_t *block, uint64_t off, const char **why, struct im_error *err)
{
	struct keeper *k = arg;

	(void)block;
	(void)why;
	return push(&k->taken, off, err) < 0 ? -1 : IM_FOUND;
}

static int find_taken(struct keeper *k, struct im_error *err)
{
	const char *why;

	for (size_t i = 0; i < k->cat.list.n; i++) {
		k->rooms[i].is_taken = is_taken;
		k->rooms[i].arg = k;
		for (size_t n = 0; n < k->rooms[i].used.n; n++)
			if (push(&k->taken, k->rooms[i].used.v[n].off, err) < 0)
				return -1;
	}
	if (im_vss_walk(k->vol, k->cat.off, IM_VSS_CATALOG, take_catalog_block, k, &why, err) < 0)
		return -1;
	if (k->taken.n)
		qsort(k->taken.v, k->taken.n, sizeof(*k->taken.v), by_offset);
	return 0;
}

static int load(struct keeper *k, uint64_t catalog, struct im_error *err)
{
	const char *why;
	int got = im_vss_catalog_read(k->vol, catalog, &k->cat, &why, err);
	size_t n = k->cat.list.n;

	if (got == IM_DAMAGED)
		return im_error_set(err, IM_EREFUSED, "the catalog of its shadow copies is damaged: %s", why);
	if (got < 0)
		return -1;
	k->tables = calloc(n + 1, sizeof(*k->tables));
	k->rooms = calloc(n + 1, sizeof(*k->rooms));
	if (!k->tables || !k->rooms)
		return im_error_nomem(err);
	if (check_snapshots(k, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (im_vss_table_load(&k->tables[i], k->vol, &k->cat.list.v[i], err) < 0 ||
		    im_shadow_room_look(&k->rooms[i], k->vol, &k->cat.list.v[i], err) < 0)
			return -1;
	return find_taken(k, err);
}

static void keeper_free(struct keeper *k)
{
	for (size_t i = 0; k->tables && k->rooms && i < k->cat.list.n; i++) {
		im_vss_table_free(&k->tables[i]);
		im_shadow_room_free(&k->rooms[i]);
	}
	free(k->tables);
	free(k->rooms);
	im_vec_free(&k->taken);
	im_vec_free(&k->changed);
	im_vec_free(&k->ours);
	im_vss_catalog_free(&k->cat);
	im_dev_close(k->vol);
}

static int spare(struct keeper *k, uint64_t catalog, struct im_error *err)
{
	size_t kept;

	if (load(k, catalog, err) < 0)
		return -1;
	for (size_t i = 0; i < k->changed.n; i++)
		if (keep_block(k, k->changed.v[i], err) < 0)
			return -1;
	kept = k->ours.n;
	if (lay_run(k, err) < 0 || lay_lists(k, err) < 0 || prove(k, err) < 0)
		return -1;
	return im_plan_note(k->ctx->plan, err, "%zu snapshot%s of the volume at byte %" PRIu64 " show the same before and after, in all that they have in use: %zu blocks of 16"
			    " KiB that change are kept in their stores first, as Volsnap does; libvshadow's rules were followed, Windows itself"
			    " was not asked", k->cat.list.n, k->cat.list.n == 1 ? "" : "s", k->v->start, kept);
}

/* Where the volume's catalog is, as far as the scan knows; 0: it has none. */
static uint64_t catalog_of(const struct im_volume *v)
{
	if (v->shadows && v->shadows->way)
		return v->shadows->catalog.off;
	return v->area && v->area->has_vss ? v->area->vss.catalog : 0;
}

/* Does the plan do more inside the volume than to correct what it says of its own position? */
static bool is_inside(const struct keeper *k)
{
	const struct im_insides *insides = k->ctx->insides;

	for (size_t i = 0; insides && i < insides->list.n; i++)
		if (&k->ctx->scan->volumes.v[insides->list.v[i].volume] == k->v)
			return true;
	return false;
}

/* Spare the snapshots if that can be, or leave the map as it was. */
static int try(struct keeper *k, uint64_t catalog, struct im_error *err)
{
	struct im_map before = { 0 };
	int rc;

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
	if (is_inside(k))
		return im_error_prefix(err, "the NTFS volume at byte %" PRIu64 " has shadow copies, and what changes inside it cannot be kept for"
				       " them; delete them in Windows first (`vssadmin delete shadows`), or allow it with --allow=snapshots",
				       k->v->start);
	return im_plan_note(k->ctx->plan, err, "the volume at byte %" PRIu64 " has shadow copies, which move with it; its corrected boot sector"
			    " will show in them as well (%s)", k->v->start, err->message);
}

static int one_volume(struct im_plan_context *ctx, const struct im_volume *v, struct im_error *err)
{
	struct keeper k = { .ctx = ctx, .v = v, .start = im_layout_start(ctx->layout, v->start) };
	uint64_t catalog = catalog_of(v);
	int rc;

	if (!catalog)
		return 0;
	k.vol = im_dev_window(ctx->dev, v->start, v->there, err);
	rc = k.vol ? find_changed(&k, err) : -1;
	if (rc == 0 && k.changed.n)
		rc = !ctx->options->allow_snapshots ? try(&k, catalog, err) :
		     im_plan_note(ctx->plan, err, "the volume at byte %" PRIu64 " has shadow copies, which stay; in the %zu blocks of 16 KiB that"
				  " change they will show today's content, not that of their time", v->start, k.changed.n);
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
