/* ntfs_inside.c - user data leaves the boot area of an NTFS volume: the volume's map.
 *
 * libntfs-3g does the work over an overlay in memory (adapt/ntfs_repair.h). What it copied becomes FROM segments,
 * what else it changed becomes literals with reasons, $LogFile is filled with 0xFF as ntfsresize does; then our
 * own reader judges the result.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/ntfs_repair.h"
#include "base/bytes.h"
#include "plan/inside.h"
#include "scan/ntfs_area.h"
#include "scan/shadows.h"

#define REASON_SIZE 640
#define LOG_BLOCK 4096u

/* Is it known where the snapshots are, if there are any? Then shadow_keep.c spares them. */
static bool knows_snapshots(const struct im_volume *v)
{
	const struct im_boot_area *area = v->area;

	return (v->shadows && v->shadows->way && !v->shadows->catalog_fault) ||
	       (area->has_vss && area->vss.catalog && !area->vss.catalog_is_damaged);
}

static bool is_stream_of(const struct im_ntfs_owner *o, const struct im_ntfs_wanted *w)
{
	return o->record == w->record && o->type == w->type && o->name_len == w->name_len &&
	       memcmp(o->name, w->name, 2u * w->name_len) == 0;
}

/* The streams of the owners as libntfs-3g wants them, each once, though it may own several runs there; *n of them. */
static struct im_ntfs_wanted *wanted_of(const struct im_boot_area *area, size_t *n, struct im_error *err)
{
	struct im_ntfs_wanted *s = calloc(area->owners.n + 1, sizeof(*s));

	*n = 0;
	if (!s)
		im_error_nomem(err);
	for (size_t i = 0; s && i < area->owners.n; i++) {
		const struct im_ntfs_owner *o = &area->owners.v[i].owner;
		size_t k = 0;

		while (k < *n && !is_stream_of(o, &s[k]))
			k++;
		if (k < *n)
			continue;
		s[k] = (struct im_ntfs_wanted){ .record = o->record, .type = o->type, .name_len = o->name_len };
		memcpy(s[k].name, o->name, 2u * o->name_len);
		(*n)++;
	}
	return s;
}

/* The first owner of the wanted stream. */
static const struct im_area_owner *owner_of(const struct im_boot_area *area, const struct im_ntfs_wanted *w)
{
	size_t i = 0;

	while (i + 1 < area->owners.n && !is_stream_of(&area->owners.v[i].owner, w))
		i++;
	return &area->owners.v[i];
}

/* The FROM segments. */
static int lay_moves(struct im_inside *inside, const struct im_ntfs_repair *r, const struct im_ntfs_wanted *streams,
		     const struct im_boot_area *area, struct im_error *err)
{
	char reason[REASON_SIZE];

	for (size_t i = 0; i < r->moves.n; i++) {
		const struct im_ntfs_move *m = &r->moves.v[i];
		const struct im_area_owner *o = owner_of(area, &streams[m->stream]);

		im_say(reason, sizeof(reason), "%s (%s) leaves the boot area: VCN %" PRIu64, o->name, o->what, m->vcn);
		if (im_map_from(&inside->map, m->to, m->len, m->from, reason, err) < 0)
			return -1;
	}
	return 0;
}

/* A run of blocks that change for the same reason, gathered before it is laid. */
struct stretch {
	uint64_t start;
	uint8_t *bytes;
	size_t len, cap;
	bool is_zero;
	char reason[REASON_SIZE];
};

static int flush(struct im_map *map, struct stretch *s, struct im_error *err)
{
	int rc = 0;

	if (s->len)
		rc = s->is_zero ? im_map_zero(map, s->start, s->len, s->reason, err) :
				  im_map_bytes(map, s->start, s->bytes, s->len, s->reason, err);
	s->len = 0;
	return rc;
}

static int gather(struct im_map *map, struct stretch *s, uint64_t off, const uint8_t *bytes, size_t len, const char *reason,
		  struct im_error *err)
{
	bool is_zero = im_is_zero(bytes, len);

