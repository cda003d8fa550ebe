/* common.c - small things behind the public interface: errors and options. */
#include "api/api.h"

#include <config.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "fmt/fs_util.h"

const char *imgmend_version(void)
{
	return PACKAGE_VERSION;
}

void imgmend_translate(int on)
{
	im_intl_use(on != 0);
}

int im_api_fail(struct imgmend_error *out, const struct im_error *err)
{
	_Static_assert(sizeof(out->message) == sizeof(err->message), "the same text");
	_Static_assert((int)IMGMEND_ECANCELLED == (int)IM_ECANCELLED, "the same codes");

	if (!out)
		return -1;
	*out = (struct imgmend_error){
		.code = (enum imgmend_code)err->code, .sys_errno = err->sys_errno,
		.has_offset = err->has_off, .offset = err->off,
	};
	memcpy(out->message, err->message, sizeof(out->message));
	return -1;
}

bool im_api_allows(const struct imgmend_options *options, const char *word)
{
	return im_words_have(options->allow, word);
}

static bool tell(const struct imgmend_options *options, enum imgmend_phase phase, uint64_t done, uint64_t total)
{
	return options->progress(options->progress_arg, phase, done, total) == 0;
}

static bool on_copy(void *arg, uint64_t done, uint64_t total)
{
	return tell(arg, IMGMEND_PHASE_COPY, done, total);
}

static bool on_search(void *arg, uint64_t done, uint64_t total)
{
	return tell(arg, IMGMEND_PHASE_SEARCH, done, total);
}

static bool on_hash(void *arg, uint64_t done, uint64_t total)
{
	return tell(arg, IMGMEND_PHASE_HASH, done, total);
}

struct im_watch im_api_watch(const struct imgmend_options *options, enum imgmend_phase phase)
{
	static bool (*const on[])(void *arg, uint64_t done, uint64_t total) = {
		[IMGMEND_PHASE_COPY] = on_copy, [IMGMEND_PHASE_SEARCH] = on_search, [IMGMEND_PHASE_HASH] = on_hash,
	};

	return (struct im_watch){ .progress = options->progress ? on[phase] : NULL, .arg = (void *)(uintptr_t)options };
}

int im_api_unless_stopped(struct im_watch *watch, int rc, struct im_error *err)
{
	return (rc == 0 || watch->is_stopped) && im_watch_beat(watch, err) < 0 ? -1 : rc;
}

int im_api_check_plan(const imgmend_plan *plan, struct im_dev *image, const struct imgmend_options *options, struct im_error *err)
{
	struct im_watch watch = im_api_watch(options, IMGMEND_PHASE_SEARCH);
	int rc;

	image->watch = &watch;
	rc = im_plan_check_fingerprint(&plan->plan, image, err);
	image->watch = NULL;
	return rc;
}

int im_api_scan_options(const struct imgmend_options *options, struct im_scan_options *out, struct im_error *err)
{
	*out = (struct im_scan_options){ .sector_size = options->sector_size, .deep = options->deep != 0,
					 .shadows = options->shadows != 0 || im_words_have(options->only, "shadow-header-lost") };
	if (options->volume_id) {
		out->has_volume_id = strlen(options->volume_id) == 36 && im_fs_guid_parse(out->volume_id, options->volume_id);
		if (!out->has_volume_id)
			return im_error_set(err, IM_EUSAGE, "\"%s\" is no GUID (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)", options->volume_id);
	}
	return 0;
}

typedef IM_VEC(struct imgmend_finding) finding_vec;

int im_api_findings(const struct im_finding *f, size_t count, void *vec, struct im_error *err)
{
	finding_vec *out = vec;

	for (size_t i = 0; i < count; i++, f++) {
		struct imgmend_finding *n = im_vec_push(out, err);

		if (!n)
			return -1;
		*n = (struct imgmend_finding){
			.id = f->id, .severity = (enum imgmend_severity)f->severity, .start = f->start, .size = f->size,
			.partition = f->partition, .owner = f->owner, .message = f->message, .fixable = f->is_fixable,
		};
	}
	return 0;
}
