/* shadows.c - see shadows.h. */
#include "scan/shadows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/fs_util.h"
#include "scan/ntfs_area.h"

#define TRIES_MAX 64	/* catalogs that a search found, each of which is gone through */

const char *im_shadow_header_name(enum im_shadow_header state)
{
	static const char *const names[] = { "valid", "absent", "overwritten", "points-nowhere" };

	return names[state];
}

const char *im_shadow_way_name(enum im_shadow_way way)
{
	static const char *const names[] = { N_("none"), N_("header"), N_("file"), N_("search") };

	return names[way];
}

/* Try the catalog at `off`, if there is none yet that is sound. */
static int try_catalog(struct im_shadows *s, struct im_dev *vol, uint64_t off, enum im_shadow_way way, struct im_error *err)
{
	struct im_vss_catalog found;
	const char *why;
	int got;

	if ((s->way && !s->catalog_fault) || !off || off == UINT64_MAX)
		return 0;
	got = im_vss_catalog_read(vol, off, &found, &why, err);
	/* one that is damaged is better than none */
	if (got < 0 || (got == IM_DAMAGED && s->way)) {
		im_vss_catalog_free(&found);
		return got < 0 ? -1 : 0;
	}
	im_vss_catalog_free(&s->catalog);
	s->catalog = found;
	s->way = way;
	s->catalog_fault = got == IM_DAMAGED ? why : NULL;
	return 0;
}

static int look_at_header(struct im_shadows *s, struct im_dev *vol, struct im_error *err)
{
	uint8_t sector[IM_VSS_HEADER_SIZE];
	int got = im_fs_peek(vol, IM_VSS_HEADER, sector, sizeof(sector), err);

	if (got < 0)
		return -1;
	s->state = IM_HEADER_ABSENT;
	if (!got)
		return 0;
	got = im_vss_header_decode(sector, &s->header);
	s->state = got == IM_FOUND ? IM_HEADER_VALID : im_is_zero(sector, sizeof(sector)) ? IM_HEADER_ABSENT : IM_HEADER_OVERWRITTEN;
	if (got != IM_FOUND || !s->header.catalog)
		return 0;
	if (try_catalog(s, vol, s->header.catalog, IM_BY_HEADER, err) < 0)
		return -1;
	if (s->catalog_fault)
		s->state = IM_HEADER_NOWHERE;
	return 0;
}

/* Who has the header's sector, and can that be moved? */
static void find_owner(struct im_shadows *s, const struct im_volume *v)
{
	uint32_t cluster = v->info[0].cluster_size;

	for (size_t i = 0; i < v->area->owners.n; i++) {
		const struct im_area_owner *o = &v->area->owners.v[i];

		if (im_area_owner_has_header(o, cluster))
			snprintf(s->owner, sizeof(s->owner), "%s", o->name);
	}
	s->in_the_way = im_boot_area_why_not(v, v->area);
	/* a cluster that is in use by nobody who is known */
	if (!s->in_the_way && !s->owner[0] && v->area->covered < IM_RESERVED && !(v->area->free_mask >> IM_VSS_HEADER / cluster & 1))
		s->in_the_way = _("its cluster is in use, and nobody is known to own it; run chkdsk first");
}

/* Where the header does not lead to it: by its file, then by what was found on the disk. */
static int find_catalog(struct im_shadows *s, struct im_dev *vol, uint64_t start, const struct im_vss_carving *carving,
			struct im_error *err)
{
	unsigned tries = 0;

	for (size_t i = 0; i < s->files.n; i++)
		if (s->files.v[i].is_catalog && try_catalog(s, vol, s->files.v[i].start, IM_BY_FILE, err) < 0)
			return -1;
	for (size_t i = 0; (!s->way || s->catalog_fault) && carving && i < carving->list.n && tries < TRIES_MAX; i++) {
		const struct im_vss_found *f = &carving->list.v[i];

		/* the first block of a list alone */
		if (f->type != IM_VSS_CATALOG || f->at < start || f->at - start != f->own || f->relative)
			continue;
		tries++;
		if (try_catalog(s, vol, f->own, IM_BY_SEARCH, err) < 0)
			return -1;
	}
	return 0;
}

