/* blocks.h - can the repair move blocks of the host, or make gaps among them, and is that the best way? */
#ifndef IM_API_BLOCKS_H
#define IM_API_BLOCKS_H

#include "api/strategy.h"

/* Bytes of a gap that is filled: so many that the flushes of each cost little. */
#define IM_FILL_PART (64u << 20)

/* For a map that moves something: set s->by_steps and what of s->params belongs to it where blocks of the host can be moved instead of
 * data. */
int im_blocks_choose(struct im_strategy *s, struct im_dev *image, const struct im_map *map, uint32_t sector_size, struct im_error *err);
/* Where they cannot: the same where gaps that are filled cost least. */
int im_blocks_choose_gaps(struct im_strategy *s, struct im_dev *image, const struct im_map *map, uint32_t sector_size,
			  struct im_error *err);

/* IM_EREFUSED: this image does not have its blocks moved. */
int im_blocks_refused(struct im_error *err);

#endif
