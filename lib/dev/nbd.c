/* nbd.c - see nbd.h.
 *
 * A transfer is cut into pieces of PIECE bytes, of which IN_FLIGHT are on their way at once. What fails is reported when
 * all that was sent has been answered, or the connection is gone; nothing is tried again.
 */
#include "dev/nbd.h"

#include <errno.h>
#include <inttypes.h>
#include <libnbd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

#define PIECE (1u << 20)
#define IN_FLIGHT 8
#define PATIENCE 120000			/* ms without an answer */
#define PARTING 2000			/* … from a server that we are done with */
#define STATUS_SPAN (1ull << 30)	/* bytes that are asked about at once */
#define STATUS_MAX 4096			/* extents that are kept of an answer */

struct nbd {
	struct im_dev dev;
	struct nbd_handle *h;
	pthread_mutex_t lock;		/* held by every function of the device */
	char *name;
	uint32_t align;			/* least unit of a request, bytes, a power of two */
	uint32_t most;			/* bytes of a request */
	bool can_status, can_zero, looks;
	/* what the server last said of [known, known_end) */
	uint64_t known, known_end;
	size_t n_extents;
	struct { uint64_t len; bool is_zero; } extents[STATUS_MAX];
};

bool im_nbd_is_built(void)
{
	return true;
}

static int failed(const struct nbd *n, const char *what, uint64_t off, struct im_error *err)
{
	int number = nbd_get_errno();

	if (number == ENOSPC)
		return im_error_sys(err, ENOSPC, "%s: cannot %s at byte %" PRIu64, n->name, what, off);
	return im_error_at(err, IM_EIO, off, "%s: cannot %s at byte %" PRIu64 ": %s; if the server is gone, start it again and run"
			   " `imgmend resume` or `imgmend undo`", n->name, what, off, nbd_get_error());
}

/* ---- transfers ---- */

struct piece {
	bool is_busy, has_failed;
	int number;
};

static int on_answer(void *arg, int *error)
{
	struct piece *p = arg;

	p->is_busy = false;
	if (*error) {
		p->has_failed = true;
		p->number = *error;
	}
	return 1;
}

static int64_t send_piece(struct nbd *n, struct piece *p, bool write, uint64_t off, uint8_t *buf, size_t len)
{
	nbd_completion_callback answer = { .callback = on_answer, .user_data = p };
	int64_t cookie;

	*p = (struct piece){ .is_busy = true };
	cookie = write ? nbd_aio_pwrite(n->h, buf, len, off, answer, 0) : nbd_aio_pread(n->h, buf, len, off, answer, 0);
	if (cookie < 0)
		p->is_busy = false;
	return cookie;
}

static bool is_any_busy(const struct piece *pieces)
{
	for (int i = 0; i < IN_FLIGHT; i++)
		if (pieces[i].is_busy)
			return true;
	return false;
}

/* The transfer failed: nothing may point into the caller's buffer any more when it returns. */
static void drain(struct nbd *n, struct piece *pieces)
{
	while (is_any_busy(pieces) && nbd_poll(n->h, PARTING) > 0)
		;
	if (is_any_busy(pieces)) {
		nbd_close(n->h);
		n->h = NULL;
	}
}

static int transfer_error(struct nbd *n, bool write, uint64_t off, int number, struct im_error *err)
{
	if (!number)
		return failed(n, write ? "write" : "read", off, err);
	return im_error_sys(err, number, "%s: the server could not %s at byte %" PRIu64, n->name, write ? "write" : "read", off);
}

/* One more answer. */
static int wait_for_answer(struct nbd *n, bool write, uint64_t off, struct im_error *err)
{
	int rc = nbd_poll(n->h, PATIENCE);

	if (rc < 0)
		return failed(n, write ? "write" : "read", off, err);
	if (rc == 0)
		return im_error_at(err, IM_EIO, off, "%s: the server has not answered for %d seconds", n->name, PATIENCE / 1000);
	return 0;
}

