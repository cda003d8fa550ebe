/* slots.c - the parts of a journal that are written while a repair runs: the phase log and the slots. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "exec/saved.h"

struct phase_block {
	char magic[8];		/* 0 */
	uint8_t uuid[16];	/* 8 */
	le64 seq;		/* 24 */
	le32 phase, dir;	/* 32, 36 */
	le64 run, batch;	/* 40, 48 */
	le32 was_fenced;	/* 56 */
	le32 sample;		/* 60 */
	le32 base, base_crc;	/* 64, 68 */
	le64 closed;		/* 72 */
	le32 stash_crc;		/* 80 */
	le32 crc;		/* 84: of the 84 bytes before it */
};

struct announced {
	le64 index;		/* 0 */
	le32 crc, under;	/* 8, 12 */
};

struct slot_block {
	char magic[8];		/* 0 */
	uint8_t uuid[16];	/* 8 */
	le64 seq, run;		/* 24, 32 */
	struct announced prev, next;	/* 40, 56 */
	le64 len;		/* 72 */
	le32 content;		/* 80 */
	le32 data_off, data_len;	/* 84, 88 */
	le32 n, n_waves;	/* 92, 96 */
	le32 next_there;	/* 100 */
	struct announced batches[IM_GROUP];	/* 104 */
	uint8_t waves[IM_GROUP];	/* 616 */
	le32 crc;		/* 648: of the 648 bytes before it */
};

_Static_assert(sizeof(struct phase_block) == 88, "phase record layout");
_Static_assert(sizeof(struct slot_block) == 652, "slot record layout");

static const char phase_magic[8] = "IMPHASE\n", slot_magic[8] = "IMSLOT\n";

int im_journal_phase(struct im_journal *j, const struct im_phase_record *rec, struct im_error *err)
{
	struct phase_block *b = (struct phase_block *)j->io;
	uint64_t seq = j->log.n, off = j->log_off + seq * IM_JOURNAL_BLOCK;
	struct im_phase_record *n;

	if (seq >= IM_LOG_MAX)
		return im_error_set(err, IM_EREFUSED, "the journal's log is full");
	memset(j->io, 0, IM_JOURNAL_BLOCK);
	memcpy(b->magic, phase_magic, sizeof(phase_magic));
	memcpy(b->uuid, j->uuid, 16);
	b->seq = im_to_le64(seq);
	b->phase = im_to_le32(rec->phase);
	b->dir = im_to_le32(rec->dir);
	b->run = im_to_le64(rec->run);
	b->batch = im_to_le64(rec->batch);
	b->was_fenced = im_to_le32(rec->was_fenced);
	b->sample = im_to_le32(rec->sample);
	b->base = im_to_le32(rec->base);
	b->base_crc = im_to_le32(rec->base_crc);
	b->closed = im_to_le64(rec->closed);
	b->stash_crc = im_to_le32(rec->stash_crc);
	b->crc = im_to_le32(im_crc32c(0, b, sizeof(*b) - 4));
	if (off + IM_JOURNAL_BLOCK > j->dev->size && im_dev_resize(j->dev, off + IM_JOURNAL_BLOCK, err) < 0)
		return -1;
	if (im_dev_write(j->dev, off, j->io, IM_JOURNAL_BLOCK, err) < 0 || im_dev_flush(j->dev, err) < 0)
		return im_error_prefix(err, "journal");
	n = im_vec_push(&j->log, err);
	if (!n)
		return -1;
	*n = *rec;
	return 0;
}

const struct im_phase_record *im_journal_last(const struct im_journal *j)
{
	return j->log.n ? &j->log.v[j->log.n - 1] : NULL;
}

/* Decode record seq; false when it is none of this journal's. */
static bool decode_phase(const struct im_journal *j, uint64_t seq, struct im_phase_record *rec)
{
	const struct phase_block *b = (const struct phase_block *)j->io;
	uint32_t phase = im_le32(b->phase), dir = im_le32(b->dir), base = im_le32(b->base);

	if (memcmp(b->magic, phase_magic, sizeof(phase_magic)) != 0 || memcmp(b->uuid, j->uuid, 16) != 0 ||
	    im_crc32c(0, b, sizeof(*b) - 4) != im_le32(b->crc) || im_le64(b->seq) != seq ||
	    phase < IM_PREPARED || phase > IM_SHRUNK || dir > IM_BACKWARD || base > IM_BASE_SHIFT)
		return false;
	*rec = (struct im_phase_record){
		.phase = (enum im_phase)phase, .dir = (enum im_direction)dir, .run = im_le64(b->run),
		.batch = im_le64(b->batch), .was_fenced = im_le32(b->was_fenced) != 0,
		.sample = im_le32(b->sample), .base = (enum im_base)base, .base_crc = im_le32(b->base_crc),
		.closed = im_le64(b->closed), .stash_crc = im_le32(b->stash_crc),
	};
	return true;
}

