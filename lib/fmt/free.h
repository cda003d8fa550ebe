/* free.h - what of a volume its file system says is free. */
#ifndef IM_FMT_FREE_H
#define IM_FMT_FREE_H

#include "fmt/fs.h"

struct im_free_range {
	uint64_t off, len;	/* bytes from the volume's start */
};

struct im_free {
	IM_VEC(struct im_free_range) list;	/* sorted; the longest IM_FREE_MAX at most */
	uint64_t limit;				/* the volume's size: nothing behind it is free, whatever is said */
	uint64_t least;				/* shorter ones are left out, bytes */
	const char *why;			/* where nothing is known: a clause */
};

#define IM_FREE_MAX 1024u
#define IM_FREE_LEAST (64u << 10)

/* FOUND: f lists free ranges, perhaps none; ABSENT: this cannot be known (f->why): the file system is another one, or was not
 * left cleanly, so that its bitmap may lag behind. Read through vol; -1 on a read error. */
int im_free_find(struct im_dev *vol, const struct im_fs_info *info, struct im_free *f, struct im_error *err);
void im_free_done(struct im_free *f);

/* ---- for the readers ---- */

/* IM_ABSENT, and why: a clause, not copied. */
int im_free_unknown(struct im_free *f, const char *why);
/* Append [off, off+len), behind all before; neighbours become one. */
int im_free_add(struct im_free *f, uint64_t off, uint64_t len, struct im_error *err);
/* The clear ones of `count` bits, which stand for the units n, n+1 …; unit 0 lies at byte start. */
int im_free_add_bits(struct im_free *f, const uint8_t *bits, uint64_t n, uint64_t count, uint64_t start, uint64_t unit,
		     struct im_error *err);

int im_free_fat(struct im_dev *vol, struct im_free *f, struct im_error *err);
int im_free_exfat(struct im_dev *vol, struct im_free *f, struct im_error *err);
int im_free_ntfs(struct im_dev *vol, struct im_free *f, struct im_error *err);
int im_free_ext(struct im_dev *vol, struct im_free *f, struct im_error *err);

#endif
