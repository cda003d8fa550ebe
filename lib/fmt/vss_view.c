/* vss_view.c - the volume as a snapshot shows it.
 *
 * What a snapshot's own store has copies of is read from there; the rest from the next newer snapshot, and behind the newest one
 * from the volume. Which descriptors count, and in what order: libyal, "Volume Shadow Snapshot (VSS) format", sections "Successive
 * block descriptors" and "Reading snapshot data".
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/vss.h"

#define SLOTS_MAX (1u << 26)

/* ---- a table of blocks ---- */

enum { NOTHING, COPY, FORWARD };

struct slot {
	uint64_t key;			/* block number + 1; 0: empty */
	uint64_t target;		/* COPY: where it lies; FORWARD: the block that it stands for */
	uint64_t overlay;
	uint32_t sectors;		/* that the overlay has */
	uint8_t kind;
	bool has_overlay;
};

struct table {
	struct slot *v;
	size_t n, cap;			/* cap: a power of two */
};

static struct slot *place_of(const struct table *t, uint64_t key)
{
	size_t i = (size_t)(key * 0x9e3779b97f4a7c15 >> 20) & (t->cap - 1);

	while (t->v[i].key && t->v[i].key != key)
		i = (i + 1) & (t->cap - 1);
	return &t->v[i];
}

static struct slot *find(const struct table *t, uint64_t off)
{
	struct slot *s = t->cap ? place_of(t, off / IM_VSS_BLOCK + 1) : NULL;

	return s && s->key ? s : NULL;
}

static int grow(struct table *t, struct im_error *err)
{
	struct table wider = { .cap = t->cap ? 2 * t->cap : 1024, .n = t->n };

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
static struct slot *put(struct table *t, uint64_t off, struct im_error *err)
{
	struct slot *s;

	if (t->n >= t->cap / 2 && grow(t, err) < 0)
		return NULL;
	s = place_of(t, off / IM_VSS_BLOCK + 1);
	t->n += !s->key;
	s->key = off / IM_VSS_BLOCK + 1;
	return s;
}

/* ---- one store ---- */

struct store {
	struct table forward, reverse;	/* reverse: of forwarders, by the block that they stand for */
	uint8_t *bits, *previous;	/* set: not in use; previous NULL: there is none */
	uint64_t n_bits;
};

/* A descriptor for a block that a forwarder stands for is about the block of that forwarder. */
static uint64_t original_of(struct store *s, const struct im_vss_block *b)
{
	struct slot *r = b->flags & IM_VSS_OVERLAY ? NULL : find(&s->reverse, b->original);

	if (!r || r->kind == NOTHING)
		return b->original;
	r->kind = NOTHING;
	return r->target;
}

static int take(void *arg, const struct im_vss_block *b, uint64_t at, const char **why, struct im_error *err)
{
	struct store *s = arg;
	struct slot *slot;
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
		slot->kind = b->flags & IM_VSS_FORWARDER ? FORWARD : COPY;
		slot->target = b->flags & IM_VSS_FORWARDER ? b->relative : b->copy;
	}
	if (b->flags & IM_VSS_FORWARDER) {
		slot = put(&s->reverse, b->relative, err);
		if (!slot)
			return -1;
		slot->kind = FORWARD;
		slot->target = original;
	}
	return IM_FOUND;
}

static int load(struct store *s, struct im_dev *vol, const struct im_vss_snapshot *snapshot, struct im_error *err)
{
	const char *why = "its store is on another volume";
	int got = IM_DAMAGED;

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

/* Of the newest snapshot alone: is the block known not to be in use? */
static bool is_unused(const struct store *s, uint64_t off)
{
	const struct slot *r = find(&s->reverse, off);
	uint64_t i = off / IM_VSS_BLOCK;

	return !(r && r->kind != NOTHING) && is_set(s->bits, s->n_bits, i) && (!s->previous || is_set(s->previous, s->n_bits, i));
}

/* ---- the device ---- */

struct view {
	struct im_dev dev;
	struct im_dev *vol;
	size_t n;
	struct store *stores;		/* the snapshot's own, and those of all newer ones */
};

/* Where n bytes at off, of one sector, or at least of one block without overlay, are to be read: a place on the volume, or
 * UINT64_MAX for zeros. */
static uint64_t source_of(const struct view *v, uint64_t off)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct store *s = &v->stores[i];
		const struct slot *slot = find(&s->forward, off);
		uint64_t in = off % IM_VSS_BLOCK;

		if (slot && i == 0 && slot->has_overlay && slot->sectors >> in / 512 & 1)
			return slot->overlay + in;
		if (slot && slot->kind == COPY)
			return slot->target + in;
		if (slot && slot->kind == FORWARD)
			off = slot->target + in;
		else if (v->n == 1 && is_unused(s, off))
			return UINT64_MAX;
	}
	return off;
}

/* Bytes from off on, at most len, that lie one after the other at their source. */
static size_t piece_of(const struct view *v, uint64_t off, size_t len, uint64_t *source)
{
	size_t n = (size_t)im_min(len, 512 - off % 512);

	*source = source_of(v, off);
	while (n < len) {
		uint64_t next = source_of(v, off + n);

		if (*source == UINT64_MAX ? next != UINT64_MAX : next != *source + n)
			break;
		n += (size_t)im_min(len - n, 512);
	}
	return n;
}

static int view_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	struct view *v = (struct view *)dev;
	uint8_t *p = buf;

	while (len) {
		uint64_t source;
		size_t n = piece_of(v, off, len, &source);

		if (source == UINT64_MAX)
			memset(p, 0, n);
		else if (im_dev_read(v->vol, source, p, n, err) < 0)
			return -1;
		off += n;
		p += n;
		len -= n;
	}
	return 0;
}

static void view_close(struct im_dev *dev)
{
	struct view *v = (struct view *)dev;

	for (size_t i = 0; i < v->n; i++) {
		free(v->stores[i].forward.v);
		free(v->stores[i].reverse.v);
		free(v->stores[i].bits);
		free(v->stores[i].previous);
	}
	free(v->stores);
	free(v);
}

static const struct im_dev_ops view_ops = { .read = view_read, .close = view_close };

struct im_dev *im_vss_view(struct im_dev *vol, const struct im_vss_catalog *cat, size_t i, struct im_error *err)
{
	struct view *v = calloc(1, sizeof(*v));
	uint64_t size = cat->list.v[i].volume_size;

	if (v)
		v->stores = calloc(cat->list.n - i, sizeof(*v->stores));
	if (!v || !v->stores) {
		free(v);
		im_error_nomem(err);
		return NULL;
	}
	v->vol = vol;
	v->n = cat->list.n - i;
	v->dev = (struct im_dev){
		.ops = &view_ops, .size = size ? im_min(size, vol->size) : vol->size, .sector_size = vol->sector_size, .is_read_only = true,
	};
	for (size_t k = 0; k < v->n; k++)
		if (load(&v->stores[k], vol, &cat->list.v[i + k], err) < 0) {
			view_close(&v->dev);
			return NULL;
		}
	return &v->dev;
}
