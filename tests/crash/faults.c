/* faults.c - the fault campaign: every operation of random repairs fails once, in every way.
 *
 *	faults [--plans N] [--seed S] [--points N]
 *
 * For each plan the repair is run once to count its operations on image and journal, reads included. Then, for each of
 * them and each kind of fault: run until it fails; the repair must say so, or end in the planned image all the
 * same. Go on with resume or undo, after a mere restart of the program or after a power cut, sometimes with a second
 * fault in there. The end must be the planned or the old image, byte for byte, on the storage and not only in the
 * cache. --points bounds the points of one plan (spread evenly; 0 is all). Prints the number of fault points; exits 1
 * at the first loss, naming the seed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "arguments.h"
#include "scene.h"

static uint64_t points, silent;

static void arm(struct scene *s, uint64_t at, enum im_fault kind)
{
	s->power.ops = 0;
	s->power.fail_at = at;
	s->power.fault = kind;
}

/* The program ends, and starts again: with what the cache holds, or after a power cut with what survived. */
static void start_again(struct scene *s, bool power_cut, uint64_t *seed)
{
	if (power_cut) {
		s->power.is_off = true;
		s->power.mode = (enum im_cut)(im_random(seed) % IM_CUT_MODES);
		s->power.seed = im_random(seed);
		scene_reboot(s);
	} else {
		scene_restart(s);
	}
	arm(s, 0, IM_FAULT_EIO);
}

static bool lose(char *why, size_t n, const char *what, const struct im_error *err)
{
	snprintf(why, n, "%s%s%s", what, err ? ": " : "", err ? err->message : "");
	return false;
}

/* The end state is what it should be, also after the cache is gone. */
static bool ends_well(struct scene *s, bool old, char *why, size_t n)
{
	const uint8_t *want = old ? s->old : s->new;
	uint64_t size = old ? s->map.old_size : s->map.new_size;

	if (!scene_image_is(s, want, size))
		return lose(why, n, "the image is not what it should be", NULL);
	s->power.is_off = true;
	s->power.mode = IM_CUT_NONE;
	scene_reboot(s);
	return scene_image_is(s, want, size) || lose(why, n, "the image was only in the cache what it should be", NULL);
}

static bool recover(struct scene *s, uint64_t seed, bool undo, char *why, size_t n)
{
	struct im_error err = { 0 };
	bool untouched = false;

	start_again(s, im_random(&seed) % 2, &seed);
	if (im_random(&seed) % 3 == 0) {
		arm(s, 1 + im_random(&seed) % 60, (enum im_fault)(im_random(&seed) % IM_FAULT_KINDS));
		points++;
		if (scene_go_on(s, undo, &untouched, &err) == 0)
			return ends_well(s, untouched || undo, why, n);
		if (!err.message[0])
			return lose(why, n, "recovery failed without a word", NULL);
		start_again(s, im_random(&seed) % 2, &seed);
	}
	err = (struct im_error){ 0 };
	if (scene_go_on(s, undo, &untouched, &err) < 0)
		return lose(why, n, undo ? "undo" : "resume", &err);
	return ends_well(s, untouched || undo, why, n);
}

static bool try_point(struct scene *s, uint64_t at, enum im_fault kind, uint64_t seed, bool undo, char *why, size_t n)
{
	struct im_error err = { 0 };
	bool ok;

	scene_start(s);
	s->power.seed = seed;
	arm(s, at, kind);
	points++;
	if (scene_repair(s, &err) == 0) {
		/* the operation could be done without, as the search for holes can */
		silent++;
		ok = ends_well(s, false, why, n);
	} else if (!err.message[0] || err.code == IM_OK) {
		ok = lose(why, n, "the repair failed without a word", NULL);
	} else {
		ok = recover(s, seed, undo, why, n);
	}
	scene_stop(s);
	return ok;
}

static uint64_t count_operations(struct scene *s)
{
	struct im_error err;
	uint64_t n;

	scene_start(s);
	arm(s, 0, IM_FAULT_EIO);
	if (scene_repair(s, &err) < 0)
		die("repair without a fault", &err);
	n = s->power.ops;
	scene_stop(s);
	return n;
}

static bool one_plan(uint64_t seed, uint64_t most)
{
	struct scene s;
	uint64_t n, step;
	bool ok = true;
	char why[800];

	scene_make(&s, seed, 0);
	n = count_operations(&s);
	step = most && n > most ? n / most : 1;
	for (uint64_t at = 1 + (step > 1 ? seed % step : 0); at <= n && ok; at += step)
		for (int kind = 0; kind < IM_FAULT_KINDS && ok; kind++)
			for (int undo = 0; undo < 2 && ok; undo++) {
				ok = try_point(&s, at, (enum im_fault)kind, seed ^ at << 20, undo, why, sizeof(why));
				if (!ok)
					fprintf(stderr, "LOST: plan seed %" PRIu64 " point %" PRIu64 " kind %d %s: %s\n", seed, at, kind,
						undo ? "undo" : "resume", why);
			}
	scene_free(&s);
	return ok;
}

int main(int argc, char **argv)
{
	uint64_t plans = PLANS(10), seed = 1, most = 0;
	const struct argument arguments[] = { { "plans", &plans, NULL }, { "seed", &seed, NULL }, { "points", &most, NULL } };
	bool lost = false;

	if (!arguments_read(argc, argv, arguments, 3))
		return 2;
	for (uint64_t i = 0; i < plans && !lost; i++)
		lost = !one_plan(seed + i, most);
	printf("fault points: %" PRIu64 " (%" PRIu64 " without consequence), lost: %d\n", points, silent, lost);
	return lost || !points ? 1 : 0;
}
