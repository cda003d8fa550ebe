/* shadow_load.c - the snapshots of a volume, all of them sound, and what their stores use. */
#include <stdlib.h>

#include "plan/shadow_keeper.h"
#include "scan/shadows.h"

#define DESCRIPTORS_MAX (4u << 20)	/* of all snapshots of a volume: 64 GiB of copies */

static int by_offset(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

bool im_shadow_is_taken(const struct im_shadow_keeper *k, uint64_t off)
{
	return bsearch(&off, k->taken.v, k->taken.n, sizeof(off), by_offset) != NULL;
}

static bool is_taken(void *arg, uint64_t off)
{
	return im_shadow_is_taken(arg, off);
}

/* All of them sound, with the files that the catalog names, and in an order that is beyond doubt. */
static int check_snapshots(struct im_shadow_keeper *k, struct im_error *err)
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
	struct im_shadow_keeper *k = arg;

	(void)block;
	(void)why;
	return im_shadow_blocks_add(&k->taken, off, err) < 0 ? -1 : IM_FOUND;
}

static int find_taken(struct im_shadow_keeper *k, struct im_error *err)
{
	const char *why;

	for (size_t i = 0; i < k->cat.list.n; i++) {
		k->rooms[i].is_taken = is_taken;
		k->rooms[i].arg = k;
		for (size_t n = 0; n < k->rooms[i].used.n; n++)
			if (im_shadow_blocks_add(&k->taken, k->rooms[i].used.v[n].off, err) < 0)
				return -1;
	}
	if (im_vss_walk(k->vol, k->cat.off, IM_VSS_CATALOG, take_catalog_block, k, &why, err) < 0)
		return -1;
	if (k->taken.n)
		qsort(k->taken.v, k->taken.n, sizeof(*k->taken.v), by_offset);
	return 0;
}

int im_shadow_load(struct im_shadow_keeper *k, uint64_t catalog, struct im_error *err)
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
