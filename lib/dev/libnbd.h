/* libnbd.h - libnbd, loaded when the first export is opened. Of nbd.c and nbd_io.c alone.
 *
 * It is loaded by its name and not linked: it brings 17 others, GnuTLS, libxml2 and ICU among them, and loading them took more than
 * half of the time in which the program starts. Who opens raw images and block devices needs none of them.
 */
#ifndef IM_DEV_LIBNBD_H
#define IM_DEV_LIBNBD_H

#include <libnbd.h>

#include "base/error.h"

/* What we use of it: im_libnbd.<name> is the function nbd_<name>. */
#define IM_LIBNBD_FUNCTIONS(X) \
	X(add_meta_context) X(aio_block_status) X(aio_connect_socket) X(aio_connect_uri) X(aio_disconnect) X(aio_flush) \
	X(aio_is_closed) X(aio_is_connecting) X(aio_is_dead) X(aio_is_ready) X(aio_pread) X(aio_pwrite) X(aio_zero) \
	X(can_flush) X(can_meta_context) X(can_zero) X(close) X(create) X(get_block_size) X(get_errno) X(get_error) \
	X(get_size) X(is_read_only) X(poll) X(set_uri_allow_local_file)

struct im_libnbd {
#define IM_LIBNBD_MEMBER(name) __typeof__(nbd_##name) *name;
	IM_LIBNBD_FUNCTIONS(IM_LIBNBD_MEMBER)
#undef IM_LIBNBD_MEMBER
};

extern struct im_libnbd im_libnbd;

/* Load it, unless it is: before anything of im_libnbd is called. name: the export, for the message. From any thread. */
int im_libnbd_load(const char *name, struct im_error *err);

#endif
