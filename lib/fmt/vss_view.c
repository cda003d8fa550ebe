/* vss_view.c - the volume as a snapshot shows it.
 *
 * What a snapshot's own store has copies of is read from there; the rest from the next newer snapshot, and behind the newest one
 * from the volume: libyal, "Volume Shadow Snapshot (VSS) format", section "Reading snapshot data".
 */
#include "fmt/vss_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

struct view {
	struct im_dev dev;
	struct im_dev *vol;
	size_t n;
	const struct im_vss_table *stores;	/* the snapshot's own, and those of all newer ones */
	struct im_vss_table *own;	/* the same where they are to be freed */
};

/* Where n bytes at off, of one sector, or at least of one block without overlay, are to be read: a place on the volume, or
 * UINT64_MAX for zeros. */
static uint64_t source_of(const struct view *v, uint64_t off)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct im_vss_table *s = &v->stores[i];
		const struct im_vss_slot *slot = im_vss_table_find(s, off);
		uint64_t in = off % IM_VSS_BLOCK;

		if (slot && i == 0 && slot->has_overlay && slot->sectors >> in / 512 & 1)
			return slot->overlay + in;
		if (slot && slot->kind == IM_VSS_COPY)
			return slot->target + in;
		if (slot && slot->kind == IM_VSS_FORWARD)
			off = slot->target + in;
		else if (v->n == 1 && im_vss_table_is_unused(s, off))
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

	for (size_t i = 0; v->own && i < v->n; i++)
		im_vss_table_free(&v->own[i]);
	free(v->own);
	free(v);
}

static const struct im_dev_ops view_ops = { .read = view_read, .close = view_close };

struct im_dev *im_vss_view_of(struct im_dev *vol, const struct im_vss_catalog *cat, size_t i, const struct im_vss_table *tables,
			      struct im_error *err)
{
	struct view *v = calloc(1, sizeof(*v));
	uint64_t size = cat->list.v[i].volume_size;

	if (!v) {
		im_error_nomem(err);
		return NULL;
	}
	v->vol = vol;
	v->n = cat->list.n - i;
	v->stores = tables ? tables + i : NULL;
	v->dev = (struct im_dev){
		.ops = &view_ops, .size = size ? im_min(size, vol->size) : vol->size, .sector_size = vol->sector_size, .is_read_only = true,
	};
	return &v->dev;
}

struct im_dev *im_vss_view(struct im_dev *vol, const struct im_vss_catalog *cat, size_t i, struct im_error *err)
{
	struct view *v = (struct view *)im_vss_view_of(vol, cat, i, NULL, err);

	if (!v)
		return NULL;
	v->stores = v->own = calloc(v->n, sizeof(*v->own));
	if (!v->own)
		im_error_nomem(err);
	for (size_t k = 0; v->own && k < v->n; k++)
		if (im_vss_table_load(&v->own[k], vol, &cat->list.v[i + k], err) < 0) {
			view_close(&v->dev);
			return NULL;
		}
	if (v->own)
		return &v->dev;
	free(v);
	return NULL;
}

bool im_vss_view_knows(const struct im_dev *view, uint64_t off)
{
	const struct im_vss_table *own = &((const struct view *)view)->stores[0];
	const struct im_vss_slot *slot = im_vss_table_find(own, off);

	return (slot && slot->kind != IM_VSS_NOTHING) || !im_vss_table_is_unused(own, off);
}
