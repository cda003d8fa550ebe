/* alter.c - journals that are not what they were: altered, truncated, older copies, of another image, or of this
 * image after it was rolled back or used.
 *
 *	alter [--plans N] [--seed S]
 *
 * A repair is stopped somewhere, its journal (or the image) is tampered with, and resume or undo is asked for.
 * Either that ends in exactly the planned or the old image, or it refuses and not one byte of the image was
 * written. Prints how often each happened; exits 1 at the first wrong byte, naming the seed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fence.h"
#include "arguments.h"
#include "scene.h"

enum trick { FLIP_BIT, WIPE_BLOCK, TRUNCATE, OLDER_COPY, RECORDS_LOST, OTHER_IMAGE, ROLLED_BACK, USED, STASH_FLIPPED, SLOT_WIPED, TRICKS };

static const char *const names[] = {
	"bit flipped", "block wiped", "truncated", "older copy", "without its last records", "of another image", "image rolled back", "image used", "bit of STASH flipped",
	"first block of a slot wiped",
};

/* Plans that once ended in a wrong byte: a sector 0 of 4096 bytes, torn at its end, looked like the old one; a group whose slot was
 * wiped looked as if it had not begun, as did one of which the first batch changed only what undo need not bring back; an old image that
 * had been put back was cut to the new size. */
static const uint64_t known[] = { 436, 130170, 744, 100514, 300214, 730, 1205 };

static uint64_t ended[TRICKS], refused[TRICKS];

/* Make the device hold exactly this. */
static void put_copy(struct im_dev *dev, const struct copy *c)
{
	struct im_error err;

	if (im_dev_resize(dev, c->size, &err) < 0)
		die("resize", &err);
	memcpy(im_crash_bytes(dev), c->bytes, c->size);
	im_crash_settle(dev);
}

/* Everything written until the cut stays, as after a kill, or not all of it. */
static void set_cut(struct scene *s, uint64_t cut, bool loses)
{
	static const enum im_cut modes[] = { IM_CUT_ALL, IM_CUT_PREFIX, IM_CUT_RANDOM };

	s->power.mode = loses ? modes[cut % 3] : IM_CUT_ALL;
	s->power.tear_sectors = loses && cut % 2;
	s->power.seed = cut;
	s->power.cut_at = cut;
}

/* Repair until the clock says `cut`. */
static void repair_until(struct scene *s, uint64_t cut, bool loses)
{
	struct im_error err;

	scene_start(s);
	set_cut(s, cut, loses || s->by_steps);
	scene_repair(s, &err);
	if (s->power.is_off)
		scene_reboot(s);
	s->power.cut_at = UINT64_MAX;
	im_crash_settle(s->image);
	im_crash_settle(s->journal);
}

/* Repair, and then undo until the clock says `cut`. */
static void undo_until(struct scene *s, uint64_t cut, bool loses)
{
	struct im_error err;
	bool untouched;

	repair_until(s, UINT64_MAX, false);
	s->power.clock = 0;
	if (loses)
		set_cut(s, cut, true);
	s->power.cut_at = cut;
	scene_go_on(s, true, &untouched, &err);
	if (s->power.is_off)
		scene_reboot(s);
	s->power.cut_at = UINT64_MAX;
	im_crash_settle(s->image);
	im_crash_settle(s->journal);
}

/* Wipe the last records of the log, one to four. */
static void lose_records(struct scene *s, uint64_t *seed)
{
	uint8_t *bytes = im_crash_bytes(s->journal);
	uint64_t size = s->journal->size, log = scene_head(s, 152), n = 0, keep;

	while (log + (n + 1) * 4096 <= size && memcmp(bytes + log + n * 4096, "IMPHASE", 7) == 0)
		n++;
	keep = n - im_min(n, 1 + im_random(seed) % 4);
	if (n)
		memset(bytes + log + keep * 4096, 0, (n - keep) * 4096);
}

/* Go on with the repair for a while, and keep a copy of the journal from before. */
static void older_copy(struct scene *s, uint64_t *seed)
{
	struct copy before = copy_of(s->journal);
	struct im_error err;
	bool untouched;

	s->power.clock = 0;
	s->power.cut_at = 1 + im_random(seed) % 60;
	scene_go_on(s, im_random(seed) % 3 == 0, &untouched, &err);
	if (s->power.is_off)
		scene_reboot(s);
	s->power.cut_at = UINT64_MAX;
	put_copy(s->journal, &before);
	free(before.bytes);
}

/* Does the fence of one of the first runs by this journal have that byte there? */
static bool is_of_a_fence(struct scene *s, uint64_t off, uint8_t byte)
{
	uint8_t fence[4096];

	for (uint64_t run = 0; run < 64 && s->journal->size >= 40; run++) {
		im_fence_make(fence, s->sector_size, im_crash_bytes(s->journal) + 24, run);
		if (fence[off] == byte)
			return true;
	}
	return false;
}

/* Change a byte of sector 0 into one that stands there in no sector of this repair: an other sector must not look like
 * one that a power cut tore between two of them. */
static void use_image(struct scene *s, uint64_t *seed)
{
	uint64_t off = s->image->size ? im_random(seed) % im_min(512, s->image->size) : 0;
	uint8_t *byte = im_crash_bytes(s->image) + off, before = *byte;

	if (!s->image->size)
		return;
	do
		*byte = (uint8_t)im_random(seed);
	while (*byte == before || is_of_a_fence(s, off, *byte) || (off < s->map.old_size && *byte == s->old[off]) ||
	       (off < s->map.new_size && *byte == s->new[off]));
}

