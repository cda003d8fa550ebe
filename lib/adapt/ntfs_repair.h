/* ntfs_repair.h - have libntfs-3g take user data out of a volume's boot area, in memory.
 *
 * The library works in a child process on an overlay over the volume: nothing that it writes reaches the image.
 * What comes back is the volume as it would be. It is hearsay: the caller checks it.
 */
#ifndef IM_ADAPT_NTFS_REPAIR_H
#define IM_ADAPT_NTFS_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "dev/dev.h"

/* A stream with clusters in the boot area. */
struct im_ntfs_wanted {
	uint64_t record;		/* of the base record */
	uint32_t type;			/* of the attribute */
	uint8_t name_len;		/* UTF-16 units */
	uint8_t name[510];		/* UTF-16LE */
};

struct im_ntfs_wish {
	uint64_t area;			/* clusters of the boot area */
	const struct im_ntfs_wanted *streams;
	size_t n_streams;
	bool keep_header;		/* the 512 bytes at 0x1E00 stay, and are zeros in what moves from there */
	bool allow_dirty, allow_snapshots;
};

/* Bytes that the library copied as they were; byte offsets in the volume, multiples of 512. */
struct im_ntfs_move {
	uint64_t from, to, len, vcn;
	size_t stream;			/* index in the wish */
};

struct im_ntfs_repair {
	struct im_dev *overlay;		/* the volume as it would be, over `vol` */
	IM_VEC(struct im_ntfs_move) moves;
	unsigned snapshots;		/* stores of shadow copies that were seen */
};

/* IM_EREFUSED with the reason when it cannot or must not be done: not in a clean state, no free clusters, a build
 * without the library. vol is borrowed and must outlive the overlay. */
int im_ntfs_repair(struct im_dev *vol, const struct im_ntfs_wish *wish, struct im_ntfs_repair *out, struct im_error *err);
void im_ntfs_repair_free(struct im_ntfs_repair *repair);

/* ---- Floor-internal ---- */

#define IM_NTFS_WHY 400
#define IM_NTFS_MOVES_MAX 256

/* The answer: this head, n_moves moves, then n_blocks times an offset (u64) and 512 bytes. */
struct im_ntfs_answer {
	uint32_t is_done, n_moves, n_blocks, snapshots;
	char why[IM_NTFS_WHY];
};

/* What the child is given. */
struct im_ntfs_job {
	const struct im_ntfs_wish *wish;
	uint64_t size;			/* bytes of the volume */
};

struct im_child;
void im_ntfs3g_repair(const struct im_child *child, const void *job);

#endif
