/* under.c - what stands at the destinations of a batch.
 *
 * Holes are not read, nor is what a batch in memory was made of.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/pages.h"
#include "exec/ahead.h"

#define LOOK (1u << 20)

struct look {
	struct im_exec *x;
	const struct im_piece *const *held;
	size_t n_held;
	bool masks;		/* what nobody asks for back counts as zeros */
	uint8_t *buf;		/* LOOK bytes, where anything was read */
	uint32_t crc, crc_there;	/* of what was looked at, with that mask and without */
	bool has_masked;		/* else they are the same */
};

/* Does h hold image byte off? Else *len ends where it begins to. */
static bool holds(const struct im_batch *h, uint64_t off, uint64_t *len)
{
	uint64_t from = h->from + h->data_off;

	if (!h->is_read || off >= from + h->data_len || off + *len <= from)
		return false;
	if (off < from) {
		*len = from - off;
		return false;
	}
	*len = im_min(*len, from + h->data_len - off);
	return true;
}

/* Bytes of the image from off on, *len of them, or less: in a held batch, or read into the buffer; NULL: they are zeros. */
static int look_at(struct look *l, uint64_t off, uint64_t *len, const uint8_t **p, struct im_error *err)
{
	struct im_extent ext;

	if (im_known_extent(l->x->image, off, *len, &ext, err) < 0)
		return -1;
	*len = ext.len;
	*p = NULL;
	if (ext.is_zero)
		return 0;
	*len = im_min(*len, LOOK);
	for (size_t i = 0; i < l->n_held; i++)
		for (size_t k = 0; k < l->held[i]->n; k++) {
			const struct im_batch *h = &l->held[i]->batches[k];

			if (!holds(h, off, len))
				continue;
			*p = h->content + (off - h->from - h->data_off);
			return 0;
		}
	if (!l->buf)
		l->buf = im_pages(LOOK);
	if (!l->buf)
		return im_error_nomem(err);
	*p = l->buf;
	return im_dev_read(l->x->image, off, l->buf, *len, err);
}

static bool equal(const uint8_t *a, const uint8_t *b, uint64_t len)
{
	if (!a || !b)
		return (!a || im_is_zero(a, len)) && (!b || im_is_zero(b, len));
	return memcmp(a, b, len) == 0;
}

/* Are bytes [at, at+len) of the content equal to p (NULL: to zeros)? */
static bool is_content(const struct im_batch *b, uint64_t at, const uint8_t *p, uint64_t len)
{
	uint64_t border[] = { 0, b->data_off, b->data_off + b->data_len, b->len };

	for (int i = 0; i < 3; i++) {
		uint64_t start = im_max(at, border[i]), end = im_min(at + len, border[i + 1]);

		if (start < end && !equal(p ? p + (start - at) : NULL, i == 1 ? b->content + (start - b->data_off) : NULL, end - start))
			return false;
	}
	return true;
}

/* The part of [off, off+*len) up to where what counts of it changes: of a destination that nobody asks for back, as zeros may come
 * there when a repair is taken back, only that it is there. */
static bool is_masked(const struct look *l, uint64_t off, uint64_t *len)
{
	return l->masks && im_journal_drops(&l->x->journal, off, len);
}

static uint32_t sum(uint32_t crc, const uint8_t *p, uint64_t len)
{
	return p ? im_crc32c(crc, p, len) : im_crc32c_zeros(crc, len);
}

static void add(struct look *l, const uint8_t *p, uint64_t len, bool masked)
{
	l->has_masked |= masked;
	if (l->has_masked)
		l->crc_there = sum(l->crc_there, p, len);
	l->crc = sum(l->crc, masked ? NULL : p, len);
	if (!l->has_masked)
		l->crc_there = l->crc;
}

/* Look at the destinations, and whether they hold the content already; with same NULL no content need be loaded. */
static int look(struct look *l, const struct im_batch *b, bool *same, struct im_error *err)
{
	uint64_t at = 0;

	if (same)
		*same = true;
	for (size_t i = 0; i < b->n_ops; i++)
		for (uint64_t done = 0, n; done < b->ops[i].len; done += n, at += n) {
			const uint8_t *p;
			bool masked;

			n = b->ops[i].len - done;
			masked = is_masked(l, b->ops[i].dst + done, &n);
			if (look_at(l, b->ops[i].dst + done, &n, &p, err) < 0)
				return -1;
			add(l, p, n, masked);
			if (same && *same)
				*same = is_content(b, at, p, n);
		}
	return 0;
}

static int look_with_buffer(struct look *l, const struct im_batch *b, bool *same, struct im_error *err)
{
	int rc = look(l, b, same, err);

	free(l->buf);
	return rc;
}

int im_batch_dst_crc(struct im_exec *x, const struct im_batch *b, uint32_t *crc, struct im_error *err)
{
	struct look l = { .x = x };
	int rc = look_with_buffer(&l, b, NULL, err);

	*crc = l.crc;
	return rc;
}

int im_batch_look_under(struct im_exec *x, enum im_direction dir, struct im_batch *b, const struct im_piece *const *held,
			size_t n_held, bool *same, struct im_error *err)
{
	struct look l = { .x = x, .masks = dir == IM_FORWARD, .held = held, .n_held = n_held };
	int rc = look_with_buffer(&l, b, same, err);

	b->crc_under = l.crc;
	b->crc_there = l.crc_there;
	return rc;
}
