/* witnesses.c - what we say the disk is, before and after, and whether others agree. */
#include <stdio.h>
#include <string.h>

#include "plan/plan.h"

static int claim_of(struct im_claim *c, const struct im_plan_context *ctx, bool after, struct im_error *err)
{
	const struct im_scan *scan = ctx->scan;
	const struct im_layout *l = ctx->layout;

	c->sector_size = scan->sector_size;
	c->table = im_table_name(scan);
	if (scan->table == IM_TABLE_NONE && scan->volumes.n) {
		const struct im_volume *v = &scan->volumes.v[0];

		c->volume_start = after ? im_layout_start(l, v->start) : v->start;
		c->volume_fs = v->n_formats == 1 && v->state == IM_FOUND ? v->info[0].name : NULL;
		if (after && l->add_table)
			c->table = l->add_table == IM_ADD_GPT ? "gpt" : "dos";
	}
	for (size_t i = 0; i < scan->volumes.n; i++) {
		const struct im_volume *v = &scan->volumes.v[i];
		struct im_claim_partition *p;

		if (strcmp(c->table, "none") == 0)
			break;
		p = im_vec_push(&c->partitions, err);
		if (!p)
			return -1;
		p->number = v->number ? v->number : l->units.v[0].number;
		p->start = after ? im_layout_start(l, v->start) : v->start;
		p->size = im_layout_old_size(l, v);
		if (after)
			p->size = im_layout_size(l, v->start, p->size);
		p->is_extended = v->is_extended;
		p->fs = v->n_formats == 1 && v->state == IM_FOUND ? v->info[0].name : NULL;
	}
	for (size_t i = 0; i < scan->mbr.ebrs.n; i++) {
		uint64_t *e = im_vec_push(&c->ebrs, err);

		if (!e)
			return -1;
		*e = after ? im_layout_moved(l, scan->mbr.ebrs.v[i].off) : scan->mbr.ebrs.v[i].off;
	}
	return 0;
}

static void claim_free(struct im_claim *c)
{
	im_vec_free(&c->partitions);
	im_vec_free(&c->ebrs);
}

/* A library that died on this image is worth knowing of, whatever becomes of the plan. */
static int add_death(struct im_plan_context *ctx, const struct im_opinion *o, struct im_error *err)
{
	struct im_finding *f = im_vec_push(&ctx->plan->findings, err);
	int n = o->partition;

	if (!f)
		return -1;
	*f = (struct im_finding){ .id = "library-failed", .severity = IM_WARNING, .size = ctx->scan->size, .partition = n };
	for (size_t i = 0; n && i < ctx->scan->volumes.n; i++)
		if (ctx->scan->volumes.v[i].number == n) {
			f->start = ctx->scan->volumes.v[i].start;
			f->size = ctx->scan->volumes.v[i].size;
		}
	snprintf(f->owner, sizeof(f->owner), "%s", o->witness);
	im_say(f->message, sizeof(f->message), "%s failed on this image (%s); whatever else on this system reads the image"
	       " through it may fail too", o->witness, o->why);
	return 0;
}

/* At least one witness must agree on the table, and none may disagree. */
static int judge(struct im_plan_context *ctx, struct im_error *err)
{
	struct im_plan *plan = ctx->plan;
	bool agreed = false;

	for (size_t i = 0; i < plan->opinions.list.n; i++) {
		const struct im_opinion *o = &plan->opinions.list.v[i];

		if (o->died && add_death(ctx, o, err) < 0)
			return -1;
		if (o->verdict == IM_DISAGREES)
			return im_error_set(err, IM_EREFUSED, "%s does not read the corrected disk as planned (%s); nothing is"
					    " done on our word alone", o->witness, o->why);
		agreed |= o->on_table && o->verdict == IM_AGREES;
		if (o->verdict == IM_ABSTAINS && im_plan_note(plan, err, "%s abstains: %s", o->witness, o->why) < 0)
			return -1;
	}
	if (!agreed)
		return im_error_set(err, IM_EREFUSED, "no other library reads this disk as imgmend does, so nobody can confirm"
				    " the correction; nothing is done on our word alone");
	return 0;
}

int im_plan_witnesses(struct im_plan_context *ctx, struct im_dev *raw, struct im_error *err)
{
	struct im_claim before = { 0 }, after = { 0 };
	struct im_dev *view = im_map_view(ctx->map, raw, err);
	int rc = -1;

	if (!view)
		return -1;
	if (claim_of(&before, ctx, false, err) == 0 && claim_of(&after, ctx, true, err) == 0 &&
	    im_witness_ask(raw, &before, view, &after, &ctx->plan->opinions, err) == 0)
		rc = judge(ctx, err);
	claim_free(&before);
	claim_free(&after);
	im_dev_close(view);
	return rc;
}
