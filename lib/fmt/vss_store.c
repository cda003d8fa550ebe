/* vss_store.c - the lists of one snapshot's store. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/vss.h"

#define HEAD 0x80u
#define RANGES_MAX 65536
#define BITMAP_MAX (64u << 20)		/* bytes: of a volume of 8 TiB */

struct block {
	le64 original, relative, copy;	/* 0, 8, 16 */
	le32 flags, sectors;		/* 24, 28 */
};

struct range {
	le64 start, relative, len;
};

/* What stands behind the head of a store. */
struct info {
	uint8_t unknown[16], copy[16], set[16];
	le32 type, provider, attributes;	/* 48, 52, 56 */
};

_Static_assert(sizeof(struct block) == 32, "a block descriptor");
_Static_assert(sizeof(struct range) == 24, "a range of a store");
_Static_assert(offsetof(struct info, attributes) == 56, "attributes at 56");

/* ---- blocks ---- */

struct descriptors {
	im_vss_descriptor_fn *each;
	void *arg;
};

static int take_blocks(void *arg, const uint8_t *block, uint64_t off, const char **why, struct im_error *err)
{
	const struct descriptors *d = arg;
	int got = IM_FOUND;

	for (size_t at = HEAD; at + sizeof(struct block) <= IM_VSS_BLOCK && got == IM_FOUND; at += sizeof(struct block)) {
		const struct block *p = (const void *)(block + at);
		struct im_vss_block b = {
			im_le64(p->original), im_le64(p->relative), im_le64(p->copy), im_le32(p->flags), im_le32(p->sectors),
		};

		if (!im_is_zero((const uint8_t *)p, sizeof(*p)))
			got = d->each(d->arg, &b, off + at, why, err);
	}
	return got;
}

int im_vss_store_blocks(struct im_dev *vol, const struct im_vss_snapshot *s, im_vss_descriptor_fn *each, void *arg, const char **why,
			struct im_error *err)
{
	struct descriptors d = { each, arg };

	return im_vss_walk(vol, s->blocks, IM_VSS_BLOCKS, take_blocks, &d, why, err);
}

/* ---- ranges ---- */

struct ranges {
	struct im_dev *vol;
	im_vss_ranges *out;
};

static int take_ranges(void *arg, const uint8_t *block, uint64_t off, const char **why, struct im_error *err)
{
	struct ranges *r = arg;

	(void)off;
	for (size_t at = HEAD; at + sizeof(struct range) <= IM_VSS_BLOCK; at += sizeof(struct range)) {
		const struct range *p = (const void *)(block + at);
		struct im_vss_range found = { im_le64(p->start), im_le64(p->relative), im_le64(p->len) }, *n;

		if (!found.len)
			continue;
		*why = _("a range of the store leaves the volume, or is no range of whole blocks");
		if (found.start > r->vol->size || found.len > r->vol->size - found.start || found.start % IM_VSS_BLOCK ||
		    found.len % IM_VSS_BLOCK || r->out->n == RANGES_MAX)
			return IM_DAMAGED;
		n = im_vec_push(r->out, err);
		if (!n)
			return -1;
		*n = found;
	}
	return IM_FOUND;
}

int im_vss_store_ranges(struct im_dev *vol, const struct im_vss_snapshot *s, im_vss_ranges *out, const char **why, struct im_error *err)
{
	struct ranges r = { vol, out };

	return im_vss_walk(vol, s->ranges, IM_VSS_RANGES, take_ranges, &r, why, err);
}

/* ---- bitmaps ---- */

struct bitmap {
	uint8_t *bits;
	uint64_t used, bytes;
};

static int take_bits(void *arg, const uint8_t *block, uint64_t off, const char **why, struct im_error *err)
{
	struct bitmap *b = arg;
	uint64_t n = im_min(IM_VSS_BLOCK - HEAD, b->bytes - b->used);

	(void)off;
	(void)err;
	*why = _("its bitmap is longer than the volume");
	if (!n)
		return IM_DAMAGED;
	memcpy(b->bits + b->used, block + HEAD, n);
	b->used += n;
	return IM_FOUND;
}

