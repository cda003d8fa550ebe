/* layout.c - what can move, between which bounds. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "plan/plan.h"

#define KEEP_ALIGN_MAX (1u << 20)

uint64_t im_alignment_of(uint64_t start)
{
	uint64_t bit = start & -start;

	return bit && bit < KEEP_ALIGN_MAX ? bit : KEEP_ALIGN_MAX;
}

static int by_start(const void *a, const void *b)
{
	const struct im_unit *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static bool is_at_fault(const struct im_scan *scan, const struct im_plan_options *options, int number)
{
	for (size_t i = 0; i < scan->findings.n; i++) {
		const struct im_finding *f = &scan->findings.v[i];

		if (f->partition == number && f->is_fixable && im_plan_wants(options, f) &&
		    (strcmp(f->id, "partition-in-reserved-area") == 0 || strcmp(f->id, "volume-in-reserved-area") == 0))
			return true;
	}
	return false;
}

/* An extended partition takes its alignment from its first logical at fault, and keeps what its EBRs and
 * logical partitions have. */
static void look_inside(struct im_unit *u, const struct im_scan *scan, const struct im_plan_options *options)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < scan->volumes.n; i++) {
		const struct im_volume *v = &scan->volumes.v[i];

		if (!v->is_logical || v->start < u->start || v->start >= u->start + u->size)
			continue;
		u->keep_align = im_max(u->keep_align, im_alignment_of(v->start));
		if (is_at_fault(scan, options, v->number)) {
			u->is_fault = true;
			first = im_min(first, v->start);
		}
	}
	if (first != UINT64_MAX)
		u->anchor = first - u->start;
}

static int add_unit(struct im_layout *l, const struct im_scan *scan, const struct im_plan_options *options,
		    const struct im_volume *v, struct im_error *err)
{
	struct im_unit *u = im_vec_push(&l->units, err);

	if (!u)
		return -1;
	*u = (struct im_unit){
		.number = v->number, .start = v->start, .size = v->size, .new_start = v->start,
		.is_extended = v->is_extended, .keep_align = im_alignment_of(v->start),
		.is_fault = is_at_fault(scan, options, v->number),
	};
	if (v->is_extended)
		look_inside(u, scan, options);
	return 0;
}

/* Nothing may overlap, and everything that could move must really be in the image. */
static int check(const struct im_layout *l, const struct im_scan *scan, struct im_error *err)
{
	for (size_t i = 0; i < scan->volumes.n; i++) {
		const struct im_volume *v = &scan->volumes.v[i];

		if (v->there != v->size)
			return im_error_at(err, IM_EREFUSED, v->start, "partition %d reaches %" PRIu64 " bytes past the end of"
					   " the image; the image is cut off, so nothing in it is moved", v->number,
					   v->size - v->there);
	}
	for (size_t i = 1; i < l->units.n; i++) {
		const struct im_unit *a = &l->units.v[i - 1], *b = &l->units.v[i];

		if (a->start + a->size > b->start)
			return im_error_at(err, IM_EREFUSED, b->start, "partitions %d and %d overlap; which of them counts is"
					   " not for imgmend to guess", a->number, b->number);
	}
	if (scan->mbr.damage[0])
		return im_error_set(err, IM_EREFUSED, "%s: what lies behind it is not known, so nothing is moved",
				    scan->mbr.damage);
	return 0;
}

static int add_bare(struct im_layout *l, const struct im_scan *scan, const struct im_plan_options *options,
		    struct im_error *err)
{
	const struct im_volume *v;
	struct im_unit *u;

	if (!scan->volumes.n)
		return options->add_table ? im_error_set(err, IM_EREFUSED, "there is no volume to put into a table") : 0;
	v = &scan->volumes.v[0];
	if (add_unit(l, scan, options, v, err) < 0)
		return -1;
	u = &l->units.v[0];
	if (!options->add_table)
		return 0;
	u->number = 1;
	u->is_fault = true;
	/* the volume's own size, not the image's: what lies behind it is no part of it */
	if (v->info[0].size && v->info[0].size < u->size)
		u->size = v->info[0].size;
	u->size -= u->size % scan->sector_size;
	return 0;
}

int im_layout_of(struct im_layout *l, const struct im_scan *scan, const struct im_plan_options *options,
		 bool can_grow, struct im_error *err)
{
	uint64_t ss = scan->sector_size;

	*l = (struct im_layout){
		.floor = IM_RESERVED, .disk_size = scan->size, .new_size = scan->size,
		.may_grow = can_grow && !options->no_grow, .add_table = options->add_table,
	};
	if (options->add_table && scan->table != IM_TABLE_NONE)
		return im_error_set(err, IM_EREFUSED, "the disk has a partition table already; --add-table is for bare"
				    " volumes");
	if (scan->table == IM_TABLE_NONE && add_bare(l, scan, options, err) < 0)
		return -1;
	for (size_t i = 0; scan->table != IM_TABLE_NONE && i < scan->volumes.n; i++)
		if (!scan->volumes.v[i].is_logical && add_unit(l, scan, options, &scan->volumes.v[i], err) < 0)
			return -1;
	if (scan->table == IM_TABLE_GPT) {
		const struct im_gpt_copy *c = im_gpt_in_use(&scan->gpt);
		uint64_t array = im_gpt_array_size(c, (uint32_t)ss);

		l->tail = array + ss;
		if (scan->gpt.primary.state == IM_FOUND)
			l->floor = im_max(l->floor, c->array_lba * ss + array);
		else
			l->floor = im_max(l->floor, 2 * ss + array);
	}
	if (options->add_table == IM_ADD_GPT) {
		l->tail = 128 * 128 + ss;
		l->floor = im_max(l->floor, 2 * ss + 128 * 128);
	}
	if (scan->table == IM_TABLE_DOS) {
		struct im_geometry g = im_mbr_geometry(&scan->mbr);

		if (g.heads && g.ends_on_cylinder)
			l->cylinder = (uint64_t)g.heads * g.sectors * ss;
	}
	if (l->units.n)
		qsort(l->units.v, l->units.n, sizeof(*l->units.v), by_start);
	return check(l, scan, err);
}

void im_layout_free(struct im_layout *l)
{
	im_vec_free(&l->units);
	im_vec_free(&l->reserves);
}

bool im_layout_moves(const struct im_layout *l)
{
	for (size_t i = 0; i < l->units.n; i++)
		if (l->units.v[i].new_start != l->units.v[i].start)
			return true;
	return false;
}

uint64_t im_layout_moved(const struct im_layout *l, uint64_t off)
{
	for (size_t i = 0; i < l->units.n; i++) {
		const struct im_unit *u = &l->units.v[i];

		if (off >= u->start && off < u->start + u->size)
			return off - u->start + u->new_start;
	}
	return off;
}
