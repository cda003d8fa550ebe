/* nbd_io.c - see nbd_io.h. */
#include "dev/nbd_io.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dev/libnbd.h"

#define IN_FLIGHT 8

int im_nbd_failed(const struct im_nbd_io *io, const char *what, uint64_t off, struct im_error *err)
{
	int number = im_libnbd.get_errno();

	/* TRANSLATORS: %s: the server's name, then a verb such as "read" or "ask for holes". */
	if (number == ENOSPC)
		return im_error_sys(err, ENOSPC, "%s: cannot %s at byte %" PRIu64, io->name, what, off);
	return im_error_at(err, IM_EIO, off, "%s: cannot %s at byte %" PRIu64 ": %s; if the server is gone, start it again and run"
			   " `imgmend resume` or `imgmend undo`", io->name, what, off, im_libnbd.get_error());
}

/* ---- transfers ---- */

int im_nbd_on_answer(void *arg, int *error)
{
	struct im_nbd_request *p = arg;

	p->is_busy = false;
	if (*error) {
		p->has_failed = true;
		p->number = *error;
	}
	return 1;
}

static int64_t send_piece(struct im_nbd_io *io, struct im_nbd_request *p, bool write, uint64_t off, uint8_t *buf, size_t len)
{
	nbd_completion_callback answer = { .callback = im_nbd_on_answer, .user_data = p };
	int64_t cookie;

	*p = (struct im_nbd_request){ .is_busy = true };
	cookie = write ? im_libnbd.aio_pwrite(io->h, buf, len, off, answer, 0) : im_libnbd.aio_pread(io->h, buf, len, off, answer, 0);
	if (cookie < 0)
		p->is_busy = false;
	return cookie;
}

static bool is_any_busy(const struct im_nbd_request *pieces)
{
	for (int i = 0; i < IN_FLIGHT; i++)
		if (pieces[i].is_busy)
			return true;
	return false;
}

/* The transfer failed: nothing may point into the caller's buffer any more when it returns. */
static void drain(struct im_nbd_io *io, struct im_nbd_request *pieces)
{
	while (is_any_busy(pieces) && im_libnbd.poll(io->h, IM_NBD_PARTING) > 0)
		;
	if (is_any_busy(pieces)) {
		im_libnbd.close(io->h);
		io->h = NULL;
	}
}

static int transfer_error(struct im_nbd_io *io, bool write, uint64_t off, int number, struct im_error *err)
{
	if (!number)
		return im_nbd_failed(io, write ? _("write") : _("read"), off, err);
	return im_error_sys(err, number, "%s: the server could not %s at byte %" PRIu64, io->name, write ? _("write") : _("read"), off);
}

/* One more answer. */
static int wait_for_answer(struct im_nbd_io *io, bool write, uint64_t off, struct im_error *err)
{
	int rc = im_libnbd.poll(io->h, IM_NBD_PATIENCE);

	if (rc < 0)
		return im_nbd_failed(io, write ? _("write") : _("read"), off, err);
	if (rc == 0)
		return im_error_at(err, IM_EIO, off, "%s: the server has not answered for %d seconds", io->name, IM_NBD_PATIENCE / 1000);
	return 0;
}

static int run_transfer(struct im_nbd_io *io, struct im_nbd_request *pieces, bool write, uint64_t off, uint8_t *buf, uint64_t len,
			struct im_error *err)
{
	uint64_t sent = 0;

	do {
		for (int i = 0; i < IN_FLIGHT; i++) {
			struct im_nbd_request *p = &pieces[i];
			size_t now = (size_t)im_min(len - sent, io->most);

			if (p->has_failed)
				return transfer_error(io, write, off, p->number, err);
			if (p->is_busy || !now)
				continue;
			if (send_piece(io, p, write, off + sent, buf + sent, now) < 0)
				return transfer_error(io, write, off + sent, 0, err);
			sent += now;
		}
		if (is_any_busy(pieces) && wait_for_answer(io, write, off, err) < 0)
			return -1;
	} while (sent < len || is_any_busy(pieces));
	for (int i = 0; i < IN_FLIGHT; i++)
		if (pieces[i].has_failed)
			return transfer_error(io, write, off, pieces[i].number, err);
	return 0;
}

int im_nbd_check(const struct im_nbd_io *io, struct im_error *err)
{
	return io->h ? 0 : im_error_set(err, IM_EIO, "%s: the connection to the server was given up", io->name);
}

/* What was sent as cookie has p as its answer: wait for it. what: of a message. */
int im_nbd_finish(struct im_nbd_io *io, struct im_nbd_request *p, int64_t cookie, const char *what, uint64_t off, struct im_error *err)
{
	if (cookie < 0)
		return im_nbd_failed(io, what, off, err);
	while (p->is_busy) {
		int rc = im_libnbd.poll(io->h, IM_NBD_PATIENCE);

		if (rc > 0)
			continue;
		if (rc < 0)
			im_nbd_failed(io, what, off, err);
		else
			im_error_at(err, IM_EIO, off, "%s: the server has not answered for %d seconds", io->name, IM_NBD_PATIENCE / 1000);
		/* the answer must not find us gone */
		im_libnbd.close(io->h);
		io->h = NULL;
		return -1;
	}
	if (p->has_failed)
		return im_error_sys(err, p->number, "%s: the server could not %s at byte %" PRIu64, io->name, what, off);
	return 0;
}

/* off and len are what the server wants aligned. */
static int transfer(struct im_nbd_io *io, bool write, uint64_t off, void *buf, uint64_t len, struct im_error *err)
{
	struct im_nbd_request pieces[IN_FLIGHT] = { 0 };
	int rc;

	if (im_nbd_check(io, err) < 0)
		return -1;
	rc = run_transfer(io, pieces, write, off, buf, len, err);
	if (rc < 0)
		drain(io, pieces);
	return rc;
}

/* The part of [off, off+len) that lies in one unit of the server's, read, perhaps changed and written as a whole. */
static int transfer_part(struct im_nbd_io *io, bool write, uint64_t off, uint8_t *buf, uint64_t len, struct im_error *err)
{
	uint64_t start = off - off % io->align, unit = im_min(io->align, io->size - start);
	uint8_t *block = malloc(io->align);
	int rc;

	if (!block)
		return im_error_nomem(err);
	rc = transfer(io, false, start, block, unit, err);
	if (rc == 0 && !write)
		memcpy(buf, block + (off - start), len);
	if (rc == 0 && write) {
		memcpy(block + (off - start), buf, len);
		rc = transfer(io, true, start, block, unit, err);
	}
	free(block);
	return rc;
}

int im_nbd_transfer(struct im_nbd_io *io, bool write, uint64_t off, uint8_t *buf, uint64_t len, struct im_error *err)
{
	while (len) {
		uint64_t skew = off % io->align, now = len - len % io->align;
		int rc;

		if (skew || !now) {
			now = im_min(len, io->align - skew);
			rc = transfer_part(io, write, off, buf, now, err);
		} else {
			rc = transfer(io, write, off, buf, now, err);
		}
		if (rc < 0)
			return -1;
		off += now;
		buf += now;
		len -= now;
	}
	return 0;
}

int im_nbd_flush(struct im_nbd_io *io, struct im_error *err)
{
	struct im_nbd_request p = { .is_busy = true };
	nbd_completion_callback answer = { .callback = im_nbd_on_answer, .user_data = &p };

	if (im_nbd_check(io, err) < 0)
		return -1;
	return im_nbd_finish(io, &p, im_libnbd.aio_flush(io->h, answer, 0), _("make durable what was written"), 0, err);
}
