/* oracle.c - what must be true of every scan, map and repair; see oracle.h. */
#include "oracle.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"

#define CHUNK (64u << 10)

static void check_finding(const struct im_finding *f, const struct im_dev *dev)
{
	uint64_t end;
	int i = 0;

	while (im_finding_ids[i] && strcmp(im_finding_ids[i], f->id) != 0)
		i++;
	FUZZ_CHECK(im_finding_ids[i], "unknown finding %s", f->id);
	FUZZ_CHECK(f->severity <= IM_ERROR, "severity %d", (int)f->severity);
	FUZZ_CHECK(f->message[0] && memchr(f->message, 0, sizeof(f->message)), "%s has no sentence", f->id);
	FUZZ_CHECK(memchr(f->owner, 0, sizeof(f->owner)), "%s has an owner without an end", f->id);
	FUZZ_CHECK(im_add(f->start, f->size, &end), "%s overflows", f->id);
	FUZZ_CHECK(f->start <= dev->size || f->partition, "%s starts at %" PRIu64 " of %" PRIu64, f->id, f->start, dev->size);
}

void fuzz_check_scan(const struct im_scan *scan, const struct im_dev *dev)
{
	uint64_t at = 0;

	FUZZ_CHECK(scan->sector_size == 512 || scan->sector_size == 4096, "sectors of %u", scan->sector_size);
	FUZZ_CHECK(scan->size == dev->size, "size");
	FUZZ_CHECK(im_table_name(scan), "a table without a name");
	/* a bare volume that was found must still be there when it is cut to its own size */
	FUZZ_CHECK(scan->table != IM_TABLE_NONE || !scan->volumes.n || scan->volumes.v[0].n_formats, "a volume of nothing at %"
		   PRIu64, scan->volumes.v[0].start);
	for (size_t i = 0; i < scan->findings.n; i++)
		check_finding(&scan->findings.v[i], dev);
	for (size_t i = 0; i < scan->regions.n; i++) {
		const struct im_region *r = &scan->regions.v[i];
		uint64_t end;

		FUZZ_CHECK(r->size && im_add(r->start, r->size, &end), "region %zu", i);
		if (r->depth)
			continue;
		/* what tables say may overlap; gaps never do, and nothing is left out */
		FUZZ_CHECK(r->start <= at || at >= dev->size, "nothing covers %" PRIu64 " to %" PRIu64, at, r->start);
		FUZZ_CHECK(r->kind != IM_REGION_GAP || r->start == at, "a gap at %" PRIu64 " overlaps up to %" PRIu64, r->start, at);
		at = im_max(at, end);
	}
	FUZZ_CHECK(at >= dev->size, "regions end at %" PRIu64 " of %" PRIu64, at, dev->size);
}

static void same_segments(const struct im_map *a, const struct im_map *b)
{
	FUZZ_CHECK(a->old_size == b->old_size && a->new_size == b->new_size && a->segs.n == b->segs.n, "sizes");
	for (size_t i = 0; i < a->segs.n; i++) {
		const struct im_segment *s = &a->segs.v[i], *t = &b->segs.v[i];

		FUZZ_CHECK(s->start == t->start && s->len == t->len && s->kind == t->kind && s->fill == t->fill, "segment %zu", i);
		FUZZ_CHECK(s->kind != IM_FROM || s->from == t->from, "source of segment %zu", i);
		FUZZ_CHECK(s->kind != IM_BYTES || memcmp(s->data, t->data, s->len) == 0, "bytes of segment %zu", i);
	}
}

void fuzz_check_map(const struct im_map *map, struct im_dev *old)
{
	struct im_error err = { 0 };
	struct im_map back;
	struct im_dev *view;
	uint8_t *p, buf[64];
	size_t len;

	FUZZ_CHECK(im_map_check(map, &err) == 0, "%s", err.message);
	FUZZ_CHECK(im_map_encode(map, &p, &len, &err) == 0, "%s", err.message);
	FUZZ_CHECK(im_map_decode(&back, p, len, &err) == 0, "%s", err.message);
	free(p);
	same_segments(map, &back);
	view = im_map_view(&back, old, &err);
	FUZZ_CHECK(view && view->size == map->new_size, "%s", err.message);
	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];
		uint64_t off = s->start > 16 ? s->start - 16 : 0;

		FUZZ_CHECK(im_map_find(map, s->start) == i && im_map_find(map, s->start + s->len - 1) == i, "segment %zu", i);
		FUZZ_CHECK(im_dev_read(view, off, buf, (size_t)im_min(sizeof(buf), map->new_size - off), &err) == 0, "%s",
			   err.message);
	}
	im_dev_close(view);
	im_map_free(&back);
}

