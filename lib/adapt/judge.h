/* judge.h - from two readings and two claims to an opinion. */
#ifndef IM_ADAPT_JUDGE_H
#define IM_ADAPT_JUDGE_H

#include "adapt/reading.h"

/* The disk as it is, or the corrected one: what we claim, and what one witness read. */
struct im_side {
	const struct im_claim *claim;
	struct im_reading reading;
};

/* A volume on both sides: what is claimed to be there. */
struct im_volume_pair {
	int partition;			/* its number on the corrected disk, 0: a bare volume */
	int old_partition;		/* … and on the disk as it is */
	const char *fs, *old_fs;	/* our names; fs is never NULL or "" */
	uint64_t start, size, old_start, old_size;
};

/* The volume that partition i of the claim after (or, where its table is none, the bare volume) is,
 * and what it was before. False where the claims do not say enough. */
bool im_volume_pair(const struct im_claim *before, const struct im_claim *after, size_t i,
		    struct im_volume_pair *pair);

/* The opinion of a table witness. */
void im_judge_table(const struct im_side *before, const struct im_side *after, struct im_opinion *op);

/* libblkid's opinion of what is in a partition; the verdict is IM_AGREES, too, where it has none. */
void im_judge_name(const struct im_side *before, const struct im_side *after, const struct im_volume_pair *pair,
		   struct im_opinion *op);

/* The opinion of a file system's own library. */
void im_judge_volume(const struct im_reading *before, const struct im_reading *after, struct im_opinion *op);

#endif
