/* plan.c - imgmend_plan_*: making, saving, loading a plan, and looking at its result. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "api/api.h"
#include "api/json.h"
#include "fmt/label.h"

#define PLAN_FILE_MAX (64 << 20)

/* What the floors below cannot know: the journal that a map needs. */
struct costing {
	struct im_dev *image;
	uint32_t sector_size;
	struct im_strategy *strategy;
};

static int cost_of_map(const struct costing *c, const struct im_map *map, struct im_journal_cost *cost, struct im_error *err)
{
	struct im_program prog;

	if (im_program_build(&prog, map, c->sector_size, &c->strategy->params, err) < 0)
		return -1;
	im_journal_cost(&prog, c->image, cost);
	im_program_free(&prog);
	return 0;
}

static int journal_bytes(void *arg, const struct im_map *map, uint64_t *bytes, struct im_error *err)
{
	const struct costing *c = arg;
	struct im_journal_cost cost;
	struct im_error why = { 0 };

	/* a way that the wanted strategy is not for may not be the one that is chosen */
	if (im_strategy_settle(c->strategy, c->image, map, c->sector_size, &why) < 0 && why.code != IM_EREFUSED) {
		*err = why;
		return -1;
	}
	if (cost_of_map(c, map, &cost, err) < 0)
		return -1;
	*bytes = cost.total;
	return 0;
}

/* Would this map be carried out without reading what it moves? */
static int moves_whole(void *arg, const struct im_map *map, bool *yes, struct im_error *err)
{
	const struct costing *c = arg;

	if (im_strategy_settle(c->strategy, c->image, map, c->sector_size, err) < 0)
		return -1;
	*yes = c->strategy->by_clone || (c->strategy->by_steps && !c->strategy->params.fill_gap);
	return 0;
}

static int plan_options(const struct imgmend_options *o, struct im_plan_options *out, struct im_error *err)
{
	*out = (struct im_plan_options){
		.align = o->align, .no_grow = o->no_grow != 0, .only = o->only, .to_copy = o->to_copy != 0,
		.used_only = o->used_only != 0,
		.allow_boot_code = im_api_allows(o, "unknown-boot-code"),
		.allow_dirty = im_api_allows(o, "dirty"), .allow_snapshots = im_api_allows(o, "snapshots"),
	};
	if (!o->add_table)
		return 0;
	if (strcmp(o->add_table, "mbr") != 0 && strcmp(o->add_table, "gpt") != 0)
		return im_error_set(err, IM_EUSAGE, "--add-table takes mbr or gpt, not \"%s\"", o->add_table);
	out->add_table = o->add_table[0] == 'm' ? IM_ADD_MBR : IM_ADD_GPT;
	return 0;
}

/* Copy what the plan says into the public structs. */
static int fill(imgmend_plan *p, struct im_error *err)
{
	const struct im_plan *plan = &p->plan;

	for (size_t i = 0; i < plan->partitions.n; i++) {
		const struct im_plan_partition *q = &plan->partitions.v[i];
		struct imgmend_partition *n = im_vec_push(&p->partitions, err);

		if (!n)
			return -1;
		*n = (struct imgmend_partition){ q->number, q->old_start, q->new_start, q->size, q->is_extended };
	}
	for (size_t i = 0; i < plan->map.segs.n; i++) {
		const struct im_segment *s = &plan->map.segs.v[i];
		struct imgmend_segment *n;

		if (s->kind == IM_KEEP)
			continue;
		n = im_vec_push(&p->segments, err);
		if (!n)
			return -1;
		*n = (struct imgmend_segment){ s->start, s->len, (enum imgmend_kind)s->kind, s->from, s->data, s->fill,
					       s->reason };
	}
	for (size_t i = 0; i < plan->ways.n; i++) {
		const struct im_way *w = &plan->ways.v[i];
		struct imgmend_way *n = im_vec_push(&p->ways, err);

		if (!n)
			return -1;
		*n = (struct imgmend_way){ w->name, w->align, w->bytes_moved, w->growth, w->journal_bytes, w->is_feasible,
					   w->is_chosen, w->missing };
	}
	return im_api_findings(p->scan.findings.v, p->scan.findings.n, &p->findings, err) < 0 ? -1 :
	       im_api_findings(plan->findings.v, plan->findings.n, &p->findings, err);
}

