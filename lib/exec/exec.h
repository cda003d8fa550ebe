/* exec.h - carries out an image map under a journal: prepare, run, resume, undo.
 *
 * Invariants. A byte of the image is overwritten only when its old content is
 *  (a) durable in the journal (saved bytes, or the slot of the batch that overwrites it), or
 *  (b) durable at its new place, and a durable slot says so.
 *
 * A run goes through the phases of journal.h, each recorded durably:
 *
 *	PREPARED	im_exec_prepare (forward), start_backward (undo): head, sections, STASH and the first slot
 *			are durable before this record, this record before the first write to the image
 *	FENCED		put_fence: sector 0 = fence, flushed
 *	GROWN		grow: the image has the larger of its two sizes
 *	  batches	im_batches_run, in rounds; in the round of a wave
 *			  - its batches are written in place, then flushed; a slot that announces them is durable since
 *			    some round before. A slot announces one batch that is journalled, with its content, or a
 *			    group of others, in waves: no batch of a wave overwrites what another one is made of, and
 *			    every one that overwrites what one before it in the program is made of is in a later wave
 *			  - if it is the last one of its slot, the slot of the next ones is written to the journal and
 *			    flushed, in any order or at once
 *			two slots in turn: that slot overwrites the one before the wave's, whose batches are durable in
 *			place.
 *			A slot carries the checksums of its batches, so that recovery can ask the image how far they
 *			came, and write the one that may be half done again, from its slot or from where it came
 *	FLUSHED		every batch is durable
 *	UNFENCING	remove_fence: recorded before the final sector 0 is written
 *	COMMITTED	the final sector 0 is durable
 *	SHRUNK		the image has its final size
 *
 * After a crash im_exec_open decides from the journal and from sector 0 where the run stands, and
 * im_settle (recover.c) brings the image to an exact state S(p); until both are content, nothing is
 * written. Then the run goes on, or one in the other direction begins.
 */
#ifndef IM_EXEC_EXEC_H
#define IM_EXEC_EXEC_H

#include "exec/journal.h"

enum im_exec_state {
	IM_STATE_NOT_STARTED,	/* prepared; nothing was written to the image */
	IM_STATE_REPAIRING,	/* interrupted on the way forward */
	IM_STATE_REPAIRED,	/* committed */
	IM_STATE_UNDOING,	/* interrupted on the way back */
	IM_STATE_UNDONE,	/* the old image is back */
};

struct im_exec_hooks {
	/* Called between batches with batches done of batches to do; a false result stops at a safe point
	 * with IM_ECANCELLED. NULL: no progress. */
	bool (*progress)(void *arg, enum im_phase phase, uint64_t done, uint64_t total);
	void *arg;
};

struct im_exec {
	struct im_journal journal;
	struct im_dev *image;		/* borrowed */
	struct im_dev *clone;		/* borrowed; NULL: there is none (clone.h) */
	struct im_exec_hooks hooks;
	enum im_exec_state state;
	bool is_fresh;			/* prepared by im_exec_prepare, and nothing else was done since: there is nothing to settle */
};

/* Three kinds of runs: in batches, as above; from a clone of the image (clone.h), where GROWN to FLUSHED is one step
 * that may be done any number of times; or by moving blocks of the host (shift.h), with a GROWN record before each
 * step, of fills before some. A run says in its PREPARED record which it is. */

/* Write a journal for the map and record PREPARED. Nothing is written to the image. The caller must
 * make the journal's directory entry durable before im_exec_resume. With params->clone, which the caller has made
 * durable, the run goes by that. */
int im_exec_prepare(struct im_exec *x, struct im_dev *image, struct im_dev *journal, const struct im_map *map,
		    const struct im_exec_params *params, const char *image_name, struct im_error *err);

/* Load a journal and find out where its repair stands on this image. IM_EFORMAT: not a sound journal;
 * IM_ECHANGED: sound, but this image is not in a state that it left. Nothing is written. */
int im_exec_open(struct im_exec *x, struct im_dev *image, struct im_dev *journal, struct im_error *err);
void im_exec_close(struct im_exec *x);

/* Before these two the caller sets x->clone to the clone of the interrupted run where it was one by a clone. */
/* Go on in the current direction to the end. From NOT_STARTED this is the repair itself; REPAIRED and
 * UNDONE only finish a pending change of size. */
int im_exec_resume(struct im_exec *x, struct im_error *err);

/* Take the repair back from any state. From REPAIRED it first compares every literal and every vacated
 * range with what the repair left there, and refuses with IM_ECHANGED unless allow_changed. From
 * NOT_STARTED nothing is written. Ends in UNDONE. From REPAIRED, x->clone may be a durable clone of the image as it is
 * now: then the undo goes by that. */
int im_exec_undo(struct im_exec *x, bool allow_changed, struct im_error *err);

/* At rest (REPAIRED, UNDONE): is sector 0 what was left there? Else IM_EREFUSED. */
int im_exec_check_sector0(const struct im_exec *x, struct im_error *err);
/* Compare sector 0, literals, vacated ranges and both ends of what was moved with the image: 0 equal, -1
 * IM_ECHANGED or IM_EREFUSED. */
int im_exec_check_committed(struct im_exec *x, struct im_error *err);

/* The image's size, less the zeros by which a run that never began has made it longer: what im_exec_undo makes of it, once that has
 * proven as well that nothing was begun. Reads only. */
uint64_t im_exec_size_at_rest(const struct im_exec *x);

