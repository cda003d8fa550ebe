/* sample.h - a sparse copy in memory of those parts of a disk that a table reader looks at. */
#ifndef IM_ADAPT_SAMPLE_H
#define IM_ADAPT_SAMPLE_H

#include "adapt/witness.h"

/* A memfd as large as dev that holds its head and tail, every EBR, and both ends of each claimed
 * partition (or of the bare volume), at most 32 MiB; the rest reads as zeros, and so does what
 * dev could not read. It is sealed: nobody can change it. Returns the descriptor, which the
 * caller closes, or -1. */
int im_sample(struct im_dev *dev, const struct im_claim *claim, struct im_error *err);

#endif