int im_shadows_look(struct im_shadows *s, struct im_dev *vol, const struct im_scan *scan, const struct im_volume *v, struct im_error *err)
{
	const struct im_vss_carving *carving = scan->carving;

	*s = (struct im_shadows){ 0 };
	find_owner(s, v);
	if (look_at_header(s, vol, err) < 0 || im_shadow_files(s, vol, err) < 0)
		return -1;
	if (s->state != IM_HEADER_VALID && find_catalog(s, vol, v->start, carving, err) < 0)
		return -1;
	for (size_t i = 0; i < s->catalog.list.n; i++)
		if (im_vss_snapshot_look(vol, &s->catalog.list.v[i], err) < 0)
			return -1;
	im_shadow_check_files(s);
	if (s->state != IM_HEADER_VALID && s->way && !s->catalog_fault && im_shadow_check_catalog(s, vol, err) < 0)
		return -1;
	return im_shadow_rebuild(s, vol, scan, err);
}

void im_shadows_free(struct im_shadows *s)
{
	im_vss_catalog_free(&s->catalog);
	im_vec_free(&s->files);
}

/* The header is … */
static const char *state_word(enum im_shadow_header state)
{
	return state == IM_HEADER_NOWHERE ? _("there but leads nowhere") : state == IM_HEADER_ABSENT ? _("absent") : _("overwritten");
}

int im_shadows_report(struct im_scan *scan, const struct im_volume *v, struct im_error *err)
{
	const struct im_shadows *s = v->shadows;
	bool any = s->files.n || s->way || s->state == IM_HEADER_NOWHERE;
	struct im_finding *f;
	char title[160];
	size_t n, left = s->catalog.list.n;

	if (s->state == IM_HEADER_VALID || !any)
		return 0;
	f = im_scan_add(scan, "shadow-header-lost", IM_WARNING, v->start + IM_VSS_HEADER, IM_VSS_HEADER_SIZE, v->number, err);
	if (!f)
		return -1;
	im_volume_title(v, title, sizeof(title));
	snprintf(f->owner, sizeof(f->owner), "%s", s->owner);
	if (s->owner[0])
		n = im_say(f->message, sizeof(f->message), "the shadow-copy header at byte 7680 of %s is %s, by %s, so that Windows finds none of"
			   " the snapshots any more", title, state_word(s->state), s->owner);
	else
		n = im_say(f->message, sizeof(f->message), "the shadow-copy header at byte 7680 of %s is %s, so that Windows finds none of the"
			   " snapshots any more", title, state_word(s->state));
	if (s->can_rebuild)
		im_say(f->message + n, sizeof(f->message) - n, im_plural(left, "; %zu of them can be brought back with `imgmend rescue`%s",
									 "; %zu of them can be brought back with `imgmend rescue`%s"), left,
		       s->owner[0] ? _(", which moves the file away") : "");
	else
		im_say(f->message + n, sizeof(f->message) - n, "; they cannot be brought back: %s", s->why_not);
	f->is_fixable = s->can_rebuild;
	return 0;
}

int im_shadows_any(struct im_dev *vol, const struct im_volume *v, bool *any, struct im_error *err)
{
	struct im_shadows s = { 0 };
	int rc = 0;

	*any = v->area && v->area->has_vss && v->area->vss.catalog;
	if (!*any && v->area)
		rc = im_shadow_files(&s, vol, err);
	*any |= s.files.n > 0;
	im_shadows_free(&s);
	return rc;
}

static int look_at_volume(struct im_scan *scan, struct im_volume *v, struct im_dev *dev, struct im_error *err)
{
	struct im_dev *window;
	int rc;

	if (!v->area)
		return 0;
	window = im_dev_window(dev, v->start, v->there, err);
	v->shadows = window ? calloc(1, sizeof(*v->shadows)) : NULL;
	if (!v->shadows) {
		im_dev_close(window);
		return window ? im_error_nomem(err) : -1;
	}
	rc = im_shadows_look(v->shadows, window, scan, v, err);
	im_dev_close(window);
	return rc < 0 ? -1 : im_shadows_report(scan, v, err);
}

int im_scan_shadows(struct im_scan *scan, struct im_dev *dev, const struct im_scan_options *options, struct im_error *err)
{
	if (options->deep) {
		scan->carving = calloc(1, sizeof(*scan->carving));
		if (!scan->carving)
			return im_error_nomem(err);
		if (im_vss_carve(dev, scan->carving, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < scan->volumes.n; i++)
		if (look_at_volume(scan, &scan->volumes.v[i], dev, err) < 0)
			return -1;
	return 0;
}
