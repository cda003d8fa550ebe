/* blocks.c - see blocks.h. */
#include "api/blocks.h"

#include "base/bytes.h"
#include "exec/fills.h"

/* What a step costs for each extent of the file: to move it, and to list it twice. Measured on ext4, where 32,768 extents take 7 ms
 * to move and 15 to 65 ms to list. */
#define EXTENT_NS 2000
/* Of larger images the gap is larger, as a log holds so many records. */
#define GAPS_MAX 4096
/* … and of less than so many it is not worth it, unless batches would be written twice. */
#define GAPS_MIN 4
/* Bytes that a journal may take beside a gap: its slots, what it saves of the edges, its log. */
#define JOURNAL_ROOM (64ull << 20)

int im_blocks_refused(struct im_error *err)
{
	return im_error_set(err, IM_EREFUSED, "the strategy insert-range wants the image to be a file of ext4 or xfs that blocks"
			    " can be inserted into; this is none; leave the option out to take what can be had");
}

/* Does this map come from inserting blocks and taking blocks out; or, with gap, through one of that many bytes? */
static int fits(const struct im_map *map, uint32_t unit, uint32_t sector_size, uint32_t gap, bool *yes, struct im_error *err)
{
	struct im_steps steps;
	int rc;

	*yes = false;
	if (!unit || unit < sector_size)
		return 0;
	rc = gap ? im_fills_build(&steps, map, unit, gap, err) : im_steps_build(&steps, map, unit, err);
	if (rc < 0)
		return -1;
	im_steps_free(&steps);
	*yes = rc == 0;
	return 0;
}

/* The gap for a map of this size; 0: none is large enough. */
static uint32_t gap_of(const struct im_map *map)
{
	uint64_t gap = IM_FILL_GAP;

	while (map->old_size / gap > GAPS_MAX)
		gap *= 2;
	return gap <= 1u << 31 ? (uint32_t)gap : 0;
}

int im_strategy_ready(const struct im_strategy *s, struct im_dev *image, const struct im_map *map,
		      struct im_exec_params *params, struct im_error *err)
{
	uint32_t gap = s->params.fill_gap ? gap_of(map) : 0;
	bool yes = false;

	*params = s->params;
	params->shift_unit = params->fill_gap = 0;
	/* a saved plan's write-once may mean blocks that are shared */
	if (!s->by_steps || (s->params.fill_gap && !gap))
		return 0;
	if (fits(map, image->shift_unit, image->sector_size, gap, &yes, err) < 0)
		return -1;
	if (!yes || !im_host_shifts(image, gap ? gap + JOURNAL_ROOM : 0))
		return 0;
	params->shift_unit = image->shift_unit;
	params->fill_gap = gap;
	return 0;
}

static int count_extents(struct im_dev *image, uint64_t *n, struct im_error *err)
{
	struct im_physicals p;
	int rc = im_dev_physical(image, &p, err);

	*n = rc == 0 ? p.list.n : 0;
	if (rc == 0)
		im_vec_free(&p.list);
	return rc;
}

/* Does a gap cost less than batches? */
static int is_cheaper(const struct im_strategy *s, struct im_dev *image, const struct im_map *map, uint32_t gap, bool *yes,
		      struct im_error *err)
{
	struct im_strategy other = *s;
	uint64_t extents;
	int rc = count_extents(image, &extents, err);

	if (rc < 0)
		return -1;
	other.by_steps = true;
	other.params.fill_gap = gap;
	*yes = rc == 0 && im_strategy_time(&other, map) + 2 * EXTENT_NS * extents < im_strategy_time(s, map);
	return 0;
}

/* Is there a shift that batches would need the journal for, or is there so much to move that a gap is worth its while? The file must
 * stay where it is until that is done. */
static bool is_short_or_much(const struct im_strategy *s, const struct im_map *map, uint32_t gap)
{
	uint64_t moves = 0;

	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *seg = &map->segs.v[i];

		if (seg->kind != IM_FROM)
			continue;
		moves += seg->len;
		if (seg->start - seg->from < seg->len && seg->start - seg->from < s->params.direct_min)
			return true;
	}
	return moves >= GAPS_MIN * (uint64_t)gap;
}

int im_blocks_choose_gap(struct im_strategy *s, struct im_dev *image, const struct im_map *map, uint32_t sector_size,
			 struct im_error *err)
{
	uint32_t gap = gap_of(map);
	bool must = im_strategy_is(s->wanted, "write-once"), yes = false;

	if (!must && (!im_strategy_is_open(s->wanted) || !is_short_or_much(s, map, gap)))
		return 0;
	if ((gap && fits(map, image->shift_unit, sector_size, gap, &yes, err) < 0) ||
	    (yes && !must && is_cheaper(s, image, map, gap, &yes, err) < 0))
		return -1;
	yes = yes && im_host_shifts(image, gap + JOURNAL_ROOM);
	if (must && !yes && !s->host.can_share)
		return im_error_set(err, IM_EREFUSED, "the strategy write-once has a gap of %u MiB go through the image's file: that this"
				    " plan does not allow, or the file system, or its free space; leave the option out", gap >> 20);
	s->by_steps = yes;
	s->params.shift_unit = yes ? image->shift_unit : 0;
	s->params.fill_gap = yes ? gap : 0;
	return 0;
}

int im_blocks_choose(struct im_strategy *s, struct im_dev *image, const struct im_map *map, uint32_t sector_size, struct im_error *err)
{
	bool must = im_strategy_is(s->wanted, "insert-range"), yes;

	if (!must && !im_strategy_is_open(s->wanted))
		return 0;
	if (fits(map, image->shift_unit, sector_size, 0, &yes, err) < 0)
		return -1;
	if (must && !yes)
		return im_error_set(err, IM_EREFUSED, "the strategy insert-range moves whole blocks of the file system, and this plan moves by what"
				    " is not a multiple of its %u bytes, or changes an order; leave the option out", image->shift_unit);
	s->by_steps = yes && im_host_shifts(image, 0);
	if (must && !s->by_steps)
		return im_blocks_refused(err);
	s->params.shift_unit = s->by_steps ? image->shift_unit : 0;
	return 0;
}