static int run_transfer(struct nbd *n, struct piece *pieces, bool write, uint64_t off, uint8_t *buf, uint64_t len,
			struct im_error *err)
{
	uint64_t sent = 0;

	do {
		for (int i = 0; i < IN_FLIGHT; i++) {
			struct piece *p = &pieces[i];
			size_t now = (size_t)im_min(len - sent, n->most);

			if (p->has_failed)
				return transfer_error(n, write, off, p->number, err);
			if (p->is_busy || !now)
				continue;
			if (send_piece(n, p, write, off + sent, buf + sent, now) < 0)
				return transfer_error(n, write, off + sent, 0, err);
			sent += now;
		}
		if (is_any_busy(pieces) && wait_for_answer(n, write, off, err) < 0)
			return -1;
	} while (sent < len || is_any_busy(pieces));
	for (int i = 0; i < IN_FLIGHT; i++)
		if (pieces[i].has_failed)
			return transfer_error(n, write, off, pieces[i].number, err);
	return 0;
}

static int check_open(const struct nbd *n, struct im_error *err)
{
	return n->h ? 0 : im_error_set(err, IM_EIO, "%s: the connection to the server was given up", n->name);
}

/* What was sent as cookie has p as its answer: wait for it. what: of a message. */
static int finish(struct nbd *n, struct piece *p, int64_t cookie, const char *what, uint64_t off, struct im_error *err)
{
	if (cookie < 0)
		return failed(n, what, off, err);
	while (p->is_busy) {
		int rc = nbd_poll(n->h, PATIENCE);

		if (rc > 0)
			continue;
		if (rc < 0)
			failed(n, what, off, err);
		else
			im_error_at(err, IM_EIO, off, "%s: the server has not answered for %d seconds", n->name, PATIENCE / 1000);
		/* the answer must not find us gone */
		nbd_close(n->h);
		n->h = NULL;
		return -1;
	}
	if (p->has_failed)
		return im_error_sys(err, p->number, "%s: the server could not %s at byte %" PRIu64, n->name, what, off);
	return 0;
}

/* off and len are what the server wants aligned. */
static int transfer(struct nbd *n, bool write, uint64_t off, void *buf, uint64_t len, struct im_error *err)
{
	struct piece pieces[IN_FLIGHT] = { 0 };
	int rc;

	if (check_open(n, err) < 0)
		return -1;
	rc = run_transfer(n, pieces, write, off, buf, len, err);
	if (rc < 0)
		drain(n, pieces);
	return rc;
}

/* The part of [off, off+len) that lies in one unit of the server's, read, perhaps changed and written as a whole. */
static int transfer_part(struct nbd *n, bool write, uint64_t off, uint8_t *buf, uint64_t len, struct im_error *err)
{
	uint64_t start = off - off % n->align, unit = im_min(n->align, n->dev.size - start);
	uint8_t *block = malloc(n->align);
	int rc;

	if (!block)
		return im_error_nomem(err);
	rc = transfer(n, false, start, block, unit, err);
	if (rc == 0 && !write)
		memcpy(buf, block + (off - start), len);
	if (rc == 0 && write) {
		memcpy(block + (off - start), buf, len);
		rc = transfer(n, true, start, block, unit, err);
	}
	free(block);
	return rc;
}

static int transfer_any(struct nbd *n, bool write, uint64_t off, uint8_t *buf, uint64_t len, struct im_error *err)
{
	while (len) {
		uint64_t skew = off % n->align, now = len - len % n->align;
		int rc;

		if (skew || !now) {
			now = im_min(len, n->align - skew);
			rc = transfer_part(n, write, off, buf, now, err);
		} else {
			rc = transfer(n, write, off, buf, now, err);
		}
		if (rc < 0)
			return -1;
		off += now;
		buf += now;
		len -= now;
	}
	return 0;
}

