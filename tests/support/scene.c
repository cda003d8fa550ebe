/* scene.c - random plans, small enough that every byte of their repair can be looked at. */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "exec/fills.h"
#include "plan/plan.h"

void die(const char *what, const struct im_error *err)
{
	fprintf(stderr, "scene: %s: %s\n", what, err ? err->message : "");
	exit(2);
}

static void fill(uint8_t *p, uint64_t len, uint64_t *seed)
{
	for (uint64_t i = 0; i < len; i += 8) {
		uint64_t r = im_random(seed);

		memcpy(p + i, &r, im_min(8, len - i));
	}
	/* some zero sectors, so that holes are met */
	for (uint64_t i = 512; i + 512 <= len; i += 512)
		if (im_random(seed) % 5 == 0)
			memset(p + i, 0, 512);
}

/* A random map: copies in both directions, cycles, zeros, literals, growth or shrinking. */
static void random_map(struct scene *s, uint64_t old_size, uint64_t *seed)
{
	uint64_t unit = im_random(seed) % 2 ? 512 : 64, n = old_size / unit;
	uint64_t new_size = im_random(seed) % 3 == 0 ? old_size : (n / 2 + im_random(seed) % n + 64) * unit;
	struct im_error err;

	new_size = im_max(new_size, s->sector_size);
	if (im_map_init(&s->map, old_size, new_size, &err) < 0)
		die("map", &err);
	for (int k = 1 + (int)(im_random(seed) % 8); k > 0; k--) {
		uint64_t len = (1 + im_random(seed) % (n / 2)) * unit, to = im_random(seed) % n * unit;
		uint64_t from = im_random(seed) % n * unit;
		uint8_t data[512];

		len = im_min(len, im_min(old_size - from, new_size > to ? new_size - to : 0));
		fill(data, sizeof(data), seed);
		switch (im_random(seed) % 7) {
		case 6:
			if (im_map_fill(&s->map, im_min(to, new_size), len, 0xff, "fill", &err) < 0)
				die("map", &err);
			break;
		case 0:
			if (im_map_zero(&s->map, im_min(to, new_size), len, "zero", &err) < 0)
				die("map", &err);
			break;
		case 1:
			if (im_map_bytes(&s->map, im_min(to, new_size), data, im_min(len, 512), "literal", &err) < 0)
				die("map", &err);
			break;
		default:
			if (im_map_from(&s->map, im_min(to, new_size), len, from, "copy", &err) < 0)
				die("map", &err);
		}
	}
}

/* Everything behind sector 0 moves right by shift; the image grows; the new start of it is literal. */
static void shift_map(struct scene *s, uint64_t old_size, uint64_t shift, uint64_t *seed)
{
	uint64_t start = s->sector_size;
	uint8_t data[4096];
	struct im_error err;

	fill(data, sizeof(data), seed);
	if (im_map_init(&s->map, old_size, old_size + shift, &err) < 0 ||
	    im_map_from(&s->map, start + shift, old_size - start, start, "shift", &err) < 0 ||
	    im_map_zero(&s->map, start, im_min(shift, old_size - start), "vacated", &err) < 0 ||
	    im_map_bytes(&s->map, start + shift, data, im_min(512, old_size - start), "boot sector", &err) < 0 ||
	    im_map_bytes(&s->map, 0, data, 64, "table", &err) < 0)
		die("map", &err);
}

/* A map in which everything keeps its order and moves by whole blocks: pieces with gaps between them, before and after;
 * the ends of a piece may be anywhere in a block. */
static void steps_map(struct scene *s, uint64_t old_size, uint64_t *seed)
{
	uint64_t unit = s->sector_size, n = old_size / unit, old = unit, new = unit, new_size, cut;
	struct im_error err;
	uint8_t data[512];

	new_size = im_random(seed) % 3 == 0 ? old_size : (n / 2 + im_random(seed) % n + 4) * unit;
	if (im_map_init(&s->map, old_size, new_size, &err) < 0 ||
	    (im_random(seed) % 2 && im_map_zero(&s->map, unit, new_size - unit, "between", &err) < 0))
		die("map", &err);
	for (int k = 1 + (int)(im_random(seed) % 4); k > 0; k--) {
		uint64_t len = (1 + im_random(seed) % (n / 2)) * unit;

		old += im_random(seed) % 6 * unit;
		new += im_random(seed) % 6 * unit;
		cut = im_random(seed) % 3 ? 0 : im_random(seed) % unit;
		if (old + cut >= old_size || new + cut >= new_size)
			break;
		len = im_min(len, im_min(old_size - old, new_size - new)) - cut;
		if (im_map_from(&s->map, new + cut, len, old + cut, "copy", &err) < 0)
			die("map", &err);
		old = (old + cut + len + unit - 1) / unit * unit;
		new = (new + cut + len + unit - 1) / unit * unit;
	}
	fill(data, sizeof(data), seed);
	if (im_map_bytes(&s->map, im_random(seed) % (new_size - 512), data, 512, "literal", &err) < 0)
		die("map", &err);
}

