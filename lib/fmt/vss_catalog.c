/* vss_catalog.c - the list of the snapshots of a volume. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/fs_util.h"
#include "fmt/vss.h"

#define HEAD 0x80u
#define ENTRY 0x80u
#define SNAPSHOTS_MAX 512	/* Windows keeps no more of a volume */

enum { EMPTY = 0, FREED = 1, LISTED = 2, STORED = 3 };

struct entry {
	le64 type;			/* 0 */
	union {
		struct {
			le64 volume_size;	/* 8 */
			uint8_t id[16];
			le64 position, flags, created;	/* 32, 40, 48 */
		} listed;
		struct {
			le64 blocks;		/* 8 */
			uint8_t id[16];
			le64 store, ranges, bitmap, file, allocated, previous;	/* 32 … 72 */
		} stored;
		uint8_t all[ENTRY - 8];
	};
};

_Static_assert(sizeof(struct entry) == ENTRY, "an entry of the catalog");
_Static_assert(offsetof(struct entry, stored.previous) == 72, "the previous bitmap at 72");

/* The snapshot with this identifier, made where there is none. NULL: no memory, or too many. */
static struct im_vss_snapshot *snapshot_of(struct im_vss_catalog *cat, const uint8_t id[16], struct im_error *err)
{
	struct im_vss_snapshot *s;

	for (size_t i = 0; i < cat->list.n; i++)
		if (!memcmp(cat->list.v[i].id, id, 16))
			return &cat->list.v[i];
	s = im_vec_push(&cat->list, err);
	if (s) {
		*s = (struct im_vss_snapshot){ 0 };
		memcpy(s->id, id, 16);
	}
	return s;
}

static int take_listed(struct im_vss_catalog *cat, const struct entry *e, struct im_error *err)
{
	struct im_vss_snapshot *s = snapshot_of(cat, e->listed.id, err);

	if (!s || s->is_listed)
		return s ? IM_DAMAGED : -1;
	s->is_listed = true;
	s->volume_size = im_le64(e->listed.volume_size);
	s->position = im_le64(e->listed.position);
	s->flags = im_le64(e->listed.flags);
	s->created = im_le64(e->listed.created);
	return IM_FOUND;
}

static int take_stored(struct im_vss_catalog *cat, const struct entry *e, struct im_error *err)
{
	struct im_vss_snapshot *s = snapshot_of(cat, e->stored.id, err);

	if (!s || s->is_stored)
		return s ? IM_DAMAGED : -1;
	s->is_stored = true;
	s->blocks = im_le64(e->stored.blocks);
	s->store = im_le64(e->stored.store);
	s->ranges = im_le64(e->stored.ranges);
	s->bitmap = im_le64(e->stored.bitmap);
	s->file = im_le64(e->stored.file);
	s->allocated = im_le64(e->stored.allocated);
	s->previous = im_le64(e->stored.previous);
	return IM_FOUND;
}

static int take_block(void *arg, const uint8_t *block, uint64_t off, const char **why, struct im_error *err)
{
	struct im_vss_catalog *cat = arg;

	(void)off;
	for (size_t at = HEAD; at + ENTRY <= IM_VSS_BLOCK; at += ENTRY) {
		const struct entry *e = (const void *)(block + at);
		uint64_t type = im_le64(e->type);
		int got;

		if (type == EMPTY || type == FREED)
			continue;
		*why = _("an entry of it is of an unknown kind, or there are too many");
		if ((type != LISTED && type != STORED) || cat->list.n == SNAPSHOTS_MAX)
			return IM_DAMAGED;
		*why = _("two entries of it are for the same snapshot");
		got = type == LISTED ? take_listed(cat, e, err) : take_stored(cat, e, err);
		if (got != IM_FOUND)
			return got;
		cat->entries++;
	}
	return IM_FOUND;
}

static int by_time(const void *a, const void *b)
{
	const struct im_vss_snapshot *x = a, *y = b;

	if (x->created != y->created)
		return x->created < y->created ? -1 : 1;
	return (x->position > y->position) - (x->position < y->position);
}

static bool shares_lists(const struct im_vss_catalog *cat)
{
	for (size_t i = 0; i < cat->list.n; i++)
		for (size_t k = 0; k < i; k++)
			if (cat->list.v[i].is_stored && cat->list.v[k].is_stored && cat->list.v[i].blocks == cat->list.v[k].blocks)
				return true;
	return false;
}

int im_vss_catalog_read(struct im_dev *vol, uint64_t off, struct im_vss_catalog *cat, const char **why, struct im_error *err)
{
	int got;

	*cat = (struct im_vss_catalog){ .off = off };
	*why = _("there is none");
	got = off ? im_vss_walk(vol, off, IM_VSS_CATALOG, take_block, cat, why, err) : IM_DAMAGED;
	if (cat->list.n)
		qsort(cat->list.v, cat->list.n, sizeof(*cat->list.v), by_time);
	if (got == IM_FOUND && shares_lists(cat)) {
		*why = _("two snapshots of it have the same list of blocks");
		got = IM_DAMAGED;
	}
	return got;
}

void im_vss_catalog_free(struct im_vss_catalog *cat)
{
	im_vec_free(&cat->list);
}

int im_vss_look(struct im_dev *vol, struct im_vss *vss, struct im_error *err)
{
	uint8_t sector[IM_VSS_HEADER_SIZE];
	int got = im_fs_peek(vol, IM_VSS_HEADER, sector, sizeof(sector), err);
	struct im_vss_catalog cat = { 0 };
	struct im_vss_header h = { 0 };
	const char *why;

	*vss = (struct im_vss){ 0 };
	if (got <= 0)
		return got < 0 ? -1 : IM_ABSENT;
	got = im_vss_header_decode(sector, &h);
	vss->is_sound = got == IM_FOUND;
	if (got != IM_FOUND || !h.catalog)
		return got == IM_ABSENT ? IM_ABSENT : IM_FOUND;
	vss->catalog = h.catalog;
	got = im_vss_catalog_read(vol, h.catalog, &cat, &why, err);
	vss->entries = cat.entries;
	vss->catalog_is_damaged = got == IM_DAMAGED;
	im_vss_catalog_free(&cat);
	return got < 0 ? -1 : IM_FOUND;
}
