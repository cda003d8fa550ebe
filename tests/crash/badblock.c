/* badblock.c - journals with a block that cannot be read any more.
 *
 *	badblock [--plans N] [--seed S]
 *
 * A repair is stopped while a group of batches is written that goes without the journal. Its record stands twice, so either block
 * of it may be lost: the repair must go on to the planned image. With both of them lost it may do so, or write nothing. Prints how
 * often; exits 1 at the first failure, naming the seed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "arguments.h"
#include "scene.h"

enum lost { FIRST, SECOND, BOTH, LOST };

static const struct im_dev_ops *good;
static uint64_t bad, bad_end;
static uint64_t tried[LOST], refused;

static int bad_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	if (off < bad_end && bad < off + len)
		return im_error_at(err, IM_EIO, bad, "byte %" PRIu64 " cannot be read", bad);
	return good->read(dev, off, buf, len, err);
}

/* Where the newest slot is, if it is one of a group in the run forward (lib/exec/slots.c); else 0. */
static uint64_t find_group(struct scene *s)
{
	const uint8_t *j = im_crash_bytes(s->journal);
	uint64_t off = scene_head(s, 160), other = off + scene_head(s, 168);

	if (other + 4096 > s->journal->size || memcmp(j + off, "IMSLOT", 6) != 0 || memcmp(j + other, "IMSLOT", 6) != 0)
		return 0;
	if (im_get64(j + other + 24) > im_get64(j + off + 24))
		off = other;
	return im_get64(j + off + 32) == 0 && im_get64(j + off + 72) == 0 ? off : 0;
}

static bool go_on(struct scene *s, uint64_t slot, enum lost lost)
{
	struct im_dev_ops ops = *s->journal->ops;
	struct copy before = copy_of(s->image);
	struct im_error err = { 0 };
	bool untouched, done, ok;

	good = s->journal->ops;
	ops.read = bad_read;
	s->journal->ops = &ops;
	bad = slot + (lost == SECOND ? 4096 : 0);
	bad_end = slot + (lost == FIRST ? 4096 : 8192);
	done = scene_go_on(s, false, &untouched, &err) == 0;
	s->journal->ops = good;
	/* a run that is past its batches needs no slot */
	ok = done ? scene_image_is(s, s->new, s->map.new_size) : lost == BOTH && scene_image_is(s, before.bytes, before.size);
	refused += !done;
	if (!ok)
		fprintf(stderr, "block %d of the record unreadable: %s\n", lost, err.message);
	free(before.bytes);
	return ok;
}

/* Stop the repair at `cut`, and go on. */
static bool one_try(struct scene *s, uint64_t cut, enum lost lost)
{
	struct im_error err;
	uint64_t slot = 0;
	bool ok = true;

	scene_start(s);
	s->power.mode = IM_CUT_ALL;
	s->power.cut_at = cut;
	if (scene_repair(s, &err) < 0 && s->power.is_off) {
		scene_reboot(s);
		slot = find_group(s);
	}
	if (slot) {
		ok = go_on(s, slot, lost);
		tried[lost]++;
	}
	scene_stop(s);
	return ok;
}

static bool one_plan(uint64_t seed)
{
	struct scene s;
	uint64_t n;
	bool ok = true;

	scene_make(&s, seed, 0);
	n = scene_operations(&s);
	for (uint64_t cut = n / 2; cut < n && ok; cut += 1 + n / 10)
		for (int lost = 0; lost < LOST && ok; lost++)
			ok = one_try(&s, cut, (enum lost)lost);
	scene_free(&s);
	if (!ok)
		fprintf(stderr, "plan seed %" PRIu64 "\n", seed);
	return ok;
}

int main(int argc, char **argv)
{
	uint64_t plans = PLANS(300), seed = 1;
	const struct argument arguments[] = { { "plans", &plans, NULL }, { "seed", &seed, NULL } };
	bool ok = true;

	if (!arguments_read(argc, argv, arguments, 2))
		return 2;
	for (uint64_t i = 0; i < plans && ok; i++)
		ok = one_plan(seed + i);
	printf("block lost: the first %" PRIu64 ", the second %" PRIu64 ", both %" PRIu64 ", of which were refused %" PRIu64 "\n",
	       tried[FIRST], tried[SECOND], tried[BOTH], refused);
	return ok && tried[FIRST] && tried[SECOND] && refused ? 0 : 1;
}