	if ((s->len && (s->start + s->len != off || s->is_zero != is_zero || strcmp(s->reason, reason) != 0)) &&
	    flush(map, s, err) < 0)
		return -1;
	if (!s->len) {
		s->start = off;
		s->is_zero = is_zero;
		snprintf(s->reason, sizeof(s->reason), "%s", reason);
	}
	if (s->len + len > s->cap) {
		uint8_t *grown = realloc(s->bytes, 2 * s->cap + len);

		if (!grown)
			return im_error_nomem(err);
		s->bytes = grown;
		s->cap = 2 * s->cap + len;
	}
	memcpy(s->bytes + s->len, bytes, len);
	s->len += len;
	return 0;
}

/* Is this a block under the shadow copies' header, at its new place? */
static bool is_header_hole(const struct im_ntfs_repair *r, const struct im_boot_area *area, uint64_t off)
{
	for (size_t i = 0; area->has_vss && i < r->moves.n; i++)
		if (r->moves.v[i].from + r->moves.v[i].len == IM_VSS_HEADER && r->moves.v[i].to + r->moves.v[i].len == off)
			return true;
	return false;
}

/* Everything that the library changed and that the moves do not give already. */
static int lay_blocks(struct im_inside *inside, const struct im_ntfs_repair *r, const struct im_boot_area *area,
		      struct im_ntfs_places *places, struct im_dev *view, struct im_error *err)
{
	uint8_t now[IM_OVERLAY_BLOCK];
	struct stretch s = { 0 };
	const uint8_t *bytes;
	uint64_t off;
	int rc = 0;

	for (size_t i = 0; rc == 0 && (bytes = im_dev_overlay_block(r->overlay, i, &off)); i++) {
		size_t len = (size_t)im_min(IM_OVERLAY_BLOCK, view->size - off);
		char reason[REASON_SIZE];
		int got;

		rc = im_dev_read(view, off, now, len, err);
		if (rc < 0 || memcmp(now, bytes, len) == 0)
			continue;
		got = im_ntfs_places_reason(places, off, reason, sizeof(reason), err);
		if (is_header_hole(r, area, off))
			im_say(reason, sizeof(reason), "the 512 bytes under the shadow-copy header are lost: zeros");
		if (got == 0)
			im_error_at(err, IM_EREFUSED, off, "the NTFS volume could not be corrected: libntfs-3g would change byte %" PRIu64
				    " of it, which has nothing to do with the boot area; run chkdsk", off);
		rc = got == 1 ? gather(&inside->map, &s, off, bytes, len, reason, err) : -1;
	}
	if (rc == 0)
		rc = flush(&inside->map, &s, err);
	free(s.bytes);
	return rc;
}

/* The part of [start, start+len) between the first and the last block that is not all 0xFF; *len 0: none. */
static int trim_log(struct im_dev *view, uint64_t *start, uint64_t *len, struct im_error *err)
{
	uint64_t first = UINT64_MAX, last = 0, end = *start + *len;
	uint8_t buf[LOG_BLOCK], full[LOG_BLOCK];

	memset(full, 0xff, sizeof(full));
	for (uint64_t off = *start, n; off < end; off += n) {
		n = im_min(LOG_BLOCK, end - off);
		if (im_dev_read(view, off, buf, n, err) < 0)
			return -1;
		if (memcmp(buf, full, n) == 0)
			continue;
		first = im_min(first, off);
		last = off + n;
	}
	*start = first;
	*len = first == UINT64_MAX ? 0 : last - first;
	return 0;
}