/* Where the image is a batch: floor-internal (batch.c, under.c, recover.c, check.c). */
struct im_batch {
	uint64_t index;
	bool journalled;
	size_t n_ops;
	struct im_op ops[IM_BATCH_OPS];	/* clipped to what this direction writes */
	uint64_t len;			/* bytes of content */
	bool is_read;			/* they are one piece of the image, from byte `from` on */
	uint64_t from;
	uint64_t data_off, data_len;	/* the part of the content that is in memory; the rest is zeros */
	uint8_t *content;		/* … of the ops' bytes, one after the other */
	uint64_t slot_at;		/* where its content stands in the journal; 0: nowhere */
	uint32_t crc;
	uint32_t crc_under, crc_there;	/* im_batch_look_under, before the batch is written */
	size_t wave;			/* in its group */
};

int im_batch_alloc(struct im_batch *b, const struct im_program *prog, struct im_error *err);
void im_batch_free(struct im_batch *b);

/* The next batch of this direction at or behind `from` that changes anything, IM_NO_BATCH at the end.
 * Backward, `from` counts the batches still to be undone, so the first candidate is from - 1. */
int im_batch_next(struct im_exec *x, enum im_direction dir, uint64_t from, uint64_t *next, struct im_error *err);
/* Read the content of batch index from where it is in the state before the batch: plan it, find its data, read that. */
int im_batch_load(struct im_exec *x, enum im_direction dir, uint64_t index, struct im_batch *b, struct im_error *err);
int im_batch_find_data(struct im_exec *x, struct im_batch *b, struct im_error *err);
int im_batch_read(struct im_exec *x, enum im_direction dir, struct im_batch *b, struct im_error *err);
/* Set b->crc. */
void im_batch_sum(struct im_batch *b);
/* Where the search for the batch after `index` goes on. */
uint64_t im_batch_behind(enum im_direction dir, uint64_t index);
/* Set b's ops without content. */
void im_batch_plan(struct im_exec *x, enum im_direction dir, uint64_t index, struct im_batch *b);
/* Read from the image, but not its holes; what lies past its end is zero once it has grown. */
int im_batch_read_image(struct im_exec *x, uint64_t off, uint8_t *p, uint64_t len, struct im_error *err);
/* im_dev_extent, with zeros past the end of the device. */
int im_known_extent(struct im_dev *dev, uint64_t off, uint64_t len, struct im_extent *ext, struct im_error *err);
/* Is all of [off, off+len) known to be zero? */
int im_known_zero(struct im_dev *dev, uint64_t off, uint64_t len, bool *zero, struct im_error *err);
/* CRC-32C of what stands at the batch's destinations; what lies past the end counts as zeros. */
int im_batch_dst_crc(struct im_exec *x, const struct im_batch *b, uint32_t *crc, struct im_error *err);
struct im_piece;
/* The same before the batch is written: in a run forward crc_under has old bytes that nobody asks for back (im_journal_drops) as
 * zeros, as a repair that is taken back may leave zeros there, and crc_there has them as they are. Of a loaded batch, say whether the
 * content stands there already; same may be NULL. What was read into the batches of n_held pieces (ahead.h) is not read again. */
int im_batch_look_under(struct im_exec *x, enum im_direction dir, struct im_batch *b, const struct im_piece *const *held,
			size_t n_held, bool *same, struct im_error *err);
int im_batch_write(struct im_exec *x, const struct im_batch *b, struct im_error *err);

/* Where a run goes on. */
struct im_start {
	uint64_t from;			/* as for im_batch_next; where blocks are moved, steps */
	uint64_t seq;			/* of the last slot that was written */
	struct im_announced prev;	/* the last batch of this run that is durable in place */
};

/* Bring an interrupted run to an exact state. turns: to go back from there; then what has begun of a group is taken back, not
 * completed. Checks first, then writes. (recover.c) */
int im_settle(struct im_exec *x, const struct im_phase_record *run, bool turns, struct im_start *start, struct im_error *err);
/* IM_ECHANGED, and why. (recover.c) */
int im_not_ours(struct im_error *err, const char *why);
/* CRC-32C of both ends of everything moved, where a run of this direction brings it. (check.c) */
int im_check_sample(const struct im_exec *x, enum im_direction dir, uint32_t *crc, struct im_error *err);
/* Is the image, apart from sector 0, what a complete run of this direction left: literals and zeros or the saved bytes,
 * and the sample? Else IM_ECHANGED. (check.c) */
int im_check_content(struct im_exec *x, enum im_direction dir, struct im_error *err);
/* At the end of a run in this direction, with sector 0 as that left it: may the image be cut to size bytes? Not where it is the one from
 * before, of which sector 0 may be the same: that would lose its end. IM_ECHANGED. (check.c) */
int im_check_may_cut(struct im_exec *x, enum im_direction dir, uint64_t size, struct im_error *err);
/* Which state do the journal's last record and sector 0 give? (recover.c) */
int im_judge_state(struct im_exec *x, struct im_error *err);

/* All batches of this run from there on. (batches.c) */
int im_batches_run(struct im_exec *x, const struct im_phase_record *run, const struct im_start *start, struct im_error *err);
/* The first slot of a run, number seq: names the first batch and keeps sector 0 as it is now. (batches.c) */
int im_batches_announce(struct im_exec *x, enum im_direction dir, uint64_t run, uint64_t from, uint64_t seq,
			struct im_error *err);

#endif