/* Somewhere between STASH and the slots. */
static void flip_stash(struct scene *s, uint64_t *seed)
{
	uint8_t *bytes = im_crash_bytes(s->journal);
	uint64_t stash = scene_head(s, 240), slots = scene_head(s, 160);

	if (stash < slots && slots <= s->journal->size)
		bytes[stash + im_random(seed) % (slots - stash)] ^= (uint8_t)(1u << im_random(seed) % 8);
}

/* Of either of the slots, as far as the head says where they are. */
static void wipe_slot(struct scene *s, uint64_t *seed)
{
	uint8_t *bytes = im_crash_bytes(s->journal);
	uint64_t size = s->journal->size, off = scene_head(s, 160);

	if (off < size && im_random(seed) % 2)
		off += scene_head(s, 168);
	if (off + 4096 <= size)
		memset(bytes + off, 0, 4096);
}

static void tamper(struct scene *s, enum trick trick, const struct copy *foreign, uint64_t *seed)
{
	uint64_t size = s->journal->size, off = size ? im_random(seed) % size : 0;
	struct copy old = { s->old, s->map.old_size };
	struct im_error err;

	switch (trick) {
	case FLIP_BIT:
		if (size)
			im_crash_bytes(s->journal)[off] ^= (uint8_t)(1u << im_random(seed) % 8);
		break;
	case WIPE_BLOCK:
		off -= off % 4096;
		memset(im_crash_bytes(s->journal) + off, 0, im_min(4096, size - off));
		break;
	case TRUNCATE:
		if (im_dev_resize(s->journal, off, &err) < 0)
			die("truncate", &err);
		break;
	case OLDER_COPY:
		older_copy(s, seed);
		break;
	case RECORDS_LOST:
		lose_records(s, seed);
		break;
	case OTHER_IMAGE:
		put_copy(s->journal, foreign);
		break;
	case ROLLED_BACK:
		put_copy(s->image, &old);
		break;
	case USED:
		use_image(s, seed);
		break;
	case STASH_FLIPPED:
		flip_stash(s, seed);
		break;
	case SLOT_WIPED:
		wipe_slot(s, seed);
		break;
	default:
		break;
	}
	im_crash_settle(s->journal);
	im_crash_settle(s->image);
	s->power.clock = 0;
	s->power.cut_at = UINT64_MAX;
}

/* An image of which sector 0 was changed is neither the planned nor the old one; whatever else it is, the rest
 * must be. Only for USED. */
static bool is_an_end(struct scene *s, enum trick trick)
{
	if (trick == USED)
		return false;
	return scene_image_is(s, s->new, s->map.new_size) || scene_image_is(s, s->old, s->map.old_size);
}

static bool one_try(struct scene *s, enum trick trick, const struct copy *foreign, uint64_t cut, uint64_t seed, bool undo)
{
	struct im_error err = { 0 };
	struct copy before;
	bool untouched, ok;

	if (im_random(&seed) % 3)
		repair_until(s, cut, trick == SLOT_WIPED);
	else
		undo_until(s, cut, trick == SLOT_WIPED);
	tamper(s, trick, foreign, &seed);
	before = copy_of(s->image);
	ok = scene_go_on(s, undo, &untouched, &err) == 0;
	if (ok && is_an_end(s, trick)) {
		ended[trick]++;
	} else {
		/* done or refused, but not one byte may have been written */
		ok = scene_image_is(s, before.bytes, before.size);
		refused[trick] += ok;
	}
	free(before.bytes);
	scene_stop(s);
	if (!ok)
		fprintf(stderr, "WRONG BYTE: journal %s, cut %" PRIu64 ", %s: %s\n", names[trick], cut,
			undo ? "undo" : "resume", err.message);
	return ok;
}

/* As repair_until has the power, which is not as a scene starts with: where the known plans are cut depends on it. */
static uint64_t operations(struct scene *s)
{
	uint64_t n;

	repair_until(s, UINT64_MAX, false);
	n = s->power.clock;
	scene_stop(s);
	return n;
}

static bool one_plan(uint64_t seed)
{
	struct scene s, other;
	struct copy foreign;
	uint64_t n;
	bool ok = true;

	scene_make(&s, seed, 0);
	scene_make(&other, seed + 1000000, 0);
	repair_until(&other, 12 + seed % 20, false);
	foreign = copy_of(other.journal);
	n = operations(&s);
	/* the last trick came last: the others stay what they are for a seed */
	for (int i = 0; i < 72 && ok; i++) {
		uint64_t r = seed * 1000 + (uint64_t)i, cut = im_random(&r) % (n + 4);

		ok = one_try(&s, i < 60 ? (enum trick)(i % SLOT_WIPED) : SLOT_WIPED, &foreign, cut, r, im_random(&r) % 2);
	}
	free(foreign.bytes);
	scene_stop(&other);
	scene_free(&other);
	scene_free(&s);
	if (!ok)
		fprintf(stderr, "plan seed %" PRIu64 "\n", seed);
	return ok;
}

int main(int argc, char **argv)
{
	uint64_t plans = PLANS(100), seed = 1;
	const struct argument arguments[] = { { "plans", &plans, NULL }, { "seed", &seed, NULL } };
	bool ok = true;

	if (!arguments_read(argc, argv, arguments, 2))
		return 2;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known) && ok; i++)
		ok = one_plan(known[i]);
	for (uint64_t i = 0; i < plans && ok; i++)
		ok = one_plan(seed + i);
	for (int t = 0; t < TRICKS; t++)
		printf("journal %s: ended right %" PRIu64 ", nothing written %" PRIu64 "\n", names[t], ended[t], refused[t]);
	return ok ? 0 : 1;
}
