/* ntfs3g_move.h - the steps of a repair of the boot area with libntfs-3g. Only where HAVE_LIBNTFS_3G.
 *
 * The library has types of the same names as base/bytes.h: never include both.
 */
#ifndef IM_ADAPT_NTFS3G_MOVE_H
#define IM_ADAPT_NTFS3G_MOVE_H

#include <stdbool.h>

#include "adapt/ntfs_repair.h"

#include <ntfs-3g/types.h>
#include <ntfs-3g/attrib.h>
#include <ntfs-3g/volume.h>

struct im_ntfs_work {
	ntfs_volume *vol;
	const struct im_ntfs_wish *wish;
	struct im_ntfs_move moves[IM_NTFS_MOVES_MAX];
	uint32_t n_moves;
	char why[IM_NTFS_WHY];
};

/* Set why; returns -1. */
int im_ntfs_work_fail(struct im_ntfs_work *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Give every cluster of stream i of the wish that lies in the boot area another place. 0 or -1. */
int im_ntfs3g_move(struct im_ntfs_work *w, size_t i);

/* How many clusters im_ntfs3g_move will need for stream i; -1 with why. */
int64_t im_ntfs3g_need(struct im_ntfs_work *w, size_t i);

/* Make $Boot cover the boot area and declare it. */
int im_ntfs3g_extend_boot(struct im_ntfs_work *w);

/* After a move of $MFT or $MFTMirr: both boot sectors say where they are. */
int im_ntfs3g_update_boot_sectors(struct im_ntfs_work *w, int64_t old_mft, int64_t old_mirror);

#endif
