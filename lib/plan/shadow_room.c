/* shadow_room.c - see shadow_room.h.
 *
 * Volsnap fills a store from its start to its end, so what lies behind the last block in use is free. What is taken must lie in the
 * ranges of the store, in clusters of its file, and be used by nothing that the store names.
 */
#include "plan/shadow_room.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/ntfs_runs.h"
#include "scan/shadows.h"

#define HEAD 0x80u
#define DESCRIPTOR 32u

/* ---- what is in use ---- */

static int use(struct im_shadow_room *r, uint64_t off, uint64_t relative, struct im_error *err)
{
	struct im_used *n = im_vec_push(&r->used, err);

	if (!n)
		return -1;
	*n = (struct im_used){ off, relative };
	r->relative = im_max(r->relative, relative);
	return 0;
}

static int use_block(void *arg, const uint8_t *block, uint64_t off, const char **why, struct im_error *err)
{
	struct im_vss_record record;

	(void)why;
	im_vss_record_decode(block, &record);
	return use(arg, off, record.relative, err) < 0 ? -1 : IM_FOUND;
}

static int use_list_block(void *arg, const uint8_t *block, uint64_t off, const char **why, struct im_error *err)
{
	struct im_shadow_room *r = arg;
	uint64_t *n = im_vec_push(&r->list, err);

	if (!n)
		return -1;
	*n = off;
	return use_block(arg, block, off, why, err);
}

static int use_descriptor(void *arg, const struct im_vss_block *b, uint64_t at, const char **why, struct im_error *err)
{
	struct im_shadow_room *r = arg;

	(void)why;
	r->last = at;
	if (b->flags & IM_VSS_FORWARDER || (b->flags & IM_VSS_UNUSED && !b->copy))
		return IM_FOUND;
	/* of an overlay that is extended, 1 stands there */
	return use(r, b->copy, b->flags & IM_VSS_OVERLAY && b->relative == 1 ? 0 : b->relative, err) < 0 ? -1 : IM_FOUND;
}

/* The range that holds this place of the store, or else the next one behind it. */
static const struct im_vss_range *range_of(const struct im_shadow_room *r, uint64_t relative)
{
	const struct im_vss_range *best = NULL;

	for (size_t i = 0; i < r->ranges.n; i++) {
		const struct im_vss_range *c = &r->ranges.v[i];

		if (c->relative <= relative && relative - c->relative < c->len)
			return c;
		if (c->relative > relative && (!best || c->relative < best->relative))
			best = c;
	}
	return best;
}

/* What is in use must be where the ranges say, or the two do not mean the same, and what looks free may not be. What lies in front
 * of all ranges is the store's own head. */
static int check_places(const struct im_shadow_room *r, const char **why)
{
	*why = _("its ranges and what is in use of it do not agree");
	for (size_t i = 0; i < r->ranges.n; i++)
		if (r->ranges.v[i].relative % IM_VSS_BLOCK)
			return IM_DAMAGED;
	for (size_t i = 0; i < r->used.n; i++) {
		const struct im_used *u = &r->used.v[i];
		const struct im_vss_range *range = range_of(r, u->relative);

		if (!u->relative)
			continue;
		if (!range || (u->relative >= range->relative && u->off != range->start + (u->relative - range->relative)))
			return IM_DAMAGED;
		if (u->relative < range->relative)
			for (size_t k = 0; k < r->ranges.n; k++)
				if (r->ranges.v[k].relative <= u->relative)
					return IM_DAMAGED;
	}
	return IM_FOUND;
}

static int look_at_lists(struct im_shadow_room *r, const char **why, struct im_error *err)
{
	const struct im_vss_snapshot *s = r->snapshot;
	int got = im_vss_walk(r->vol, s->blocks, IM_VSS_BLOCKS, use_list_block, r, why, err);

	if (got == IM_FOUND)
		got = im_vss_walk(r->vol, s->store, IM_VSS_STORE, use_block, r, why, err);
	if (got == IM_FOUND)
		got = im_vss_walk(r->vol, s->ranges, IM_VSS_RANGES, use_block, r, why, err);
	if (got == IM_FOUND)
		got = im_vss_walk(r->vol, s->bitmap, IM_VSS_BITMAP, use_block, r, why, err);
	if (got == IM_FOUND)
		got = im_vss_walk(r->vol, s->previous, IM_VSS_BITMAP, use_block, r, why, err);
	if (got == IM_FOUND)
		got = im_vss_store_blocks(r->vol, s, use_descriptor, r, why, err);
	if (got == IM_FOUND)
		got = im_vss_store_ranges(r->vol, s, &r->ranges, why, err);
	return got == IM_FOUND ? check_places(r, why) : got;
}

/* The clusters of the store's file. */
static int look_at_file(struct im_shadow_room *r, const char **why, struct im_error *err)
{
	struct im_ntfs_stream stream = { 0 };
	struct im_ntfs fs;
	int got = im_ntfs_open(&fs, r->vol, why, err);

	if (got == IM_FOUND) {
		*why = _("its file cannot be read");
		got = im_ntfs_stream_of(&fs, r->snapshot->file & IM_SHADOW_RECORD, IM_NTFS_DATA, &stream, err);
		r->runs = stream.runs;
		r->cluster = fs.g.cluster;
	}
	if (got == IM_FOUND && (stream.is_resident || stream.flags & (IM_NTFS_COMPRESSED | IM_NTFS_ENCRYPTED | IM_NTFS_SPARSE))) {
		*why = _("its file is not a plain one");
		got = IM_DAMAGED;
	}
	im_ntfs_close(&fs);
	return got == IM_ABSENT ? IM_DAMAGED : got;
}

