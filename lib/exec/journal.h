/* journal.h - the undo journal of one repair: its file, written once and then only at fixed places.
 *
 *	block 0		the head: what image, which sections, their checksums
 *	sections	PLAN (the image map), SECTORS (sector 0 old and new), SAVED (old bytes), INDEX (where
 *			the saved bytes belong), perhaps MANIFEST (hashes); written and flushed before the head
 *	STASH		old bytes that go to their new place from here (stash.h); written as well before an undo begins
 *	log		phase records, one block each, appended and never rewritten
 *	slots		two, used in turn: what the next batch is, and its bytes where it is journalled
 *
 * A block is 4096 bytes, so that no write of ours can tear something durable beside it. Everything
 * carries a CRC-32C; everything that moves carries the journal's UUID. See imgmend-journal(5).
 */
#ifndef IM_EXEC_JOURNAL_H
#define IM_EXEC_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "dev/dev.h"
#include "exec/manifest.h"
#include "exec/program.h"
#include "map/map.h"

#define IM_JOURNAL_BLOCK 4096
#define IM_JOURNAL_LOG_BLOCKS 64	/* preallocated, beside one for each step; the log may grow past them only at the end of the file */
#define IM_LOG_MAX 65536		/* phase records that one journal can hold: thousands of undos and crashes */
#define IM_NO_BATCH UINT64_MAX

enum im_phase {
	IM_PREPARED = 1,	/* a run may begin; nothing written yet in this run */
	IM_FENCED,		/* sector 0 holds the fence */
	IM_GROWN,		/* the image has the larger of both sizes; batches are being done */
	IM_FLUSHED,		/* every batch is done and durable */
	IM_UNFENCING,		/* the final sector 0 is being written */
	IM_COMMITTED,		/* … and is durable */
	IM_SHRUNK,		/* the image has its final size */
};

enum im_direction { IM_FORWARD, IM_BACKWARD };

/* How a run goes: in batches; by a clone that holds the old or the new image; or by moving blocks of the host. */
enum im_base { IM_BASE_NONE, IM_BASE_OLD, IM_BASE_NEW, IM_BASE_SHIFT };

struct im_phase_record {
	enum im_phase phase;
	enum im_direction dir;
	uint64_t run;		/* sequence number of this run's PREPARED record */
	uint64_t batch;		/* backward runs: batches before this one were done when the run began; by moving blocks: steps
				 * that are done */
	bool was_fenced;	/* the run began on an image that a run before it had fenced */
	enum im_base base;
	uint32_t base_crc;	/* im_clone_sample of the clone, or of the image when the run began */
	uint64_t closed;	/* by moving blocks, GROWN: what the step that follows is known by (shift.h) */
	uint32_t stash_crc;	/* CRC-32C of STASH */
	uint32_t sample;	/* FLUSHED and later: CRC-32C of both ends of what was moved (im_check_sample) */
};

static inline bool im_by_clone(const struct im_phase_record *rec)
{
	return rec->base == IM_BASE_OLD || rec->base == IM_BASE_NEW;
}

/* A batch that changes something, before it is written in place. */
struct im_announced {
	uint64_t index;		/* IM_NO_BATCH: there is none */
	uint32_t crc;		/* CRC-32C of its content */
	uint32_t crc_under;	/* … and of what stands where it goes; in a run forward what nobody asks back counts as zeros */
	uint32_t crc_there;	/* … and of all that stands there. Only of `next`; 0: it is not known */
	size_t wave;		/* of its group: 0 is the first */
};

#define IM_GROUP 32		/* the most batches of a slot */

/* What is known before a group of batches is written in place, wave after wave. */
struct im_slot {
	uint64_t seq, run;
	size_t n, n_waves;	/* batches; 0 in the first record of a run */
	struct im_announced batches[IM_GROUP];
	struct im_announced prev, next;	/* the ones before and after them in this run */
	uint64_t len;		/* bytes of content that stands in the slot: of a journalled batch, which is alone, or sector 0 in
				 * the first record; 0: none */
	uint32_t crc;		/* CRC-32C of that */
	uint32_t data_off, data_len;	/* … but for zeros before and behind this */
};

static inline bool im_slot_is_journalled(const struct im_slot *slot)
{
	return slot->n && slot->len;
}