static int flush(struct nbd *n, struct im_error *err)
{
	struct piece p = { .is_busy = true };
	nbd_completion_callback answer = { .callback = on_answer, .user_data = &p };

	if (check_open(n, err) < 0)
		return -1;
	return finish(n, &p, nbd_aio_flush(n->h, answer, 0), "make durable what was written", 0, err);
}

/* ---- zeros and holes ---- */

static int write_zeros(struct nbd *n, uint64_t off, uint64_t len, struct im_error *err)
{
	uint8_t *buf = calloc(1, PIECE);
	int rc = buf ? 0 : im_error_nomem(err);

	for (uint64_t done = 0, now; done < len && rc == 0; done += now) {
		now = im_min(len - done, PIECE);
		rc = transfer_any(n, true, off + done, buf, now, err);
	}
	free(buf);
	return rc;
}

/* Zeros for those pieces that are not zero already. */
static int zero_by_looking(struct nbd *n, uint64_t off, uint64_t len, struct im_error *err)
{
	uint8_t *buf = malloc(PIECE);
	int rc = buf ? 0 : im_error_nomem(err);

	for (uint64_t done = 0, now; done < len && rc == 0; done += now) {
		now = im_min(len - done, PIECE - (off + done) % PIECE);
		rc = transfer_any(n, false, off + done, buf, now, err);
		if (rc == 0 && !im_is_zero(buf, now))
			rc = write_zeros(n, off + done, now, err);
	}
	free(buf);
	return rc;
}

static int on_status(void *arg, const char *context, uint64_t off, uint32_t *pairs, size_t count, int *error)
{
	struct nbd *n = arg;

	if (*error || strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION) != 0)
		return 0;
	n->known = n->known_end = off;
	n->n_extents = 0;
	/* pairs of a length and flags */
	for (size_t i = 0; i + 1 < count && n->n_extents < STATUS_MAX; i += 2) {
		n->extents[n->n_extents].len = pairs[i];
		n->extents[n->n_extents++].is_zero = pairs[i + 1] & LIBNBD_STATE_ZERO;
		n->known_end += pairs[i];
	}
	return 0;
}

/* Ask, where what is known does not cover off. A server that does not answer the question may have data everywhere. */
static int ask_status(struct nbd *n, uint64_t off, struct im_error *err)
{
	nbd_extent_callback status = { .callback = on_status, .user_data = n };
	struct piece p = { .is_busy = true };
	nbd_completion_callback answer = { .callback = on_answer, .user_data = &p };
	uint64_t start = off - off % n->align, span = im_min(n->dev.size - start, STATUS_SPAN);
	struct im_error why = { 0 };

	if (off >= n->known && off < n->known_end)
		return 0;
	if (check_open(n, err) < 0)
		return -1;
	n->known_end = 0;
	if (finish(n, &p, nbd_aio_block_status(n->h, span, start, status, answer, 0), "ask for holes", off, &why) == 0)
		return 0;
	n->known_end = 0;
	/* refused is no answer, gone is an error */
	if (n->h && !nbd_aio_is_dead(n->h))
		return 0;
	if (err)
		*err = why;
	return -1;
}

static int extent(struct nbd *n, uint64_t off, uint64_t len, struct im_extent *out, struct im_error *err)
{
	uint64_t at;

	if (!n->can_status)
		return 0;
	if (ask_status(n, off, err) < 0)
		return -1;
	at = n->known;
	for (size_t i = 0; i < n->n_extents && n->known_end > off; i++) {
		uint64_t end = at + n->extents[i].len;

		if (off >= at && off < end) {
			out->is_zero = n->extents[i].is_zero;
			out->len = im_min(len, end - off);
			return 0;
		}
		at = end;
	}
	return 0;
}