/* A map in which one piece, or two, move to the right by less than a few blocks, whatever the number of bytes; what stands
 * behind stays, or the image grows. */
static void fills_map(struct scene *s, uint64_t old_size, uint64_t *seed)
{
	uint64_t unit = s->sector_size, round = im_random(seed) % 2 ? 512 : 1, start, shift, grown, end, cut, stays;
	uint8_t data[512];
	struct im_error err;

	shift = round * (1 + im_random(seed) % (im_min(3 * unit, old_size / 4) / round));
	start = round * (im_random(seed) % (im_min(2 * unit, old_size / 4) / round));
	grown = im_random(seed) % 2 ? shift : 0;
	end = old_size + grown - shift;
	end -= grown || im_random(seed) % 2 ? 0 : im_random(seed) % (old_size / 8);
	cut = start + im_random(seed) % (end - start);
	stays = im_random(seed) % 3 ? 0 : im_min(im_random(seed) % unit, end - cut);
	fill(data, sizeof(data), seed);
	if (im_map_init(&s->map, old_size, old_size + grown, &err) < 0 ||
	    im_map_from(&s->map, start + shift, cut - start, start, "first", &err) < 0 ||
	    im_map_from(&s->map, cut + shift + stays, end - cut - stays, cut + stays, "second", &err) < 0 ||
	    im_map_zero(&s->map, start, shift, "vacated", &err) < 0 ||
	    im_map_bytes(&s->map, im_random(seed) % (old_size - 512), data, 512, "literal", &err) < 0)
		die("map", &err);
}

/* Can this map be had by moving blocks? */
static bool has_steps(const struct scene *s)
{
	struct im_error err;
	struct im_steps steps;
	int rc = s->fill_gap ? im_fills_build(&steps, &s->map, s->sector_size, s->fill_gap, &err) :
			       im_steps_build(&steps, &s->map, s->sector_size, &err);

	if (rc < 0)
		die("steps", &err);
	im_steps_free(&steps);
	return rc == 0;
}

static void render_new(struct scene *s)
{
	struct im_dev *mem = im_dev_mem(s->map.old_size, s->sector_size, NULL), *view;
	struct im_error err;

	memcpy(im_dev_mem_bytes(mem), s->old, s->map.old_size);
	view = im_map_view(&s->map, mem, &err);
	s->new = malloc(s->map.new_size);
	if (!view || !s->new || im_dev_read(view, 0, s->new, s->map.new_size, &err) < 0)
		die("view", &err);
	im_dev_close(view);
	im_dev_close(mem);
}

/* Leave a few sectors of data here and there, between holes. */
static void hollow_out(struct scene *s, uint64_t size, uint64_t *seed)
{
	for (uint64_t off = s->sector_size, n; off < size; off += n + (1 + im_random(seed) % 4) * 512) {
		n = im_min((2 + im_random(seed) % 8) * 512, size - off);
		memset(s->old + off, 0, n);
	}
}

static void drop_some(struct scene *s, uint64_t size, uint64_t *seed)
{
	uint64_t off = s->sector_size;

	for (s->n_dropped = 0; s->n_dropped < 3; s->n_dropped++) {
		struct im_range *r = &s->dropped[s->n_dropped];

		r->start = off + im_random(seed) % (size / 4);
		r->len = 1 + im_random(seed) % (size / 4);
		off = r->start + r->len + 1;
		if (off > size)
			break;
	}
}

