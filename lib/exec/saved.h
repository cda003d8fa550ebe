/* saved.h - the old bytes that no other place of the new image keeps. Used by journal.c alone. */
#ifndef IM_EXEC_SAVED_H
#define IM_EXEC_SAVED_H

#include "exec/journal.h"

/* Copy every byte range that is not carried from the image to the end of the journal, *at on; zeros
 * are only noted. Sets j->saved and j->saved_bytes, moves *at, and adds to *crc. */
int im_saved_write(struct im_journal *j, struct im_dev *image, uint64_t *at, uint32_t *crc, struct im_error *err);

/* INDEX: old u64, length u64, place in the file u64 (all ones: zeros) for each range. */
int im_saved_encode(const struct im_journal *j, uint8_t **out, size_t *len, struct im_error *err);
int im_saved_decode(struct im_journal *j, const uint8_t *p, size_t len, uint64_t off, uint64_t size,
		    struct im_error *err);

/* Bytes that im_saved_write would copy at most: what the device knows to be zero is left out. */
uint64_t im_saved_estimate(const struct im_program *prog, struct im_dev *image);

/* The phase log, read by journal.c. */
int im_log_load(struct im_journal *j, struct im_error *err);
/* Has no record ever been in the log at the end of this file? */
bool im_log_is_empty(struct im_dev *dev);

#endif