int im_shadow_room_look(struct im_shadow_room *r, struct im_dev *vol, const struct im_vss_snapshot *snapshot, struct im_error *err)
{
	const char *why = NULL;
	int got;

	*r = (struct im_shadow_room){ .vol = vol, .snapshot = snapshot };
	got = look_at_lists(r, &why, err);
	if (got == IM_FOUND)
		got = look_at_file(r, &why, err);
	if (got == IM_DAMAGED)
		return im_error_set(err, IM_EREFUSED, "the store of a snapshot does not hold together: %s", why);
	return got < 0 ? -1 : 0;
}

void im_shadow_room_free(struct im_shadow_room *r)
{
	for (size_t i = 0; i < r->blocks.n; i++)
		free(r->blocks.v[i].bytes);
	im_vec_free(&r->blocks);
	im_vec_free(&r->ranges);
	im_vec_free(&r->used);
	im_vec_free(&r->runs);
	im_vec_free(&r->list);
}

/* ---- a free block ---- */

int im_shadow_room_take(struct im_shadow_room *r, uint64_t *off, uint64_t *relative, struct im_error *err)
{
	uint64_t next = r->relative + IM_VSS_BLOCK;
	const struct im_vss_range *range = range_of(r, next);

	if (!range)
		return im_error_set(err, IM_EREFUSED, "the store has no room left for them");
	next = im_max(next, range->relative);
	*off = range->start + (next - range->relative);
	*relative = r->relative = next;
	if (r->is_taken(r->arg, *off) || !im_ntfs_runs_hold(&r->runs, r->cluster, *off, IM_VSS_BLOCK))
		return im_error_set(err, IM_EREFUSED, "byte %" PRIu64 " of the volume, where the store would go on, is in use or not in"
				    " its file", *off);
	return 0;
}

/* ---- a descriptor ---- */

static struct im_list_block *change(struct im_shadow_room *r, uint64_t off, bool is_new, size_t first, struct im_error *err)
{
	struct im_list_block *n;

	for (size_t i = 0; i < r->blocks.n; i++)
		if (r->blocks.v[i].off == off)
			return &r->blocks.v[i];
	n = im_vec_push(&r->blocks, err);
	if (!n)
		return NULL;
	*n = (struct im_list_block){ .off = off, .is_new = is_new, .first = first, .end = first, .bytes = calloc(1, IM_VSS_BLOCK) };
	if (!n->bytes) {
		im_error_nomem(err);
		return NULL;
	}
	return is_new || im_dev_read(r->vol, off, n->bytes, IM_VSS_BLOCK, err) == 0 ? n : NULL;
}

/* A new last block of the list. */
static struct im_list_block *add_list_block(struct im_shadow_room *r, struct im_error *err)
{
	uint64_t off, relative, last = r->list.v[r->list.n - 1], *n = im_vec_push(&r->list, err);
	struct im_list_block *block;

	if (!n || im_shadow_room_take(r, &off, &relative, err) < 0)
		return NULL;
	*n = off;
	block = change(r, last, false, IM_VSS_BLOCK, err);
	if (!block)
		return NULL;
	block->next = off;
	im_put64(block->bytes + 40, off);
	block = change(r, off, true, HEAD, err);
	if (!block)
		return NULL;
	/* its head is that of the list's first block, but for where it lies */
	if (im_dev_read(r->vol, r->list.v[0], block->bytes, 56, err) < 0)
		return NULL;
	im_put64(block->bytes + 24, relative);
	im_put64(block->bytes + 32, off);
	im_put64(block->bytes + 40, 0);
	im_put64(block->bytes + 48, 0);
	return block;
}

/* Where the next descriptor goes: *at, bytes of the block. */
static struct im_list_block *next_place(struct im_shadow_room *r, size_t *at, struct im_error *err)
{
	uint64_t next = r->last ? r->last + DESCRIPTOR : r->list.v[0] + HEAD, block = (next - 1) & -(uint64_t)IM_VSS_BLOCK;

	*at = (size_t)(next - block);
	if (*at + DESCRIPTOR <= IM_VSS_BLOCK)
		return change(r, block, false, *at, err);
	*at = HEAD;
	for (size_t i = 0; i + 1 < r->list.n; i++)
		if (r->list.v[i] == block)
			return change(r, r->list.v[i + 1], false, HEAD, err);
	return add_list_block(r, err);
}

int im_shadow_room_name(struct im_shadow_room *r, uint64_t original, uint64_t copy, uint64_t relative, bool is_overlay,
			struct im_error *err)
{
	struct im_list_block *block;
	uint8_t *p;
	size_t at;

	if (!r->list.n)
		return im_error_set(err, IM_EREFUSED, "the store has no list of blocks");
	block = next_place(r, &at, err);
	if (!block)
		return -1;
	p = block->bytes + at;
	if (!im_is_zero(p, DESCRIPTOR))
		return im_error_set(err, IM_EREFUSED, "the store's list of blocks does not end where it should");
	im_put64(p, original);
	im_put64(p + 8, relative);
	im_put64(p + 16, copy);
	if (is_overlay) {
		im_put32(p + 24, IM_VSS_OVERLAY);
		im_put32(p + 28, UINT32_MAX);	/* every sector */
	}
	block->end = at + DESCRIPTOR;
	r->last = block->off + at;
	return 0;
}

int im_shadow_room_add(struct im_shadow_room *r, uint64_t original, uint64_t *copy, struct im_error *err)
{
	uint64_t relative;

	return im_shadow_room_take(r, copy, &relative, err) < 0 ? -1 : im_shadow_room_name(r, original, *copy, relative, false, err);
}
