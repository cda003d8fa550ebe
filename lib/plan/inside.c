/* inside.c - the repairs inside volumes that the findings ask for, and laying them into the disk's map. */
#include "plan/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scan/ntfs_area.h"
#include "scan/shadows.h"

typedef int inside_fn(struct im_inside *inside, const struct im_volume *v, struct im_dev *vol, const struct im_plan_options *options,
		      struct im_error *err);

/* The kinds of repairs in the order in which they are laid, and the findings that ask for them. */
enum { AREA, HEADER };

static const struct kind {
	const char *ids[5];		/* ended by NULL */
	inside_fn *make;
} kinds[] = {
	[AREA] = { { "boot-file-short", "boot-area-free", "data-in-boot-area", "volsnap-collision", NULL }, im_ntfs_inside },
	[HEADER] = { { "shadow-header-lost", NULL }, im_shadow_inside },
};

static bool is_asked_for(const struct kind *kind, const struct im_scan *scan, const struct im_volume *v,
			 const struct im_plan_options *options)
{
	for (size_t i = 0; v->area && i < scan->findings.n; i++) {
		const struct im_finding *f = &scan->findings.v[i];

		for (size_t k = 0; kind->ids[k]; k++)
			if (f->partition == v->number && strcmp(f->id, kind->ids[k]) == 0 && im_plan_wants(options, f))
				return true;
	}
	return false;
}

/* A header can only be put back where nobody's data is, nor can come: first the boot area is $Boot's. */
static bool is_wanted(const struct kind *kind, const struct im_scan *scan, const struct im_volume *v,
		      const struct im_plan_options *options)
{
	bool in_the_way = v->shadows && v->shadows->can_rebuild &&
			  (v->shadows->owner[0] || v->area->covered < IM_RESERVED || v->area->free_clusters);

	return is_asked_for(kind, scan, v, options) ||
	       (kind == &kinds[AREA] && in_the_way && is_asked_for(&kinds[HEADER], scan, v, options));
}

static void inside_free(struct im_inside *inside)
{
	im_map_free(&inside->map);
	im_notes_free(&inside->notes);
}

void im_insides_free(struct im_insides *insides)
{
	for (size_t i = 0; i < insides->list.n; i++)
		inside_free(&insides->list.v[i]);
	im_vec_free(&insides->list);
}

static int make_one(struct im_insides *insides, const struct kind *kind, size_t volume, const struct im_scan *scan, struct im_dev *dev,
		    const struct im_plan_options *options, struct im_error *err)
{
	const struct im_volume *v = &scan->volumes.v[volume];
	struct im_inside *inside = im_vec_push(&insides->list, err);
	struct im_dev *window;
	int rc;

	if (!inside)
		return -1;
	inside->volume = volume;
	window = im_dev_window(dev, v->start, v->there, err);
	if (!window)
		return -1;
	rc = kind->make(inside, v, window, options, err);
	im_dev_close(window);
	if (rc < 0 && v->number)
		im_error_prefix(err, "partition %d", v->number);
	return rc;
}

int im_insides_make(struct im_insides *insides, const struct im_scan *scan, struct im_dev *dev,
		    const struct im_plan_options *options, struct im_error *err)
{
	*insides = (struct im_insides){ 0 };
	for (size_t i = 0; i < scan->volumes.n; i++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
			if (is_wanted(&kinds[k], scan, &scan->volumes.v[i], options) &&
			    make_one(insides, &kinds[k], i, scan, dev, options, err) < 0) {
				im_insides_free(insides);
				return -1;
			}
	return 0;
}

uint64_t im_insides_moved(const struct im_insides *insides)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < insides->list.n; i++)
		for (size_t k = 0; k < insides->list.v[i].map.segs.n; k++)
			if (insides->list.v[i].map.segs.v[k].kind == IM_FROM)
				sum += insides->list.v[i].map.segs.v[k].len;
	return sum;
}

/* One segment of a volume's map, the volume being at old_start before and at start afterwards. */
static int lay(struct im_map *map, const struct im_segment *s, uint64_t old_start, uint64_t start, struct im_error *err)
{
	switch (s->kind) {
	case IM_KEEP:
		return 0;
	case IM_FROM:
		return im_map_from(map, start + s->start, s->len, old_start + s->from, s->reason, err);
	case IM_BYTES:
		return im_map_bytes(map, start + s->start, s->data, s->len, s->reason, err);
	case IM_ZERO:
		return im_map_zero(map, start + s->start, s->len, s->reason, err);
	case IM_FILL:
		return im_map_fill(map, start + s->start, s->len, s->fill, s->reason, err);
	}
	return 0;
}

int im_inside_lay(struct im_plan_context *ctx, size_t i, uint64_t new_start, struct im_error *err)
{
	for (size_t k = 0; ctx->insides && k < ctx->insides->list.n; k++) {
		const struct im_inside *inside = &ctx->insides->list.v[k];

		if (inside->volume != i)
			continue;
		for (size_t s = 0; s < inside->map.segs.n; s++)
			if (lay(ctx->map, &inside->map.segs.v[s], ctx->scan->volumes.v[i].start, new_start, err) < 0)
				return -1;
	}
	return 0;
}

int im_inside_notes(struct im_plan_context *ctx, struct im_error *err)
{
	for (size_t k = 0; ctx->insides && k < ctx->insides->list.n; k++) {
		const struct im_inside *inside = &ctx->insides->list.v[k];
		int number = ctx->scan->volumes.v[inside->volume].number;
		char name[80];

		im_say(name, sizeof(name), number ? N_("partition %d") : N_("the volume"), number);
		for (size_t i = 0; i < inside->notes.n; i++)
			if (im_plan_note(ctx->plan, err, "%s: %s", name, inside->notes.v[i]) < 0)
				return -1;
	}
	return 0;
}