/* Little data between holes, some of it at the end: the wave that goes behind the old end is not the first. */
static void make_islands(struct scene *s, uint64_t size, uint64_t *seed)
{
	uint64_t shift = 512 + im_random(seed) % 8 * 64;

	s->params = (struct im_exec_params){ .buffer = 512, .direct_min = 1 };
	memset(s->old + s->sector_size, 0, size - s->sector_size);
	fill(s->old + size - 1024, 1024, seed);
	fill(s->old + (size - 5 * shift) / 512 * 512, 512, seed);
	shift_map(s, size, shift, seed);
}

/* What is in use moves over what is free, which nobody asks for back. */
static void make_used(struct scene *s, uint64_t size, uint64_t *seed)
{
	uint64_t shift = 512 + im_random(seed) % 8 * 64, start = s->sector_size, len = size - start - 2 * shift;
	struct im_error err;

	s->params = (struct im_exec_params){ .buffer = 512, .direct_min = 1 };
	len = im_min(len, 2048 + im_random(seed) % 4096);
	s->dropped[0] = (struct im_range){ start + len, shift };
	s->n_dropped = 1;
	if (im_map_init(&s->map, size, size, &err) < 0 || im_map_from(&s->map, start + shift, len, start, "used", &err) < 0 ||
	    im_map_zero(&s->map, start, im_min(shift, len), "vacated", &err) < 0)
		die("map", &err);
}

/* The host's blocks are larger than those of a journal. */
static void make_blocks(struct scene *s, uint64_t *seed)
{
	uint64_t unit = 8192, size = (4 + im_random(seed) % 6) * unit;

	free(s->old);
	s->old = calloc(1, size);
	if (!s->old)
		exit(2);
	for (uint64_t off = 0; off < size; off += unit / 2)
		if (im_random(seed) % 4)
			fill(s->old + off, unit / 2, seed);
	s->sector_size = 4096;
	s->share_unit = (uint32_t)unit;
	s->params = (struct im_exec_params){ .buffer = 2 * unit, .direct_min = 64 * unit };
	shift_map(s, size, unit, seed);
}

/* Many short batches, which slots announce together; and what slots must not do with some of them. */
static void make_groups(struct scene *s, uint64_t size, uint64_t *seed)
{
	uint64_t kind = im_random(seed) % 8;

	s->by_clone = s->by_steps = false;
	s->fill_gap = 0;
	im_map_free(&s->map);
	switch (kind) {
	case 0:
		make_blocks(s, seed);
		return;
	case 1:
		make_islands(s, size, seed);
		return;
	case 2:
		make_used(s, size, seed);
		return;
	}
	s->params.buffer = 4096u << im_random(seed) % 3;
	s->params.direct_min = im_random(seed) % 3 ? 1 : 64u << im_random(seed) % 6;
	if (im_random(seed) % 2)
		hollow_out(s, size, seed);
	if (im_random(seed) % 3 == 0)
		drop_some(s, size, seed);
	if (im_random(seed) % 4 == 0)
		random_map(s, size, seed);
	else
		shift_map(s, size, 64 + im_random(seed) % 24 * 64, seed);
}

/* Long moves in whole blocks, in strands: alone, or with pieces of elsewhere that go into them and behind them. */
static void make_strands(struct scene *s, uint64_t *seed)
{
	uint64_t size = 120000 + im_random(seed) % 200000 / 512 * 512 + im_random(seed) % 2 * 100, start, shift, len, to, from;
	struct im_error err;

	s->by_clone = s->by_steps = false;
	s->fill_gap = 0;
	im_map_free(&s->map);
	free(s->old);
	s->old = malloc(size);
	if (!s->old)
		exit(2);
	fill(s->old, size, seed);
	s->params.buffer = 16384u << im_random(seed) % 3;
	s->params.direct_min = im_random(seed) % 3 ? 1 : 4096;
	start = s->sector_size + im_random(seed) % 20 * 100;
	shift = (im_random(seed) % 3 ? 8192 : 4096) + im_random(seed) % 64 * 64;
	if (im_random(seed) % 3 == 0)
		hollow_out(s, size, seed);
	if (im_random(seed) % 3 == 0)
		drop_some(s, size, seed);
	if (im_random(seed) % 3 == 0) {
		shift_map(s, size, shift, seed);
		return;
	}
	len = size - start - shift - im_random(seed) % 5000;
	if (im_map_init(&s->map, size, size + im_random(seed) % 2 * shift, &err) < 0 ||
	    im_map_from(&s->map, start + shift, len, start, "long", &err) < 0)
		die("map", &err);
	for (uint64_t k = im_random(seed) % 6; k; k--) {
		len = 100 + im_random(seed) % 30000;
		to = im_random(seed) % 2 ? start + im_random(seed) % shift : im_random(seed) % (size - len);
		from = im_random(seed) % (size - len);
		if (im_map_from(&s->map, to, len, from, "piece", &err) < 0)
			die("map", &err);
	}
	if (im_random(seed) % 3 == 0 && im_map_from(&s->map, im_random(seed) % 2000, 700, 0, "sector 0", &err) < 0)
		die("map", &err);
}

