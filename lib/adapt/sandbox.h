/* sandbox.h - what a child process that parses hostile bytes may still ask of the system. */
#ifndef IM_ADAPT_SANDBOX_H
#define IM_ADAPT_SANDBOX_H

#include <stdbool.h>

/* From here on the calling process has its memory, its open descriptors, and nothing else: no new file, process,
 * socket or signal. opens_proc: it may open again, through /proc, a descriptor that it has; Landlock, where the
 * kernel has it, keeps that from opening anything else. There is no way back. 0; -1 when the system does not allow
 * filters (seccomp): then the caller must not go on. */
int im_sandbox_enter(bool opens_proc);

#endif
