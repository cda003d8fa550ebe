/* manifest.c - imgmend_manifest_json: what a journal proves about a repair. */
#include <stdlib.h>

#include "api/json.h"
#include "api/session.h"
#include "base/fence.h"
#include "base/sha256.h"

static void put_hash(struct im_json *j, const char *key, const uint8_t digest[32])
{
	char text[65];

	im_sha256_text(digest, text);
	im_json_string(j, key, text);
}

static void put_ranges(struct im_json *j, const struct im_journal *journal)
{
	const struct im_hashes *h = journal->manifest->ranges.v;

	im_json_open(j, "ranges", '[');
	for (size_t i = 0; i < journal->map.segs.n; i++) {
		const struct im_segment *s = &journal->map.segs.v[i];

		if (s->kind == IM_KEEP)
			continue;
		im_json_open(j, NULL, '{');
		im_json_uint(j, "start", s->start);
		im_json_uint(j, "size", s->len);
		im_json_string(j, "kind", im_api_kind_name((enum imgmend_kind)s->kind));
		im_json_string(j, "reason", s->reason ? s->reason : "");
		put_hash(j, "old_sha256", h->old);
		put_hash(j, "new_sha256", h->new);
		im_json_close(j, '{');
		h++;
	}
	im_json_close(j, '[');
}

static char *manifest_of(const struct im_journal *journal, const char *path)
{
	struct im_json j = { 0 };
	char uuid[IM_UUID_TEXT];

	im_uuid_text(journal->uuid, uuid);
	im_json_open(&j, NULL, '{');
	im_json_string(&j, "schema", "imgmend.manifest/1");
	im_json_string(&j, "image", journal->image);
	im_json_string(&j, "journal", path);
	im_json_string(&j, "uuid", uuid);
	im_json_uint(&j, "created", journal->created);
	im_json_uint(&j, "old_size", journal->map.old_size);
	im_json_uint(&j, "new_size", journal->map.new_size);
	put_hash(&j, "old_sha256", journal->manifest->whole.old);
	put_hash(&j, "new_sha256", journal->manifest->whole.new);
	put_ranges(&j, journal);
	im_json_close(&j, '{');
	return im_json_end(&j);
}

static int make(struct im_session *s, char **json, struct im_error *err)
{
	struct im_journal j;
	int rc = -1;

	if (im_session_find(s, err) < 0)
		return -1;
	if (!s->journal_path)
		return im_error_set(err, IM_EREFUSED, "%s: there is no journal of a repair", s->path);
	s->journal = im_place_open(s->journal_path, false, err);
	if (!s->journal || im_journal_load(&j, s->journal, err) < 0)
		return -1;
	if (!j.manifest)
		im_error_set(err, IM_EREFUSED, "%s: the repair was made without --manifest or --verify, so the journal holds no"
			     " manifest", s->journal_path);
	else if (!(*json = manifest_of(&j, s->journal_path)))
		im_error_nomem(err);
	else
		rc = 0;
	im_journal_free(&j);
	return rc;
}

int imgmend_manifest_json(const char *path, const struct imgmend_options *options, char **json,
			  struct imgmend_error *error)
{
	struct imgmend_options none = { 0 };
	struct im_session s = { .path = path, .options = options ? options : &none, .lock = -1 };
	struct im_error err = { 0 };
	int rc = make(&s, json, &err);

	im_session_close(&s);
	return rc < 0 ? im_api_fail(error, &err) : 0;
}
