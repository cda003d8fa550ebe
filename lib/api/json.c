/* json.c - the plan and the status as JSON documents. Keys are stable: scripts rely on them. */
#include "api/json.h"

#include <string.h>

#include "api/api.h"

void im_api_put_findings(struct im_json *j, const struct imgmend_finding *f, size_t n)
{
	im_json_open(j, "findings", '[');
	for (size_t i = 0; i < n; i++, f++) {
		im_json_open(j, NULL, '{');
		im_json_string(j, "id", f->id);
		im_json_string(j, "severity", im_severity_name((enum im_severity)f->severity));
		im_json_uint(j, "start", f->start);
		im_json_uint(j, "size", f->size);
		if (f->partition)
			im_json_uint(j, "partition", (uint64_t)f->partition);
		im_json_string(j, "owner", f->owner);
		im_json_string(j, "message", f->message);
		im_json_bool(j, "fixable", f->fixable);
		im_json_close(j, '{');
	}
	im_json_close(j, '[');
}

static void put_partitions(struct im_json *j, const imgmend_plan *p)
{
	im_json_open(j, "partitions", '[');
	for (size_t i = 0; i < p->partitions.n; i++) {
		const struct imgmend_partition *q = &p->partitions.v[i];

		im_json_open(j, NULL, '{');
		im_json_uint(j, "number", (uint64_t)q->number);
		im_json_uint(j, "old_start", q->old_start);
		im_json_uint(j, "new_start", q->new_start);
		im_json_uint(j, "size", q->size);
		im_json_close(j, '{');
	}
	im_json_close(j, '[');
}

const char *im_api_kind_name(enum imgmend_kind kind)
{
	static const char *const names[] = { "keep", "from", "bytes", "zero", "fill" };

	return names[kind];
}

static void put_segments(struct im_json *j, const imgmend_plan *p)
{
	im_json_open(j, "segments", '[');
	for (size_t i = 0; i < p->segments.n; i++) {
		const struct imgmend_segment *s = &p->segments.v[i];

		im_json_open(j, NULL, '{');
		im_json_uint(j, "start", s->start);
		im_json_uint(j, "size", s->size);
		im_json_string(j, "kind", im_api_kind_name(s->kind));
		if (s->kind == IMGMEND_FROM)
			im_json_uint(j, "from", s->from);
		if (s->kind == IMGMEND_BYTES)
			im_json_base64(j, "data", s->data, s->size);
		if (s->kind == IMGMEND_FILL)
			im_json_uint(j, "byte", s->fill);
		im_json_string(j, "reason", s->reason ? s->reason : "");
		im_json_close(j, '{');
	}
	im_json_close(j, '[');
}

/* What the strategy was chosen by. */
static void put_cost(struct im_json *j, const struct im_strategy *s)
{
	im_json_open(j, "cost", '{');
	im_json_string(j, "why", s->why);
	im_json_string(j, "file_system", s->host.fs);
	im_json_bool(j, "shares_blocks", s->host.can_share);
	im_json_bool(j, "probed", s->host.is_probed);
	im_json_uint(j, "flush_ns", s->host.flush_ns);
	im_json_uint(j, "write_rate", s->host.write_rate);
	im_json_uint(j, "seek_ns", s->host.seek_ns);
	im_json_uint(j, "direct_min", s->params.direct_min);
	im_json_uint(j, "buffer", s->params.buffer);
	im_json_uint(j, "strands", s->params.strands);
	im_json_uint(j, "direct_ns", s->direct_ns);
	im_json_uint(j, "journalled_ns", s->journalled_ns);
	im_json_close(j, '{');
}

