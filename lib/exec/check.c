/* check.c - does the image hold what a run left? By reading only. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "exec/clone.h"

#define CHUNK (1u << 20)

int im_check_sample(const struct im_exec *x, enum im_direction dir, uint32_t *crc, struct im_error *err)
{
	return im_clone_sample(&x->journal.map, x->journal.prog.sector_size, x->image,
			       dir == IM_FORWARD ? IM_BASE_NEW : IM_BASE_OLD, crc, err);
}

/* Does [off, off+n) of a segment of known content hold it? */
static bool is_as_planned(const struct im_segment *s, uint64_t off, const uint8_t *buf, size_t n)
{
	if (s->kind == IM_BYTES)
		return memcmp(buf, s->data + off, n) == 0;
	for (size_t i = 0; s->kind == IM_FILL && i < n; i++)
		if (buf[i] != s->fill)
			return false;
	return s->kind != IM_ZERO || im_is_zero(buf, n);
}

static int check_segment(const struct im_exec *x, const struct im_segment *s, uint8_t *buf, struct im_error *err)
{
	uint64_t ss = x->journal.prog.sector_size, skip = s->start < ss ? ss - s->start : 0;

	for (uint64_t done = skip, n; done < s->len; done += n) {
		n = im_min(CHUNK, s->len - done);
		if (im_dev_read(x->image, s->start + done, buf, n, err) < 0)
			return -1;
		if (is_as_planned(s, done, buf, n))
			continue;
		return im_error_at(err, IM_ECHANGED, s->start + done, "the image has been used since the repair: bytes"
				   " from %" PRIu64 " (%s) are not what the repair left", s->start + done,
				   s->reason ? s->reason : _("planned"));
	}
	return 0;
}

/* What is new in the new image. */
static int check_new(struct im_exec *x, uint8_t *buf, struct im_error *err)
{
	for (size_t i = 0; i < x->journal.map.segs.n; i++) {
		const struct im_segment *s = &x->journal.map.segs.v[i];

		if (s->kind != IM_KEEP && s->kind != IM_FROM && check_segment(x, s, buf, err) < 0)
			return -1;
	}
	return 0;
}

/* What came from sector 0, which no sample has. */
static int check_from_sector0(struct im_exec *x, struct im_error *err)
{
	uint64_t ss = x->journal.prog.sector_size;
	uint8_t buf[4096];

	for (size_t i = 0; i < x->journal.map.segs.n; i++) {
		const struct im_segment *s = &x->journal.map.segs.v[i];
		struct im_segment known = { .kind = IM_BYTES, .start = s->start, .reason = s->reason };

		if (s->kind != IM_FROM || s->from >= ss)
			continue;
		known.data = x->journal.old0 + s->from;
		known.len = im_min(s->len, ss - s->from);
		if (check_segment(x, &known, buf, err) < 0)
			return -1;
	}
	return 0;
}

/* Are the old bytes [old, old+len) what the journal has of them? buf: 2 * CHUNK bytes. */
static int check_kept(struct im_exec *x, uint64_t old, uint64_t len, uint8_t *buf, struct im_error *err)
{
	for (uint64_t off = im_max(old, x->journal.prog.sector_size), end = old + len, n; off < end; off += n) {
		n = im_min(CHUNK, end - off);
		if (im_dev_read(x->image, off, buf, n, err) < 0 ||
		    im_journal_read_saved(&x->journal, off, buf + CHUNK, n, err) < 0)
			return -1;
		if (memcmp(buf, buf + CHUNK, n) != 0)
			return im_error_at(err, IM_ECHANGED, off, "the image is not as the undo left it: bytes from %" PRIu64
					   " are not the old ones", off);
	}
	return 0;
}

/* A piece of SAVED. Those bytes of it that nobody asks for may be the old ones still; edges of blocks that moved may have come back as
 * they were used. */
static int check_saved(struct im_exec *x, const struct im_saved *s, uint8_t *buf, struct im_error *err)
{
	for (uint64_t old = s->old, end = old + s->len, n; old < end && s->at != IM_SAVED_DROPPED; old += n) {
		const struct im_origin *o = im_program_origin(&x->journal.prog, old);

		n = im_min(end - old, o->old + o->len - old);
		if (!o->is_carried && check_kept(x, old, n, buf, err) < 0)
			return -1;
	}
	return 0;
}