/* In a run that moves blocks there is a record before each step, and one behind the last; of fills, some have none. */
static bool may_be_step(const struct im_journal *j, const struct im_phase_record *last, const struct im_phase_record *rec)
{
	uint64_t a = last->dir == IM_FORWARD ? last->batch : rec->batch, b = last->dir == IM_FORWARD ? rec->batch : last->batch;

	return rec->phase == IM_GROWN && last->phase == IM_GROWN && a <= b &&
	       (b - a <= 1 || im_steps_are_fills(&j->prog.steps, a, b));
}

/* May rec follow the log as it is? A run begins with PREPARED and goes through its phases in order;
 * only the first run goes forward. */
static bool may_follow(const struct im_journal *j, const struct im_phase_record *rec)
{
	const struct im_phase_record *last = im_journal_last(j);
	bool shifts = rec->base == IM_BASE_SHIFT;

	if (rec->batch > (shifts ? im_steps_count(&j->prog.steps) : j->prog.n_batches) || (shifts && !j->prog.params.shift_unit))
		return false;
	if (!last)
		return rec->phase == IM_PREPARED && rec->dir == IM_FORWARD && rec->run == 0 && !rec->was_fenced;
	if (rec->phase == IM_PREPARED)
		return rec->dir == IM_BACKWARD && rec->run == j->log.n && (!rec->was_fenced || (rec->base == last->base && rec->stash_crc == last->stash_crc));
	if (rec->run != last->run || rec->dir != last->dir || rec->was_fenced != last->was_fenced ||
	    rec->base != last->base || rec->base_crc != last->base_crc || rec->stash_crc != last->stash_crc)
		return false;
	return (rec->phase == last->phase + 1 && rec->batch == last->batch) || (shifts && may_be_step(j, last, rec));
}

int im_log_load(struct im_journal *j, struct im_error *err)
{
	bool ended = false;

	for (uint64_t seq = 0; seq < IM_LOG_MAX; seq++) {
		uint64_t off = j->log_off + seq * IM_JOURNAL_BLOCK;
		struct im_phase_record rec, *n;

		if (off + IM_JOURNAL_BLOCK > j->dev->size)
			break;
		if (im_dev_read(j->dev, off, j->io, IM_JOURNAL_BLOCK, err) < 0)
			return -1;
		if (!decode_phase(j, seq, &rec)) {
			ended = true;
			continue;
		}
		/* a torn last record is an interrupted repair; one in the middle is a damaged journal */
		if (ended || !may_follow(j, &rec))
			return im_error_set(err, IM_EFORMAT, "the journal is damaged: record %" PRIu64 " of its log"
					    " does not follow the one before it", seq);
		n = im_vec_push(&j->log, err);
		if (!n)
			return -1;
		*n = rec;
	}
	return 0;
}

/* The log ends the file. Of a journal that was not run yet its last blocks are zeros, and no record stands in front of them. */
bool im_log_is_empty(struct im_dev *dev)
{
	uint64_t least = IM_JOURNAL_LOG_BLOCKS * IM_JOURNAL_BLOCK, most = IM_LOG_MAX * (uint64_t)IM_JOURNAL_BLOCK;
	uint8_t block[IM_JOURNAL_BLOCK];

	if (dev->size % IM_JOURNAL_BLOCK || dev->size <= least)
		return false;
	for (uint64_t back = IM_JOURNAL_BLOCK; back <= im_min(most, dev->size); back += IM_JOURNAL_BLOCK) {
		if (im_dev_read(dev, dev->size - back, block, sizeof(block), NULL) < 0)
			return false;
		if (back <= least ? !im_is_zero(block, sizeof(block)) : !memcmp(block, phase_magic, sizeof(phase_magic)))
			return false;
	}
	return true;
}

uint64_t im_slot_content_at(const struct im_journal *j, const struct im_slot *s)
{
	return j->slots_off + s->seq % 2 * j->slot_size + IM_JOURNAL_BLOCK;
}

