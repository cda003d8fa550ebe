/* fingerprint.c - the bytes that a plan was made from must still be what they were. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/sha256.h"
#include "plan/fingerprint.h"

#define CHUNK (64u << 10)	/* memory that is touched for the first time costs more than a call */

/* SHA-256 over the size, then start, length and bytes of each range. */
static int compute(const struct im_plan *plan, struct im_dev *dev, char text[65], struct im_error *err)
{
	struct im_sha256 *h = im_sha256_new(err);
	uint8_t *buf = malloc(CHUNK), digest[32], numbers[16];
	int rc = h && buf ? 0 : im_error_nomem(err);
	uint64_t total = 0, done = 0;

	if (h) {
		im_put64(numbers, dev->size);
		im_sha256_add(h, numbers, 8);
	}
	for (size_t i = 0; i < plan->read.n; i++)
		total += plan->read.v[i].len;
	for (size_t i = 0; rc == 0 && i < plan->read.n; i++) {
		const struct im_range *r = &plan->read.v[i];

		im_put64(numbers, r->start);
		im_put64(numbers + 8, r->len);
		im_sha256_add(h, numbers, 16);
		for (uint64_t at = 0; rc == 0 && at < r->len; at += CHUNK) {
			size_t n = (size_t)im_min(CHUNK, r->len - at);

			rc = im_dev_read(dev, r->start + at, buf, n, err) < 0 ? -1 : im_watch_step(dev->watch, done += n, total, err);
			if (rc == 0)
				im_sha256_add(h, buf, n);
		}
	}
	im_watch_end(dev->watch);
	if (h)
		im_sha256_end(h, digest);
	if (rc == 0)
		im_sha256_text(digest, text);
	free(buf);
	return rc;
}

int im_plan_take_fingerprint(struct im_plan *plan, struct im_dev *recorder, struct im_dev *raw, struct im_error *err)
{
	uint64_t start, len;

	for (size_t i = 0; im_dev_recorded(recorder, i, &start, &len); i++) {
		struct im_range *r = im_vec_push(&plan->read, err);

		if (!r)
			return -1;
		*r = (struct im_range){ start, len };
	}
	return compute(plan, raw, plan->fingerprint, err);
}

int im_plan_check_fingerprint(const struct im_plan *plan, struct im_dev *dev, struct im_error *err)
{
	char now[65];

	if (dev->size != plan->map.old_size)
		return im_error_set(err, IM_ECHANGED, "the plan was made for an image of %" PRIu64 " bytes; this one has %" PRIu64,
				    plan->map.old_size, dev->size);
	for (size_t i = 0; i < plan->read.n; i++)
		if (plan->read.v[i].start > dev->size || plan->read.v[i].len > dev->size - plan->read.v[i].start)
			return im_error_set(err, IM_EFORMAT, "the plan names bytes past the end of the image");
	if (compute(plan, dev, now, err) < 0)
		return -1;
	if (strcmp(now, plan->fingerprint) != 0)
		return im_error_set(err, IM_ECHANGED, "the image has changed since the plan was made, or is another one; make a new"
				    " plan");
	return 0;
}
