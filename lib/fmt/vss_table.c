/* vss_table.c - what the descriptors of one store come to, block by block. */
#include "fmt/vss_table.h"

#include <stdlib.h>

#include "base/bytes.h"

#define SLOTS_MAX (1u << 26)

/* ---- a table of blocks ---- */

static struct im_vss_slot *place_of(const struct im_vss_blocks *t, uint64_t key)
{
	size_t i = (size_t)(key * 0x9e3779b97f4a7c15 >> 20) & (t->cap - 1);

	while (t->v[i].key && t->v[i].key != key)
		i = (i + 1) & (t->cap - 1);
	return &t->v[i];
}

static struct im_vss_slot *find(const struct im_vss_blocks *t, uint64_t off)
{
	struct im_vss_slot *s = t->cap ? place_of(t, off / IM_VSS_BLOCK + 1) : NULL;

	return s && s->key ? s : NULL;
}

static int grow(struct im_vss_blocks *t, struct im_error *err)
{
	struct im_vss_blocks wider = { .cap = t->cap ? 2 * t->cap : 1024, .n = t->n };

	if (wider.cap > SLOTS_MAX)
		return im_error_set(err, IM_EREFUSED, "a store of this snapshot has too many blocks");
	wider.v = calloc(wider.cap, sizeof(*wider.v));
	if (!wider.v)
		return im_error_nomem(err);
	for (size_t i = 0; i < t->cap; i++)
		if (t->v[i].key)
			*place_of(&wider, t->v[i].key) = t->v[i];
	free(t->v);
	*t = wider;
	return 0;
}

/* The slot of the block at off, an empty one where there was none. */
static struct im_vss_slot *put(struct im_vss_blocks *t, uint64_t off, struct im_error *err)
{
	struct im_vss_slot *s;

	if (t->n >= t->cap / 2 && grow(t, err) < 0)
		return NULL;
	s = place_of(t, off / IM_VSS_BLOCK + 1);
	t->n += !s->key;
	s->key = off / IM_VSS_BLOCK + 1;
	return s;
}

/* ---- one store ---- */

/* A descriptor for a block that a forwarder stands for is about the block of that forwarder. */
static uint64_t original_of(struct im_vss_table *s, const struct im_vss_block *b)
{
	struct im_vss_slot *r = b->flags & IM_VSS_OVERLAY ? NULL : find(&s->reverse, b->original);

	if (!r || r->kind == IM_VSS_NOTHING)
		return b->original;
	r->kind = IM_VSS_NOTHING;
	return r->target;
}

static int take(void *arg, const struct im_vss_block *b, uint64_t at, const char **why, struct im_error *err)
{
	struct im_vss_table *s = arg;
	struct im_vss_slot *slot;
	uint64_t original;

	(void)at;
	(void)why;
	if (b->flags & IM_VSS_UNUSED)
		return IM_FOUND;
	original = original_of(s, b);
	if (b->flags & IM_VSS_FORWARDER && original == b->relative)
		return IM_FOUND;
	slot = put(&s->forward, original, err);
	if (!slot)
		return -1;
	if (b->flags & IM_VSS_OVERLAY) {
		slot->overlay = slot->has_overlay ? slot->overlay : b->copy;
		slot->sectors |= b->sectors;
		slot->has_overlay = true;
	} else {
		slot->kind = b->flags & IM_VSS_FORWARDER ? IM_VSS_FORWARD : IM_VSS_COPY;
		slot->target = b->flags & IM_VSS_FORWARDER ? b->relative : b->copy;
	}
	if (b->flags & IM_VSS_FORWARDER) {
		slot = put(&s->reverse, b->relative, err);
		if (!slot)
			return -1;
		slot->kind = IM_VSS_FORWARD;
		slot->target = original;
	}
	return IM_FOUND;
}

int im_vss_table_load(struct im_vss_table *s, struct im_dev *vol, const struct im_vss_snapshot *snapshot, struct im_error *err)
{
	const char *why = _("its store is on another volume");
	int got = IM_DAMAGED;

	*s = (struct im_vss_table){ 0 };
	if (snapshot->is_stored)
		got = im_vss_store_blocks(vol, snapshot, take, s, &why, err);
	if (got == IM_FOUND)
		got = im_vss_store_bitmap(vol, snapshot->bitmap, &s->bits, &s->n_bits, &why, err);
	if (got == IM_FOUND && snapshot->previous)
		got = im_vss_store_bitmap(vol, snapshot->previous, &s->previous, &s->n_bits, &why, err);
	if (got == IM_DAMAGED)
		return im_error_set(err, IM_EFORMAT, "the snapshot cannot be read: %s", why);
	return got < 0 ? -1 : 0;
}

static bool is_set(const uint8_t *bits, uint64_t n, uint64_t i)
{
	return i < n && bits[i / 8] >> i % 8 & 1;
}

bool im_vss_table_is_unused(const struct im_vss_table *s, uint64_t off)
{
	uint64_t i = off / IM_VSS_BLOCK;

	return !im_vss_table_stands_for(s, off) && is_set(s->bits, s->n_bits, i) &&
	       (!s->previous || is_set(s->previous, s->n_bits, i));
}

const struct im_vss_slot *im_vss_table_find(const struct im_vss_table *s, uint64_t off)
{
	return find(&s->forward, off);
}

bool im_vss_table_stands_for(const struct im_vss_table *s, uint64_t off)
{
	const struct im_vss_slot *r = find(&s->reverse, off);

	return r && r->kind != IM_VSS_NOTHING;
}

void im_vss_table_free(struct im_vss_table *s)
{
	free(s->forward.v);
	free(s->reverse.v);
	free(s->bits);
	free(s->previous);
}
