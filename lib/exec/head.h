/* head.h - the first block of a journal, and where in the file what follows its sections lies. For who makes a journal, or
 * reads one; others have journal.h.
 */
#ifndef IM_EXEC_HEAD_H
#define IM_EXEC_HEAD_H

#include "base/bytes.h"
#include "exec/journal.h"

#define IM_JOURNAL_MAGIC "imgmend journal\n"		/* 16 bytes, without a NUL behind them */

/* 2: the plan may hold FILL segments, and there may be a manifest; 3: a run may go by a clone, and batches are smaller;
 * 4: a run may move blocks of the host; 5: and fill gaps among them; 6: a slot may announce many batches; 7: in waves;
 * 8: what goes by way of the journal stands apart, and there are strands; 9: one gap goes through the image. Older ones
 * cut their batches in another way. */
#define IM_JOURNAL_VERSION 9
#define IM_SECTION_MAX (8u << 20)	/* of PLAN and INDEX: held in memory */

struct im_section {
	le64 off, len;
	le32 crc;
	le32 zero;
};

struct im_head {
	char magic[16];			/* 0 */
	le32 version;			/* 16 */
	le32 sector_size;		/* 20 */
	uint8_t uuid[16];		/* 24 */
	le64 old_size, new_size;	/* 40, 48 */
	struct im_section plan;		/* 56 */
	struct im_section sectors;	/* 80 */
	struct im_section saved;	/* 104 */
	struct im_section index;	/* 128 */
	le64 log_off;			/* 152 */
	le64 slots_off, slot_size;	/* 160, 168 */
	le64 buffer, direct_min;	/* 176, 184 */
	le64 total;			/* 192: least size of the file */
	le64 created;			/* 200 */
	struct im_section manifest;	/* 208: of length 0 where there is none */
	le32 shift_unit;		/* 232 */
	le32 fill_gap;			/* 236 */
	le64 stash_off;			/* 240 */
	le32 strands;			/* 248 */
	uint8_t zero[772];		/* 252 */
	char image[1024];		/* 1024 */
	uint8_t zero2[2044];		/* 2048 */
	le32 crc;			/* 4092: of the 4092 bytes before it */
};

_Static_assert(sizeof(struct im_head) == IM_JOURNAL_BLOCK, "the head fills one block");
_Static_assert(__builtin_offsetof(struct im_head, log_off) == 152, "head layout");
_Static_assert(__builtin_offsetof(struct im_head, manifest) == 208, "head layout");
_Static_assert(__builtin_offsetof(struct im_head, image) == 1024, "head layout");
_Static_assert(__builtin_offsetof(struct im_head, crc) == 4092, "head layout");

static inline uint64_t im_journal_blocks(uint64_t len)
{
	return (len + IM_JOURNAL_BLOCK - 1) / IM_JOURNAL_BLOCK * IM_JOURNAL_BLOCK;
}

/* Behind sections and STASH: two slots, then the log up to where the file ends at first. */
struct im_layout {
	uint64_t slots_off, slot_size, log_off, total;
};

static inline struct im_layout im_journal_layout(const struct im_program *prog, uint64_t slots_off)
{
	struct im_layout l = { .slots_off = slots_off };

	l.slot_size = IM_JOURNAL_BLOCK + (prog->has_journalled ? im_journal_blocks(prog->params.buffer) : IM_JOURNAL_BLOCK);
	l.log_off = slots_off + 2 * l.slot_size;
	l.total = l.log_off + (IM_JOURNAL_LOG_BLOCKS + im_steps_records(&prog->steps)) * IM_JOURNAL_BLOCK;
	return l;
}

#endif