/* Is there anything to repair? The disk is not measured for nothing. */
static bool wants_repair(const struct im_scan *scan, const struct im_plan_options *po)
{
	bool wants = po->add_table != IM_ADD_NONE;

	for (size_t i = 0; i < scan->findings.n && !wants; i++)
		wants = im_plan_wants(po, &scan->findings.v[i]);
	return wants;
}

/* Where no journal could be, nothing can be found out about its place; a plan can be made all the same. */
static int begin_strategy(imgmend_plan *p, struct im_dev *dev, const struct imgmend_options *options,
			  const struct im_plan_options *po, struct im_place *place, struct im_error *err)
{
	bool known = im_place_of(p->path, options, place, NULL) == 0;
	bool measures = dev->size >= IM_PROBE_MIN && wants_repair(&p->scan, po);

	return im_strategy_begin(&p->strategy, dev, known ? place->dir : "", measures, options->strategy, err);
}

/* What the repair does to the file that the image is the inside of. */
static int note_container(imgmend_plan *p, struct im_dev *dev, struct im_error *err)
{
	uint64_t bytes;

	if (!dev->container)
		return 0;
	if (im_api_growth(dev, &p->plan.map, &bytes, err) < 0)
		return -1;
	return im_notes_add(&p->plan.notes, err, "the %s file itself grows by up to %" PRIu64 " bytes, and by what its tables need: that"
			    " much of what is a hole now gets data", im_container_title(dev->container), bytes);
}

/* Plan, and choose the way. The plan's parameters borrow what it drops. */
static int plan_and_settle(imgmend_plan *p, struct im_dev *recorder, struct costing *costing, const struct im_plan_options *po,
			   struct im_error *err)
{
	if (im_plan_make(&p->plan, &p->scan, recorder, costing->image, po, err) < 0)
		return -1;
	p->strategy.params.dropped = p->plan.dropped.v;
	p->strategy.params.n_dropped = p->plan.dropped.n;
	if (im_map_is_identity(&p->plan.map))
		return 0;
	return im_strategy_settle(&p->strategy, costing->image, &p->plan.map, costing->sector_size, err) < 0 ? -1 :
	       cost_of_map(costing, &p->plan.map, &p->cost, err) < 0 ? -1 : note_container(p, costing->image, err);
}

static int make(imgmend_plan *p, struct im_dev *dev, const struct imgmend_options *options, struct im_error *err)
{
	/* what is recorded is what was asked for, not what the cache read for it */
	struct im_dev *cache = im_dev_cache(dev, err), *recorder = cache ? im_dev_recorder(cache, err) : NULL;
	struct im_scan_options scan_options;
	struct im_plan_options po;
	struct costing costing = { .image = dev, .strategy = &p->strategy };
	struct im_place place = { 0 };
	int rc = -1;

	if (recorder && im_api_scan_options(options, &scan_options, err) == 0 && plan_options(options, &po, err) == 0 &&
	    im_scan_run(&p->scan, recorder, &scan_options, err) == 0 && begin_strategy(p, dev, options, &po, &place, err) == 0) {
		dev->sector_size = costing.sector_size = p->scan.sector_size;
		po.cost = journal_bytes;
		po.cost_arg = &costing;
		po.moves_whole = moves_whole;
		rc = plan_and_settle(p, recorder, &costing, &po, err);
	}
	p->strategy.wanted = p->strategy.unmeasured = NULL;
	im_place_free(&place);
	im_dev_close(recorder);
	im_dev_close(cache);
	return rc;
}

int imgmend_plan_image(const char *path, const struct imgmend_options *options, imgmend_plan **out,
		       struct imgmend_error *error)
{
	struct imgmend_options none = { 0 };
	imgmend_plan *p = calloc(1, sizeof(*p));
	struct im_error err = { 0 };
	struct im_dev *dev = NULL;
	struct im_watch watch;
	int rc = -1;

	options = options ? options : &none;
	watch = im_api_watch(options, IMGMEND_PHASE_SEARCH);
	if (p)
		p->path = strdup(path);
	if (!p || !p->path)
		im_error_nomem(&err);
	else if ((dev = im_leftover_open(path, options, &err))) {
		dev->watch = &watch;
		rc = im_api_unless_stopped(&watch, make(p, dev, options, &err), &err);
		if (rc < 0)
			im_error_prefix(&err, "%s", path);
		else
			rc = fill(p, &err);
	}
	im_dev_close(dev);
	if (rc < 0) {
		imgmend_plan_free(p);
		return im_api_fail(error, &err);
	}
	*out = p;
	return 0;
}

