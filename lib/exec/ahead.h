/* ahead.h - batches in memory, read before their turn comes.
 *
 * They are read in pieces of many batches, which mostly lie one after the other, or between long holes. A piece may be read
 * in another thread while the batches of earlier ones are written.
 *
 * What need not be journalled of a piece is a group, in waves: within one, the batches may become durable in any order. A
 * dense shift that is one strand (strands.c) has as many waves as batches, one of several has a batch of each in a wave; of data
 * between holes the first batches of all of it are one, those that go where these came from the next.
 */
#ifndef IM_EXEC_AHEAD_H
#define IM_EXEC_AHEAD_H

#include "base/aside.h"
#include "exec/exec.h"

#define IM_PIECES_AHEAD 4	/* two groups are under way at a time, and the batch behind them, of as many pieces; and one is read */
#define IM_PIECES 12		/* the others are kept for what they say of places that are still to be overwritten */
#define IM_PIECE_BATCHES 16

struct im_piece {
	uint8_t *bytes;
	size_t n;		/* batches; those whose index is IM_NO_BATCH had nothing to change */
	size_t n_left;		/* of them still in the queue */
	size_t n_waves;
	struct im_batch batches[IM_PIECE_BATCHES];
};

struct im_ahead {
	struct im_exec *x;
	enum im_direction dir;
	uint64_t from;		/* where the search goes on, as for im_batch_next */
	bool is_at_end, is_reading;
	struct im_piece *pieces[IM_PIECES];	/* used in turn */
	size_t n_pieces, n_made, next_piece;
	struct im_piece *target;	/* being read */
	struct im_batch *queue[IM_PIECES * IM_PIECE_BATCHES];
	struct im_piece *of[IM_PIECES * IM_PIECE_BATCHES];	/* the piece of each */
	size_t head, n_queued;
	struct im_aside reader;
};

/* Batches of this direction from `from` on. im_ahead_stop is due in any case. */
void im_ahead_start(struct im_ahead *a, struct im_exec *x, enum im_direction dir, uint64_t from, bool in_thread);
void im_ahead_stop(struct im_ahead *a);

/* Have at least n batches in the queue, or all that there are. Then go on reading, where that is done in a thread. */
int im_ahead_fill(struct im_ahead *a, size_t n, struct im_error *err);
/* The i-th batch of the queue; NULL where there is none. */
struct im_batch *im_ahead_at(const struct im_ahead *a, size_t i);
/* How many from the i-th on are announced together: of one piece, so that a few pieces are enough for what must be in memory,
 * and not journalled; one that is goes alone. */
size_t im_ahead_group(const struct im_ahead *a, size_t i);
/* How many from the first one on are a wave. */
size_t im_ahead_wave(const struct im_ahead *a);
/* The first n are done. */
void im_ahead_pop(struct im_ahead *a, size_t n);

#endif
