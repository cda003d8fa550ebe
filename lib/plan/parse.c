/* parse.c - a saved plan read back. The text may be anybody's: nothing in it is used unchecked. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "plan/plan.h"

static int malformed(struct im_error *err, const char *what)
{
	return im_error_set(err, IM_EFORMAT, "this is not a plan of imgmend, or it is damaged: %s", what);
}

/* A whole number that is there; -1 otherwise. */
static int get_uint(struct json_object *o, const char *key, uint64_t *value, struct im_error *err)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_int) ||
	    json_object_get_int64(v) < 0)
		return malformed(err, key);
	*value = json_object_get_uint64(v);
	return 0;
}

static const char *get_string(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string) ?
		json_object_get_string(v) : NULL;
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Base64 of exactly len bytes. The caller frees the result; NULL when it is not that. */
static uint8_t *decode_base64(const char *text, uint64_t len)
{
	size_t n = strlen(text);
	uint8_t *out;

	if (n % 4 || len > n / 4 * 3 || n / 4 * 3 - len > 2)
		return NULL;
	out = malloc(n / 4 * 3 + 1);
	for (size_t i = 0; out && i < n; i += 4) {
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++) {
			bool pad = text[i + k] == '=' && i + 4 == n && k >= 4 - (n / 4 * 3 - len);
			int d = pad ? 0 : digit(text[i + k]);

			if (d < 0) {
				free(out);
				return NULL;
			}
			v = v << 6 | (uint32_t)d;
		}
		out[i / 4 * 3] = (uint8_t)(v >> 16);
		out[i / 4 * 3 + 1] = (uint8_t)(v >> 8);
		out[i / 4 * 3 + 2] = (uint8_t)v;
	}
	return out;
}

static int parse_bytes(struct im_plan *plan, struct json_object *o, uint64_t start, uint64_t len, const char *reason,
		       struct im_error *err)
{
	const char *data = get_string(o, "data");
	uint8_t *bytes;
	int rc;

	errno = 0;
	bytes = data ? decode_base64(data, len) : NULL;
	if (!bytes)
		return errno == ENOMEM ? im_error_nomem(err) : malformed(err, _("the bytes of a segment"));
	rc = im_map_bytes(&plan->map, start, bytes, len, reason, err);
	free(bytes);
	return rc;
}

static int parse_segment(struct im_plan *plan, struct json_object *o, uint64_t *at, struct im_error *err)
{
	const char *kind = get_string(o, "kind"), *reason = get_string(o, "reason");
	uint64_t start, len, from;

	if (get_uint(o, "start", &start, err) < 0 || get_uint(o, "size", &len, err) < 0)
		return -1;
	if (!kind || !reason || start < *at || !len || !im_add(start, len, at))
		return malformed(err, _("a segment"));
	if (strcmp(kind, "bytes") == 0)
		return parse_bytes(plan, o, start, len, reason, err);
	if (strcmp(kind, "zero") == 0)
		return im_map_zero(&plan->map, start, len, reason, err);
	if (strcmp(kind, "fill") == 0) {
		if (get_uint(o, "byte", &from, err) < 0)
			return -1;
		if (from > UINT8_MAX)
			return malformed(err, _("the byte of a segment"));
		return im_map_fill(&plan->map, start, len, (uint8_t)from, reason, err);
	}
	if (strcmp(kind, "from") != 0)
		return malformed(err, _("the kind of a segment"));
	if (get_uint(o, "from", &from, err) < 0)
		return -1;
	return im_map_from(&plan->map, start, len, from, reason, err);
}

static struct json_object *get_array(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_array) ? v : NULL;
}

static int parse_segments(struct im_plan *plan, struct json_object *o, struct im_error *err)
{
	struct json_object *list = get_array(o, "segments");
	uint64_t old_size, new_size, at = 0;

	if (get_uint(o, "old_size", &old_size, err) < 0 || get_uint(o, "new_size", &new_size, err) < 0)
		return -1;
	if (!list || json_object_array_length(list) > IM_MAP_SEGMENTS_MAX / 2 || old_size > INT64_MAX || new_size > INT64_MAX)
		return malformed(err, _("segments or sizes"));
	if (im_map_init(&plan->map, old_size, new_size, err) < 0)
		return -1;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (parse_segment(plan, json_object_array_get_idx(list, i), &at, err) < 0)
			return -1;
	return im_map_check(&plan->map, err);
}

static int parse_partitions(struct im_plan *plan, struct json_object *o, struct im_error *err)
{
	struct json_object *list = get_array(o, "partitions");

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);
		struct im_plan_partition *p = im_vec_push(&plan->partitions, err);
		uint64_t number;

		if (!p || get_uint(e, "number", &number, err) < 0 || get_uint(e, "old_start", &p->old_start, err) < 0 ||
		    get_uint(e, "new_start", &p->new_start, err) < 0 || get_uint(e, "size", &p->size, err) < 0)
			return -1;
		p->number = (int)im_min(number, 1 << 20);
	}
	return 0;
}

