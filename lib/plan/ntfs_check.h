/* ntfs_check.h - our own reader judges a corrected NTFS volume before it becomes part of a plan.
 *
 * libntfs-3g worked on hostile bytes in a process of its own: what came back may be anything. Nothing is believed
 * that does not follow from both volumes, the one that is and the one that would be:
 *
 *	ntfs_bits.c	$Bitmap: what comes into use was nobody's, is somebody's afterwards, once; what goes out of
 *			use is nobody's afterwards
 *	ntfs_records.c	records that differ belong to files that the repair concerns, $MFTMirr follows $MFT
 *	ntfs_files.c	every attribute of those files is what it was, and every moved cluster holds what it held
 *	ntfs_index.c	of the root directory only the entry of $Boot may differ, in what it says of sizes and times
 *	ntfs_verify.c	the order, the boot sectors, the boot area
 */
#ifndef IM_PLAN_NTFS_CHECK_H
#define IM_PLAN_NTFS_CHECK_H

#include "adapt/ntfs_repair.h"
#include "fmt/ntfs_runs.h"
#include "scan/ntfs_area.h"

struct im_ntfs_check {
	const struct im_boot_area *area;
	struct im_ntfs old, new;
	im_ntfs_runs gained, lost;	/* clusters that come into use, and go out of use; sorted, by lcn */
	IM_VEC(uint64_t) files;		/* base records of which some record differs */
};

/* IM_EREFUSED: "the NTFS volume could not be corrected: …". Always -1. */
int im_ntfs_check_fail(struct im_error *err, const char *fmt, ...) IM_PRINTF(2, 3);

bool im_ntfs_ranges_have(const im_ntfs_runs *ranges, uint64_t lcn);

/* Fills gained and lost. */
int im_ntfs_check_bits(struct im_ntfs_check *c, struct im_error *err);
/* Fills files. */
int im_ntfs_check_records(struct im_ntfs_check *c, struct im_error *err);
int im_ntfs_check_file(struct im_ntfs_check *c, uint64_t number, struct im_error *err);

/* May these two $INDEX_ROOT values, or these two index blocks with their fix-ups undone, of the root directory stand
 * for each other? */
bool im_ntfs_same_root(const uint8_t *a, const uint8_t *b, size_t len);
bool im_ntfs_same_block(const uint8_t *a, const uint8_t *b, size_t len);
/* The index blocks of the root directory, where they are in both. */
int im_ntfs_check_index(struct im_ntfs_check *c, const struct im_ntfs_stream *old, const struct im_ntfs_stream *new,
			struct im_error *err);

#endif
