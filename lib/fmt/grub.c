/* grub.c - reads and writes the lists of sectors that GRUB 2 begins with. */
#include "fmt/grub.h"

#include "base/bytes.h"

#define LISTS 0x1f4u	/* the first list; the others follow downwards, and one of no sectors ends them */
#define LIST 12u	/* bytes: sector u64, number of sectors u16, segment u16 */

bool im_grub_lists(const uint8_t first[IM_GRUB_SECTOR], struct im_grub_list lists[IM_GRUB_LISTS_MAX], size_t *n)
{
	*n = 0;
	for (unsigned at = LISTS; *n < IM_GRUB_LISTS_MAX; at -= LIST) {
		struct im_grub_list l = { im_get64(first + at), im_get16(first + at + 8), im_get16(first + at + 10) };
		uint64_t end;

		if (!l.n)
			return *n > 0;
		if (!im_add(l.sector, l.n, &end) || end > UINT64_MAX / IM_GRUB_SECTOR)
			return false;
		lists[(*n)++] = l;
	}
	return false;
}

bool im_grub_put_lists(uint8_t first[IM_GRUB_SECTOR], size_t n_old, const struct im_grub_list *lists, size_t n)
{
	/* more of them, and the one that ends them, go where nothing is */
	if (n > n_old && (n >= IM_GRUB_LISTS_MAX || !im_is_zero(first + LISTS - LIST * n, LIST * (n - n_old))))
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t *p = first + LISTS - LIST * i;

		im_put64(p, lists[i].sector);
		im_put16(p + 8, (uint16_t)lists[i].n);
		im_put16(p + 10, lists[i].segment);
	}
	return true;
}
