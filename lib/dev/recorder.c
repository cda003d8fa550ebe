/* recorder.c - remembers which ranges a caller read.
 *
 * A plan is good only as long as the bytes it was made from are what they were; reading through
 * this filter yields exactly those ranges, without anybody keeping a list by hand.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/vec.h"
#include "dev/dev.h"

struct range {
	uint64_t start, len;
};

struct recorder {
	struct im_dev dev;
	struct im_dev *next;
	IM_VEC(struct range) ranges;	/* sorted, apart */
};

/* Insert [start, start+len), swallowing every range that it touches. */
static int remember(struct recorder *r, uint64_t start, uint64_t len, struct im_error *err)
{
	uint64_t end = start + len;
	size_t at = 0, gone = 0;

	while (at < r->ranges.n && r->ranges.v[at].start + r->ranges.v[at].len < start)
		at++;
	while (at + gone < r->ranges.n && r->ranges.v[at + gone].start <= end) {
		struct range *old = &r->ranges.v[at + gone++];

		start = im_min(start, old->start);
		end = im_max(end, old->start + old->len);
	}
	if (!gone) {
		if (!im_vec_push(&r->ranges, err))
			return -1;
		memmove(&r->ranges.v[at + 1], &r->ranges.v[at], (r->ranges.n - 1 - at) * sizeof(*r->ranges.v));
	} else {
		memmove(&r->ranges.v[at + 1], &r->ranges.v[at + gone],
			(r->ranges.n - at - gone) * sizeof(*r->ranges.v));
		r->ranges.n -= gone - 1;
	}
	r->ranges.v[at] = (struct range){ start, end - start };
	return 0;
}

static int recorder_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	struct recorder *r = (struct recorder *)dev;

	if (remember(r, off, len, err) < 0)
		return -1;
	return im_dev_read(r->next, off, buf, len, err);
}

static int recorder_extent(struct im_dev *dev, uint64_t off, uint64_t len, struct im_extent *out, struct im_error *err)
{
	return im_dev_extent(((struct recorder *)dev)->next, off, len, out, err);
}

static void recorder_close(struct im_dev *dev)
{
	im_vec_free(&((struct recorder *)dev)->ranges);
	free(dev);
}

static const struct im_dev_ops recorder_ops = {
	.read = recorder_read,
	.extent = recorder_extent,
	.close = recorder_close,
};

struct im_dev *im_dev_recorder(struct im_dev *next, struct im_error *err)
{
	struct recorder *r = calloc(1, sizeof(*r));

	if (!r) {
		im_error_nomem(err);
		return NULL;
	}
	r->dev = *next;
	r->dev.ops = &recorder_ops;
	r->dev.is_read_only = r->dev.is_filter = true;
	r->next = next;
	return &r->dev;
}

bool im_dev_recorded(struct im_dev *recorder, size_t i, uint64_t *start, uint64_t *len)
{
	struct recorder *r = (struct recorder *)recorder;

	if (i >= r->ranges.n)
		return false;
	*start = r->ranges.v[i].start;
	*len = r->ranges.v[i].len;
	return true;
}
