/* shadows.c - the shadow copies of a scan, for the caller and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "api/json.h"
#include "base/json.h"
#include "fmt/fs_util.h"
#include "scan/shadows.h"

static int add_snapshot(imgmend_scan *s, const struct im_vss_snapshot *from, struct im_error *err)
{
	struct imgmend_snapshot *n = im_vec_push(&s->snapshots, err);

	if (!n)
		return -1;
	*n = (struct imgmend_snapshot){
		.created = from->created, .volume_size = from->volume_size, .store = from->store, .store_size = from->store_size,
		.copied = from->used, .attributes = from->attributes, .fault = from->fault,
	};
	im_fs_guid(n->id, from->id);
	im_fs_guid(n->shadow_copy, from->copy);
	im_fs_guid(n->set, from->set);
	return 0;
}

static int add_volume(imgmend_scan *s, const struct im_volume *v, struct im_error *err)
{
	const struct im_shadows *from = v->shadows;
	struct imgmend_shadows *n = im_vec_push(&s->shadows, err);

	if (!n)
		return -1;
	*n = (struct imgmend_shadows){
		.partition = v->number, .start = v->start, .header = im_shadow_header_name(from->state), .owner = from->owner,
		.found_by = im_shadow_way_name(from->way), .catalog = from->way ? from->catalog.off : 0,
		.catalog_fault = from->catalog_fault, .n_snapshots = from->catalog.list.n, .lost_stores = from->lost_files,
		.can_rescue = from->can_rebuild, .why_not = from->why_not, .copy = from->copy,
	};
	for (size_t i = 0; i < from->catalog.list.n; i++)
		if (add_snapshot(s, &from->catalog.list.v[i], err) < 0)
			return -1;
	return 0;
}

/* Does a volume of the scan know of this already? */
static bool is_known(const struct im_scan *scan, const struct im_vss_found *f)
{
	for (size_t i = 0; i < scan->volumes.n; i++) {
		const struct im_volume *v = &scan->volumes.v[i];

		if (!v->shadows || f->at < v->start || f->at - v->start >= v->there)
			continue;
		if (f->type == IM_VSS_VOLUME ? (f->at - v->start) % IM_VSS_BLOCK == IM_VSS_HEADER : f->at - v->start == f->own)
			return true;
	}
	return false;
}

static int add_strays(imgmend_scan *s, struct im_error *err)
{
	static const char *const kinds[] = { [IM_VSS_VOLUME] = N_("header"), [IM_VSS_CATALOG] = N_("catalog"), [IM_VSS_STORE] = N_("store") };

	for (size_t i = 0; s->scan.carving && i < s->scan.carving->list.n; i++) {
		const struct im_vss_found *f = &s->scan.carving->list.v[i];
		struct imgmend_stray *n;

		if (is_known(&s->scan, f))
			continue;
		n = im_vec_push(&s->strays, err);
		if (!n)
			return -1;
		*n = (struct imgmend_stray){ f->at, kinds[f->type], (int64_t)(f->at - (f->type == IM_VSS_VOLUME ? IM_VSS_HEADER : f->own)) };
	}
	return 0;
}

int im_api_shadows(imgmend_scan *s, struct im_error *err)
{
	size_t at = 0;

	for (size_t i = 0; i < s->scan.volumes.n; i++)
		if (s->scan.volumes.v[i].shadows && add_volume(s, &s->scan.volumes.v[i], err) < 0)
			return -1;
	/* now that they stay where they are */
	for (size_t i = 0; i < s->shadows.n; i++) {
		s->shadows.v[i].snapshots = s->snapshots.v + at;
		at += s->shadows.v[i].n_snapshots;
	}
	return add_strays(s, err);
}

void im_api_shadows_free(imgmend_scan *s)
{
	im_vec_free(&s->shadows);
	im_vec_free(&s->snapshots);
	im_vec_free(&s->strays);
}

const struct imgmend_shadows *imgmend_scan_shadows(const imgmend_scan *s, size_t *n)
{
	*n = s->shadows.n;
	return s->shadows.v;
}

const struct imgmend_stray *imgmend_scan_strays(const imgmend_scan *s, size_t *n)
{
	*n = s->strays.n;
	return s->strays.v;
}

static void put_snapshot(struct im_json *j, const struct imgmend_snapshot *s)
{
	im_json_open(j, NULL, '{');
	im_json_string(j, "id", s->id);
	im_json_string(j, "shadow_copy", s->shadow_copy);
	im_json_string(j, "set", s->set);
	im_json_uint(j, "created", s->created);
	im_json_uint(j, "volume_size", s->volume_size);
	im_json_uint(j, "store", s->store);
	im_json_uint(j, "store_size", s->store_size);
	im_json_uint(j, "copied_blocks", s->copied);
	im_json_uint(j, "attributes", s->attributes);
	im_json_bool(j, "sound", !s->fault);
	if (s->fault)
		im_json_string(j, "fault", s->fault);
	im_json_close(j, '{');
}

static void put_volume(struct im_json *j, const struct imgmend_shadows *v)
{
	im_json_open(j, NULL, '{');
	if (v->partition)
		im_json_uint(j, "partition", (uint64_t)v->partition);
	im_json_uint(j, "start", v->start);
	im_json_string(j, "header", v->header);
	if (v->owner[0])
		im_json_string(j, "owner", v->owner);
	im_json_string(j, "catalog_found_by", v->found_by);
	if (v->catalog)
		im_json_uint(j, "catalog", v->catalog);
	if (v->catalog_fault)
		im_json_string(j, "catalog_fault", v->catalog_fault);
	im_json_open(j, "snapshots", '[');
	for (size_t i = 0; i < v->n_snapshots; i++)
		put_snapshot(j, &v->snapshots[i]);
	im_json_close(j, '[');
	im_json_uint(j, "lost_stores", v->lost_stores);
	im_json_bool(j, "can_rescue", v->can_rescue);
	if (v->copy)
		im_json_uint(j, "header_copy", v->copy);
	if (v->why_not)
		im_json_string(j, "why_not", v->why_not);
	im_json_close(j, '{');
}

char *imgmend_snapshots_json(const imgmend_scan *s)
{
	struct im_json j = { 0 };

	im_json_open(&j, NULL, '{');
	im_json_string(&j, "schema", "imgmend.snapshots/1");
	im_json_string(&j, "image", s->path);
	im_json_open(&j, "volumes", '[');
	for (size_t i = 0; i < s->shadows.n; i++)
		put_volume(&j, &s->shadows.v[i]);
	im_json_close(&j, '[');
	if (s->scan.carving) {
		im_json_uint(&j, "searched_bytes", s->scan.carving->read);
		im_json_uint(&j, "records_found", s->scan.carving->records);
	}
	im_json_open(&j, "strays", '[');
	for (size_t i = 0; i < s->strays.n; i++) {
		im_json_open(&j, NULL, '{');
		im_json_uint(&j, "at", s->strays.v[i].at);
		im_json_string(&j, "kind", s->strays.v[i].kind);
		if (s->strays.v[i].volume >= 0)
			im_json_uint(&j, "volume_start", (uint64_t)s->strays.v[i].volume);
		im_json_close(&j, '{');
	}
	im_json_close(&j, '[');
	im_api_put_findings(&j, s->findings.v, s->findings.n);
	im_json_close(&j, '{');
	return im_json_end(&j);
}
