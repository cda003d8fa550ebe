/* fuzz_journal.c - a journal that anybody may have made, beside an image: status, resume, undo.
 *
 * Device 0 is the image, device 1 the journal. Option 0 chooses the verb, option 2 whether the image as it is serves as
 * the clone of a run that goes by one. Oracle: a journal that is refused leads
 * to no write at all; one that is taken leads to none outside the ranges of its own plan.
 */
#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "oracle.h"

#define SIZE_MAX_BYTES (2u << 20)

enum verb { STATUS, RESUME, UNDO, UNDO_CHANGED, VERBS };

static int run(struct im_exec *x, enum verb verb, struct im_error *err)
{
	switch (verb) {
	case RESUME:
		return im_exec_resume(x, err);
	case UNDO:
		return im_exec_undo(x, false, err);
	case UNDO_CHANGED:
		return im_exec_undo(x, true, err);
	default:
		return im_exec_check_committed(x, err);
	}
}

/* Refused, but for want of room: then only the size may have been tried. */
static void check_unchanged(struct im_dev *image, struct im_dev *before, const struct im_error *err)
{
	FUZZ_CHECK(image->size == before->size && fuzz_dev_differ(image, before) == UINT64_MAX, "refused, but written to: %s",
		   err->message);
}

static void try(struct im_dev *image, struct im_dev *journal, enum verb verb, bool has_clone)
{
	struct im_dev *before = fuzz_dev_copy(image, SIZE_MAX_BYTES);
	struct im_error err = { 0 };
	struct im_exec x;
	int rc = im_exec_open(&x, image, journal, &err);

	FUZZ_CHECK(!fuzz_dev_writes(image), "opening wrote");
	if (rc == 0) {
		struct fuzz_bounds bounds = { &x.journal.map, x.journal.prog.sector_size };

		x.clone = has_clone ? before : NULL;
		fuzz_dev_guard(image, fuzz_stay_inside, &bounds);
		rc = run(&x, verb, &err);
		FUZZ_CHECK(verb != STATUS || !fuzz_dev_writes(image), "status wrote");
		fuzz_dev_guard(image, NULL, NULL);
		im_exec_close(&x);
	}
	if (rc < 0) {
		FUZZ_CHECK(err.code && err.message[0], "no message");
		FUZZ_NO_EIO(&err);
		check_unchanged(image, before, &err);
	}
	im_dev_close(before);
}

FUZZ_TARGET(journal)
{
	struct fuzz_head head;
	struct im_dev *dev[2];

	if (!fuzz_devices(data, size, SIZE_MAX_BYTES, true, &head, dev))
		return 0;
	if (head.flags & FUZZ_SEAL)
		fuzz_seal_journal(dev[1]);
	im_journal_kind_of(dev[1]);
	if (head.option[1] & 1)
		dev[0]->sector_size = 4096;
	try(dev[0], dev[1], (enum verb)(head.option[0] % VERBS), head.option[2] & 1);
	im_dev_close(dev[0]);
	im_dev_close(dev[1]);
	return 0;
}
