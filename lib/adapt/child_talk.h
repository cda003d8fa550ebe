/* child_talk.h - what a child and its parent say to each other (child.c, in_child.c).
 *
 * They talk over a socket pair. The child sends requests, either READ, which the parent answers with a status and the bytes, or
 * ANSWER, followed by the bytes of the answer.
 */
#ifndef IM_ADAPT_CHILD_TALK_H
#define IM_ADAPT_CHILD_TALK_H

#include "adapt/child.h"

#define IM_CHILD_MAX_READ (1u << 20)
#define IM_CHILD_MAX_ANSWER (1u << 20)
#define IM_CHILD_TOO_LONG 3	/* exit status of a child whose answer is longer than that */
#define IM_CHILD_NO_SANDBOX 4	/* exit status of a child that the system gives no sandbox */

enum { IM_REQUEST_READ = 1, IM_REQUEST_ANSWER = 2 };

struct im_request {
	uint32_t kind;
	uint32_t len;
	uint64_t off;
};

/* In the new process: become the child of `parent`, confined, and run fn. (in_child.c) */
_Noreturn void im_child_be(im_child_fn fn, const struct im_child_needs *needs, const void *arg, const int *fds, int sock, pid_t parent);

#endif
