/* witness.h - other people's libraries read the corrected disk before a byte is written.
 *
 * Each witness is asked twice: about the disk as it is, and about the corrected view. One that
 * does not read the old disk as we do abstains; one that reads the old disk as we do but the new
 * one otherwise disagrees, and then there is no plan. All of them run in a child process with
 * limits on memory and time: a library that dies on a hostile image only abstains.
 */
#ifndef IM_ADAPT_WITNESS_H
#define IM_ADAPT_WITNESS_H

#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "dev/dev.h"

/* What we say is on a disk. */
struct im_claim_partition {
	int number;
	uint64_t start, size;	/* bytes; of an extended partition: all of it */
	bool is_extended;
	const char *fs;		/* our name for the file system inside, NULL or "" if none or not known */
};

struct im_claim {
	const char *table;	/* "dos", "gpt" or "none" */
	uint32_t sector_size;	/* bytes */
	uint64_t volume_start;	/* where table is "none": where the bare volume lies */
	const char *volume_fs;	/* … and what it is; NULL if there is none */
	IM_VEC(struct im_claim_partition) partitions;
	IM_VEC(uint64_t) ebrs;	/* byte offset of every EBR */
};

enum im_verdict { IM_AGREES, IM_ABSTAINS, IM_DISAGREES };

struct im_opinion {
	const char *witness;	/* "libfdisk", "libparted", "libblkid", "libntfs-3g", "libext2fs"; static */
	bool on_table;		/* speaks about the table (else about one file system) */
	int partition;		/* which partition a file-system witness read, 0: the whole disk */
	enum im_verdict verdict;
	bool died;		/* its process gave no answer about one of the two */
	char why[480];		/* one sentence: what it read that differs, or why it abstains; "" when it agrees */
};

struct im_opinions {
	IM_VEC(struct im_opinion) list;
};

void im_opinions_free(struct im_opinions *ops);

/* Ask every witness that knows something about these claims. before and after are the disk as it
 * is and the corrected view (both only read); claims as above. Returns 0 with the opinions, -1 only
 * when asking itself failed (no memory, no child). Judging the opinions is the caller's. */
int im_witness_ask(struct im_dev *before, const struct im_claim *claim_before,
		   struct im_dev *after, const struct im_claim *claim_after,
		   struct im_opinions *out, struct im_error *err);

/* What libblkid calls the volume [start, start+len) of dev: its TYPE into name ("" when it finds
 * nothing, "ambivalent" when several formats are valid). Returns 0, or -1 when it could not be asked. */
int im_blkid_name(struct im_dev *dev, uint64_t start, uint64_t len, char name[32], struct im_error *err);

#endif
