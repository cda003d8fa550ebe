/* ahead.c - reading batches in pieces; see ahead.h.
 *
 * What a batch is made of stays in place until its turn has come (P1 and P2 of program.h), and what stands where it goes
 * is changed by nobody else: so both can be read at any time before, and what is in memory need not be read again.
 */
#include "exec/ahead.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/pages.h"

#define SMALL (1u << 20)		/* a piece, bytes */

/* What a run of len bytes takes of a piece: each begins on a page. */
static size_t in_pages(uint64_t len)
{
	return (size_t)((len + 4095) / 4096 * 4096);
}

static size_t piece_size(const struct im_program *prog)
{
	size_t size = in_pages(prog->has_journalled ? prog->params.buffer : im_plain_batch(prog));

	/* beside large ones what runs lose at their ends is little */
	return size < SMALL ? size + IM_PIECE_BATCHES * 4096 : size;
}

/* So many that what was read stays in memory until it would be overwritten, where a shift is not too long for that. */
static size_t piece_count(const struct im_program *prog)
{
	uint64_t longest = 0, kept;

	for (size_t i = 0; i < prog->ops.n; i++) {
		const struct im_op *op = &prog->ops.v[i];
		uint64_t shift = op->dst > op->src ? op->dst - op->src : op->src - op->dst;

		if (op->kind == IM_OP_COPY && shift < op->len)
			longest = im_max(longest, shift);
	}
	kept = prog->has_journalled ? 0 : (longest + piece_size(prog) - 1) / piece_size(prog);
	return (size_t)im_min(IM_PIECES_AHEAD + kept, IM_PIECES);
}

/* One more piece, when its turn comes for the first time: short runs need few. */
static int make_piece(struct im_ahead *a, struct im_error *err)
{
	struct im_piece *p = calloc(1, sizeof(*p));

	if (!p)
		return im_error_nomem(err);
	a->pieces[a->n_made++] = p;
	p->bytes = im_pages(piece_size(&a->x->journal.prog));
	return p->bytes ? 0 : im_error_nomem(err);
}

void im_ahead_start(struct im_ahead *a, struct im_exec *x, enum im_direction dir, uint64_t from, bool in_thread)
{
	*a = (struct im_ahead){ .x = x, .dir = dir, .from = from };
	im_aside_start(&a->reader, in_thread);
	a->n_pieces = piece_count(&x->journal.prog);
}

void im_ahead_stop(struct im_ahead *a)
{
	if (a->is_reading)
		im_aside_wait(&a->reader, NULL);
	im_aside_stop(&a->reader);
	for (size_t i = 0; i < a->n_made; i++) {
		free(a->pieces[i]->bytes);
		free(a->pieces[i]);
	}
}

/* Is the data of b right beside that of the batch before it? */
static bool joins(const struct im_batch *before, const struct im_batch *b)
{
	uint64_t from = b->from + b->data_off, from_before = before->from + before->data_off;

	return from + b->data_len == from_before || from_before + before->data_len == from;
}

/* May both be in one piece? */
static bool fits(const struct im_batch *before, const struct im_batch *b)
{
	return before->is_read && b->is_read && before->journalled == b->journalled && (!b->journalled || joins(before, b));
}

/* Plan batches for the piece until one does not fit. */
static int collect(struct im_ahead *a, struct im_piece *p, struct im_error *err)
{
	uint64_t used = 0, run = 0, index;

	for (p->n = 0; p->n < IM_PIECE_BATCHES; p->n++) {
		struct im_batch *b = &p->batches[p->n];

		if (im_batch_next(a->x, a->dir, a->from, &index, err) < 0)
			return -1;
		a->is_at_end = index == IM_NO_BATCH;
		if (a->is_at_end)
			return 0;
		im_batch_plan(a->x, a->dir, index, b);
		if (im_batch_find_data(a->x, b, err) < 0)
			return -1;
		if (p->n && !joins(b - 1, b)) {
			used += in_pages(run);
			run = 0;
		}
		run += b->data_len;
		if (p->n && (used + in_pages(run) > piece_size(&a->x->journal.prog) || !fits(b - 1, b)))
			return 0;
		a->from = im_batch_behind(a->dir, index);
	}
	return 0;
}

/* The first n of these batches are made of bytes that lie one after the other: read them to p. Returns where that ends. */
static uint8_t *read_run(struct im_ahead *a, struct im_batch *b, size_t n, uint8_t *p, struct im_error *err)
{
	uint64_t start = UINT64_MAX, end = 0;

	for (size_t i = 0; i < n; i++) {
		start = im_min(start, b[i].from + b[i].data_off);
		end = im_max(end, b[i].from + b[i].data_off + b[i].data_len);
	}
	if (im_batch_read_image(a->x, start, p, end - start, err) < 0)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		b[i].content = p + (b[i].from + b[i].data_off - start);
		im_batch_sum(&b[i]);
	}
	return p + in_pages(end - start);
}