int im_vss_store_bitmap(struct im_dev *vol, uint64_t list, uint8_t **bits, uint64_t *n, const char **why, struct im_error *err)
{
	uint64_t blocks = vol->size / IM_VSS_BLOCK + 1;
	struct bitmap b = { .bytes = blocks / 8 + 1 };
	int got;

	*n = blocks;
	*bits = NULL;
	*why = _("the volume is too large");
	if (b.bytes > BITMAP_MAX)
		return IM_DAMAGED;
	b.bits = calloc(1, b.bytes);
	if (!b.bits)
		return im_error_nomem(err);
	got = im_vss_walk(vol, list, IM_VSS_BITMAP, take_bits, &b, why, err);
	if (got == IM_FOUND)
		*bits = b.bits;
	else
		free(b.bits);
	return got;
}

/* ---- all of a snapshot ---- */

static int take_info(void *arg, const uint8_t *block, uint64_t off, const char **why, struct im_error *err)
{
	struct im_vss_snapshot *s = arg;
	const struct info *info = (const void *)(block + HEAD);

	(void)off;
	(void)why;
	(void)err;
	memcpy(s->copy, info->copy, 16);
	memcpy(s->set, info->set, 16);
	s->attributes = im_le32(info->attributes);
	return IM_FOUND;
}

struct looking {
	struct im_dev *vol;
	struct im_vss_snapshot *s;
};

static int check_descriptor(void *arg, const struct im_vss_block *b, uint64_t at, const char **why, struct im_error *err)
{
	struct looking *l = arg;
	uint64_t end = l->vol->size & -(uint64_t)IM_VSS_BLOCK;

	(void)at;
	(void)err;
	l->s->used++;
	*why = _("a descriptor in its list of blocks points outside of the volume");
	if (b->flags & IM_VSS_UNUSED)
		return IM_FOUND;
	if (b->original % IM_VSS_BLOCK || b->original > end)
		return IM_DAMAGED;
	if (b->flags & IM_VSS_FORWARDER)
		return b->relative % IM_VSS_BLOCK || b->relative > end ? IM_DAMAGED : IM_FOUND;
	return b->copy % IM_VSS_BLOCK || b->copy >= end ? IM_DAMAGED : IM_FOUND;
}

static int look(struct im_dev *vol, struct im_vss_snapshot *s, const char **why, struct im_error *err)
{
	struct looking l = { vol, s };
	im_vss_ranges ranges = { 0 };
	uint8_t *bits = NULL;
	uint64_t n;
	int got = IM_DAMAGED;

	*why = _("its store is on another volume");
	if (s->is_stored) {
		*why = _("its catalog entry leaves out where its lists are");
		if (s->store && s->blocks && s->ranges && s->bitmap)
			got = im_vss_walk(vol, s->store, IM_VSS_STORE, take_info, s, why, err);
	}
	if (got == IM_FOUND)
		got = im_vss_store_blocks(vol, s, check_descriptor, &l, why, err);
	if (got == IM_FOUND)
		got = im_vss_store_ranges(vol, s, &ranges, why, err);
	for (size_t i = 0; i < ranges.n; i++)
		s->store_size += ranges.v[i].len;
	im_vec_free(&ranges);
	for (int i = 0; i < 2 && got == IM_FOUND; i++) {
		got = im_vss_store_bitmap(vol, i ? s->previous : s->bitmap, &bits, &n, why, err);
		free(bits);
		bits = NULL;
	}
	return got;
}

int im_vss_snapshot_look(struct im_dev *vol, struct im_vss_snapshot *s, struct im_error *err)
{
	const char *why = NULL;
	int got;

	s->used = s->store_size = 0;
	got = look(vol, s, &why, err);
	s->fault = got == IM_FOUND ? s->is_listed ? NULL : _("the catalog does not list it") : why;
	return got < 0 ? -1 : 0;
}
