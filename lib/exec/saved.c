/* saved.c - the old bytes that no other place of the new image keeps. */
#include "exec/saved.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"

#define CHUNK (1u << 20)
#define ENTRY 24

static bool is_special(uint64_t at)
{
	return at == IM_SAVED_ZERO || at == IM_SAVED_DROPPED;
}

static int note(struct im_journal *j, uint64_t old, uint64_t len, uint64_t at, struct im_error *err)
{
	struct im_saved *last = j->saved.n ? &j->saved.v[j->saved.n - 1] : NULL, *s;

	if (last && last->old + last->len == old &&
	    (is_special(at) ? last->at == at : !is_special(last->at) && last->at + last->len == at)) {
		last->len += len;
		return 0;
	}
	s = im_vec_push(&j->saved, err);
	if (!s)
		return -1;
	*s = (struct im_saved){ old, len, at };
	return 0;
}

/* Save up to CHUNK bytes at old. */
static int save_chunk(struct im_journal *j, struct im_dev *image, uint64_t old, size_t len, uint8_t *buf,
		      uint64_t *at, uint32_t *crc, struct im_error *err)
{
	if (im_dev_read(image, old, buf, len, err) < 0)
		return -1;
	if (im_is_zero(buf, len))
		return note(j, old, len, IM_SAVED_ZERO, err);
	if (im_dev_resize(j->dev, *at + len, err) < 0 || im_dev_write(j->dev, *at, buf, len, err) < 0 ||
	    note(j, old, len, *at, err) < 0)
		return -1;
	*crc = im_crc32c(*crc, buf, len);
	*at += len;
	j->saved_bytes += len;
	return 0;
}

/* Is the old byte off one that undo need not give back? *len is cut to where that changes. */
static bool is_dropped(const struct im_exec_params *params, uint64_t off, uint64_t *len)
{
	for (size_t i = 0; i < params->n_dropped && params->dropped[i].start < off + *len; i++)
		if (im_is_in(params->dropped[i].start, params->dropped[i].len, off, len))
			return true;
	return false;
}

static int save_range(struct im_journal *j, struct im_dev *image, uint64_t old, uint64_t len, uint8_t *buf,
		      uint64_t *at, uint32_t *crc, struct im_error *err)
{
	while (len) {
		uint64_t n = len;
		struct im_extent ext;

		if (is_dropped(&j->prog.params, old, &n)) {
			if (note(j, old, n, IM_SAVED_DROPPED, err) < 0)
				return -1;
			old += n;
			len -= n;
			continue;
		}
		if (im_dev_extent(image, old, n, &ext, err) < 0)
			return -1;
		n = ext.is_zero ? ext.len : im_min(ext.len, CHUNK);
		if ((ext.is_zero ? note(j, old, n, IM_SAVED_ZERO, err) :
				   save_chunk(j, image, old, (size_t)n, buf, at, crc, err)) < 0)
			return -1;
		old += n;
		len -= n;
	}
	return 0;
}

int im_saved_write(struct im_journal *j, struct im_dev *image, uint64_t *at, uint32_t *crc, struct im_error *err)
{
	uint8_t *buf = malloc(CHUNK);
	int rc = 0;

	if (!buf)
		return im_error_nomem(err);
	for (size_t i = 0; i < j->prog.kept.n && rc == 0; i++)
		rc = save_range(j, image, j->prog.kept.v[i].old, j->prog.kept.v[i].len, buf, at, crc, err);
	free(buf);
	return rc;
}

int im_saved_encode(const struct im_journal *j, uint8_t **out, size_t *len, struct im_error *err)
{
	uint8_t *p;

	*len = j->saved.n * ENTRY;
	p = *out = malloc(*len ? *len : 1);
	if (!p)
		return im_error_nomem(err);
	for (size_t i = 0; i < j->saved.n; i++, p += ENTRY) {
		im_put64(p, j->saved.v[i].old);
		im_put64(p + 8, j->saved.v[i].len);
		im_put64(p + 16, j->saved.v[i].at);
	}
	return 0;
}

