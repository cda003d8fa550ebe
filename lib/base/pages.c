/* pages.c - see pages.h. */
#include "base/pages.h"

#include <stdlib.h>
#include <sys/mman.h>

#define PAGE ((size_t)4096)
#define HUGE ((size_t)2 << 20)

void *im_pages(size_t size)
{
	size_t unit = size >= HUGE ? HUGE : PAGE;
	void *p;

	size = (size + PAGE - 1) / PAGE * PAGE;
	p = aligned_alloc(unit, (size + unit - 1) / unit * unit);
	/* a kernel without them says so, which changes nothing */
	if (p && unit == HUGE)
		(void)madvise(p, size, MADV_HUGEPAGE);
	return p;
}
