/* stash.h - the old bytes that go to their new place by way of the journal: STASH.
 *
 * Pieces that break a cycle of copies, that sector 0 hides behind the fence, or that lie between two strands. Going forward
 * they come from STASH alone, so it holds the old ones. Going backward they are to come back as they are then, as all does that
 * batches carry: a complete repair may have been used. So an undo that begins there first fills STASH anew, from their new
 * places, and its PREPARED record says what it holds. Until that record is durable STASH may be anything, and nobody
 * asks for it, for the image has all of these bytes.
 */
#ifndef IM_EXEC_STASH_H
#define IM_EXEC_STASH_H

#include "exec/journal.h"

/* Lay STASH out at *at of the journal, move that behind it, and fill it from the old places. Not durable. */
int im_stash_create(struct im_journal *j, struct im_dev *image, uint64_t *at, struct im_error *err);
/* Fill it from the new places. The repair must be complete. Durable with what the journal flushes next. */
int im_stash_refresh(struct im_journal *j, struct im_dev *image, struct im_error *err);
/* Of a journal that was read: set j->stash_crc, and of an undo that has begun the sector 0 that it brings back. */
int im_stash_load(struct im_journal *j, struct im_error *err);
/* Is it what the last run began with? Else IM_EFORMAT. */
int im_stash_check(const struct im_journal *j, struct im_error *err);

#endif