/* [off, off+len), of which nothing is known. */
static int zero_all(struct nbd *n, uint64_t off, uint64_t len, struct im_error *err)
{
	uint64_t head = im_min(len, -off % n->align), tail;

	if (!n->can_zero)
		return write_zeros(n, off, len, err);
	if (check_open(n, err) < 0 || write_zeros(n, off, head, err) < 0)
		return -1;
	off += head;
	len -= head;
	tail = len % n->align;
	for (uint64_t now; len > tail; off += now, len -= now) {
		struct piece p = { .is_busy = true };
		nbd_completion_callback answer = { .callback = on_answer, .user_data = &p };

		now = im_min(len - tail, 1u << 30);
		if (finish(n, &p, nbd_aio_zero(n->h, now, off, answer, 0), "write zeros", off, err) < 0)
			return -1;
	}
	return write_zeros(n, off, tail, err);
}

/* What is zero already is left alone: some formats would allocate it. */
static int zero(struct nbd *n, uint64_t off, uint64_t len, struct im_error *err)
{
	int rc = 0;

	if (n->looks)
		return zero_by_looking(n, off, len, err);
	for (uint64_t done = 0; done < len && rc == 0;) {
		struct im_extent ext = { .len = len - done, .is_zero = false };

		rc = extent(n, off + done, len - done, &ext, err);
		if (rc == 0 && !ext.is_zero)
			rc = zero_all(n, off + done, ext.len, err);
		done += ext.len;
	}
	n->known_end = 0;
	return rc;
}

/* ---- the device: several threads may use it, one at a time ---- */

static int nbd_dev_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	struct nbd *n = (struct nbd *)dev;
	int rc;

	pthread_mutex_lock(&n->lock);
	rc = transfer_any(n, false, off, buf, len, err);
	pthread_mutex_unlock(&n->lock);
	return rc;
}

static int nbd_dev_write(struct im_dev *dev, uint64_t off, const void *buf, size_t len, struct im_error *err)
{
	struct nbd *n = (struct nbd *)dev;
	int rc;

	pthread_mutex_lock(&n->lock);
	n->known_end = 0;
	rc = transfer_any(n, true, off, (uint8_t *)buf, len, err);
	pthread_mutex_unlock(&n->lock);
	return rc;
}

static int nbd_dev_flush(struct im_dev *dev, struct im_error *err)
{
	struct nbd *n = (struct nbd *)dev;
	int rc;

	pthread_mutex_lock(&n->lock);
	rc = flush(n, err);
	pthread_mutex_unlock(&n->lock);
	return rc;
}

static int nbd_dev_zero(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err)
{
	struct nbd *n = (struct nbd *)dev;
	int rc;

	pthread_mutex_lock(&n->lock);
	rc = zero(n, off, len, err);
	pthread_mutex_unlock(&n->lock);
	return rc;
}

static int nbd_dev_extent(struct im_dev *dev, uint64_t off, uint64_t len, struct im_extent *out, struct im_error *err)
{
	struct nbd *n = (struct nbd *)dev;
	int rc;

	pthread_mutex_lock(&n->lock);
	rc = extent(n, off, len, out, err);
	pthread_mutex_unlock(&n->lock);
	return rc;
}

/* ---- opening and closing ---- */

static void nbd_dev_close(struct im_dev *dev)
{
	struct nbd *n = (struct nbd *)dev;

	/* tells the server, and is no error where that is gone */
	if (n->h && nbd_aio_is_ready(n->h) == 1 && nbd_aio_disconnect(n->h, 0) == 0)
		while (nbd_aio_is_closed(n->h) == 0 && nbd_aio_is_dead(n->h) == 0 && nbd_poll(n->h, PARTING) > 0)
			;
	nbd_close(n->h);
	pthread_mutex_destroy(&n->lock);
	free(n->name);
	free(n);
}

static const struct im_dev_ops nbd_ops = {
	.read = nbd_dev_read, .write = nbd_dev_write, .zero = nbd_dev_zero, .flush = nbd_dev_flush,
	.extent = nbd_dev_extent, .close = nbd_dev_close,
};

