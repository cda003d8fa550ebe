/* stash.c - see stash.h. */
#include "exec/stash.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/crc.h"

#define CHUNK (1u << 20)

struct filling {
	struct im_journal *j;
	struct im_dev *image;
	bool anew;		/* from the new places, over what is there */
	uint8_t *buf;		/* CHUNK bytes */
};

static int put_piece(struct filling *f, const struct im_stashed *s, struct im_error *err)
{
	struct im_journal *j = f->j;

	for (uint64_t done = 0, n; done < s->len; done += n) {
		n = im_min(CHUNK, s->len - done);
		if (im_dev_read(f->image, (f->anew ? s->now : s->old) + done, f->buf, n, err) < 0)
			return -1;
		j->stash_crc = im_crc32c(j->stash_crc, f->buf, n);
		/* a new file is zero as it is */
		if ((f->anew || !im_is_zero(f->buf, n)) && im_dev_write(j->dev, j->stash_off + s->at + done, f->buf, n, err) < 0)
			return -1;
	}
	return 0;
}

static int put_all(struct im_journal *j, struct im_dev *image, bool anew, struct im_error *err)
{
	struct filling f = { j, image, anew, malloc(CHUNK) };
	int rc = f.buf ? 0 : im_error_nomem(err);

	j->stash_crc = 0;
	for (size_t i = 0; i < j->prog.stash.n && rc == 0; i++)
		rc = put_piece(&f, &j->prog.stash.v[i], err);
	free(f.buf);
	return rc;
}

int im_stash_create(struct im_journal *j, struct im_dev *image, uint64_t *at, struct im_error *err)
{
	j->stash_off = *at;
	if (!im_round_up(*at + j->prog.stash_bytes, IM_JOURNAL_BLOCK, at))
		return im_error_set(err, IM_EREFUSED, "the plan is too large for a journal");
	return im_dev_resize(j->dev, *at, err) < 0 ? -1 : put_all(j, image, false, err);
}

/* The part of sector 0 that moved is what is stashed of it. */
static int take_sector0(struct im_journal *j, struct im_error *err)
{
	for (size_t i = 0; i < j->prog.stash.n; i++) {
		const struct im_stashed *s = &j->prog.stash.v[i];
		uint64_t ss = j->prog.sector_size;

		if (s->old < ss && im_dev_read(j->dev, j->stash_off + s->at, j->old0 + s->old, im_min(s->len, ss - s->old), err) < 0)
			return -1;
	}
	return 0;
}

int im_stash_refresh(struct im_journal *j, struct im_dev *image, struct im_error *err)
{
	if (!j->prog.stash.n)
		return 0;
	return put_all(j, image, true, err) < 0 ? -1 : take_sector0(j, err);
}

static bool is_sound(const struct im_journal *j)
{
	return j->log.n && im_journal_last(j)->stash_crc == j->stash_crc;
}

int im_stash_load(struct im_journal *j, struct im_error *err)
{
	if (im_journal_sum(j, j->stash_off, j->prog.stash_bytes, &j->stash_crc, err) < 0)
		return -1;
	return is_sound(j) ? take_sector0(j, err) : 0;
}

int im_stash_check(const struct im_journal *j, struct im_error *err)
{
	return !j->log.n || is_sound(j) ? 0 : im_error_set(err, IM_EFORMAT, "the journal is damaged: %s; nothing is written on its word",
							   _("the saved bytes fail their checksum"));
}
