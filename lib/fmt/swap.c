/* swap.c - Linux swap areas, of every page size and either byte order, and hibernated ones.
 *
 * Source: the kernel's include/linux/swap.h (union swap_header) and mkswap(8). The last ten bytes of
 * the first page are the mark; the page size is not written down anywhere else. A hibernated
 * system replaces the mark; such an area is named "swsuspend", as libblkid names it.
 */
#include <string.h>

#include "base/bytes.h"
#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

#define HEADER_OFF 1024u
#define MARK_SIZE 10u
#define MIN_PAGE 4096u
#define MAX_PAGE 65536u

struct swap_header {
	uint8_t version[4];		/* 1024 */
	uint8_t last_page[4];		/* 1028 */
	uint8_t bad_pages[4];		/* 1032 how many */
	uint8_t uuid[16];		/* 1036 */
	uint8_t label[16];		/* 1052 */
};

enum mark { MARK_NONE, MARK_OLD, MARK_NEW, MARK_SUSPENDED };

static enum mark mark_of(const uint8_t *p)
{
	static const char *const suspended[] = { "S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001",
						 "\xed\xc3\x02\xe9\x98\x56\xe5\x0c" };

	if (!memcmp(p, "SWAPSPACE2", MARK_SIZE))
		return MARK_NEW;
	if (!memcmp(p, "SWAP-SPACE", MARK_SIZE))
		return MARK_OLD;
	for (size_t i = 0; i < sizeof(suspended) / sizeof(*suspended); i++)
		if (!memcmp(p, suspended[i], strlen(suspended[i])))
			return MARK_SUSPENDED;
	return MARK_NONE;
}

static uint32_t number(const uint8_t *p, bool is_big)
{
	return is_big ? im_get32be(p) : im_get32(p);
}

/* The header of the new version: false when it makes no sense. */
static bool read_header(const struct swap_header *h, uint32_t page, struct im_fs_info *info)
{
	bool is_big = im_get32(h->version) != 1;
	uint32_t last = number(h->last_page, is_big);

	if (number(h->version, is_big) != 1 || !last || number(h->bad_pages, is_big) > last)
		return false;
	info->size = ((uint64_t)last + 1) * page;
	if (!im_is_zero(h->uuid, sizeof(h->uuid)))
		im_fs_uuid(info->uuid, h->uuid);
	im_fs_label(info->label, sizeof(info->label), h->label, sizeof(h->label));
	return true;
}

static int probe(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	struct im_fs_info out = { .name = "swap" };
	struct swap_header header;
	enum mark mark = MARK_NONE;
	uint32_t page;
	bool is_good;

	for (page = MIN_PAGE; page <= MAX_PAGE; page *= 2) {
		uint8_t bytes[MARK_SIZE];
		int got = im_fs_peek(vol, page - MARK_SIZE, bytes, sizeof(bytes), err);

		if (got < 0)
			return -1;
		mark = got ? mark_of(bytes) : MARK_NONE;
		if (!got || mark != MARK_NONE)
			break;
	}
	if (mark == MARK_NONE)
		return IM_ABSENT;
	if (im_fs_peek(vol, HEADER_OFF, &header, sizeof(header), err) < 0)	/* the page is longer */
		return -1;
	is_good = mark == MARK_OLD || read_header(&header, page, &out);
	out.cluster_size = page;
	if (mark == MARK_SUSPENDED) {
		out.name = "swsuspend";
		is_good = true;
	}
	*info = out;
	return is_good ? IM_FOUND : IM_DAMAGED;
}

const struct im_fs_type im_fs_swap = {
	.name = "swap",
	.probe = probe,
};