static int get_ranges(struct json_object *list, im_ranges *ranges, struct im_error *err)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);
		struct im_range *r = im_vec_push(ranges, err);

		if (!r || get_uint(e, "start", &r->start, err) < 0 || get_uint(e, "size", &r->len, err) < 0)
			return -1;
	}
	return 0;
}

static int parse_fingerprint(struct im_plan *plan, struct json_object *o, struct im_error *err)
{
	struct json_object *list = get_array(o, "fingerprint_ranges");
	const char *hash = get_string(o, "fingerprint");
	uint64_t sector_size;

	if (!hash || strlen(hash) != 64 || !list)
		return malformed(err, _("the fingerprint"));
	if (get_uint(o, "sector_size", &sector_size, err) < 0)
		return -1;
	if (sector_size != 512 && sector_size != 4096)
		return malformed(err, _("the sector size"));
	plan->sector_size = (uint32_t)sector_size;
	memcpy(plan->fingerprint, hash, 65);
	return get_ranges(list, &plan->read, err);
}

/* What undo need not give back; plans without --used-only have none. */
static int parse_dropped(struct im_plan *plan, struct json_object *o, struct im_error *err)
{
	struct json_object *list = json_object_object_get(o, "dropped");
	uint64_t end = 0;

	if (list && !json_object_is_type(list, json_type_array))
		return malformed(err, _("the ranges that are dropped"));
	if (list && get_ranges(list, &plan->dropped, err) < 0)
		return -1;
	for (size_t i = 0; i < plan->dropped.n; i++)
		if (plan->dropped.v[i].start < end || !im_add(plan->dropped.v[i].start, plan->dropped.v[i].len, &end))
			return malformed(err, _("the ranges that are dropped"));
	return 0;
}

/* What the plan was said to cost, for the report, and the way that was chosen. */
static int parse_figures(struct im_plan *plan, struct json_object *o, struct im_error *err)
{
	const char *strategy = get_string(o, "strategy");
	struct json_object *cost = json_object_object_get(o, "cost");

	/* plans of older versions do not say how they chose */
	plan->saved.direct_min = UINT64_MAX;
	plan->saved.buffer = plan->saved.strands = 0;
	if (cost && (get_uint(cost, "direct_min", &plan->saved.direct_min, err) < 0 ||
		     (json_object_object_get(cost, "buffer") && get_uint(cost, "buffer", &plan->saved.buffer, err) < 0) ||
		     (json_object_object_get(cost, "strands") && get_uint(cost, "strands", &plan->saved.strands, err) < 0)))
		return -1;
	if (get_uint(o, "undo_bytes", &plan->saved.undo, err) < 0 ||
	    get_uint(o, "scratch_bytes", &plan->saved.scratch, err) < 0 ||
	    get_uint(o, "journal_bytes", &plan->saved.journal, err) < 0)
		return -1;
	snprintf(plan->saved.strategy, sizeof(plan->saved.strategy), "%s", strategy ? strategy : "");
	return 0;
}

/* im_map_from and its like check against the sizes; what they call misuse is here a bad file. */
static int parse(struct im_plan *plan, struct json_object *o, struct im_error *err)
{
	const char *schema = json_object_is_type(o, json_type_object) ? get_string(o, "schema") : NULL;

	if (!schema || strcmp(schema, "imgmend.plan/1") != 0)
		return malformed(err, _("its schema is not imgmend.plan/1"));
	if (parse_segments(plan, o, err) < 0 || parse_partitions(plan, o, err) < 0 ||
	    parse_fingerprint(plan, o, err) < 0 || parse_dropped(plan, o, err) < 0 || parse_figures(plan, o, err) < 0) {
		if (err && err->code == IM_EUSAGE)
			err->code = IM_EFORMAT;
		return -1;
	}
	for (size_t i = 0; i < plan->map.segs.n; i++) {
		const struct im_segment *s = &plan->map.segs.v[i];

		plan->bytes_moved += s->kind == IM_FROM ? s->len : 0;
		plan->literal_bytes += s->kind == IM_BYTES || s->kind == IM_FILL ? s->len : 0;
	}
	return 0;
}

int im_plan_parse(struct im_plan *plan, const char *text, size_t len, struct im_error *err)
{
	struct json_tokener *tok = json_tokener_new_ex(16);
	struct json_object *o = NULL;
	int rc = -1;

	*plan = (struct im_plan){ 0 };
	if (!tok || len > INT32_MAX)
		goto out;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	errno = 0;
	o = json_tokener_parse_ex(tok, text, (int)len);
	/* without memory the parser says "success", and may leave things out */
	if (errno == ENOMEM)
		im_error_nomem(err);
	else if (!o)
		malformed(err, json_tokener_get_error(tok) == json_tokener_continue ? "it ends too soon" :
			  json_tokener_error_desc(json_tokener_get_error(tok)));
	else
		rc = parse(plan, o, err);
out:
	if (!tok)
		im_error_nomem(err);
	json_object_put(o);
	if (tok)
		json_tokener_free(tok);
	if (rc < 0)
		im_plan_free(plan);
	return rc;
}
