/* nbd.c - see nbd.h. The requests themselves are in nbd_io.c. */
#include "dev/nbd.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "dev/libnbd.h"
#include "dev/nbd_io.h"

#define STATUS_SPAN (1ull << 30)	/* bytes that are asked about at once */
#define STATUS_MAX 4096			/* extents that are kept of an answer */

struct nbd {
	struct im_dev dev;
	struct im_nbd_io io;
	pthread_mutex_t lock;		/* held by every function of the device */
	bool can_status, can_zero, looks;
	/* what the server last said of [known, known_end) */
	uint64_t known, known_end;
	size_t n_extents;
	struct { uint64_t len; bool is_zero; } extents[STATUS_MAX];
};

bool im_nbd_is_there(void)
{
	return im_libnbd_load("", NULL) == 0;
}

/* ---- zeros and holes ---- */

static int write_zeros(struct nbd *n, uint64_t off, uint64_t len, struct im_error *err)
{
	uint8_t *buf = len ? calloc(1, im_min(len, IM_NBD_PIECE)) : NULL;
	int rc = buf || !len ? 0 : im_error_nomem(err);

	for (uint64_t done = 0, now; done < len && rc == 0; done += now) {
		now = im_min(len - done, IM_NBD_PIECE);
		rc = im_nbd_transfer(&n->io, true, off + done, buf, now, err);
	}
	free(buf);
	return rc;
}