/* The whole of a file that is not too large; the caller frees it. */
static char *read_file(const char *file, size_t *len, struct im_error *err)
{
	struct im_dev *dev = im_dev_file(file, false, 0, err);
	char *text = NULL;

	if (!dev)
		return NULL;
	if (dev->size > PLAN_FILE_MAX)
		im_error_set(err, IM_EFORMAT, "%s: too large for a plan", file);
	else if (!(text = malloc(dev->size + 1)))
		im_error_nomem(err);
	else if (im_dev_read(dev, 0, text, dev->size, err) < 0) {
		free(text);
		text = NULL;
	} else {
		*len = dev->size;
	}
	im_dev_close(dev);
	return text;
}

int imgmend_plan_load(const char *file, imgmend_plan **out, struct imgmend_error *error)
{
	imgmend_plan *p = calloc(1, sizeof(*p));
	struct im_error err = { 0 };
	size_t len = 0;
	char *text = NULL;
	int rc = -1;

	if (!p)
		im_error_nomem(&err);
	else if ((text = read_file(file, &len, &err))) {
		rc = im_plan_parse(&p->plan, text, len, &err);
		if (rc < 0)
			im_error_prefix(&err, "%s", file);
		else
			rc = fill(p, &err);
		p->cost = (struct im_journal_cost){ p->plan.saved.undo, p->plan.saved.scratch, p->plan.saved.journal };
		im_strategy_restore(&p->strategy, p->plan.saved.strategy, p->plan.saved.direct_min, p->plan.saved.buffer,
				    p->plan.saved.strands);
		p->strategy.params.dropped = p->plan.dropped.v;
		p->strategy.params.n_dropped = p->plan.dropped.n;
	}
	free(text);
	if (rc < 0) {
		imgmend_plan_free(p);
		return im_api_fail(error, &err);
	}
	*out = p;
	return 0;
}

void imgmend_plan_free(imgmend_plan *p)
{
	if (!p)
		return;
	im_scan_free(&p->scan);
	im_plan_free(&p->plan);
	im_vec_free(&p->findings);
	im_vec_free(&p->partitions);
	im_vec_free(&p->segments);
	im_vec_free(&p->ways);
	free(p->path);
	free(p);
}

int imgmend_plan_is_empty(const imgmend_plan *p)
{
	return im_map_is_identity(&p->plan.map);
}

const struct imgmend_finding *imgmend_plan_findings(const imgmend_plan *p, size_t *n)
{
	*n = p->findings.n;
	return p->findings.v;
}

const struct imgmend_partition *imgmend_plan_partitions(const imgmend_plan *p, size_t *n)
{
	*n = p->partitions.n;
	return p->partitions.v;
}

const struct imgmend_segment *imgmend_plan_segments(const imgmend_plan *p, size_t *n)
{
	*n = p->segments.n;
	return p->segments.v;
}

const struct imgmend_way *imgmend_plan_ways(const imgmend_plan *p, size_t *n)
{
	*n = p->ways.n;
	return p->ways.v;
}

const char *const *imgmend_plan_notes(const imgmend_plan *p, size_t *n)
{
	*n = p->plan.notes.n;
	return (const char *const *)p->plan.notes.v;
}

void imgmend_plan_figures(const imgmend_plan *p, struct imgmend_plan_figures *f)
{
	uint64_t dropped = 0;

	for (size_t i = 0; i < p->plan.dropped.n; i++)
		dropped += p->plan.dropped.v[i].len;
	*f = (struct imgmend_plan_figures){
		.dropped_bytes = dropped,
		.old_size = p->plan.map.old_size, .new_size = p->plan.map.new_size, .sector_size = p->plan.sector_size,
		.bytes_moved = p->plan.bytes_moved, .literal_bytes = p->plan.literal_bytes,
		.undo_bytes = p->cost.undo, .scratch_bytes = p->cost.scratch, .journal_bytes = p->cost.total,
		.time_ns = im_strategy_time(&p->strategy, &p->plan.map), .write_rate = p->strategy.host.write_rate,
		.is_measured = p->strategy.host.is_probed, .strategy = p->strategy.name, .strategy_reason = p->strategy.why, .fingerprint = p->plan.fingerprint,
	};
}