static int read_in(struct im_ahead *a, struct im_piece *p, struct im_error *err)
{
	uint8_t *bytes = p->bytes;

	if (p->n == 1) {
		p->batches[0].content = bytes;
		return im_batch_read(a->x, a->dir, &p->batches[0], err);
	}
	for (size_t i = 0, n; i < p->n; i += n) {
		for (n = 1; i + n < p->n && joins(&p->batches[i + n - 1], &p->batches[i + n]); n++)
			;
		bytes = read_run(a, &p->batches[i], n, bytes, err);
		if (!bytes)
			return -1;
	}
	return 0;
}

/* Does j overwrite what i is made of? */
static bool overwrites(const struct im_batch *j, const struct im_batch *i)
{
	return j->ops[0].dst < i->from + i->len && i->from < j->ops[0].dst + j->len;
}

/* Who overwrites what a batch before is made of is written when that one is durable. */
static void find_waves(struct im_piece *p)
{
	p->n_waves = p->n > 0;
	for (size_t j = 0; j < p->n; j++) {
		struct im_batch *b = &p->batches[j];

		for (size_t i = 0; i < j && b->index != IM_NO_BATCH && !b->journalled; i++)
			if (p->batches[i].index != IM_NO_BATCH && overwrites(b, &p->batches[i]))
				b->wave = im_max(b->wave, p->batches[i].wave + 1);
		p->n_waves = im_max(p->n_waves, b->wave + 1);
	}
}

/* Fill the target. */
static int read_piece(void *arg, struct im_error *err)
{
	struct im_ahead *a = arg;
	struct im_piece *p = a->target;
	bool same;

	if (collect(a, p, err) < 0 || (p->n && read_in(a, p, err) < 0))
		return -1;
	for (size_t i = 0; i < p->n; i++) {
		if (im_batch_look_under(a->x, a->dir, &p->batches[i], (const struct im_piece *const *)a->pieces, a->n_made, &same,
					err) < 0)
			return -1;
		if (same)
			p->batches[i].index = IM_NO_BATCH;
	}
	find_waves(p);
	return 0;
}

/* Read the next piece, if not enough of them wait already; there are few whenever the queue is short. */
static int begin(struct im_ahead *a, struct im_error *err)
{
	size_t waiting = 0;

	for (size_t i = 0; i < a->n_made; i++)
		waiting += a->pieces[i]->n_left > 0;
	if (waiting >= IM_PIECES_AHEAD)
		return 0;
	if (a->next_piece == a->n_made && make_piece(a, err) < 0)
		return -1;
	a->target = a->pieces[a->next_piece];
	a->target->n = 0;
	a->is_reading = true;
	im_aside_run(&a->reader, read_piece, a);
	return 0;
}

/* Of the i-th batch in the queue. */
static size_t place(const struct im_ahead *a, size_t i)
{
	return (a->head + i) % (IM_PIECES * IM_PIECE_BATCHES);
}

static void queue(struct im_ahead *a, struct im_piece *p, struct im_batch *b)
{
	size_t at = place(a, a->n_queued++);

	a->queue[at] = b;
	a->of[at] = p;
	p->n_left++;
}

static int finish(struct im_ahead *a, struct im_error *err)
{
	struct im_piece *p = a->target;

	a->is_reading = false;
	if (im_aside_wait(&a->reader, err) < 0)
		return -1;
	for (size_t wave = 0; wave < p->n_waves; wave++)
		for (size_t i = 0; i < p->n; i++)
			if (p->batches[i].index != IM_NO_BATCH && p->batches[i].wave == wave)
				queue(a, p, &p->batches[i]);
	/* so that the pieces that wait stand in one row behind it */
	if (p->n_left)
		a->next_piece = (a->next_piece + 1) % a->n_pieces;
	return 0;
}

int im_ahead_fill(struct im_ahead *a, size_t n, struct im_error *err)
{
	while (a->n_queued < n && (a->is_reading || !a->is_at_end)) {
		if (!a->is_reading && begin(a, err) < 0)
			return -1;
		if (finish(a, err) < 0)
			return -1;
	}
	return a->reader.has_thread && !a->is_reading && !a->is_at_end ? begin(a, err) : 0;
}

struct im_batch *im_ahead_at(const struct im_ahead *a, size_t i)
{
	return i < a->n_queued ? a->queue[place(a, i)] : NULL;
}

size_t im_ahead_group(const struct im_ahead *a, size_t i)
{
	const struct im_batch *b = im_ahead_at(a, i), *next;
	size_t n = b ? 1 : 0;

	if (!b || b->journalled)
		return n;
	while (n < IM_GROUP && (next = im_ahead_at(a, i + n)) && !next->journalled && a->of[place(a, i + n)] == a->of[place(a, i)])
		n++;
	return n;
}

size_t im_ahead_wave(const struct im_ahead *a)
{
	const struct im_batch *b = im_ahead_at(a, 0);
	size_t group = im_ahead_group(a, 0), n = 0;

	while (n < group && im_ahead_at(a, n)->wave == b->wave)
		n++;
	return n;
}

void im_ahead_pop(struct im_ahead *a, size_t n)
{
	for (; n; n--) {
		a->of[a->head]->n_left--;
		a->head = place(a, 1);
		a->n_queued--;
	}
}