struct im_saved {
	uint64_t old, len;
	uint64_t at;		/* byte in the journal; or one of these */
};

#define IM_SAVED_ZERO UINT64_MAX		/* zeros */
#define IM_SAVED_DROPPED (UINT64_MAX - 1)	/* nobody asks for them back: zeros do, and so do the old ones */

struct im_journal {
	struct im_dev *dev;		/* borrowed */
	uint8_t uuid[16];
	uint64_t created;		/* seconds since 1970, for people only */
	char image[1024];		/* the image's path when the repair began, for people only */
	struct im_map map;
	struct im_program prog;
	uint8_t old0[4096], new0[4096];	/* sector 0 before and after, sector_size bytes */
	IM_VEC(struct im_saved) saved;	/* sorted by old */
	IM_VEC(struct im_phase_record) log;
	uint64_t stash_off, log_off, slots_off, slot_size;
	uint32_t stash_crc;		/* of STASH as it is */
	uint64_t saved_bytes;		/* bytes kept in SAVED */
	struct im_manifest *manifest;	/* NULL: there is none */
	uint8_t *io;			/* two blocks */
};

/* Write a whole journal for `map` into the empty device `dev`: sections, head, everything but PREPARED,
 * and make it durable. Reads what must be saved from the image. image_name is for people. */
int im_journal_create(struct im_journal *j, struct im_dev *dev, struct im_dev *image, const struct im_map *map,
		      const struct im_exec_params *params, const char *image_name, struct im_error *err);

/* Read and check a journal. IM_EFORMAT where it is not one, or any checksum fails. Nothing is written. */
int im_journal_load(struct im_journal *j, struct im_dev *dev, struct im_error *err);
void im_journal_free(struct im_journal *j);

/* What a file is, by its first block, and by its log where that block is only half a head. */
enum im_journal_kind {
	IM_JOURNAL_NOT,		/* somebody's file */
	IM_JOURNAL_UNFINISHED,	/* its making was interrupted: the image was never touched */
	IM_JOURNAL_WHOLE,	/* has a head; load it */
	IM_JOURNAL_UNREADABLE,	/* cannot be told; loading it says why */
};
enum im_journal_kind im_journal_kind_of(struct im_dev *dev);

/* Append a phase record and make it durable. */
int im_journal_phase(struct im_journal *j, const struct im_phase_record *rec, struct im_error *err);

/* CRC-32C of [off, off+len) of the file; holes are not read. */
int im_journal_sum(struct im_journal *j, uint64_t off, uint64_t len, uint32_t *crc, struct im_error *err);

/* The last phase record, NULL when there is none (an unfinished journal). */
const struct im_phase_record *im_journal_last(const struct im_journal *j);

/* Are old bytes from off on ones that nobody asks for back? *len is cut to where that changes. */
bool im_journal_drops(const struct im_journal *j, uint64_t off, uint64_t *len);

/* Read [off, off+len) of the old image from what was saved or stashed. */
int im_journal_read_saved(struct im_journal *j, uint64_t off, uint8_t *buf, uint64_t len, struct im_error *err);

/* Write a slot record, and its content where slot->len is not 0, of which data_len bytes are given; both are durable after
 * im_journal_flush. Read the two slots back. slots[0] is the newer one; returns how many are valid for `run`.
 * A slot whose content is damaged is not valid. */
int im_slot_put(struct im_journal *j, const struct im_slot *slot, const uint8_t *content, struct im_error *err);
int im_journal_flush(struct im_journal *j, struct im_error *err);
int im_slot_read(struct im_journal *j, uint64_t run, struct im_slot slots[2], struct im_error *err);

/* Where the content of a slot stands in the journal, bytes. */
uint64_t im_slot_content_at(const struct im_journal *j, const struct im_slot *slot);
/* The content that stands in a valid slot. */
int im_slot_content(struct im_journal *j, const struct im_slot *slot, uint8_t *buf, struct im_error *err);

/* What a journal for this program takes, in bytes: kept for undo, for moving, in all. undo is an upper
 * bound where zeros are not known to be zeros. */
struct im_journal_cost {
	uint64_t undo, scratch, total;
};
void im_journal_cost(const struct im_program *prog, struct im_dev *image, struct im_journal_cost *cost);

#endif
