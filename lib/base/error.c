/* error.c - setting the error value. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FRONT_MIN 300	/* bytes that the context in front of a message has at least */

static int set_va(struct im_error *err, enum im_code code, const char *fmt, va_list ap)
{
	if (!err)
		return -1;
	memset(err, 0, sizeof(*err));
	err->code = code;
	im_vsay(err->message, sizeof(err->message), fmt, ap);
	return -1;
}

int im_error_set(struct im_error *err, enum im_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_va(err, code, fmt, ap);
	va_end(ap);
	return -1;
}

int im_error_at(struct im_error *err, enum im_code code, uint64_t off, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_va(err, code, fmt, ap);
	va_end(ap);
	if (err) {
		err->has_off = true;
		err->off = off;
	}
	return -1;
}

static enum im_code code_of_errno(int errnum)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return IM_ENOSPC;
	case EBUSY:
	case EWOULDBLOCK:
		return IM_EBUSY;
	case ENOMEM:
		return IM_ENOMEM;
	default:
		return IM_EIO;
	}
}

int im_error_sys(struct im_error *err, int errnum, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	set_va(err, code_of_errno(errnum), fmt, ap);
	va_end(ap);
	if (err) {
		err->sys_errno = errnum;
		n = strlen(err->message);
		snprintf(err->message + n, sizeof(err->message) - n, ": %s", im_errno_text(errnum));
	}
	return -1;
}

int im_error_prefix(struct im_error *err, const char *fmt, ...)
{
	char old[sizeof(err->message)], front[sizeof(err->message)];
	size_t room = FRONT_MIN;
	va_list ap;

	if (!err)
		return -1;
	memcpy(old, err->message, sizeof(old));
	if (strlen(old) + FRONT_MIN + 2 < sizeof(old))
		room = sizeof(old) - 2 - strlen(old);
	va_start(ap, fmt);
	im_vsay(front, room, fmt, ap);
	va_end(ap);
	im_say(err->message, sizeof(err->message), "%s: %s", front, old);
	return -1;
}

int im_error_nomem(struct im_error *err)
{
	return im_error_set(err, IM_ENOMEM, "out of memory");
}
