/* reading.c - readings: from the child to the parent, and compared with claims. */
#include <config.h>

#include "adapt/reading.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PARTITIONS 4096u

void im_reading_free(struct im_reading *r)
{
	im_vec_free(&r->partitions);
}

void im_reading_fail(struct im_reading *r, enum im_reading_state state, const char *fmt, ...)
{
	va_list ap;

	r->head.state = state;
	va_start(ap, fmt);
	im_vsay(r->head.why, sizeof(r->head.why), fmt, ap);
	va_end(ap);
}

struct im_reading_partition *im_reading_add(struct im_reading *r)
{
	struct im_reading_partition *p;

	if (r->partitions.n >= MAX_PARTITIONS)
		_exit(3);
	p = im_vec_push(&r->partitions, NULL);
	if (!p)
		_exit(3);
	return p;
}

void im_reading_send(const struct im_child *child, struct im_reading *r)
{
	size_t len = r->partitions.n * sizeof(*r->partitions.v);

	r->head.n = (uint32_t)r->partitions.n;
	im_child_answer(child, sizeof(r->head) + len);
	im_child_put(child, &r->head, sizeof(r->head));
	im_child_put(child, r->partitions.v, len);
	im_reading_free(r);
}

/* Take the bytes apart. A child that went astray may have sent anything. */
static int decode(const struct im_answer *a, struct im_reading *r, struct im_error *err)
{
	struct im_reading_head *h = &r->head;

	if (a->len >= sizeof(*h))
		memcpy(h, a->data, sizeof(*h));
	if (a->len < sizeof(*h) || h->state > IM_READING_NONE || h->n > MAX_PARTITIONS ||
	    a->len != sizeof(*h) + h->n * sizeof(*r->partitions.v)) {
		im_reading_fail(r, IM_READING_NONE, "its answer makes no sense");
		return 0;
	}
	h->table[sizeof(h->table) - 1] = h->whole[sizeof(h->whole) - 1] = '\0';
	h->id[sizeof(h->id) - 1] = h->why[sizeof(h->why) - 1] = '\0';
	im_say_again(h->why, sizeof(h->why));
	for (uint32_t i = 0; i < h->n; i++) {
		struct im_reading_partition *p = im_vec_push(&r->partitions, err);

		if (!p)
			return -1;
		memcpy(p, a->data + sizeof(*h) + i * sizeof(*p), sizeof(*p));
		p->fs[sizeof(p->fs) - 1] = '\0';
	}
	return 0;
}

/* Of an answer, which is freed. */
static int take_answer(struct im_answer *answer, struct im_reading *r, struct im_error *err)
{
	int rc = 0;

	if (answer->data)
		rc = decode(answer, r, err);
	else
		im_reading_fail(r, IM_READING_DIED, "%s", answer->why);
	free(answer->data);
	if (rc)
		im_reading_free(r);
	return rc;
}

int im_reading_take(struct im_child_process *p, struct im_dev *dev, struct im_reading *r, struct im_error *err)
{
	struct im_answer answer;

	memset(r, 0, sizeof(*r));
	return im_child_finish(p, dev, &answer, err) ? -1 : take_answer(&answer, r, err);
}

int im_reading_take_both(struct im_child_process *p, struct im_reading *first, struct im_reading *second, struct im_error *err)
{
	struct im_answer answer;

	memset(first, 0, sizeof(*first));
	memset(second, 0, sizeof(*second));
	if (im_child_next(p, NULL, &answer, err) || take_answer(&answer, first, err))
		return -1;
	if (p->pid)
		return im_reading_take(p, NULL, second, err);
	im_reading_fail(second, IM_READING_DIED, "%s", first->head.why);
	return 0;
}

int im_reading_ask(im_child_fn fn, const struct im_question *q, int fd, struct im_dev *dev, struct im_reading *r, struct im_error *err)
{
	const int fds[IM_CHILD_FDS] = { fd, -1 };
	struct im_child_process p;

	memset(r, 0, sizeof(*r));
	return im_child_start(fn, NULL, q, fds, &p, err) < 0 ? -1 : im_reading_take(&p, dev, r, err);
}

static bool differs(char why[IM_WHY_MAX], const char *fmt, ...) IM_PRINTF(2, 3);

/* Always false. */
static bool differs(char why[IM_WHY_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	im_vsay(why, IM_WHY_MAX, fmt, ap);
	va_end(ap);
	return false;
}

static bool partition_matches(const struct im_reading *r, const struct im_claim_partition *c, char why[IM_WHY_MAX])
{
	for (size_t i = 0; i < r->partitions.n; i++) {
		const struct im_reading_partition *p = &r->partitions.v[i];

		if (p->number != c->number)
			continue;
		if (p->start != c->start)
			return differs(why, "it reads partition %d at byte %" PRIu64 ", not at %" PRIu64, c->number,
				       p->start, c->start);
		if (!!p->is_extended != c->is_extended)
			return differs(why, p->is_extended ? N_("it reads partition %d as extended") :
				       N_("it reads partition %d as not extended"), c->number);
		/* what the size of an extended partition is, the libraries do not agree upon */
		if (!c->is_extended && p->size != c->size)
			return differs(why, "it reads partition %d as %" PRIu64 " bytes large, not %" PRIu64, c->number,
				       p->size, c->size);
		return true;
	}
	return differs(why, "it does not see partition %d", c->number);
}

static bool table_matches(const struct im_reading *r, const struct im_claim *claim, char why[IM_WHY_MAX])
{
	if (strcmp(r->head.table, claim->table) != 0)
		return differs(why, "it reads a partition table of type %s, not %s", r->head.table, claim->table);
	for (size_t i = 0; i < claim->partitions.n; i++)
		if (!partition_matches(r, &claim->partitions.v[i], why))
			return false;
	if (r->partitions.n != claim->partitions.n)
		return differs(why, im_plural(r->partitions.n, "it sees %zu partition, not %zu", "it sees %zu partitions, not %zu"),
			       r->partitions.n, claim->partitions.n);
	return true;
}

bool im_reading_matches(const struct im_reading *r, const struct im_claim *claim, char why[IM_WHY_MAX])
{
	const char *fs = claim->volume_fs;

	if (strcmp(claim->table, "none") != 0)
		return table_matches(r, claim, why);
	if (!fs || !*fs)
		return differs(why, "no volume is claimed that it could look for");
	if (!im_fs_is_same(fs, r->head.whole))
		return differs(why, "it reads %s at byte %" PRIu64 ", not %s", *r->head.whole ? r->head.whole : _("nothing"),
			       claim->volume_start, fs);
	return true;
}