static void put_ways(struct im_json *j, const imgmend_plan *p)
{
	im_json_open(j, "alternatives", '[');
	for (size_t i = 0; i < p->ways.n; i++) {
		const struct imgmend_way *w = &p->ways.v[i];

		im_json_open(j, NULL, '{');
		im_json_string(j, "way", w->name);
		im_json_uint(j, "align", w->align);
		im_json_uint(j, "bytes_moved", w->bytes_moved);
		im_json_uint(j, "growth", w->growth);
		im_json_uint(j, "journal_bytes", w->journal_bytes);
		im_json_bool(j, "feasible", w->feasible);
		if (!w->feasible && w->missing != UINT64_MAX)
			im_json_uint(j, "missing", w->missing);
		im_json_bool(j, "chosen", w->chosen);
		im_json_close(j, '{');
	}
	im_json_close(j, '[');
}

static void put_ranges(struct im_json *j, const char *key, const im_ranges *ranges)
{
	im_json_open(j, key, '[');
	for (size_t i = 0; i < ranges->n; i++) {
		im_json_open(j, NULL, '{');
		im_json_uint(j, "start", ranges->v[i].start);
		im_json_uint(j, "size", ranges->v[i].len);
		im_json_close(j, '{');
	}
	im_json_close(j, '[');
}

char *imgmend_plan_json(const imgmend_plan *p)
{
	struct imgmend_plan_figures f;
	struct im_json j = { 0 };

	imgmend_plan_figures(p, &f);
	im_json_open(&j, NULL, '{');
	im_json_string(&j, "schema", "imgmend.plan/1");
	im_json_string(&j, "image", p->path ? p->path : "");
	im_json_uint(&j, "old_size", f.old_size);
	im_json_uint(&j, "new_size", f.new_size);
	im_json_uint(&j, "sector_size", f.sector_size);
	im_api_put_findings(&j, p->findings.v, p->findings.n);
	put_partitions(&j, p);
	put_segments(&j, p);
	im_json_uint(&j, "bytes_moved", f.bytes_moved);
	im_json_uint(&j, "literal_bytes", f.literal_bytes);
	im_json_uint(&j, "undo_bytes", f.undo_bytes);
	im_json_uint(&j, "scratch_bytes", f.scratch_bytes);
	im_json_uint(&j, "journal_bytes", f.journal_bytes);
	im_json_string(&j, "strategy", f.strategy);
	put_cost(&j, &p->strategy);
	put_ways(&j, p);
	im_json_open(&j, "notes", '[');
	for (size_t i = 0; i < p->plan.notes.n; i++)
		im_json_string(&j, NULL, p->plan.notes.v[i]);
	im_json_close(&j, '[');
	if (p->plan.dropped.n)
		put_ranges(&j, "dropped", &p->plan.dropped);
	im_json_string(&j, "fingerprint", p->plan.fingerprint);
	put_ranges(&j, "fingerprint_ranges", &p->plan.read);
	im_json_close(&j, '{');
	return im_json_end(&j);
}

const char *imgmend_state_name(enum imgmend_state state)
{
	static const char *const names[] = {
		N_("none"), N_("not-started"), N_("repairing"), N_("repaired"), N_("undoing"), N_("undone"), N_("foreign"),
	};

	return names[state];
}

char *imgmend_status_json(const struct imgmend_status *s, const char *path)
{
	struct im_json j = { 0 };

	im_json_open(&j, NULL, '{');
	im_json_string(&j, "schema", "imgmend.status/1");
	im_json_string(&j, "image", path);
	im_json_string(&j, "state", imgmend_state_name(s->state));
	if (s->journal[0]) {
		im_json_string(&j, "journal", s->journal);
		im_json_uint(&j, "journal_bytes", s->journal_size);
	}
	if (s->uuid[0]) {
		im_json_string(&j, "uuid", s->uuid);
		im_json_uint(&j, "created", s->created);
		im_json_string(&j, "repaired_image", s->image);
		im_json_uint(&j, "old_size", s->old_size);
		im_json_uint(&j, "new_size", s->new_size);
	}
	if (s->message[0])
		im_json_string(&j, "message", s->message);
	im_json_close(&j, '{');
	return im_json_end(&j);
}
