/* grub.c - reads the lists of sectors that GRUB 2 begins with. */
#include "fmt/grub.h"

#include "base/bytes.h"

#define LISTS 0x1f4	/* the first list; the others follow downwards, and one of no sectors ends them */
#define LIST 12		/* bytes: sector u64, number of sectors u16, segment u16 */

bool im_grub_lists(const uint8_t first[IM_GRUB_SECTOR], struct im_grub_list lists[IM_GRUB_LISTS_MAX], size_t *n)
{
	*n = 0;
	for (unsigned at = LISTS; *n < IM_GRUB_LISTS_MAX; at -= LIST) {
		struct im_grub_list l = { .at = at, .sector = im_get64(first + at), .n = im_get16(first + at + 8) };
		uint64_t end;

		if (!l.n)
			return *n > 0;
		if (!im_add(l.sector, l.n, &end) || end > UINT64_MAX / IM_GRUB_SECTOR)
			return false;
		lists[(*n)++] = l;
	}
	return false;
}