/* Of content that is zero at its ends only the middle is kept: content is [off, off+n) of it. */
static const uint8_t *find_data(const uint8_t *content, uint32_t *off, uint32_t *n)
{
	while (*n && im_is_zero(content, im_min(IM_JOURNAL_BLOCK, *n))) {
		uint32_t piece = (uint32_t)im_min(IM_JOURNAL_BLOCK, *n);

		content += piece;
		*off += piece;
		*n -= piece;
	}
	while (*n) {
		uint32_t piece = *n % IM_JOURNAL_BLOCK ? *n % IM_JOURNAL_BLOCK : IM_JOURNAL_BLOCK;

		if (!im_is_zero(content + *n - piece, piece))
			break;
		*n -= piece;
	}
	return content;
}

static struct announced pack(const struct im_announced *a)
{
	return (struct announced){ im_to_le64(a->index), im_to_le32(a->crc), im_to_le32(a->crc_under) };
}

static struct im_announced unpack(const struct announced *a)
{
	return (struct im_announced){ im_le64(a->index), im_le32(a->crc), im_le32(a->under), 0, 0 };
}

/* The record of a group stands twice: of what is written without the journal nobody could say without it how far that came. Where
 * content stands in the slot, it is that of one batch, which is looked for where it was and where it goes. */
static size_t records_of(const struct im_slot *s)
{
	return s->len ? 1 : 2;
}

int im_slot_put(struct im_journal *j, const struct im_slot *s, const uint8_t *content, struct im_error *err)
{
	struct slot_block *b = (struct slot_block *)j->io;
	uint64_t off = j->slots_off + s->seq % 2 * j->slot_size;
	uint32_t data_off = s->data_off, data_len = s->data_len;

	memset(j->io, 0, IM_JOURNAL_BLOCK);
	memcpy(b->magic, slot_magic, sizeof(slot_magic));
	memcpy(b->uuid, j->uuid, 16);
	b->seq = im_to_le64(s->seq);
	b->run = im_to_le64(s->run);
	b->prev = pack(&s->prev);
	b->next = pack(&s->next);
	b->next_there = im_to_le32(s->next.crc_there);
	b->len = im_to_le64(s->len);
	b->content = im_to_le32(s->crc);
	b->n = im_to_le32((uint32_t)s->n);
	b->n_waves = im_to_le32((uint32_t)s->n_waves);
	for (size_t i = 0; i < s->n; i++) {
		b->batches[i] = pack(&s->batches[i]);
		b->waves[i] = (uint8_t)s->batches[i].wave;
	}
	if (s->len)
		content = find_data(content, &data_off, &data_len);
	b->data_off = im_to_le32(data_off);
	b->data_len = im_to_le32(data_len);
	b->crc = im_to_le32(im_crc32c(0, b, sizeof(*b) - 4));
	if (data_len && im_dev_write(j->dev, off + IM_JOURNAL_BLOCK + data_off, content, data_len, err) < 0)
		return im_error_prefix(err, "journal");
	memcpy(j->io + IM_JOURNAL_BLOCK, j->io, IM_JOURNAL_BLOCK);
	return im_dev_write(j->dev, off, j->io, records_of(s) * IM_JOURNAL_BLOCK, err) < 0 ? im_error_prefix(err, "journal") : 0;
}

int im_journal_flush(struct im_journal *j, struct im_error *err)
{
	return im_dev_flush(j->dev, err) < 0 ? im_error_prefix(err, "journal") : 0;
}

/* [off, off+len) of the content. */
static int read_content(struct im_journal *j, const struct im_slot *s, uint64_t off, uint8_t *buf, uint64_t len,
			struct im_error *err)
{
	uint64_t start = im_max(off, s->data_off), end = im_min(off + len, (uint64_t)s->data_off + s->data_len);

	memset(buf, 0, len);
	if (start >= end)
		return 0;
	return im_dev_read(j->dev, im_slot_content_at(j, s) + start, buf + (start - off), end - start, err);
}

static int content_crc(struct im_journal *j, const struct im_slot *s, uint32_t *crc, struct im_error *err)
{
	uint8_t buf[16384];

	*crc = 0;
	for (uint64_t done = 0; done < s->len; done += sizeof(buf)) {
		size_t n = (size_t)im_min(sizeof(buf), s->len - done);

		if (read_content(j, s, done, buf, n, err) < 0)
			return -1;
		*crc = im_crc32c(*crc, buf, n);
	}
	return 0;
}