/* What of the old image only the journal kept. */
static int check_old(struct im_exec *x, uint8_t *buf, struct im_error *err)
{
	const struct im_journal *j = &x->journal;

	for (size_t i = 0; i < j->saved.n; i++)
		if (check_saved(x, &j->saved.v[i], buf, err) < 0)
			return -1;
	for (size_t i = 0; i < j->prog.stash.n; i++)
		if (check_kept(x, j->prog.stash.v[i].old, j->prog.stash.v[i].len, buf, err) < 0)
			return -1;
	return 0;
}

/* Of the newest complete run of this direction, with the sample that it took; NULL: there is none. */
static const struct im_phase_record *find_flushed(const struct im_exec *x, enum im_direction dir)
{
	const struct im_phase_record *flushed = NULL;

	for (size_t i = 0; i < x->journal.log.n; i++)
		if (x->journal.log.v[i].dir == dir && x->journal.log.v[i].phase == IM_FLUSHED)
			flushed = &x->journal.log.v[i];
	return flushed;
}

static int compare_sample(const struct im_exec *x, enum im_direction dir, struct im_error *err)
{
	const struct im_phase_record *flushed = find_flushed(x, dir);
	uint32_t now;

	if (!flushed)
		return 0;
	if (im_check_sample(x, dir, &now, err) < 0)
		return -1;
	if (now == flushed->sample)
		return 0;
	return im_error_set(err, IM_ECHANGED, dir == IM_FORWARD ?
			    "the image has been used since the repair, or is not the repaired one: what was moved is not what it was" :
			    _("the image is not as the undo left it: what was moved back is not what it was"));
}

int im_check_content(struct im_exec *x, enum im_direction dir, struct im_error *err)
{
	uint8_t *buf = malloc(2 * CHUNK);
	int rc;

	if (!buf)
		return im_error_nomem(err);
	rc = dir == IM_FORWARD ? check_new(x, buf, err) : check_old(x, buf, err);
	free(buf);
	return rc < 0 ? -1 : compare_sample(x, dir, err);
}

/* Does all that the journal knows of the image from before a complete run say that this is it? What was moved has the same sample at
 * either place. */
static int is_from_before(struct im_exec *x, enum im_direction dir, bool *yes, struct im_error *err)
{
	enum im_direction back = dir == IM_FORWARD ? IM_BACKWARD : IM_FORWARD;
	const struct im_phase_record *flushed = find_flushed(x, dir);
	uint32_t now;

	*yes = x->image->size == (dir == IM_FORWARD ? x->journal.map.old_size : x->journal.map.new_size);
	if (!*yes)
		return 0;
	*yes = im_check_content(x, back, err) == 0;
	if (!*yes)
		return err->code == IM_ECHANGED ? 0 : -1;
	if (!flushed)
		return 0;
	if (im_check_sample(x, back, &now, err) < 0)
		return -1;
	*yes = now == flushed->sample;
	return 0;
}

int im_check_may_cut(struct im_exec *x, enum im_direction dir, uint64_t size, struct im_error *err)
{
	bool before;

	/* sector 0, where it is another one, has said it */
	if (x->image->size <= size || memcmp(x->journal.old0, x->journal.new0, x->journal.prog.sector_size) != 0 ||
	    (im_check_content(x, dir, err) == 0 && (dir == IM_BACKWARD || check_from_sector0(x, err) == 0)))
		return 0;
	if (err->code != IM_ECHANGED || is_from_before(x, dir, &before, err) < 0)
		return -1;
	return before ? im_not_ours(err, _("it is the one from before, put back by other means, or the journal is an older copy")) : 0;
}

int im_exec_check_sector0(const struct im_exec *x, struct im_error *err)
{
	const uint8_t *left = x->state == IM_STATE_UNDONE ? x->journal.old0 : x->journal.new0;
	uint32_t ss = x->journal.prog.sector_size;
	uint8_t now[4096];

	if (im_dev_read(x->image, 0, now, ss, err) < 0)
		return -1;
	if (memcmp(now, left, ss) == 0)
		return 0;
	if (memcmp(now, x->journal.old0, ss) == 0)
		return im_error_at(err, IM_EREFUSED, 0, "sector 0 is the one from before the repair: the image was rolled back by"
				   " other means, and this journal is of no use to it");
	return im_error_at(err, IM_EREFUSED, 0, "sector 0 is not what was left there: its table was edited since, or this is"
			   " another image");
}

int im_exec_check_committed(struct im_exec *x, struct im_error *err)
{
	if (im_exec_check_sector0(x, err) < 0)
		return -1;
	return x->state == IM_STATE_REPAIRED ? im_check_content(x, IM_FORWARD, err) : 0;
}