/* Is every byte that the program may ask for really there? */
static bool covers(const struct im_journal *j)
{
	size_t s = 0;

	for (size_t i = 0; i < j->prog.kept.n; i++) {
		uint64_t at = j->prog.kept.v[i].old, end = at + j->prog.kept.v[i].len;

		while (at < end) {
			while (s < j->saved.n && j->saved.v[s].old + j->saved.v[s].len <= at)
				s++;
			if (s == j->saved.n || j->saved.v[s].old > at)
				return false;
			at = j->saved.v[s].old + j->saved.v[s].len;
		}
	}
	return true;
}

int im_saved_decode(struct im_journal *j, const uint8_t *p, size_t len, uint64_t off, uint64_t size,
		    struct im_error *err)
{
	uint64_t at = 0, end;

	if (len % ENTRY)
		return im_error_set(err, IM_EFORMAT, "the journal is damaged: its index is malformed");
	for (; len; p += ENTRY, len -= ENTRY) {
		struct im_saved *s = im_vec_push(&j->saved, err);

		if (!s)
			return -1;
		*s = (struct im_saved){ im_get64(p), im_get64(p + 8), im_get64(p + 16) };
		if (s->old < at || !s->len || !im_add(s->old, s->len, &at) || at > j->map.old_size)
			return im_error_set(err, IM_EFORMAT, "the journal is damaged: its index is out of order");
		if (is_special(s->at))
			continue;
		if (s->at < off || !im_add(s->at, s->len, &end) || end > off + size)
			return im_error_set(err, IM_EFORMAT, "the journal is damaged: its index points elsewhere");
		j->saved_bytes += s->len;
	}
	if (!covers(j))
		return im_error_set(err, IM_EFORMAT, "the journal is damaged: old bytes are missing from it");
	return 0;
}

/* The last piece that begins at off or before it, or the first. */
static size_t find(const struct im_journal *j, uint64_t off)
{
	size_t lo = 0, hi = j->saved.n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (j->saved.v[mid].old <= off)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

bool im_journal_drops(const struct im_journal *j, uint64_t off, uint64_t *len)
{
	for (size_t i = find(j, off); i < j->saved.n && j->saved.v[i].old < off + *len; i++)
		if (j->saved.v[i].at == IM_SAVED_DROPPED && im_is_in(j->saved.v[i].old, j->saved.v[i].len, off, len))
			return true;
	return false;
}

static int read_saved(struct im_journal *j, uint64_t off, uint8_t *buf, uint64_t len, struct im_error *err)
{
	for (size_t lo = find(j, off); len; lo++) {
		const struct im_saved *s;
		uint64_t n;

		if (lo >= j->saved.n || off < j->saved.v[lo].old || off >= j->saved.v[lo].old + j->saved.v[lo].len)
			return im_error_at(err, IM_EFORMAT, off, "the journal does not hold the old byte %" PRIu64, off);
		s = &j->saved.v[lo];
		n = im_min(len, s->old + s->len - off);
		if (is_special(s->at))
			memset(buf, 0, n);
		else if (im_dev_read(j->dev, s->at + (off - s->old), buf, n, err) < 0)
			return -1;
		off += n;
		buf += n;
		len -= n;
	}
	return 0;
}

int im_journal_read_saved(struct im_journal *j, uint64_t off, uint8_t *buf, uint64_t len, struct im_error *err)
{
	for (uint64_t n; len; off += n, buf += n, len -= n) {
		const struct im_stashed *s;
		int rc;

		n = len;
		s = im_program_stashed(&j->prog, off, &n);
		rc = s ? im_dev_read(j->dev, j->stash_off + s->at + (off - s->old), buf, n, err) : read_saved(j, off, buf, n, err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

uint64_t im_saved_estimate(const struct im_program *prog, struct im_dev *image)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < prog->kept.n; i++) {
		uint64_t end = prog->kept.v[i].old + prog->kept.v[i].len;

		for (uint64_t off = prog->kept.v[i].old, n; off < end;) {
			struct im_extent ext;

			n = end - off;
			if (is_dropped(&prog->params, off, &n)) {
				off += n;
				continue;
			}
			if (im_dev_extent(image, off, n, &ext, NULL) < 0)
				return sum + (end - off);
			if (!ext.is_zero)
				sum += ext.len;
			off += ext.len;
		}
	}
	return sum;
}
