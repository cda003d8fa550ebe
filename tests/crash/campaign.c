/* campaign.c - the crash campaign: random plans, power cut at every operation, then resume or undo.
 *
 *	campaign [--plans N] [--seed S] [--cuts N] [--shift BYTES]
 *
 * For each plan the repair is run once to count its operations. Then, for each cut point and each way
 * in which unflushed writes can survive: run until the cut, and go on with resume or undo, with up to
 * two more cuts in there. The end must be the planned or the old image, byte for byte. --cuts bounds the
 * cut points of one plan (spread evenly; 0 is all); --shift makes each plan one shift by BYTES to the
 * right with growth instead of a random one. Prints the number of crash states; exits 1 at the first loss,
 * naming the seed.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crashdev.h"
#include "exec/exec.h"

struct scene {
	struct im_map map;
	struct im_exec_params params;
	uint32_t sector_size;
	uint8_t *old, *new;
	struct im_power power;
	struct im_dev *image, *journal;
};

static uint64_t states, lost;

static void die(const char *what, const struct im_error *err)
{
	fprintf(stderr, "campaign: %s: %s\n", what, err ? err->message : "");
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
		switch (im_random(seed) % 6) {
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

static void scene_make(struct scene *s, uint64_t seed, uint64_t shift)
{
	uint64_t size;

	memset(s, 0, sizeof(*s));
	s->sector_size = im_random(&seed) % 4 ? 512 : 4096;
	s->params.buffer = 512u << im_random(&seed) % 4;
	s->params.direct_min = im_random(&seed) % 3 ? 1024u << im_random(&seed) % 4 : 1;
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
	else
		random_map(s, size, &seed);
	render_new(s);
}

static void scene_free(struct scene *s)
{
	im_map_free(&s->map);
	free(s->old);
	free(s->new);
}

static void devices_make(struct scene *s)
{
	s->power.clock = 0;
	s->power.cut_at = UINT64_MAX;
	s->power.is_off = false;
	s->image = im_crash_new(&s->power, s->map.old_size, s->sector_size);
	memcpy(im_crash_bytes(s->image), s->old, s->map.old_size);
	im_crash_settle(s->image);
	s->journal = im_crash_new(&s->power, 0, 512);
}

static void devices_free(struct scene *s)
{
	im_dev_close(s->image);
	im_dev_close(s->journal);
}

static bool image_is(struct scene *s, const uint8_t *bytes, uint64_t size)
{
	return s->image->size == size && memcmp(im_crash_bytes(s->image), bytes, size) == 0;
}

/* Prepare and repair. 0 done, -1 failed (the power). */
static int repair(struct scene *s, struct im_error *err)
{
	struct im_exec x;
	int rc;

	if (im_exec_prepare(&x, s->image, s->journal, &s->map, &s->params, "campaign", err) < 0)
		return -1;
	rc = im_exec_resume(&x, err);
	im_exec_close(&x);
	return rc;
}

/* Open the journal again and go on. A journal that was never finished counts as "nothing was written". */
static int go_on(struct scene *s, bool undo, bool *untouched, struct im_error *err)
{
	struct im_exec x;
	int rc;

	*untouched = false;
	if (im_exec_open(&x, s->image, s->journal, err) < 0) {
		*untouched = !s->power.is_off && err->code == IM_EFORMAT && image_is(s, s->old, s->map.old_size);
		return *untouched ? 0 : -1;
	}
	*untouched = x.state == IM_STATE_NOT_STARTED;
	rc = *untouched ? 0 : undo ? im_exec_undo(&x, false, err) : im_exec_resume(&x, err);
	im_exec_close(&x);
	return rc;
}

static void reboot(struct scene *s)
{
	im_crash_reboot(s->image);
	im_crash_reboot(s->journal);
	s->power.is_off = false;
	s->power.clock = 0;
	s->power.cut_at = UINT64_MAX;
}

