/* clone.h - a run that takes all it needs from a clone of the image.
 *
 * Where the host can make files share their blocks (xfs, btrfs), a clone of the image made before the run keeps every
 * byte of it: so nothing that the run overwrites is lost, in whatever order it goes, and after a crash all of it is
 * simply done again. Blocks of the clone become the image's by sharing, where places allow it: no data moves.
 */
#ifndef IM_EXEC_CLONE_H
#define IM_EXEC_CLONE_H

#include "exec/exec.h"

/* CRC-32C of both ends of every segment that moves, on dev as it is in the old or in the new image. */
int im_clone_sample(const struct im_map *map, uint32_t sector_size, struct im_dev *dev, enum im_base base, uint32_t *crc,
		    struct im_error *err);
/* The same of x->clone, and of its last bytes, where its maker may have put a mark of its own. */
int im_clone_crc(struct im_exec *x, enum im_base base, uint32_t *crc, struct im_error *err);
/* Is x->clone there, and the one that the run was begun with? */
int im_clone_check(struct im_exec *x, const struct im_phase_record *run, struct im_error *err);
/* Is the image, up to its old size, still what the clone is? Reads both. */
int im_clone_compare(struct im_exec *x, struct im_error *err);
/* Bring the image to where the run leads, from any state in between, and flush it. */
int im_clone_run(struct im_exec *x, const struct im_phase_record *run, struct im_error *err);

#endif
