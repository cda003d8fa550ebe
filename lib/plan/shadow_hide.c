/* shadow_hide.c - what a repair changes stays out of the sight of snapshots that do not have it in use.
 *
 * The newest snapshot shows zeros where it has nothing in use, older ones what lies there today (libvshadow's rule). They would show
 * the copies that are made, the lists that name them, and what else changes there. All older ones are read through the
 * newest one's store, so that gets a descriptor for each such block as well. Where there were zeros, which is the rule in a store's free
 * space, it leads to one block of zeros. Else it leads to a copy, and an overlay, which counts for the newest snapshot
 * alone, to the zeros that this one showed.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "plan/shadow_keeper.h"

#define ROUNDS_MAX 65536u	/* blocks that are hidden */

/* Was it all zeros? 1, 0, -1. */
static int was_zero(const struct im_shadow_keeper *k, uint64_t off, struct im_error *err)
{
	uint64_t n = off < k->vol->size ? im_min(IM_VSS_BLOCK, k->vol->size - off) : 0;
	uint8_t *block = malloc(IM_VSS_BLOCK);
	int rc = block ? im_dev_read(k->vol, off, block, n, err) : im_error_nomem(err);

	if (rc == 0)
		rc = im_is_zero(block, n);
	free(block);
	return rc;
}

/* The block of zeros. IM_EREFUSED where the next free block of the store is none. */
static int find_zeros(struct im_shadow_keeper *k, struct im_shadow_room *room, struct im_error *err)
{
	int zero;

	if (k->zeros)
		return 0;
	if (im_shadow_room_take(room, &k->zeros, &k->zeros_relative, err) < 0)
		return -1;
	zero = was_zero(k, k->zeros, err);
	if (zero > 0)
		return 0;
	return zero < 0 ? -1 : im_error_at(err, IM_EREFUSED, k->zeros, "the free space of a store is not zero");
}

int im_shadow_hide_block(struct im_shadow_keeper *k, uint64_t off, struct im_error *err)
{
	int newest = (int)k->cat.list.n - 1, zero;
	struct im_shadow_room *room = &k->rooms[newest];
	uint64_t copy;

	if (im_shadow_is_kept(k, newest, off))
		return 0;
	if (im_vss_table_find(&k->tables[newest], off))
		return im_error_at(err, IM_EREFUSED, off, "byte %" PRIu64 " of the volume has an overlay already", off);
	for (size_t i = 0; i < k->cat.list.n; i++)
		if (im_vss_table_stands_for(&k->tables[i], off))
			return im_error_at(err, IM_EREFUSED, off, "byte %" PRIu64 " of the volume stands for another block of a snapshot", off);
	zero = was_zero(k, off, err);
	if (zero < 0 || find_zeros(k, room, err) < 0)
		return -1;
	if (zero)
		return im_shadow_room_name(room, off, k->zeros, k->zeros_relative, false, err);
	if (im_shadow_room_add(room, off, &copy, err) < 0 || im_shadow_blocks_add(&k->ours, copy, err) < 0 ||
	    im_shadow_room_name(room, off, k->zeros, k->zeros_relative, true, err) < 0)
		return -1;
	return im_shadow_lay_copy(k, newest, off, copy, err);
}

/* Blocks of lists that change and are not hidden yet. 1: there were some; 0; -1. */
static int hide_lists(struct im_shadow_keeper *k, size_t *done, struct im_error *err)
{
	int some = 0;

	for (size_t i = 0; i < k->cat.list.n; i++)
		for (; done[i] < k->rooms[i].blocks.n; some = 1)
			if (im_shadow_hide_block(k, k->rooms[i].blocks.v[done[i]++].off, err) < 0)
				return -1;
	return some;
}

int im_shadow_hide(struct im_shadow_keeper *k, struct im_error *err)
{
	size_t *done = calloc(k->cat.list.n + 1, sizeof(*done)), copies = 0;
	int more = done ? 1 : im_error_nomem(err);

	/* hiding makes copies and changes lists, which are to be hidden in turn */
	while (more > 0) {
		for (; more > 0 && copies < k->ours.n; copies++) {
			if (copies >= ROUNDS_MAX)
				more = im_error_set(err, IM_EREFUSED, "there are too many blocks to hide");
			else if (im_shadow_hide_block(k, k->ours.v[copies], err) < 0)
				more = -1;
		}
		if (more > 0)
			more = hide_lists(k, done, err);
		if (more == 0 && copies < k->ours.n)
			more = 1;
	}
	free(done);
	return more;
}