/* One crash state: the power goes at `cut`; recover, with further cuts on the way. */
static bool try_cut(struct scene *s, uint64_t cut, enum im_cut mode, uint64_t seed, bool undo, char *why, size_t n)
{
	struct im_error err = { 0 };
	bool untouched = false, switched = false, ok;

	devices_make(s);
	s->power.seed = seed;
	s->power.mode = mode;
	s->power.tear_sectors = im_random(&seed) % 2;
	s->power.cut_at = cut;
	if (repair(s, &err) == 0)
		undo = false;	/* the cut came too late: repaired */
	for (int again = 0; s->power.is_off; again++) {
		reboot(s);
		states++;
		if (again < 2 && im_random(&seed) % 2)
			s->power.cut_at = im_random(&seed) % 40;
		/* sometimes begin with a resume and turn round at the crash */
		if (again == 0 && undo && im_random(&seed) % 3 == 0) {
			switched = true;
			if (go_on(s, false, &untouched, &err) == 0 && go_on(s, true, &untouched, &err) == 0)
				break;
		} else if (go_on(s, undo, &untouched, &err) == 0) {
			break;
		}
		if (!s->power.is_off) {
			snprintf(why, n, "%s", err.message);
			devices_free(s);
			return false;
		}
	}
	ok = untouched || undo ? image_is(s, s->old, s->map.old_size) : image_is(s, s->new, s->map.new_size);
	/* an undo that finds a half-done resume may also have been told to resume last */
	if (!ok)
		snprintf(why, n, "the image is not what it should be (%s%s%s)", undo ? "undo" : "resume",
			 untouched ? ", untouched" : "", switched ? ", after a resume" : "");
	devices_free(s);
	return ok;
}

static uint64_t count_operations(struct scene *s)
{
	struct im_error err;
	uint64_t n;

	devices_make(s);
	if (repair(s, &err) < 0)
		die("repair without a crash", &err);
	if (!image_is(s, s->new, s->map.new_size))
		die("repair without a crash gives another image than the map", NULL);
	n = s->power.clock;
	devices_free(s);
	return n;
}

static bool one_plan(uint64_t seed, uint64_t cuts, uint64_t shift)
{
	struct scene s;
	uint64_t n, step;
	bool ok = true;
	char why[800];

	scene_make(&s, seed, shift);
	n = count_operations(&s);
	step = cuts && n > cuts ? n / cuts : 1;
	for (uint64_t cut = step > 1 ? seed % step : 0; cut <= n && ok; cut += step)
		for (int mode = 0; mode < IM_CUT_MODES && ok; mode++)
			for (int undo = 0; undo < 2 && ok; undo++) {
				ok = try_cut(&s, cut, (enum im_cut)mode, seed ^ cut << 20, undo, why, sizeof(why));
				if (!ok)
					fprintf(stderr, "LOST: plan seed %" PRIu64 " cut %" PRIu64 " mode %d %s: %s\n",
						seed, cut, mode, undo ? "undo" : "resume", why);
			}
	scene_free(&s);
	return ok;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "plans", 1, NULL, 'p' }, { "seed", 1, NULL, 's' }, { "cuts", 1, NULL, 'c' },
		{ "shift", 1, NULL, 'd' }, { 0 },
	};
	uint64_t plans = 20, seed = 1, cuts = 0, shift = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p': plans = strtoull(optarg, NULL, 0); break;
		case 's': seed = strtoull(optarg, NULL, 0); break;
		case 'c': cuts = strtoull(optarg, NULL, 0); break;
		case 'd': shift = strtoull(optarg, NULL, 0); break;
		default: return 2;
		}
	}
	for (uint64_t i = 0; i < plans; i++)
		if (!one_plan(seed + i, cuts, shift)) {
			lost++;
			break;
		}
	printf("crash states: %" PRIu64 ", lost: %" PRIu64 "\n", states, lost);
	return lost ? 1 : 0;
}
