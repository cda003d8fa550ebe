/* nbd_io.h - requests to an NBD server, each with an end. Of nbd.c alone.
 *
 * A transfer is cut into pieces of IM_NBD_PIECE bytes, of which several are on their way at once. What fails is reported when
 * all that was sent has been answered, or the connection is gone; nothing is tried again. A server that does not answer for
 * IM_NBD_PATIENCE loses the connection.
 */
#ifndef IM_DEV_NBD_IO_H
#define IM_DEV_NBD_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define IM_NBD_PIECE (1u << 20)
#define IM_NBD_PATIENCE 120000		/* ms without an answer */
#define IM_NBD_PARTING 2000		/* … from a server that we are done with */

struct im_nbd_io {
	struct nbd_handle *h;		/* NULL: the connection was given up */
	char *name;			/* for messages */
	uint64_t size;			/* bytes */
	uint32_t align;			/* least unit of a request, bytes, a power of two */
	uint32_t most;			/* bytes of a request */
};

/* A request that was sent; its answer comes by the callback im_nbd_on_answer. */
struct im_nbd_request {
	bool is_busy, has_failed;
	int number;			/* errno */
};

int im_nbd_on_answer(void *request, int *error);

/* The connection's last error as ours; what: "read", "write zeros" … */
int im_nbd_failed(const struct im_nbd_io *io, const char *what, uint64_t off, struct im_error *err);
int im_nbd_check(const struct im_nbd_io *io, struct im_error *err);

/* Wait for the answer of the request that was sent as cookie (-1: it could not be). */
int im_nbd_finish(struct im_nbd_io *io, struct im_nbd_request *p, int64_t cookie, const char *what, uint64_t off,
		  struct im_error *err);

/* Read or write any range; what the server wants aligned is read, changed and written as a whole. */
int im_nbd_transfer(struct im_nbd_io *io, bool write, uint64_t off, uint8_t *buf, uint64_t len, struct im_error *err);
int im_nbd_flush(struct im_nbd_io *io, struct im_error *err);

#endif
