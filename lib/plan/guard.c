/* guard.c - nothing on the disk may lie over anything else, before the correction and after it.
 *
 * The structures of tables and the partitions are taken together: a table is written after the data has moved, so
 * that one which lies in a partition would be written over the partition's data. The solver knows units only; this
 * looks at everything, once, before the map is made.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "plan/plan.h"

/* Something that has its bytes for itself. */
struct thing {
	uint64_t start, len;
	char name[120];
};

struct things {
	struct im_plan_context *ctx;
	bool is_after;
	IM_VEC(struct thing) list;
};

static struct thing *add(struct things *t, uint64_t start, uint64_t len, struct im_error *err)
{
	struct thing *n = im_vec_push(&t->list, err);

	if (n)
		*n = (struct thing){ .start = start, .len = len };
	return n;
}

static int add_named(struct things *t, uint64_t start, uint64_t len, const char *name, struct im_error *err)
{
	struct thing *n = add(t, start, len, err);

	if (n)
		snprintf(n->name, sizeof(n->name), "%s", _(name));
	return n ? 0 : -1;
}

static uint64_t place_of(const struct things *t, uint64_t off)
{
	return t->is_after ? im_layout_moved(t->ctx->layout, off) : off;
}

/* Does [start, start+len) lie in an extended partition, on the same side? */
static bool is_in_extended(const struct things *t, uint64_t start, uint64_t len)
{
	for (size_t i = 0; i < t->ctx->scan->volumes.n; i++) {
		const struct im_volume *v = &t->ctx->scan->volumes.v[i];
		uint64_t at = place_of(t, v->start);

		if (v->is_extended && start >= at && len <= v->size && start - at <= v->size - len)
			return true;
	}
	return false;
}

static int add_volume(struct things *t, const struct im_volume *v, struct im_error *err)
{
	const struct im_layout *l = t->ctx->layout;
	uint64_t old = im_layout_old_size(l, v), start = t->is_after ? im_layout_start(l, v->start) : v->start;
	uint64_t size = t->is_after ? im_layout_size(l, v->start, old) : old;
	struct thing *n;

	if (v->is_extended)
		return 0;
	if (v->is_logical && !is_in_extended(t, start, size))
		return im_error_at(err, IM_EREFUSED, start, t->is_after ?
				   N_("logical partition %d would not lie wholly inside an extended partition; repair the table first") :
				   N_("logical partition %d does not lie wholly inside an extended partition; repair the table first"), v->number);
	n = add(t, start, size, err);
	if (n)
		im_say(n->name, sizeof(n->name), "partition %d", v->number ? v->number : l->units.v[0].number);
	return n ? 0 : -1;
}

static int add_ebrs(struct things *t, struct im_error *err)
{
	const struct im_scan *scan = t->ctx->scan;

	for (size_t i = 0; i < scan->mbr.ebrs.n; i++) {
		struct thing *n = add(t, place_of(t, scan->mbr.ebrs.v[i].off), scan->sector_size, err);

		if (!n)
			return -1;
		im_say(n->name, sizeof(n->name), "the extended boot record at byte %" PRIu64, n->start);
	}
	return 0;
}

static bool is_in_gpt(const struct im_scan *scan, const struct im_mbr_part *p)
{
	for (size_t i = 0; i < scan->gpt.parts.n; i++)
		if (scan->gpt.parts.v[i].start == p->start)
			return true;
	return false;
}

/* Entries of a hybrid MBR that the GPT does not have: nobody moves what lies there. */
static int add_mbr_only(struct things *t, struct im_error *err)
{
	const struct im_scan *scan = t->ctx->scan;

	for (size_t i = 0; scan->table == IM_TABLE_GPT && i < scan->mbr.parts.n; i++) {
		const struct im_mbr_part *p = &scan->mbr.parts.v[i];
		struct thing *n;

		if (p->type == IM_MBR_TYPE_GPT || is_in_gpt(scan, p))
			continue;
		n = add(t, p->start, p->size, err);
		if (!n)
			return -1;
		im_say(n->name, sizeof(n->name), "entry %d of the MBR, which the GPT does not have", p->number);
	}
	return 0;
}

static int add_copy(struct things *t, uint64_t header, uint64_t array, uint64_t array_size, const char *names[2],
		    struct im_error *err)
{
	return add_named(t, header, t->ctx->scan->sector_size, names[0], err) < 0 ? -1 :
	       add_named(t, array, array_size, names[1], err);
}

static int add_gpt(struct things *t, struct im_error *err)
{
	static const char *primary[] = { N_("the header of the GPT"), N_("the entries of the GPT") };
	static const char *backup[] = { N_("the header of the backup GPT"), N_("the entries of the backup GPT") };
	const struct im_gpt *g = &t->ctx->scan->gpt;
	uint32_t ss = t->ctx->scan->sector_size;
	struct im_gpt_places p;

	if (t->is_after) {
		if (im_gpt_places(t->ctx, &p, err) < 0)
			return -1;
		return add_copy(t, ss, p.primary_array, p.array_size, primary, err) < 0 ? -1 :
		       add_copy(t, p.backup, p.backup_array, p.array_size, backup, err);
	}
	if (g->primary.state == IM_FOUND &&
	    add_copy(t, g->primary.off, g->primary.array_lba * ss, im_gpt_array_size(&g->primary, ss), primary, err) < 0)
		return -1;
	if (g->backup.state != IM_FOUND)
		return 0;
	return add_copy(t, g->backup.off, g->backup.array_lba * ss, im_gpt_array_size(&g->backup, ss), backup, err);
}

static int by_start(const void *a, const void *b)
{
	const struct thing *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static int check_apart(struct things *t, struct im_error *err)
{
	const struct thing *last;

	if (!t->list.n)
		return 0;
	qsort(t->list.v, t->list.n, sizeof(*t->list.v), by_start);
	last = &t->list.v[0];
	for (size_t i = 1; i < t->list.n; i++) {
		const struct thing *n = &t->list.v[i];

		if (n->start < last->start + last->len)
			return im_error_at(err, IM_EREFUSED, n->start, t->is_after ? N_("%s and %s would come to lie over each other at byte %" PRIu64
					   "; there is no room for this correction") : N_("%s and %s lie over each other at byte %" PRIu64
					   "; which of them counts is not for imgmend to guess: repair the table first"), last->name, n->name,
					   n->start);
		if (n->start + n->len > last->start + last->len)
			last = n;
	}
	return 0;
}

static int check_side(struct im_plan_context *ctx, bool is_after, struct im_error *err)
{
	struct things t = { .ctx = ctx, .is_after = is_after };
	const struct im_scan *scan = ctx->scan;
	bool has_table = is_after ? scan->table != IM_TABLE_NONE || ctx->layout->add_table : scan->table != IM_TABLE_NONE;
	int rc = has_table ? add_named(&t, 0, scan->sector_size, N_("sector 0"), err) : 0;

	for (size_t i = 0; rc == 0 && i < scan->volumes.n; i++)
		rc = add_volume(&t, &scan->volumes.v[i], err);
	if (rc == 0)
		rc = add_ebrs(&t, err);
	if (rc == 0)
		rc = add_mbr_only(&t, err);
	if (rc == 0 && scan->table == IM_TABLE_GPT)
		rc = add_gpt(&t, err);
	if (rc == 0)
		rc = check_apart(&t, err);
	im_vec_free(&t.list);
	return rc;
}

int im_plan_guard(struct im_plan_context *ctx, struct im_error *err)
{
	return check_side(ctx, false, err) < 0 ? -1 : check_side(ctx, true, err);
}
