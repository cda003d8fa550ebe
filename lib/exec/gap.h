/* gap.h - the fingerprint of where the host keeps a file's blocks, and the gap that an interrupted step left among them. */
#ifndef IM_EXEC_GAP_H
#define IM_EXEC_GAP_H

#include "dev/dev.h"
#include "exec/steps.h"

/* Of the blocks from byte `from` to byte `until`, as they would be with [gap, gap+len) taken out. Of two places of one block, and
 * of a file before and behind a step, the fingerprints differ; how the host divides its extents does not matter. */
uint64_t im_gap_fingerprint(const struct im_physicals *p, uint64_t from, uint64_t until, uint64_t gap, uint64_t len);
/* Where, at or behind the step's place, a gap of step->len bytes can be taken out of a file of `size` bytes so that its blocks, from
 * the second unit on, have this fingerprint. *gap == step->off: there, whatever it holds. */
bool im_gap_find(const struct im_physicals *p, const struct im_step *step, uint64_t unit, uint64_t size, uint64_t fingerprint,
		 uint64_t *gap);

#endif