void scene_make(struct scene *s, uint64_t seed, uint64_t shift)
{
	static const uint32_t units[6] = { 0, 0, 512, 512, 4096, 8192 };
	uint64_t size, kind = ~seed, name = seed;

	memset(s, 0, sizeof(*s));
	s->sector_size = im_random(&seed) % 4 ? 512 : 4096;
	s->params.buffer = 512u << im_random(&seed) % 4;
	s->params.direct_min = im_random(&seed) % 3 ? 1024u << im_random(&seed) % 4 : 1;
	s->share_unit = units[im_random(&kind) % 6];
	s->by_clone = im_random(&kind) % 4 == 0;
	size = (24 + im_random(&seed) % 40) * 512 + im_random(&seed) % 2 * 100;
	if (shift) {
		size = im_max(size, shift + shift / 4 + 8192);
		s->params = (struct im_exec_params){ .buffer = im_max(4096, shift / 4), .direct_min = 65536 };
	}
	s->old = malloc(size);
	if (!s->old)
		exit(2);
	fill(s->old, size, &seed);
	if (shift)
		shift_map(s, size, shift, &seed);
	else if (!s->by_clone && im_random(&kind) % 3 == 0)
		steps_map(s, size, &seed);
	else if (!s->by_clone && im_random(&kind) % 3 == 0)
		fills_map(s, size, &seed);
	else
		random_map(s, size, &seed);
	if (!s->by_clone && im_random(&kind) % 2) {
		s->fill_gap = s->sector_size * (1 + (uint32_t)(im_random(&kind) % 12));
		s->fill_gap = has_steps(s) ? s->fill_gap : 0;
	}
	s->by_steps = !s->by_clone && has_steps(s) && im_random(&kind) % 8;
	if (!shift && name % 5 == 4)
		make_groups(s, size, &kind);
	if (!shift && name % 10 == 3)
		make_strands(s, &kind);
	s->params.strands = (uint32_t[]){ 1, 16, 2, 3, 16 }[name / 5 % 5];
	render_new(s);
}

/* All of a file; its length goes into *len. */
static uint8_t *read_file(const char *path, uint64_t *len)
{
	struct im_error err = { 0 };
	struct im_dev *dev = im_dev_file(path, false, 512, &err);
	uint8_t *bytes = dev ? malloc(dev->size + 1) : NULL;

	if (!bytes || im_dev_read(dev, 0, bytes, dev->size, &err) < 0)
		die(path, &err);
	*len = dev->size;
	im_dev_close(dev);
	return bytes;
}

void scene_load(struct scene *s, const char *image, const char *plan)
{
	struct im_error err = { 0 };
	struct im_plan parsed;
	uint64_t len, text_len;
	uint8_t *text = read_file(plan, &text_len);

	memset(s, 0, sizeof(*s));
	if (im_plan_parse(&parsed, (const char *)text, text_len, &err) < 0)
		die("plan", &err);
	s->sector_size = parsed.sector_size;
	s->params = (struct im_exec_params){ .buffer = 512 << 10, .direct_min = 4096, .strands = IM_STRANDS };
	s->old = read_file(image, &len);
	if (len != parsed.map.old_size)
		die("the plan is not for this image", NULL);
	s->map = parsed.map;
	parsed.map = (struct im_map){ 0 };
	im_plan_free(&parsed);
	free(text);
	render_new(s);
}

void scene_free(struct scene *s)
{
	im_map_free(&s->map);
	free(s->old);
	free(s->new);
	free(s->used);
}

void scene_start(struct scene *s)
{
	s->power.clock = 0;
	s->power.cut_at = UINT64_MAX;
	s->power.is_off = false;
	free(s->used);
	s->used = NULL;
	s->image = im_crash_new(&s->power, s->map.old_size, s->sector_size);
	memcpy(im_crash_bytes(s->image), s->old, s->map.old_size);
	im_crash_settle(s->image);
	s->journal = im_crash_new(&s->power, 0, 512);
	s->clone = NULL;
	s->image->share_unit = s->journal->share_unit = s->share_unit;
	s->image->shift_unit = s->by_steps ? s->sector_size : 0;
}