static void copy(struct im_dev *to, uint64_t at, struct im_dev *from, uint64_t off, uint64_t len)
{
	static uint8_t buf[CHUNK];

	for (uint64_t n; len; at += n, off += n, len -= n) {
		n = im_min(len, CHUNK);
		if (im_dev_read(from, off, buf, n, NULL) < 0 || im_dev_write(to, at, buf, n, NULL) < 0)
			abort();
	}
}

struct im_dev *fuzz_render(const struct im_map *map, struct im_dev *old, uint64_t size_max)
{
	struct im_dev *new = fuzz_dev(map->new_size, size_max);
	uint8_t block[512];

	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];

		if (s->kind == IM_KEEP)
			copy(new, s->start, old, s->start, s->len);
		else if (s->kind == IM_FROM)
			copy(new, s->start, old, s->from, s->len);
		else if (s->kind == IM_BYTES && im_dev_write(new, s->start, s->data, s->len, NULL) < 0)
			abort();
		memset(block, s->fill, sizeof(block));
		for (uint64_t done = 0; s->kind == IM_FILL && done < s->len; done += sizeof(block))
			if (im_dev_write(new, s->start + done, block, (size_t)im_min(sizeof(block), s->len - done), NULL) < 0)
				abort();
	}
	return new;
}

void fuzz_stay_inside(void *arg, struct im_dev *dev, uint64_t off, uint64_t len)
{
	const struct fuzz_bounds *b = arg;
	const struct im_map *map = b->map;
	uint64_t end = off + len;

	(void)dev;
	if (!len) {
		FUZZ_CHECK(off >= im_min(map->old_size, map->new_size) && off <= im_max(map->old_size, map->new_size),
			   "a resize to %" PRIu64 ", not between %" PRIu64 " and %" PRIu64, off, map->old_size, map->new_size);
		return;
	}
	FUZZ_CHECK(end <= im_max(map->old_size, map->new_size), "a write up to %" PRIu64, end);
	off = im_max(off, b->sector_size);
	for (size_t i = 0; off < end && i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];

		FUZZ_CHECK(s->kind != IM_KEEP || s->start >= end || s->start + s->len <= off,
			   "a write of [%" PRIu64 ", %" PRIu64 ") in what stays", off, end);
	}
}

static void open_again(struct im_exec *x, struct im_dev *image, struct im_dev *journal, enum im_exec_state state)
{
	struct im_error err = { 0 };

	FUZZ_CHECK(im_exec_open(x, image, journal, &err) == 0, "%s", err.message);
	FUZZ_CHECK(x->state == state, "state %d, not %d", (int)x->state, (int)state);
}

static void same(struct im_dev *image, struct im_dev *wanted, const char *what)
{
	FUZZ_CHECK(image->size == wanted->size, "%s: %" PRIu64 " bytes, not %" PRIu64, what, image->size, wanted->size);
	FUZZ_CHECK(fuzz_dev_differ(image, wanted) == UINT64_MAX, "%s: byte %" PRIu64, what, fuzz_dev_differ(image, wanted));
}

void fuzz_repair_and_undo(const struct im_map *map, struct im_dev *old, const struct im_exec_params *params,
			  void (*look)(void *arg, struct im_dev *repaired), void *arg)
{
	uint64_t size_max = im_max(map->old_size, map->new_size);
	struct im_dev *image = fuzz_dev_copy(old, size_max), *journal = fuzz_dev(0, 1ull << 40), *new;
	struct fuzz_bounds bounds = { map, old->sector_size };
	struct im_error err = { 0 };
	struct im_exec x;

	new = fuzz_render(map, old, size_max);
	fuzz_dev_guard(image, fuzz_stay_inside, &bounds);
	FUZZ_CHECK(im_exec_prepare(&x, image, journal, map, params, "fuzz", &err) == 0, "%s", err.message);
	same(image, old, "prepared");
	FUZZ_CHECK(im_exec_resume(&x, &err) == 0, "%s", err.message);
	im_exec_close(&x);
	same(image, new, "repaired");
	if (look)
		look(arg, image);
	open_again(&x, image, journal, IM_STATE_REPAIRED);
	FUZZ_CHECK(im_exec_undo(&x, false, &err) == 0, "%s", err.message);
	im_exec_close(&x);
	same(image, old, "undone");
	open_again(&x, image, journal, IM_STATE_UNDONE);
	im_exec_close(&x);
	im_dev_close(new);
	im_dev_close(journal);
	im_dev_close(image);
}
