/* campaign.c - the crash campaign: random plans, power cut at every operation, then resume or undo.
 *
 *	campaign [--plans N] [--seed S] [--cuts N] [--shift BYTES]
 *	campaign [--seed S] [--cuts N] --image FILE --plan FILE
 *
 * For each plan the repair is run once to count its operations. Then, for each cut point and each way
 * in which unflushed writes can survive: run until the cut, and go on with resume or undo, with up to
 * two more cuts in there. Some of the cuts only kill the process: then everything is still in the cache, and
 * a later power cut takes it away. The end must be the planned or the old image, byte for byte. --cuts bounds
 * the cut points of one plan (spread evenly; 0 is all); --shift makes each plan one shift by BYTES to the
 * right with growth instead of a random one; with --image and --plan it is that saved plan on that image. Prints
 * the number of crash states; exits 1 at the first loss, naming the seed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "scene.h"

static uint64_t states, lost;

/* One crash state: the power goes at `cut`; recover, with further cuts on the way. */
static bool try_cut(struct scene *s, uint64_t cut, enum im_cut mode, uint64_t seed, bool undo, char *why, size_t n)
{
	struct im_error err = { 0 };
	bool untouched = false, switched = false, ok;

	scene_start(s);
	s->power.seed = seed;
	s->power.mode = mode;
	s->power.tear_sectors = im_random(&seed) % 2;
	s->power.cut_at = cut;
	if (scene_repair(s, &err) == 0)
		undo = false;	/* the cut came too late: repaired */
	for (int again = 0; s->power.is_off; again++) {
		if (im_random(&seed) % 3)
			scene_reboot(s);
		else
			scene_restart(s);
		states++;
		if (again < 2 && im_random(&seed) % 2)
			s->power.cut_at = im_random(&seed) % (im_random(&seed) % 2 ? 8 : 40);
		/* sometimes begin with a resume and turn round at the crash */
		if (again == 0 && undo && im_random(&seed) % 3 == 0) {
			switched = true;
			if (scene_go_on(s, false, &untouched, &err) == 0 && scene_go_on(s, true, &untouched, &err) == 0)
				break;
		} else if (scene_go_on(s, undo, &untouched, &err) == 0) {
			break;
		}
		if (!s->power.is_off) {
			snprintf(why, n, "%s", err.message);
			scene_stop(s);
			return false;
		}
	}
	ok = untouched || undo ? scene_image_is(s, s->old, s->map.old_size) : scene_image_is(s, s->new, s->map.new_size);
	/* an undo that finds a half-done resume may also have been told to resume last */
	if (!ok)
		snprintf(why, n, "the image is not what it should be (%s%s%s)", undo ? "undo" : "resume",
			 untouched ? ", untouched" : "", switched ? ", after a resume" : "");
	scene_stop(s);
	return ok;
}

static bool is_repaired(struct scene *s)
{
	return scene_image_is(s, s->used ? s->used : s->new, s->map.new_size);
}

/* Else it cannot be told from sector 0 whether the image is taken back already. */
static bool sector0_differs(const struct scene *s)
{
	return memcmp(s->old, s->new, s->sector_size) != 0;
}

/* The program, or all of the machine, starts again. Where the image is still the repaired one, somebody may work with it again. */
static void start_again(struct scene *s, uint64_t *seed)
{
	states++;
	if (im_random(seed) % 3)
		scene_reboot(s);
	else
		scene_restart(s);
	if (is_repaired(s) && sector0_differs(s) && im_random(seed) % 2)
		scene_use(s, seed);
}

/* The repair is complete, somebody may have worked with the image, and the power goes while it is taken back, perhaps more than once;
 * 0: it was taken back before that. The end is the old image, or also the new one where a resume finds that nothing was taken back
 * yet. -1: neither. */
static int try_undo_cut(struct scene *s, uint64_t cut, uint64_t seed, char *why, size_t n)
{
	bool undo = im_random(&seed) % 2, untouched = false, ok;
	struct im_error err = { 0 };
	int rc, again = 0;

	scene_start(s);
	if (scene_repair(s, &err) < 0)
		die("repair without a crash", &err);
	scene_restart(s);
	if (im_random(&seed) % 2)
		scene_use(s, &seed);
	s->power.seed = seed;
	s->power.mode = (enum im_cut)(im_random(&seed) % IM_CUT_MODES);
	s->power.cut_at = cut;
	rc = scene_go_on(s, true, &untouched, &err) < 0;
	for (; s->power.is_off; again++) {
		start_again(s, &seed);
		if (again < 2 && im_random(&seed) % 2)
			s->power.cut_at = im_random(&seed) % 20;
		rc = scene_go_on(s, undo, &untouched, &err) < 0 ? -1 : 1;
	}
	ok = rc >= 0 && (scene_is_taken_back(s) || (!undo && is_repaired(s)));
	if (!ok)
		snprintf(why, n, "a repair that was taken back: %s", rc < 0 ? err.message : "the image is neither the old nor the new one");
	scene_stop(s);
	return ok ? rc : -1;
}

/* Cut the power in the scene's plan, and free the scene. */
static bool one_plan(struct scene s, uint64_t seed, uint64_t cuts)
{
	uint64_t n = scene_operations(&s), step;
	bool ok = true;
	char why[800];

	step = cuts && n > cuts ? n / cuts : 1;
	for (uint64_t cut = step > 1 ? seed % step : 0; cut <= n && ok; cut += step)
		for (int mode = 0; mode < IM_CUT_MODES && ok; mode++)
			for (int undo = 0; undo < 2 && ok; undo++) {
				ok = try_cut(&s, cut, (enum im_cut)mode, seed ^ cut << 20, undo, why, sizeof(why));
				if (!ok)
					fprintf(stderr, "LOST: plan seed %" PRIu64 " cut %" PRIu64 " mode %d %s: %s\n",
						seed, cut, mode, undo ? "undo" : "resume", why);
			}
	for (uint64_t cut = 0; ok; cut += step) {
		int rc = try_undo_cut(&s, cut, seed ^ cut << 20, why, sizeof(why));

		ok = rc >= 0;
		if (!ok)
			fprintf(stderr, "LOST: plan seed %" PRIu64 " cut %" PRIu64 ": %s\n", seed, cut, why);
		if (rc <= 0)
			break;
	}
	scene_free(&s);
	return ok;
}

int main(int argc, char **argv)
{
	const char *image = NULL, *plan = NULL;
	struct scene s;
	uint64_t plans = PLANS(10), seed = 1, cuts = 0, shift = 0;
	const struct argument arguments[] = {
		{ "plans", &plans, NULL }, { "seed", &seed, NULL }, { "cuts", &cuts, NULL },
		{ "shift", &shift, NULL }, { "image", NULL, &image }, { "plan", NULL, &plan },
	};

	if (!arguments_read(argc, argv, arguments, sizeof(arguments) / sizeof(*arguments)))
		return 2;
	if (!image != !plan)
		return 2;
	for (uint64_t i = 0; i < (image ? 1 : plans) && !lost; i++) {
		if (image)
			scene_load(&s, image, plan);
		else
			scene_make(&s, seed + i, shift);
		lost += !one_plan(s, seed + i, cuts);
	}
	printf("crash states: %" PRIu64 ", lost: %" PRIu64 "\n", states, lost);
	return lost ? 1 : 0;
}