/* The waves begin with 0 and leave none out. */
static bool has_waves(const struct im_slot *s)
{
	size_t wave = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->batches[i].wave != wave && (!i || s->batches[i].wave != ++wave))
			return false;
	}
	return s->n_waves == (s->n ? wave + 1 : 0);
}

/* Does what the record says of its batches make sense? */
static bool is_sane(const struct im_journal *j, const struct im_slot *s)
{
	uint64_t max = j->prog.n_batches;

	if (!has_waves(s))
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (s->batches[i].index >= max)
			return false;
	return (s->prev.index < max || s->prev.index == IM_NO_BATCH) && (s->next.index < max || s->next.index == IM_NO_BATCH) &&
	       (!im_slot_is_journalled(s) || (s->n == 1 && s->batches[0].crc == s->crc)) && (s->n || s->len) &&
	       s->len <= im_max(j->prog.params.buffer, 4096) && s->len <= j->slot_size - IM_JOURNAL_BLOCK && (uint64_t)s->data_off + s->data_len <= s->len;
}

/* Decode the record of slot i that is in the journal's buffer; false when it is none of this run. */
static bool decode_slot(const struct im_journal *j, int i, uint64_t run, struct im_slot *s)
{
	const struct slot_block *b = (const struct slot_block *)j->io;
	uint32_t n;

	if (memcmp(b->magic, slot_magic, sizeof(slot_magic)) != 0 || memcmp(b->uuid, j->uuid, 16) != 0 ||
	    im_crc32c(0, b, sizeof(*b) - 4) != im_le32(b->crc) || (n = im_le32(b->n)) > IM_GROUP)
		return false;
	*s = (struct im_slot){
		.seq = im_le64(b->seq), .run = im_le64(b->run), .n = n, .n_waves = im_le32(b->n_waves), .prev = unpack(&b->prev), .next = unpack(&b->next),
		.len = im_le64(b->len), .crc = im_le32(b->content), .data_off = im_le32(b->data_off),
		.data_len = im_le32(b->data_len),
	};
	s->next.crc_there = im_le32(b->next_there);
	for (size_t k = 0; k < n; k++) {
		s->batches[k] = unpack(&b->batches[k]);
		s->batches[k].wave = b->waves[k];
	}
	return s->run == run && s->seq % 2 == (uint64_t)i && is_sane(j, s);
}

/* The newer of the two records that slot i may have: a power cut may have kept one of them from being written, and one may be
 * where the disk cannot be read any more. Without either, that it cannot be read is what counts. */
static int load_record(struct im_journal *j, int i, uint64_t run, struct im_slot *s, struct im_error *err)
{
	bool found = false, failed = false;
	struct im_slot one;

	for (size_t k = 0; k < 2; k++) {
		uint64_t off = j->slots_off + (uint64_t)i * j->slot_size + k * IM_JOURNAL_BLOCK;

		if (im_dev_read(j->dev, off, j->io, IM_JOURNAL_BLOCK, err) < 0) {
			failed = true;
			continue;
		}
		if (!decode_slot(j, i, run, &one) || k >= records_of(&one) || (found && one.seq <= s->seq))
			continue;
		*s = one;
		found = true;
	}
	return found ? 1 : failed ? -1 : 0;
}

/* Read slot i; 1 when it is a valid one of this run, else 0; -1 when reading failed. */
static int slot_load(struct im_journal *j, int i, uint64_t run, struct im_slot *s, struct im_error *err)
{
	int found = load_record(j, i, run, s, err);
	uint32_t crc;

	if (found <= 0 || !s->len)
		return found;
	if (content_crc(j, s, &crc, err) < 0)
		return -1;
	return crc == s->crc;
}

int im_slot_read(struct im_journal *j, uint64_t run, struct im_slot slots[2], struct im_error *err)
{
	struct im_slot both[2];
	int valid[2];

	for (int i = 0; i < 2; i++) {
		valid[i] = slot_load(j, i, run, &both[i], err);
		if (valid[i] < 0)
			return -1;
	}
	if (valid[0] && valid[1]) {
		int newer = both[1].seq > both[0].seq;

		slots[0] = both[newer];
		slots[1] = both[!newer];
		return 2;
	}
	if (valid[0] || valid[1])
		slots[0] = both[valid[1]];
	return valid[0] || valid[1];
}

int im_slot_content(struct im_journal *j, const struct im_slot *s, uint8_t *buf, struct im_error *err)
{
	return read_content(j, s, 0, buf, s->len, err);
}
