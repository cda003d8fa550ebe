/* pages.h - large buffers for transfers. */
#ifndef IM_BASE_PAGES_H
#define IM_BASE_PAGES_H

#include <stddef.h>

/* At least size bytes, aligned for any transfer that bypasses the page cache; free() takes them back. NULL: no memory.
 * Each whole 2 MiB of it is a huge page, where the kernel has such for those who ask: a page that is touched for the first time
 * costs a fault, which takes microseconds on a virtual machine, and each one of a transfer is pinned by itself. */
void *im_pages(size_t size);

#endif
