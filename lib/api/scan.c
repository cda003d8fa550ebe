/* scan.c - imgmend_scan_*: scanning one image, for reading only. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "api/api.h"
#include "api/json.h"

static void fill_boot(imgmend_scan *s)
{
	const struct im_boot *b = &s->scan.boot;

	im_boot_text(&s->scan, s->boot_text, sizeof(s->boot_text));
	s->boot = (struct imgmend_boot){
		.bios = b->by_bios, .uefi = b->esp != 0, .code = b->disk ? b->disk->name : "", .active = b->active,
		.loader = b->volume ? b->volume->name : "", .esp = b->esp, .text = s->boot_text,
	};
}

static int fill(imgmend_scan *s, struct im_error *err)
{
	const struct im_scan *scan = &s->scan;

	for (size_t i = 0; i < scan->regions.n; i++) {
		const struct im_region *r = &scan->regions.v[i];
		struct imgmend_region *n = im_vec_push(&s->regions, err);

		if (!n)
			return -1;
		*n = (struct imgmend_region){
			.start = r->start, .size = r->size, .kind = im_region_kind_name(r->kind), .number = r->number,
			.what = r->what, .type = r->type, .fs = r->fs, .label = r->label, .depth = r->depth,
		};
	}
	if (scan->table == IM_TABLE_DOS)
		snprintf(s->table_id, sizeof(s->table_id), "0x%08" PRIx32, scan->mbr.disk_id);
	if (scan->table == IM_TABLE_GPT)
		snprintf(s->table_id, sizeof(s->table_id), "%s", scan->gpt.disk_guid);
	fill_boot(s);
	return im_api_findings(scan->findings.v, scan->findings.n, &s->findings, err) < 0 ? -1 : im_api_shadows(s, err);
}

static int look(imgmend_scan *s, struct im_dev *cache, const struct imgmend_options *options, struct im_error *err)
{
	struct im_scan_options scan_options;

	return im_api_scan_options(options, &scan_options, err) < 0 ? -1 : im_scan_run(&s->scan, cache, &scan_options, err);
}

int imgmend_scan_image(const char *path, const struct imgmend_options *options, imgmend_scan **out,
		       struct imgmend_error *error)
{
	struct imgmend_options none = { 0 };
	imgmend_scan *s = calloc(1, sizeof(*s));
	struct im_error err = { 0 };
	struct im_dev *dev = NULL, *cache = NULL;
	struct im_watch watch;
	int rc = -1;

	options = options ? options : &none;
	watch = im_api_watch(options, IMGMEND_PHASE_SEARCH);
	if (s)
		s->path = strdup(path);
	if (!s || !s->path)
		im_error_nomem(&err);
	else if ((dev = im_api_open_cached(path, options, &cache, &err))) {
		dev->watch = cache->watch = &watch;
		rc = im_api_unless_stopped(&watch, look(s, cache, options, &err), &err);
		if (rc < 0)
			im_error_prefix(&err, "%s", path);
		else
			rc = fill(s, &err);
		snprintf(s->format, sizeof(s->format), "%s", dev->container ? dev->container : s->scan.container ? s->scan.container : "raw");
	}
	im_dev_close(cache);
	im_dev_close(dev);
	if (rc < 0) {
		imgmend_scan_free(s);
		return im_api_fail(error, &err);
	}
	*out = s;
	return 0;
}

void imgmend_scan_free(imgmend_scan *s)
{
	if (!s)
		return;
	im_scan_free(&s->scan);
	im_vec_free(&s->regions);
	im_vec_free(&s->findings);
	im_api_shadows_free(s);
	free(s->path);
	free(s);
}

uint64_t imgmend_scan_size(const imgmend_scan *s)
{
	return s->scan.size;
}

uint32_t imgmend_scan_sector_size(const imgmend_scan *s)
{
	return s->scan.sector_size;
}

const char *imgmend_scan_format(const imgmend_scan *s)
{
	return s->format;
}

const char *imgmend_scan_table(const imgmend_scan *s)
{
	return im_table_name(&s->scan);
}

const char *imgmend_scan_table_id(const imgmend_scan *s)
{
	return s->table_id;
}

const struct imgmend_region *imgmend_scan_regions(const imgmend_scan *s, size_t *n)
{
	*n = s->regions.n;
	return s->regions.v;
}

const struct imgmend_finding *imgmend_scan_findings(const imgmend_scan *s, size_t *n)
{
	*n = s->findings.n;
	return s->findings.v;
}

const struct imgmend_boot *imgmend_scan_boot(const imgmend_scan *s)
{
	return &s->boot;
}

static void put_boot(struct im_json *j, const struct imgmend_boot *b)
{
	im_json_open(j, "boot", '{');
	im_json_bool(j, "bios", b->bios);
	im_json_bool(j, "uefi", b->uefi);
	if (b->code[0])
		im_json_string(j, "code", b->code);
	if (b->active)
		im_json_uint(j, "active", (uint64_t)b->active);
	if (b->loader[0])
		im_json_string(j, "loader", b->loader);
	if (b->esp)
		im_json_uint(j, "esp", (uint64_t)b->esp);
	im_json_close(j, '{');
}

static void put_region(struct im_json *j, const struct imgmend_region *r)
{
	im_json_open(j, NULL, '{');
	im_json_uint(j, "start", r->start);
	im_json_uint(j, "size", r->size);
	im_json_string(j, "kind", r->kind);
	if (r->number)
		im_json_uint(j, "number", (uint64_t)r->number);
	if (r->what[0])
		im_json_string(j, "what", r->what);
	if (r->type[0])
		im_json_string(j, "type", r->type);
	if (r->fs[0])
		im_json_string(j, "fs", r->fs);
	if (r->label[0])
		im_json_string(j, "label", r->label);
	im_json_uint(j, "depth", (uint64_t)r->depth);
	im_json_close(j, '{');
}

char *imgmend_scan_json(const imgmend_scan *s)
{
	struct im_json j = { 0 };

	im_json_open(&j, NULL, '{');
	im_json_string(&j, "schema", "imgmend.scan/1");
	im_json_string(&j, "image", s->path);
	im_json_string(&j, "format", imgmend_scan_format(s));
	im_json_uint(&j, "size", s->scan.size);
	im_json_uint(&j, "sector_size", s->scan.sector_size);
	im_json_open(&j, "table", '{');
	im_json_string(&j, "type", imgmend_scan_table(s));
	im_json_string(&j, "id", s->table_id);
	im_json_close(&j, '{');
	put_boot(&j, &s->boot);
	im_json_open(&j, "regions", '[');
	for (size_t i = 0; i < s->regions.n; i++)
		put_region(&j, &s->regions.v[i]);
	im_json_close(&j, '[');
	im_api_put_findings(&j, s->findings.v, s->findings.n);
	im_json_close(&j, '{');
	return im_json_end(&j);
}
