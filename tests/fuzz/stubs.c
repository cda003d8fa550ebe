/* stubs.c - what the planner asks other libraries, answered without a child process.
 *
 * Only the fuzz targets are linked with it. The table witness always agrees: that the corrected disk is what was
 * planned is checked by fuzz_image.c. No repair inside a volume is to be had.
 */
#include <string.h>

#include "adapt/ntfs_repair.h"
#include "adapt/windows.h"
#include "adapt/witness.h"
#include "fuzz.h"

unsigned fuzz_windows;

int im_witness_ask(struct im_dev *before, const struct im_claim *claim_before, struct im_dev *after,
		   const struct im_claim *claim_after, struct im_opinions *out, struct im_error *err)
{
	struct im_opinion *op;

	(void)before;
	(void)claim_before;
	(void)after;
	(void)claim_after;
	memset(out, 0, sizeof(*out));
	op = im_vec_push(&out->list, err);
	if (!op)
		return -1;
	*op = (struct im_opinion){ .witness = "libfdisk", .on_table = true, .verdict = IM_AGREES };
	return 0;
}

void im_opinions_free(struct im_opinions *ops)
{
	im_vec_free(&ops->list);
}

int im_windows_look(struct im_dev *dev, uint64_t start, uint64_t len, const char *fs, unsigned *what,
		    struct im_error *err)
{
	(void)dev;
	(void)start;
	(void)len;
	(void)fs;
	(void)err;
	*what = fuzz_windows;
	return 0;
}

int im_ntfs_repair(struct im_dev *vol, const struct im_ntfs_wish *wish, struct im_ntfs_repair *out, struct im_error *err)
{
	(void)vol;
	(void)wish;
	memset(out, 0, sizeof(*out));
	return im_error_set(err, IM_EREFUSED, "there is no libntfs-3g in a fuzz target");
}

void im_ntfs_repair_free(struct im_ntfs_repair *repair)
{
	im_vec_free(&repair->moves);
}