/* Zeros for those pieces that are not zero already. */
static int zero_by_looking(struct nbd *n, uint64_t off, uint64_t len, struct im_error *err)
{
	uint8_t *buf = malloc(IM_NBD_PIECE);
	int rc = buf ? 0 : im_error_nomem(err);

	for (uint64_t done = 0, now; done < len && rc == 0; done += now) {
		now = im_min(len - done, IM_NBD_PIECE - (off + done) % IM_NBD_PIECE);
		rc = im_nbd_transfer(&n->io, false, off + done, buf, now, err);
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
	struct im_nbd_request p = { .is_busy = true };
	nbd_completion_callback answer = { .callback = im_nbd_on_answer, .user_data = &p };
	uint64_t start = off - off % n->io.align, span = im_min(n->dev.size - start, STATUS_SPAN);
	struct im_error why = { 0 };
	int64_t cookie;

	if (off >= n->known && off < n->known_end)
		return 0;
	if (im_nbd_check(&n->io, err) < 0)
		return -1;
	n->known_end = 0;
	cookie = im_libnbd.aio_block_status(n->io.h, span, start, status, answer, 0);
	if (im_nbd_finish(&n->io, &p, cookie, _("ask for holes"), off, &why) == 0)
		return 0;
	n->known_end = 0;
	/* refused is no answer, gone is an error */
	if (n->io.h && !im_libnbd.aio_is_dead(n->io.h))
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
	uint64_t head = im_min(len, -off % n->io.align), tail;

	if (!n->can_zero)
		return write_zeros(n, off, len, err);
	if (im_nbd_check(&n->io, err) < 0 || write_zeros(n, off, head, err) < 0)
		return -1;
	off += head;
	len -= head;
	tail = len % n->io.align;
	for (uint64_t now; len > tail; off += now, len -= now) {
		struct im_nbd_request p = { .is_busy = true };
		nbd_completion_callback answer = { .callback = im_nbd_on_answer, .user_data = &p };

		now = im_min(len - tail, 1u << 30);
		if (im_nbd_finish(&n->io, &p, im_libnbd.aio_zero(n->io.h, now, off, answer, 0), _("write zeros"), off, err) < 0)
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
	rc = im_nbd_transfer(&n->io, false, off, buf, len, err);
	pthread_mutex_unlock(&n->lock);
	return rc;
}

static int nbd_dev_write(struct im_dev *dev, uint64_t off, const void *buf, size_t len, struct im_error *err)
{
	struct nbd *n = (struct nbd *)dev;
	int rc;

	pthread_mutex_lock(&n->lock);
	n->known_end = 0;
	rc = im_nbd_transfer(&n->io, true, off, (uint8_t *)buf, len, err);
	pthread_mutex_unlock(&n->lock);
	return rc;
}

static int nbd_dev_flush(struct im_dev *dev, struct im_error *err)
{
	struct nbd *n = (struct nbd *)dev;
	int rc;

	pthread_mutex_lock(&n->lock);
	rc = im_nbd_flush(&n->io, err);
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
	struct nbd_handle *h = n->io.h;

	/* tells the server, and is no error where that is gone */
	if (h && im_libnbd.aio_is_ready(h) == 1 && im_libnbd.aio_disconnect(h, 0) == 0)
		while (im_libnbd.aio_is_closed(h) == 0 && im_libnbd.aio_is_dead(h) == 0 && im_libnbd.poll(h, IM_NBD_PARTING) > 0)
			;
	im_libnbd.close(h);
	pthread_mutex_destroy(&n->lock);
	free(n->io.name);
	free(n);
}

static const struct im_dev_ops nbd_ops = {
	.read = nbd_dev_read, .write = nbd_dev_write, .zero = nbd_dev_zero, .flush = nbd_dev_flush,
	.extent = nbd_dev_extent, .close = nbd_dev_close,
};

static int check_export(struct nbd *n, bool write, struct im_error *err)
{
	int64_t size = im_libnbd.get_size(n->io.h), least = im_libnbd.get_block_size(n->io.h, LIBNBD_SIZE_MINIMUM);
	int64_t most = im_libnbd.get_block_size(n->io.h, LIBNBD_SIZE_MAXIMUM);

	if (size < 0)
		return im_error_set(err, IM_EIO, "%s: the server does not say how large its export is: %s", n->io.name, im_libnbd.get_error());
	n->io.align = least > 0 ? (uint32_t)least : 1;
	n->io.most = most > 0 ? (uint32_t)im_min((uint64_t)most, IM_NBD_PIECE) : IM_NBD_PIECE;
	if (n->io.align > 65536 || (n->io.align & (n->io.align - 1)) || n->io.most < n->io.align)
		return im_error_set(err, IM_EREFUSED, "%s: the server wants requests of %" PRId64 " to %" PRId64 " bytes, which makes no sense",
				    n->io.name, least, most);
	n->io.most -= n->io.most % n->io.align;
	n->dev.size = n->io.size = (uint64_t)size;
	n->can_status = im_libnbd.can_meta_context(n->io.h, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1;
	n->can_zero = im_libnbd.can_zero(n->io.h) == 1;
	if (write && im_libnbd.is_read_only(n->io.h) != 0)
		return im_error_set(err, IM_EREFUSED, "%s: the server exports it for reading only", n->io.name);
	if (write && im_libnbd.can_flush(n->io.h) != 1)
		return im_error_set(err, IM_EREFUSED, "%s: the server has no flush, so that nothing written to it is known to be durable",
				    n->io.name);
	return 0;
}

static struct nbd *new_nbd(const char *name, bool write, uint32_t sector_size, struct im_error *err)
{
	struct nbd *n;

	if (im_libnbd_load(name, err) < 0)
		return NULL;
	n = calloc(1, sizeof(*n));
	if (n)
		n->io.name = strdup(name);
	if (!n || !n->io.name) {
		free(n);
		im_error_nomem(err);
		return NULL;
	}
	pthread_mutex_init(&n->lock, NULL);
	n->dev = (struct im_dev){
		.ops = &nbd_ops, .sector_size = sector_size ? sector_size : 512, .is_read_only = !write, .is_parallel = true,
	};
	n->io.h = im_libnbd.create();
	/* keys for TLS, which the user's URI names */
	if (n->io.h && im_libnbd.set_uri_allow_local_file(n->io.h, true) == 0 &&
	    im_libnbd.add_meta_context(n->io.h, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0)
		return n;
	im_error_set(err, IM_EIO, "%s: libnbd does not start: %s", name, im_libnbd.get_error());
	nbd_dev_close(&n->dev);
	return NULL;
}

/* The connection was begun: wait until the server has said what it exports. */
static struct im_dev *connected(struct nbd *n, int rc, bool write, struct im_error *err)
{
	while (rc == 0 && im_libnbd.aio_is_connecting(n->io.h) == 1) {
		int got = im_libnbd.poll(n->io.h, IM_NBD_PATIENCE);

		if (got == 0)
			im_error_set(err, IM_EIO, "%s: the NBD server has not answered for %d seconds", n->io.name, IM_NBD_PATIENCE / 1000);
		rc = got > 0 ? 0 : got < 0 ? -1 : 1;
	}
	if (rc == 0 && im_libnbd.aio_is_ready(n->io.h) != 1)
		rc = -1;
	if (rc < 0)
		im_error_set(err, IM_EIO, "%s: cannot connect to the NBD server: %s", n->io.name, im_libnbd.get_error());
	else if (rc == 0 && check_export(n, write, err) == 0)
		return &n->dev;
	nbd_dev_close(&n->dev);
	return NULL;
}

struct im_dev *im_dev_nbd_uri(const char *uri, bool write, uint32_t sector_size, struct im_error *err)
{
	struct nbd *n = new_nbd(uri, write, sector_size, err);

	return n ? connected(n, im_libnbd.aio_connect_uri(n->io.h, uri), write, err) : NULL;
}

struct im_dev *im_dev_nbd_socket(int fd, const char *name, bool write, uint32_t sector_size, struct im_error *err)
{
	struct nbd *n = new_nbd(name, write, sector_size, err);

	if (!n) {
		close(fd);
		return NULL;
	}
	return connected(n, im_libnbd.aio_connect_socket(n->io.h, fd), write, err);
}

void im_nbd_look_before_zeros(struct im_dev *dev)
{
	struct nbd *n = (struct nbd *)dev;

	n->looks = true;
	n->can_status = false;
}
