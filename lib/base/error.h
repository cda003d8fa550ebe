/* error.h - one error value, set once where the fault is found, passed up by pointer.
 *
 * Functions of the library return 0 or -1 and take a `struct im_error *` last. The place that
 * finds the fault sets it with a whole sentence; callers may put context in front. Nothing in
 * the library prints. Findings about an image are values, not errors.
 */
#ifndef IM_BASE_ERROR_H
#define IM_BASE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/intl.h"

enum im_code {
	IM_OK = 0,
	IM_EIO,		/* a read, write, flush or resize failed */
	IM_EFORMAT,	/* bytes that should follow a format do not */
	IM_EREFUSED,	/* possible, but not safe: the message says why */
	IM_ECHANGED,	/* the image is not in the state that the plan or journal left */
	IM_EBUSY,	/* somebody else uses the image */
	IM_ENOSPC,	/* no room for the journal or for growth */
	IM_ENOMEM,
	IM_EUSAGE,	/* the caller asked for something that makes no sense */
	IM_ECANCELLED,	/* stopped at a safe point because the caller asked */
};

struct im_error {
	enum im_code code;
	int sys_errno;		/* errno of the failed call, 0 if none */
	bool has_off;
	uint64_t off;		/* byte offset of the fault where has_off */
	char message[768];	/* one sentence, UTF-8, in the language of intl.h */
};

#define IM_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Set the error; always return -1 so that callers can `return im_error_set(…)`. err may be NULL. */
int im_error_set(struct im_error *err, enum im_code code, const char *fmt, ...) IM_PRINTF(3, 4);

/* The same with a byte offset, for faults that have a place. */
int im_error_at(struct im_error *err, enum im_code code, uint64_t off, const char *fmt, ...) IM_PRINTF(4, 5);

/* The same for a failed system call: code follows from errnum (ENOSPC, EBUSY, ENOMEM, else EIO),
 * and ": strerror(errnum)" is appended. */
int im_error_sys(struct im_error *err, int errnum, const char *fmt, ...) IM_PRINTF(3, 4);

/* Put "context: " in front of the message. */
int im_error_prefix(struct im_error *err, const char *fmt, ...) IM_PRINTF(2, 3);

int im_error_nomem(struct im_error *err);

#endif
