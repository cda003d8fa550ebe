/* regions.c - the layout: a tree of regions that covers the whole disk, gaps included. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "scan/scan.h"

typedef IM_VEC(struct im_region) regions;

static int add(regions *list, struct im_region r, struct im_error *err)
{
	struct im_region *n;

	if (!r.size)
		return 0;
	n = im_vec_push(list, err);
	if (!n)
		return -1;
	*n = r;
	return 0;
}

static int add_table(regions *list, uint64_t start, uint64_t size, const char *what, int depth, struct im_error *err)
{
	return add(list, (struct im_region){ .start = start, .size = size, .kind = IM_REGION_TABLE, .what = what,
					     .depth = depth }, err);
}

static int add_gpt_copy(regions *list, const struct im_gpt_copy *c, uint32_t ss, bool is_backup, struct im_error *err)
{
	if (c->state != IM_FOUND)
		return 0;
	if (add_table(list, c->off, ss, is_backup ? N_("GPT backup header") : N_("GPT header"), 0, err) < 0)
		return -1;
	return add_table(list, c->array_lba * ss, im_gpt_array_size(c, ss),
			 is_backup ? N_("GPT backup entries") : N_("GPT entries"), 0, err);
}

static int add_tables(regions *list, const struct im_scan *scan, struct im_error *err)
{
	uint32_t ss = scan->sector_size;

	if (scan->table == IM_TABLE_DOS)
		return add_table(list, 0, ss, "MBR", 0, err);
	if (scan->table == IM_TABLE_OTHER)
		return add_table(list, 0, ss, N_("disk label"), 0, err);
	if (scan->table != IM_TABLE_GPT)
		return 0;
	if (add_table(list, 0, ss, scan->mbr.is_hybrid ? N_("hybrid MBR") : N_("protective MBR"), 0, err) < 0 ||
	    add_gpt_copy(list, &scan->gpt.primary, ss, false, err) < 0)
		return -1;
	return add_gpt_copy(list, &scan->gpt.backup, ss, true, err);
}

static struct im_region of_volume(const struct im_scan *scan, const struct im_volume *v)
{
	struct im_region r = {
		.start = v->start, .size = v->size, .number = v->number,
		.kind = v->number ? IM_REGION_PARTITION : IM_REGION_VOLUME,
		.what = v->is_extended ? N_("extended partition") : "",
		.depth = v->is_logical ? 1 : 0,
	};

	if (scan->table == IM_TABLE_DOS && v->number)
		snprintf(r.type, sizeof(r.type), "%x", scan->mbr.parts.v[v->entry].type);
	if (scan->table == IM_TABLE_GPT)
		snprintf(r.type, sizeof(r.type), "%s", scan->gpt.parts.v[v->entry].type);
	if (v->n_formats) {
		snprintf(r.fs, sizeof(r.fs), "%s",
			 v->n_formats > 1 && v->state == IM_FOUND ? "ambivalent" : v->info[0].name);
		snprintf(r.label, sizeof(r.label), "%s", v->info[0].label);
	}
	return r;
}

static int by_start(const void *a, const void *b)
{
	const struct im_region *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->kind != y->kind ? (int)x->kind - (int)y->kind : x->number - y->number;
}

/* Append the sorted regions of one level to out, with gaps between them, from `at` to `end`. children, if
 * any, are put behind the extended partition. */
static int lay_out(regions *out, regions *level, uint64_t at, uint64_t end, int depth, regions *children,
		   struct im_error *err)
{
	if (level->n)
		qsort(level->v, level->n, sizeof(*level->v), by_start);
	for (size_t i = 0; i < level->n; i++) {
		const struct im_region *r = &level->v[i];

		if (r->start > at && at < end &&
		    add(out, (struct im_region){ .start = at, .size = im_min(r->start, end) - at, .kind = IM_REGION_GAP,
						 .what = "", .depth = depth }, err) < 0)
			return -1;
		if (add(out, *r, err) < 0)
			return -1;
		at = im_max(at, r->start + r->size);
		if (children && r->what[0] == 'e' && r->kind == IM_REGION_PARTITION && children->n &&
		    lay_out(out, children, r->start, r->start + r->size, depth + 1, NULL, err) < 0)
			return -1;
	}
	if (at < end)
		return add(out, (struct im_region){ .start = at, .size = end - at, .kind = IM_REGION_GAP, .what = "",
						    .depth = depth }, err);
	return 0;
}

int im_scan_regions(struct im_scan *scan, struct im_error *err)
{
	regions top = { 0 }, inner = { 0 }, out = { 0 };
	int rc = -1;

	if (add_tables(&top, scan, err) < 0)
		goto out;
	for (size_t i = 0; i < scan->volumes.n; i++) {
		struct im_region r = of_volume(scan, &scan->volumes.v[i]);

		if (add(r.depth ? &inner : &top, r, err) < 0)
			goto out;
	}
	/* an isohybrid image's file system lies under its partitions: by design */
	if (scan->is_isohybrid && add(&top, of_volume(scan, &scan->whole), err) < 0)
		goto out;
	for (size_t i = 0; i < scan->mbr.ebrs.n; i++)
		if (add_table(&inner, scan->mbr.ebrs.v[i].off, scan->sector_size, "EBR", 1, err) < 0)
			goto out;
	if (lay_out(&out, &top, 0, scan->size, 0, &inner, err) < 0)
		goto out;
	scan->regions.v = out.v;
	scan->regions.n = out.n;
	scan->regions.cap = out.cap;
	rc = 0;
out:
	im_vec_free(&top);
	im_vec_free(&inner);
	if (rc < 0)
		im_vec_free(&out);
	return rc;
}