/* A clone of the image as it is now, durable. */
static struct im_dev *make_clone(struct scene *s)
{
	im_dev_close(s->clone);
	s->clone = im_crash_new(&s->power, s->image->size, s->sector_size);
	s->clone->share_unit = s->image->share_unit;
	memcpy(im_crash_bytes(s->clone), im_crash_bytes(s->image), s->image->size);
	im_crash_settle(s->clone);
	return s->clone;
}

void scene_stop(struct scene *s)
{
	im_dev_close(s->image);
	im_dev_close(s->journal);
	im_dev_close(s->clone);
}

static bool is_dropped(const struct scene *s, uint64_t off)
{
	for (size_t i = 0; i < s->n_dropped; i++)
		if (off >= s->dropped[i].start && off - s->dropped[i].start < s->dropped[i].len)
			return true;
	return false;
}

bool scene_image_is(struct scene *s, const uint8_t *bytes, uint64_t size)
{
	const uint8_t *now = im_crash_bytes(s->image);

	if (s->image->size != size)
		return false;
	if (bytes != s->old || !s->n_dropped)
		return memcmp(now, bytes, size) == 0;
	for (uint64_t i = 0; i < size; i++)
		if (now[i] != bytes[i] && !(now[i] == 0 && is_dropped(s, i)))
			return false;
	return true;
}

/* Prepare and repair. 0 done, -1 failed (the power). */
int scene_repair(struct scene *s, struct im_error *err)
{
	struct im_exec_params params = s->params;
	struct im_exec x;
	int rc;

	params.clone = s->by_clone ? make_clone(s) : NULL;
	params.shift_unit = s->by_steps ? s->sector_size : 0;
	params.fill_gap = s->by_steps ? s->fill_gap : 0;
	params.dropped = s->dropped;
	params.n_dropped = s->n_dropped;
	if (im_exec_prepare(&x, s->image, s->journal, &s->map, &params, "campaign", err) < 0)
		return -1;
	rc = im_exec_resume(&x, err);
	im_exec_close(&x);
	return rc;
}

uint64_t scene_operations(struct scene *s)
{
	struct im_error err;
	uint64_t n;

	scene_start(s);
	if (scene_repair(s, &err) < 0)
		die("repair without a crash", &err);
	if (!scene_image_is(s, s->new, s->map.new_size))
		die("repair without a crash gives another image than the map", NULL);
	n = s->power.clock;
	scene_stop(s);
	return n;
}

struct copy copy_of(struct im_dev *dev)
{
	struct copy c = { malloc(dev->size + 1), dev->size };

	if (!c.bytes)
		abort();
	memcpy(c.bytes, im_crash_bytes(dev), dev->size);
	return c;
}

uint64_t scene_head(struct scene *s, size_t at)
{
	return s->journal->size >= 4096 ? im_get64(im_crash_bytes(s->journal) + at) : s->journal->size;
}

/* Open the journal again and go on. A journal that was never finished counts as "nothing was written". */
int scene_go_on(struct scene *s, bool undo, bool *untouched, struct im_error *err)
{
	struct im_exec x;
	int rc;

	*untouched = false;
	if (im_exec_open(&x, s->image, s->journal, err) < 0) {
		*untouched = !s->power.is_off && err->code == IM_EFORMAT && scene_image_is(s, s->old, s->map.old_size);
		return *untouched ? 0 : -1;
	}
	*untouched = x.state == IM_STATE_NOT_STARTED;
	x.clone = s->by_clone && undo && x.state == IM_STATE_REPAIRED ? make_clone(s) : s->clone;
	rc = *untouched || undo ? im_exec_undo(&x, s->used, err) : im_exec_resume(&x, err);
	im_exec_close(&x);
	return rc;
}

void scene_restart(struct scene *s)
{
	s->power.is_off = false;
	s->power.clock = 0;
	s->power.cut_at = UINT64_MAX;
}

void scene_reboot(struct scene *s)
{
	im_crash_reboot(s->image);
	im_crash_reboot(s->journal);
	if (s->clone)
		im_crash_reboot(s->clone);
	scene_restart(s);
}