static int lay_log(struct im_inside *inside, struct im_dev *view, struct im_error *err)
{
	struct im_ntfs_stream log = { 0 };
	struct im_ntfs fs;
	const char *why;
	int got = im_ntfs_open(&fs, view, &why, err), rc = got < 0 ? -1 : 0;

	if (got == IM_FOUND)
		got = im_ntfs_stream_of(&fs, IM_NTFS_LOGFILE, IM_NTFS_DATA, &log, err);
	if (got != IM_FOUND)
		rc = got < 0 ? -1 : im_error_set(err, IM_EREFUSED, "$LogFile of the NTFS volume cannot be read; run chkdsk");
	for (size_t i = 0; rc == 0 && i < log.runs.n; i++) {
		uint64_t start = log.runs.v[i].lcn * fs.g.cluster, len = log.runs.v[i].len * fs.g.cluster;

		if (log.runs.v[i].lcn == IM_NTFS_HOLE)
			continue;
		if (start > view->size || len > view->size - start) {
			rc = im_error_at(err, IM_EREFUSED, start, "$LogFile of the NTFS volume passes the end of the image, which is"
					 " cut off");
			break;
		}
		rc = trim_log(view, &start, &len, err);
		if (rc == 0 && len)
			rc = im_map_fill(&inside->map, start, len, 0xff, _("$LogFile is reset: Windows begins a new one"), err);
	}
	im_ntfs_stream_close(&log);
	im_ntfs_close(&fs);
	return rc;
}

static bool resets_log(const struct im_inside *inside)
{
	for (size_t i = 0; i < inside->map.segs.n; i++)
		if (inside->map.segs.v[i].kind == IM_FILL)
			return true;
	return false;
}

static int add_notes(struct im_inside *inside, const struct im_ntfs_repair *r, const struct im_volume *v, struct im_error *err)
{
	const struct im_boot_area *area = v->area;
	im_notes *notes = &inside->notes;

	if (im_notes_add(notes, err, resets_log(inside) ?
			 N_("the NTFS volume is marked dirty and its $LogFile reset, on purpose: Windows runs chkdsk on it when it next starts") :
			 N_("the NTFS volume is marked dirty, on purpose: Windows runs chkdsk on it when it next starts")) < 0)
		return -1;
	for (size_t i = 0; i < area->owners.n; i++)
		if (area->owners.v[i].has_header &&
		    im_notes_add(notes, err, "512 bytes of %s lie under the shadow-copy header and are lost already; the header"
				 " stays at byte 7680, and the file gets zeros in their place: restore it from a backup if you"
				 " have one", area->owners.v[i].name) < 0)
			return -1;
	if (r->snapshots && !knows_snapshots(v))
		return im_notes_add(notes, err, "the volume has shadow copies, whose catalog cannot be found; should it be, they will show"
				    " today's content in the blocks of 16 KiB that change");
	return 0;
}

/* Moves, blocks, log; each on top of the one before. */
static int lay_all(struct im_inside *inside, const struct im_ntfs_repair *r, const struct im_ntfs_wanted *streams,
		   const struct im_boot_area *area, struct im_dev *vol, struct im_error *err)
{
	struct im_ntfs_places *places = im_ntfs_places_new(vol, r->overlay, area, err);
	struct im_dev *view = im_map_view(&inside->map, vol, err);
	int rc = -1;

	if (places && view && lay_moves(inside, r, streams, area, err) == 0 && lay_blocks(inside, r, area, places, view, err) == 0 &&
	    lay_log(inside, view, err) == 0)
		rc = im_ntfs_verify(vol, view, r, area, err);
	im_dev_close(view);
	im_ntfs_places_free(places);
	return rc;
}

int im_ntfs_inside(struct im_inside *inside, const struct im_volume *v, struct im_dev *vol,
		   const struct im_plan_options *options, struct im_error *err)
{
	struct im_ntfs_wish wish = {
		.area = v->area->clusters, .keep_header = v->area->has_vss,
		.allow_dirty = options->allow_dirty, .allow_snapshots = options->allow_snapshots || knows_snapshots(v),
	};
	struct im_ntfs_wanted *streams;
	struct im_ntfs_repair r = { 0 };
	int rc = -1;

	wish.streams = streams = wanted_of(v->area, &wish.n_streams, err);
	if (streams && im_map_init(&inside->map, vol->size, vol->size, err) == 0 && im_ntfs_repair(vol, &wish, &r, err) == 0 &&
	    lay_all(inside, &r, streams, v->area, vol, err) == 0)
		rc = add_notes(inside, &r, v, err);
	im_ntfs_repair_free(&r);
	free(streams);
	return rc;
}
