/* grub.c - reads and writes the lists of sectors that GRUB 2 begins with. */
#include "fmt/grub.h"

#include <string.h>

#include "base/bytes.h"

#define LISTS 0x1f4u	/* the first list; the others follow downwards, and one of no sectors ends them */
#define SEGMENT 0x820u	/* where the first list goes: behind the first sector, which is at 0x8000 */
#define LIST 12u	/* bytes: sector u64, number of sectors u16, segment u16 */

/* diskboot.img, the first sector of core.img, prints these. */
static bool is_diskboot(const uint8_t *first)
{
	static const char loading[] = "loading", geom[] = "Geom";

	return memmem(first, LISTS, loading, sizeof(loading)) && memmem(first, LISTS, geom, sizeof(geom));
}

bool im_grub_lists(const uint8_t first[IM_GRUB_SECTOR], struct im_grub_list lists[IM_GRUB_LISTS_MAX], size_t *n)
{
	uint32_t segment = SEGMENT;

	*n = 0;
	if (!is_diskboot(first))
		return false;
	for (unsigned at = LISTS; *n < IM_GRUB_LISTS_MAX; at -= LIST) {
		struct im_grub_list l = { im_get64(first + at), im_get16(first + at + 8), im_get16(first + at + 10) };
		uint64_t end;

		if (!l.n)
			return *n > 0;
		/* one behind the other in memory */
		if (l.segment != segment)
			return false;
		segment += l.n * (IM_GRUB_SECTOR / 16);
		if (!im_add(l.sector, l.n, &end) || end > UINT64_MAX / IM_GRUB_SECTOR)
			return false;
		lists[(*n)++] = l;
	}
	return false;
}

bool im_grub_put_lists(uint8_t first[IM_GRUB_SECTOR], size_t n_old, const struct im_grub_list *lists, size_t n)
{
	/* more of them, and the one that ends them, go where nothing is but the old end */
	if (n > n_old && (n >= IM_GRUB_LISTS_MAX || !im_is_zero(first + LISTS - LIST * n, LIST * (n - n_old + 1))))
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t *p = first + LISTS - LIST * i;

		im_put64(p, lists[i].sector);
		im_put16(p + 8, (uint16_t)lists[i].n);
		im_put16(p + 10, lists[i].segment);
	}
	return true;
}
