/* child.h - a function that reads hostile bytes runs in a process of its own.
 *
 * The child has limits on memory, processor and wall-clock time, no standard streams, no
 * descriptor but the one it is handed, and a sandbox around it (sandbox.h). What it wants from a device it asks of its parent, so that a
 * device with a connection behind it (NBD) is never used by two processes. Its answer comes
 * back as one block of bytes; whatever happens to the child, the parent goes on.
 */
#ifndef IM_ADAPT_CHILD_H
#define IM_ADAPT_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "dev/dev.h"

#define IM_WHY_MAX 320

#define IM_CHILD_FDS 2

/* The child's side. */
struct im_child {
	int fds[IM_CHILD_FDS];	/* what the parent handed over, -1 each if nothing */
	int sock;
};

typedef void (*im_child_fn)(const struct im_child *child, const void *arg);

/* In the child: read [off, off+len) of the parent's device. 0, or -1 when that failed. */
int im_child_read(const struct im_child *child, uint64_t off, void *buf, size_t len);

/* In the child: the parent's device of size bytes, for reading. NULL without memory. */
struct im_dev *im_child_dev(const struct im_child *child, uint64_t size);

/* In the child: give an answer, in pieces whose lengths sum up to total. The last call ends it. */
void im_child_answer(const struct im_child *child, size_t total);
void im_child_put(const struct im_child *child, const void *data, size_t len);

/* The parent's side. */
struct im_answer {
	uint8_t *data;		/* malloc'd, the caller's; NULL when the child gave no answer */
	size_t len;
	char why[IM_WHY_MAX];	/* why there is none, a clause: "its process died of signal 11" */
};

/* What a child needs beyond its descriptors; NULL stands for nothing. */
struct im_child_needs {
	void (*prepare)(void);	/* called before the sandbox closes: loads a library, looks at no image. May be NULL */
	bool opens_proc;	/* it opens its descriptor again through /proc */
};

/* One that runs, or { 0 }. */
struct im_child_process {
	pid_t pid;
	int sock;
};

/* Run fn(child, arg) in a child. fds (each -1 for none; NULL: none at all) are handed over: they may be closed when the function
 * returns, but their positions are the child's too, as long as that runs. Returns 0, or -1 when no child could be had. */
int im_child_start(im_child_fn fn, const struct im_child_needs *needs, const void *arg, const int fds[IM_CHILD_FDS],
		   struct im_child_process *p, struct im_error *err);
/* Wait for an answer of one that will give another, at most 30 s from now. dev (or NULL) is what im_child_read reads. Returns 0; without
 * an answer, the child is gone. Or -1, and the child is gone. */
int im_child_next(struct im_child_process *p, struct im_dev *dev, struct im_answer *out, struct im_error *err);
/* The same for the last answer: the child is gone in any case. */
int im_child_finish(struct im_child_process *p, struct im_dev *dev, struct im_answer *out, struct im_error *err);
/* End it, whatever it is doing. Nothing for { 0 } and one that is finished. */
void im_child_end(struct im_child_process *p);

/* Both at once. */
int im_child_run(im_child_fn fn, const struct im_child_needs *needs, const void *arg, int fd, struct im_dev *dev,
		 struct im_answer *out, struct im_error *err);

#endif
