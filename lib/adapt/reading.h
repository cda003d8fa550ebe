/* reading.h - what a witness read of a disk or a volume, and how it compares with what we claim.
 *
 * Readings are made in a child process and cross to the parent as bytes; the witness libraries
 * themselves live in fdisk.c, parted.c, blkid.c, ntfs3g.c and ext2fs.c behind the functions at the end.
 */
#ifndef IM_ADAPT_READING_H
#define IM_ADAPT_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "adapt/child.h"
#include "adapt/witness.h"
#include "base/vec.h"

enum im_reading_state {
	IM_READING_OK,
	IM_READING_REFUSED,	/* the library does not accept what it sees */
	IM_READING_NONE,	/* there is nothing that it could say */
	IM_READING_DIED,	/* its process gave no answer: it died, or had to be ended */
};

struct im_reading_partition {
	uint64_t start, size;	/* bytes */
	int32_t number;
	uint8_t is_extended;
	char fs[27];		/* the library's name for the file system inside, "" if not said */
};

/* The head of a reading; it also is its form between the processes, followed by the partitions. */
struct im_reading_head {
	uint32_t state;		/* enum im_reading_state */
	uint32_t n;
	uint64_t unit, units;	/* of a volume: bytes in a block, blocks */
	char table[16];		/* of a disk: "dos", "gpt", "loop" … in our spelling; "none" */
	char whole[32];		/* libblkid: the format of the bare volume, or over the whole disk */
	char id[64];		/* of a volume: its identity as the library sees it */
	char why[IM_WHY_MAX];	/* a clause, unless IM_READING_OK */
};

struct im_reading {
	struct im_reading_head head;
	IM_VEC(struct im_reading_partition) partitions;
};

/* What the child is asked about. */
struct im_question {
	const struct im_claim *claim;	/* table witnesses */
	uint64_t size;			/* of the disk or volume, bytes */
	uint32_t sector_size;
	uint64_t start;			/* libblkid asked for one volume */
};

void im_reading_free(struct im_reading *r);

/* In the child: set state and why; send the reading as the answer. Both give up by ending the child. */
void im_reading_fail(struct im_reading *r, enum im_reading_state state, const char *fmt, ...) IM_PRINTF(3, 4);
struct im_reading_partition *im_reading_add(struct im_reading *r);
void im_reading_send(const struct im_child *child, struct im_reading *r);

/* In the parent: take the reading of a child that was started; without one the state is IM_READING_DIED. */
int im_reading_take(struct im_child_process *p, struct im_dev *dev, struct im_reading *r, struct im_error *err);
/* Take both readings of a child that gives two, over what it was handed. */
int im_reading_take_both(struct im_child_process *p, struct im_reading *first, struct im_reading *second, struct im_error *err);
/* Start a child that needs nothing further, and take its reading. */
int im_reading_ask(im_child_fn fn, const struct im_question *q, int fd, struct im_dev *dev, struct im_reading *r, struct im_error *err);

/* Does the reading say what the claim says about the table, or about the bare volume? Else why not. */
bool im_reading_matches(const struct im_reading *r, const struct im_claim *claim, char why[IM_WHY_MAX]);

/* Is another library's name for a file system the same as our name? "vfat" is "fat12", "fat16" and "fat32". */
bool im_fs_is_same(const char *ours, const char *theirs);
/* Our name is of the ext family. */
bool im_fs_is_ext(const char *ours);

/* In a child: what the table witnesses read of the disk in fd. */
void im_fdisk_read(int fd, const struct im_question *q, struct im_reading *r);
void im_parted_read(int fd, const struct im_question *q, struct im_reading *r);
extern const struct im_child_needs im_parted_needs;
void im_blkid_read(int fd, const struct im_question *q, struct im_reading *r);
/* The functions of children that read dev; arg is a struct im_question. */
void im_ntfs3g_read(const struct im_child *child, const void *arg);
void im_ext2fs_read(const struct im_child *child, const void *arg);

/* In a child: libblkid's TYPE of [start, start+len) of fd: "" when nothing, "ambivalent". -1 when it failed. */
int im_blkid_type(int fd, uint64_t start, uint64_t len, uint32_t sector_size, char name[32]);

#endif
