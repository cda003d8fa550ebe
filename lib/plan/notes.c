/* notes.c - what an admin should know before the move: what is overwritten, what may be orphaned. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "plan/inside.h"

#define LOOK_MAX (1u << 20)	/* bytes of one gap that are looked at */

int im_notes_add(im_notes *notes, struct im_error *err, const char *fmt, ...)
{
	char **n = im_vec_push(notes, err);
	va_list ap;
	int rc;

	if (!n)
		return -1;
	va_start(ap, fmt);
	rc = vasprintf(n, im_text(fmt), ap);
	va_end(ap);
	if (rc < 0) {
		notes->n--;
		return im_error_nomem(err);
	}
	return 0;
}

void im_notes_free(im_notes *notes)
{
	for (size_t i = 0; i < notes->n; i++)
		free(notes->v[i]);
	im_vec_free(notes);
}

/* The first byte of old [start, start+len) that the corrected image changes; UINT64_MAX: none. */
static uint64_t first_change(const struct im_map *map, uint64_t start, uint64_t len)
{
	for (size_t i = im_map_find(map, im_min(start, map->new_size - 1)); i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];

		if (s->start >= start + len)
			break;
		if (s->kind != IM_KEEP && im_overlaps(s->start, s->len, start, len))
			return im_max(s->start, start);
	}
	return UINT64_MAX;
}

static bool is_changed(const struct im_map *map, uint64_t start, uint64_t len)
{
	return first_change(map, start, len) != UINT64_MAX;
}

static const char *looks_like(const uint8_t *p, size_t n)
{
	size_t text = 0;

	if (memmem(p, n, "loading", 7) && memmem(p, n, "Geom", 4))
		return _("GRUB's second stage");
	if (memmem(p, n, "PTRN", 4))
		return _("a repeated test pattern");
	for (size_t i = 1; i < n && p[i] == p[0]; i++)
		if (i + 1 == n)
			return _("one byte repeated");
	for (size_t i = 0; i < n; i++)
		text += (p[i] >= 32 && p[i] < 127) || p[i] == '\n' || p[i] == '\r' || p[i] == '\t';
	return text > n - n / 16 ? _("text") : _("code or other data");
}

/* What of a gap is not zero and will be overwritten: n bytes of [first, last). */
struct found {
	uint64_t first, last, n;
};

/* Look at [start, start+len), in sectors. Memory that is touched for the first time costs more than the reading, so that is little. */
static int look_for(struct im_plan_context *ctx, uint64_t start, uint64_t len, struct found *f, struct im_error *err)
{
	static const size_t chunk = 64 << 10;
	uint8_t *buf = malloc(chunk);
	int rc = buf ? 0 : im_error_nomem(err);

	*f = (struct found){ 0 };
	for (uint64_t at = start, n; rc == 0 && at < start + len; at += n) {
		n = im_min(chunk, start + len - at);
		rc = im_dev_read(ctx->dev, at, buf, n, err);
		for (uint64_t off = 0; rc == 0 && off < n; off += 512) {
			uint64_t piece = im_min(512, n - off);

			if (im_is_zero(buf + off, piece) || !is_changed(ctx->map, at + off, piece))
				continue;
			f->first = f->n ? f->first : at + off;
			f->last = at + off + piece;
			f->n += piece;
		}
	}
	free(buf);
	return rc;
}

static int say(struct im_plan_context *ctx, const struct found *f, bool is_volume, struct im_error *err)
{
	size_t len = (size_t)(f->last - f->first);
	uint8_t *buf = malloc(len);
	int rc = buf ? im_dev_read(ctx->dev, f->first, buf, len, err) : im_error_nomem(err);

	if (rc == 0)
		rc = im_plan_note(ctx->plan, err, is_volume ?
				  N_("%" PRIu64 " bytes between %" PRIu64 " and %" PRIu64 " belong to no file system,"
				     " are not zero (%s) and will be overwritten; undo brings them back") :
				  N_("%" PRIu64 " bytes between %" PRIu64 " and %" PRIu64 " belong to no partition,"
				     " are not zero (%s) and will be overwritten; undo brings them back"), f->n, f->first, f->last,
				  looks_like(buf, len));
	free(buf);
	return rc;
}

/* Say what lies in [start, start+size) of the old disk, which belongs to no partition, or in one to no file system, where the plan writes over
 * it: of the first LOOK_MAX bytes from the first such place on. */
static int look_at(struct im_plan_context *ctx, uint64_t start, uint64_t size, bool is_volume, struct im_error *err)
{
	uint64_t change = first_change(ctx->map, start, size), len;
	struct found f;

	if (change >= ctx->dev->size)
		return 0;
	len = im_min(im_min(start + size - change, LOOK_MAX), ctx->dev->size - change);
	if (look_for(ctx, change, len, &f, err) < 0)
		return -1;
	return f.n ? say(ctx, &f, is_volume, err) : 0;
}

/* What a longer reserved area takes of the partition behind the volume, and of the gaps among logical partitions
 * that stand still. */
static int look_around(struct im_plan_context *ctx, const struct im_reserve *r, struct im_error *err)
{
	const struct im_volume *v = &ctx->scan->volumes.v[r->volume];
	uint64_t size = im_layout_old_size(ctx->layout, v), end = r->start + size;

	if (!r->is_back && size > r->length &&
	    look_at(ctx, r->start + r->length, im_min(size - r->length, r->add), true, err) < 0)
		return -1;
	if (!v->is_logical || im_layout_moved(ctx->layout, r->start) != r->start)
		return 0;
	return r->is_back ? look_at(ctx, r->start - r->add, r->add, false, err) :
		r->grow ? look_at(ctx, end, r->grow, false, err) : 0;
}

static int tables(struct im_plan_context *ctx, struct im_error *err)
{
	struct im_geometry geo = im_mbr_geometry(&ctx->scan->mbr);

	if (ctx->scan->table != IM_TABLE_DOS)
		return 0;
	if (!geo.heads)
		return im_plan_note(ctx->plan, err, "the CHS fields of changed entries are set to their limits: the table implies no"
				    " geometry");
	return im_plan_note(ctx->plan, err, "the CHS fields of changed entries follow the table's geometry of %u heads and %u"
			    " sectors%s", geo.heads, geo.sectors,
			    im_layout_moves(ctx->layout) && geo.ends_on_cylinder ?
			    _("; partitions move by whole cylinders, as their ends lie on cylinder borders") : "");
}

int im_plan_notes(struct im_plan_context *ctx, struct im_error *err)
{
	for (size_t i = 0; i < ctx->scan->regions.n; i++) {
		const struct im_region *r = &ctx->scan->regions.v[i];

		if (r->kind == IM_REGION_GAP && r->depth == 0 && look_at(ctx, r->start, r->size, false, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < ctx->layout->reserves.n; i++)
		if (look_around(ctx, &ctx->layout->reserves.v[i], err) < 0)
			return -1;
	if (im_inside_notes(ctx, err) < 0)
		return -1;
	if (ctx->plan->bytes_moved <= im_insides_moved(ctx->insides) && !ctx->layout->reserves.n)
		return 0;
	if (tables(ctx, err) < 0)
		return -1;
	return im_plan_note(ctx->plan, err, "/etc/fstab, crypttab and other files that may name positions are not searched");
}
