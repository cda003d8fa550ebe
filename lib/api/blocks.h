/* blocks.h - can the repair move blocks of the host, or have a gap go through them, and is that the best way? */
#ifndef IM_API_BLOCKS_H
#define IM_API_BLOCKS_H

#include "api/strategy.h"

/* Bytes of a gap that data goes through: so many that it need not wait for flushes. */
#define IM_FILL_GAP (64u << 20)

/* For a map that moves something: set s->by_steps and what of s->params belongs to it where blocks of the host can be moved instead of
 * data. */
int im_blocks_choose(struct im_strategy *s, struct im_dev *image, const struct im_map *map, uint32_t sector_size, struct im_error *err);
/* Where they cannot: the same where a gap that data goes through costs least. */
int im_blocks_choose_gap(struct im_strategy *s, struct im_dev *image, const struct im_map *map, uint32_t sector_size,
			 struct im_error *err);

/* IM_EREFUSED: this image does not have its blocks moved. */
int im_blocks_refused(struct im_error *err);

#endif
