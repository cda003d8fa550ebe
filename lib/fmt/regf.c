/* regf.c - checks a hive's base block. */
#include "fmt/regf.h"

#include <assert.h>

#include "base/bytes.h"
#include "base/intl.h"
#include "fmt/fs.h"

#define BINS_AT 4096u		/* where the bins begin, by which all offsets count */
#define CHECKSUM 0x1fc

struct base {
	uint8_t mark[4];	/* 0x00 "regf" */
	le32 first, second;	/* 0x04 sequence numbers: equal when all has been written */
	le64 written;		/* 0x0C */
	le32 major, minor;	/* 0x14 */
	le32 type, format;	/* 0x1C 0: primary file; 1 */
	le32 root;		/* 0x24 */
	le32 bins;		/* 0x28 bytes of the bins */
};

static_assert(offsetof(struct base, bins) == 0x28, "the size of the bins at 0x28");

/* All words before it, exclusive or; two values stand for others. */
static uint32_t checksum_of(const uint8_t *block)
{
	uint32_t sum = 0;

	for (unsigned at = 0; at < CHECKSUM; at += 4)
		sum ^= im_get32(block + at);
	return sum == 0 ? 1 : sum == UINT32_MAX ? UINT32_MAX - 1 : sum;
}

int im_regf_check(const uint8_t block[IM_REGF_BLOCK], uint64_t file_size, const char **why)
{
	const struct base *b = (const void *)block;

	*why = N_("it is no registry hive");
	if (memcmp(b->mark, "regf", 4) != 0)
		return IM_ABSENT;
	if (checksum_of(block) != im_get32(block + CHECKSUM))
		*why = N_("the checksum of its first block is wrong");
	else if (im_le32(b->first) != im_le32(b->second))
		*why = N_("it is dirty: changes to it stand in its logs only");
	else if (im_le32(b->major) != 1 || im_le32(b->format) != 1 || im_le32(b->type) != 0)
		*why = N_("its version is not known");
	else if (!im_le32(b->bins) || im_le32(b->bins) % BINS_AT || im_le32(b->bins) + (uint64_t)BINS_AT > file_size)
		*why = N_("it is cut off");
	else
		return IM_FOUND;
	return IM_DAMAGED;
}
