/* fuzz_inside.c - a repair inside an NTFS volume by a child that may say anything.
 *
 * Device 0 is the volume. Device 1 is what the child makes of it, and behind that, in the last 4096 bytes, the
 * number of its moves (u32), four bytes of nothing, and the moves. Oracle: what is believed in the end is a sound map
 * of the volume, after which our own reader finds nothing wrong with its boot area.
 */
#include <string.h>

#include "adapt/ntfs_repair.h"
#include "base/bytes.h"
#include "fuzz.h"
#include "oracle.h"
#include "plan/inside.h"
#include "scan/ntfs_area.h"

#define SIZE_MAX_BYTES (2u << 20)
#define TAIL 4096u
#define MOVES_MAX ((TAIL - 8) / sizeof(struct im_ntfs_move))

/* The answer, made of the differences of both devices. The caller frees it. */
static uint8_t *make_answer(struct im_dev *old, struct im_dev *new, const struct fuzz_head *head, size_t *len)
{
	struct im_ntfs_answer a = { .is_done = !(head->option[1] & 0x80), .snapshots = head->option[1] & 3 };
	uint8_t tail[TAIL], now[IM_OVERLAY_BLOCK], would[IM_OVERLAY_BLOCK], *p, *answer;

	if (new->size < TAIL || im_dev_read(new, new->size - TAIL, tail, TAIL, NULL) < 0)
		return NULL;
	a.n_moves = (uint32_t)im_min(im_get32(tail), MOVES_MAX);
	p = answer = malloc(sizeof(a) + TAIL + (old->size / IM_OVERLAY_BLOCK + 1) * (8 + IM_OVERLAY_BLOCK));
	if (!answer)
		abort();
	p += sizeof(a);
	memcpy(p, tail + 8, a.n_moves * sizeof(struct im_ntfs_move));
	p += a.n_moves * sizeof(struct im_ntfs_move);
	for (uint64_t off = 0; off + IM_OVERLAY_BLOCK <= im_min(old->size, new->size - TAIL); off += IM_OVERLAY_BLOCK) {
		if (im_dev_read(old, off, now, sizeof(now), NULL) < 0 || im_dev_read(new, off, would, sizeof(would), NULL) < 0)
			abort();
		if (memcmp(now, would, sizeof(now)) == 0)
			continue;
		memcpy(p, &off, 8);
		memcpy(p + 8, would, sizeof(would));
		p += 8 + sizeof(would);
		a.n_blocks++;
	}
	a.n_blocks += head->option[2] == 0xff;		/* one that is not there */
	memcpy(answer, &a, sizeof(a));
	*len = (size_t)(p - answer);
	return answer;
}

static void check_repaired(const struct im_map *map, struct im_dev *vol)
{
	struct im_dev *new = fuzz_render(map, vol, vol->size);
	struct im_boot_area area;
	struct im_error err = { 0 };
	const char *why;

	FUZZ_CHECK(map->old_size == vol->size && map->new_size == vol->size, "another size");
	fuzz_check_map(map, vol);
	FUZZ_CHECK(im_boot_area_look(&area, new, true, &why, &err) == IM_FOUND, "%s %s", err.message, why);
	FUZZ_CHECK(!im_boot_area_is_bad(&area), "the boot area is not free");
	im_boot_area_free(&area);
	im_dev_close(new);
}

static void repair(struct im_dev *vol, struct im_boot_area *area, uint8_t choice)
{
	struct im_plan_options options = { .allow_dirty = choice & 1, .allow_snapshots = choice & 2 };
	struct im_volume v = { .size = vol->size, .there = vol->size, .area = area };
	struct im_inside inside = { 0 };
	struct im_error err = { 0 };

	if (im_ntfs_inside(&inside, &v, vol, &options, &err) == 0)
		check_repaired(&inside.map, vol);
	else
		FUZZ_CHECK(err.code == IM_EREFUSED && err.message[0], "code %d: %s", (int)err.code, err.message);
	im_map_free(&inside.map);
	im_notes_free(&inside.notes);
}

FUZZ_TARGET(inside)
{
	struct im_boot_area area;
	struct im_error err = { 0 };
	struct fuzz_head head;
	struct im_dev *dev[2];
	const char *why;
	uint8_t *answer;

	if (!fuzz_devices(data, size, SIZE_MAX_BYTES, true, &head, dev))
		return 0;
	answer = make_answer(dev[0], dev[1], &head, &fuzz_answer_len);
	fuzz_answer = answer;
	if (answer && im_boot_area_look(&area, dev[0], true, &why, &err) == IM_FOUND) {
		if (im_boot_area_is_bad(&area))
			repair(dev[0], &area, head.option[0]);
		im_boot_area_free(&area);
	}
	FUZZ_CHECK(!err.code, "%s", err.message);
	fuzz_answer = NULL;
	free(answer);
	im_dev_close(dev[0]);
	im_dev_close(dev[1]);
	return 0;
}