static int check_export(struct nbd *n, bool write, struct im_error *err)
{
	int64_t size = nbd_get_size(n->h), least = nbd_get_block_size(n->h, LIBNBD_SIZE_MINIMUM);
	int64_t most = nbd_get_block_size(n->h, LIBNBD_SIZE_MAXIMUM);

	if (size < 0)
		return im_error_set(err, IM_EIO, "%s: the server does not say how large its export is: %s", n->name, nbd_get_error());
	n->align = least > 0 ? (uint32_t)least : 1;
	n->most = most > 0 ? (uint32_t)im_min((uint64_t)most, PIECE) : PIECE;
	if (n->align > 65536 || (n->align & (n->align - 1)) || n->most < n->align)
		return im_error_set(err, IM_EREFUSED, "%s: the server wants requests of %" PRId64 " to %" PRId64 " bytes, which makes no sense",
				    n->name, least, most);
	n->most -= n->most % n->align;
	n->dev.size = (uint64_t)size;
	n->can_status = nbd_can_meta_context(n->h, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1;
	n->can_zero = nbd_can_zero(n->h) == 1;
	if (write && nbd_is_read_only(n->h) != 0)
		return im_error_set(err, IM_EREFUSED, "%s: the server exports it for reading only", n->name);
	if (write && nbd_can_flush(n->h) != 1)
		return im_error_set(err, IM_EREFUSED, "%s: the server has no flush, so that nothing written to it is known to be durable",
				    n->name);
	return 0;
}

static struct nbd *new_nbd(const char *name, bool write, uint32_t sector_size, struct im_error *err)
{
	struct nbd *n = calloc(1, sizeof(*n));

	if (n)
		n->name = strdup(name);
	if (!n || !n->name) {
		free(n);
		im_error_nomem(err);
		return NULL;
	}
	pthread_mutex_init(&n->lock, NULL);
	n->dev = (struct im_dev){
		.ops = &nbd_ops, .sector_size = sector_size ? sector_size : 512, .is_read_only = !write, .is_parallel = true,
	};
	n->h = nbd_create();
	/* keys for TLS, which the user's URI names */
	if (n->h && nbd_set_uri_allow_local_file(n->h, true) == 0 && nbd_add_meta_context(n->h, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0)
		return n;
	im_error_set(err, IM_EIO, "%s: libnbd does not start: %s", name, nbd_get_error());
	nbd_dev_close(&n->dev);
	return NULL;
}

/* The connection was begun: wait until the server has said what it exports. */
static struct im_dev *connected(struct nbd *n, int rc, bool write, struct im_error *err)
{
	while (rc == 0 && nbd_aio_is_connecting(n->h) == 1) {
		int got = nbd_poll(n->h, PATIENCE);

		if (got == 0)
			im_error_set(err, IM_EIO, "%s: the NBD server has not answered for %d seconds", n->name, PATIENCE / 1000);
		rc = got > 0 ? 0 : got < 0 ? -1 : 1;
	}
	if (rc == 0 && nbd_aio_is_ready(n->h) != 1)
		rc = -1;
	if (rc < 0)
		im_error_set(err, IM_EIO, "%s: cannot connect to the NBD server: %s", n->name, nbd_get_error());
	else if (rc == 0 && check_export(n, write, err) == 0)
		return &n->dev;
	nbd_dev_close(&n->dev);
	return NULL;
}

struct im_dev *im_dev_nbd_uri(const char *uri, bool write, uint32_t sector_size, struct im_error *err)
{
	struct nbd *n = new_nbd(uri, write, sector_size, err);

	return n ? connected(n, nbd_aio_connect_uri(n->h, uri), write, err) : NULL;
}

struct im_dev *im_dev_nbd_socket(int fd, const char *name, bool write, uint32_t sector_size, struct im_error *err)
{
	struct nbd *n = new_nbd(name, write, sector_size, err);

	if (!n) {
		close(fd);
		return NULL;
	}
	return connected(n, nbd_aio_connect_socket(n->h, fd), write, err);
}

void im_nbd_look_before_zeros(struct im_dev *dev)
{
	struct nbd *n = (struct nbd *)dev;

	n->looks = true;
	n->can_status = false;
}
