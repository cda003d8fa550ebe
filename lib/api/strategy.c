/* strategy.c - the cost model.
 *
 * To move N bytes by D without a journal takes batches of D, N/D of them. A batch costs two requests r; a number S of strands have
 * one each in a wave, up to P bytes, which costs t/2 + h, t being the time to make a batch durable, and a record, which announces
 * P bytes of batches; and h what else a short wave costs: the disk stands still while it is handed over. So have islands of data
 * between holes, as far as a slot announces batches of several.
 * Through the journal it costs N/W to write everything twice, W being bytes a second, and (N/B)·t with buffers of B bytes;
 * where the image can share the journal's blocks, N/W falls away. Through a gap of G bytes it costs some (4 + 2·N/G)·t.
 */
#include "api/blocks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#define LOOK_UPS 4096			/* extents that stand for all of an image */
#define BUFFER_MIN (4u << 20)
#define DIRECT_LEAST (64u << 10)	/* bytes of a shift */
#define STRANDS_LEAST (512u << 10)	/* … that strands make one without a journal */
#define LONG (16u << 20)		/* a move from here on is cut into as many strands as there may be (strands.c) */
#define REQUEST_NS 50000.0		/* a request of one batch, beside its bytes; measured on a virtio disk, as what 64 KiB take longer than
				 * a 16th of 1 MiB */
#define GAP_RECORDS 2.0			/* while as much is written as the gap has: four, in the meantime, so that half of each is seen */
#define GAP_STEPS 4			/* what its insertion and removal cost, in flushes of a batch */
#define MOST 0.75			/* of what moves */
#define NEVER (1ull << 50)		/* no shift is that long; a number that any reader of JSON can hold */

static const char *const words[] = { "auto", "direct", "journalled", "write-once", "reflink", "insert-range", NULL };

bool im_strategy_is(const char *wanted, const char *word)
{
	return wanted && strcmp(wanted, word) == 0;
}

bool im_strategy_is_open(const char *wanted)
{
	return !wanted || im_strategy_is(wanted, "auto");
}

static int check_wanted(const struct im_host *host, const char *wanted, struct im_error *err)
{
	bool known = !wanted;

	for (int i = 0; words[i]; i++)
		known |= im_strategy_is(wanted, words[i]);
	if (!known)
		return im_error_set(err, IM_EUSAGE, "there is no strategy \"%s\"; there are auto, direct, journalled, write-once,"
				    " reflink and insert-range", wanted);
	if (im_strategy_is(wanted, "reflink") && !host->can_share)
		return im_error_set(err, IM_EREFUSED, "the strategy reflink wants the image and its journal to be files of one xfs or btrfs"
				    " that can share blocks; these are not; leave the option out to take what can be had");
	if (im_strategy_is(wanted, "write-once") && !host->can_share && !host->shift_unit)
		return im_error_set(err, IM_EREFUSED, "the strategy write-once wants the image and its journal to be files of one xfs or btrfs"
				    " that can share blocks, or the image one of ext4 or xfs that blocks can be inserted into; these are"
				    " not; leave the option out to take what can be had");
	return im_strategy_is(wanted, "insert-range") && !host->shift_unit ? im_blocks_refused(err) : 0;
}

/* ns for each byte beside the one writing, without the journal; `shift` bytes or more. */
static double direct_cost(const struct im_host *host, uint64_t shift, uint32_t strands)
{
	double t = (double)host->flush_ns, batch = (double)im_min(shift, IM_DIRECT_BATCH), wave = im_min(batch * strands, IM_DIRECT_BATCH);

	return 2 * REQUEST_NS / batch + (t / 2 + (double)host->handover_ns) / wave + t / 2 / IM_DIRECT_BATCH;
}

/* The same through the journal. */
static double journalled_cost(const struct im_host *host, uint64_t buffer, bool twice)
{
	return (twice ? 1e9 / (double)host->write_rate : 0) + (double)host->flush_ns / (double)buffer;
}

/* Batches that a wave may have: of each strand, or of each of as many islands between holes as a slot announces. */
static uint32_t side_by_side(const struct im_strategy *s, uint64_t shift)
{
	uint64_t islands = s->island ? IM_STRANDS * im_min(shift, s->island) / s->island : 0;

	return (uint32_t)im_max(islands, s->params.strands);
}

/* The least shift, `least` times a power of two, for which the journal costs more. */
static uint64_t threshold_from(const struct im_strategy *s, uint64_t least, bool is_alone)
{
	double other = journalled_cost(&s->host, s->params.buffer, !s->host.can_share);
	uint64_t shift = least;

	while (shift < s->params.buffer && direct_cost(&s->host, shift, is_alone ? 1 : side_by_side(s, shift)) > other)
		shift *= 2;
	return shift;
}

/* Where even one strand costs less that is so for all moves; strands are of long ones. */
static uint64_t threshold(const struct im_strategy *s)
{
	return im_min(threshold_from(s, DIRECT_LEAST, true), threshold_from(s, STRANDS_LEAST, false));
}

/* Do long moves to the right make most of what moves? */
static bool moves_long(const struct im_map *map)
{
	uint64_t all = 0, most = 0;

	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *seg = &map->segs.v[i];

		all += seg->kind == IM_FROM ? seg->len : 0;
		most += seg->kind == IM_FROM && seg->start > seg->from && seg->len >= LONG ? seg->len : 0;
	}
	return (double)most >= MOST * (double)all;
}

/* Strands have the disk go from place to place, which one of platters takes longer for than for flushes; and where there is little
 * data, waves of it are long as they are. */
static uint32_t choose_strands(const struct im_strategy *s, const struct im_map *map)
{
	uint64_t flush = s->host.flush_ns / 2 + s->host.handover_ns;

	return s->host.knows_seeks && s->host.seek_ns <= flush / 3 && s->data_part >= MOST && moves_long(map) ? IM_STRANDS : 1;
}

/* A run begins and ends with a buffer on its way alone, which a slow disk takes long for: so it is no larger than it must be, for
 * the flushes to take some thirtieth of the writing. */
static uint64_t choose_buffer(const struct im_host *host)
{
	double least = 30 * (double)host->flush_ns / 1e9 * (double)host->write_rate;
	uint64_t buffer = im_exec_defaults.buffer;

	while (buffer > BUFFER_MIN && (double)buffer / 2 >= least)
		buffer /= 2;
	return buffer;
}

/* How moves are to be cut. */
static void set_params(struct im_strategy *s)
{
	if (s->host.is_probed)
		s->params.buffer = choose_buffer(&s->host);
	if (im_strategy_is(s->wanted, "direct"))
		s->params.direct_min = 1;
	else if (im_strategy_is(s->wanted, "journalled") || im_strategy_is(s->wanted, "write-once"))
		s->params.direct_min = NEVER;
	else if (s->host.is_probed || s->host.can_share)
		s->params.direct_min = threshold(s);
}

int im_strategy_begin(struct im_strategy *s, struct im_dev *image, const char *folder, bool measures,
		      const char *wanted, struct im_error *err)
{
	*s = (struct im_strategy){ .params = im_exec_defaults, .wanted = wanted, .unmeasured = measures ? folder : NULL };
	im_host_look(&s->host, image, folder);
	if (check_wanted(&s->host, wanted, err) < 0)
		return -1;
	s->params.no_share = im_strategy_is(wanted, "journalled");
	set_params(s);
	return 0;
}

static uint64_t shift_of(const struct im_segment *s)
{
	return s->from > s->start ? s->from - s->start : s->start - s->from;
}

/* How much of what moves is data? Extents up to a limit stand for those behind it. */
static int find_data_part(struct im_strategy *s, struct im_dev *image, const struct im_map *map, struct im_error *err)
{
	uint64_t seen = 0, data = 0, islands = 0;
	struct im_extent ext;
	int left = LOOK_UPS;

	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *seg = &map->segs.v[i];

		for (uint64_t done = 0; seg->kind == IM_FROM && done < seg->len && left; done += ext.len, left--) {
			if (im_dev_extent(image, seg->from + done, seg->len - done, &ext, err) < 0)
				return -1;
			seen += ext.len;
			data += ext.is_zero ? 0 : ext.len;
			islands += !ext.is_zero;
		}
	}
	s->data_part = seen ? (double)data / (double)seen : 0;
	s->island = islands ? data / islands : 0;
	return 0;
}

/* Bytes of it that must be moved. */
static double weight(const struct im_strategy *s, const struct im_segment *seg)
{
	return (double)seg->len * (s->data_part > 0 ? s->data_part : 1);
}

static void add_times(struct im_strategy *s, const struct im_segment *seg)
{
	double n = weight(s, seg), write = n / (double)s->host.write_rate * 1e9;

	s->direct_ns += (uint64_t)(write + n * direct_cost(&s->host, shift_of(seg), side_by_side(s, shift_of(seg))));
	s->journalled_ns += (uint64_t)(write + n * journalled_cost(&s->host, s->params.buffer, !s->host.can_share || s->params.no_share));
}

/* What a move takes that goes through the gap: records are made in the meantime, but they are flushes; also of holes. */
static uint64_t gap_time(const struct im_strategy *s, const struct im_segment *seg)
{
	double flush = (double)s->host.flush_ns, records = GAP_RECORDS * (double)seg->len / s->params.fill_gap;

	return (uint64_t)(weight(s, seg) / (double)s->host.write_rate * 1e9 + (GAP_STEPS + records) * flush);
}

uint64_t im_strategy_time(const struct im_strategy *s, const struct im_map *map)
{
	/* phases, and sector 0 twice */
	uint64_t total = 8 * s->host.flush_ns;

	if (!s->host.write_rate)
		return 0;
	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *seg = &map->segs.v[i];
		struct im_strategy one = *s;

		if (seg->kind != IM_FROM || s->by_clone || (s->by_steps && !s->params.fill_gap))
			continue;
		one.direct_ns = one.journalled_ns = 0;
		add_times(&one, seg);
		if (s->params.fill_gap)
			total += gap_time(s, seg);
		else
			total += shift_of(seg) >= s->params.direct_min ? one.direct_ns : one.journalled_ns;
	}
	return total;
}

/* Blocks can be shared where a move is one of whole blocks; at its two ends there may be less than one. */
static bool is_by_blocks(const struct im_map *map, uint32_t unit)
{
	bool any = false;

	for (size_t i = 0; i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];

		if (s->kind != IM_FROM)
			continue;
		if (!unit || shift_of(s) % unit)
			return false;
		any = true;
	}
	return any;
}

static void name(struct im_strategy *s, const struct im_program *prog)
{
	bool once = s->params.fill_gap || (s->host.can_share && !s->params.no_share);
	const char *journalled = once ? "write-once" : "journalled";

	if (s->by_clone)
		strcpy(s->name, "reflink");
	else if (s->by_steps)
		strcpy(s->name, s->params.fill_gap ? "write-once" : "insert-range");
	else if (!prog->has_direct && !prog->has_journalled)
		strcpy(s->name, "literals");
	else
		snprintf(s->name, sizeof(s->name), "%s%s%s", prog->has_direct ? "direct" : "",
			 prog->has_direct && prog->has_journalled ? "+" : "", prog->has_journalled ? journalled : "");
}

static void say_why(struct im_strategy *s, const struct im_program *prog, const char *wanted)
{
	if (!im_strategy_is_open(wanted))
		im_say(s->why, sizeof(s->why), "because --strategy asks for it");
	else if (s->by_clone)
		im_say(s->why, sizeof(s->why), "because all moves are of whole blocks, which the image can take from a clone of itself:"
		       " no data is written");
	else if (s->params.fill_gap)
		im_say(s->why, sizeof(s->why), "because blocks can be inserted into this file and taken out, so that nothing is written twice");
	else if (s->by_steps)
		im_say(s->why, sizeof(s->why), "because all moves are of whole blocks, and blocks can be inserted into this file and taken out:"
		       " no data is written");
	else if (!prog->has_direct && !prog->has_journalled)
		im_say(s->why, sizeof(s->why), "because nothing moves");
	else if (s->host.can_share)
		im_say(s->why, sizeof(s->why), "because the image can share the journal's blocks, so that nothing is written twice");
	else if (s->host.is_probed)
		im_say(s->why, sizeof(s->why), "because the flushes of a batch take %" PRIu64 " us here and 1 MiB is written in %" PRIu64 " us: shifts"
		       " of at least %" PRIu64 " bytes cost less without the journal", s->host.flush_ns / 1000,
		       (uint64_t)(1.048576e12 / (double)s->host.write_rate), s->params.direct_min);
	else
		im_say(s->why, sizeof(s->why), "because shifts of at least %" PRIu64 " bytes cost less without the journal; the disk was"
		       " not measured", s->params.direct_min);
}

/* What there really are of them. */
static uint32_t strands_of(const struct im_program *prog)
{
	size_t most = 1;

	for (size_t i = 0; i < prog->stretches.n; i++)
		most = im_max(most, prog->stretches.v[i].n_strands);
	return (uint32_t)most;
}

static void say_strands(struct im_strategy *s)
{
	size_t n = strlen(s->why);

	if (s->params.strands > 1)
		im_say(s->why + n, sizeof(s->why) - n, "; long moves go in up to %u strands, for one flush serves all of them and to read in"
		       " another place takes only %" PRIu64 " us longer", s->params.strands, (s->host.seek_ns + 999) / 1000);
}

/* Can all that moves take its blocks from a clone? */
static int choose_clone(struct im_strategy *s, const struct im_map *map, struct im_error *err)
{
	bool must = im_strategy_is(s->wanted, "reflink"), can = s->host.can_share && is_by_blocks(map, s->host.share_unit);

	if (must && !can)
		return im_error_set(err, IM_EREFUSED, "the strategy reflink shares whole blocks of the file system, and this plan moves by what is not a"
				    " multiple of its %u bytes; leave the option out", s->host.share_unit);
	s->by_clone = can && (must || im_strategy_is_open(s->wanted));
	return 0;
}

/* Data moves: what that costs decides how. */
static int choose_by_cost(struct im_strategy *s, struct im_dev *image, const struct im_map *map, uint32_t sector_size,
			  struct im_error *err)
{
	if (s->unmeasured)
		im_host_measure(&s->host, image, s->unmeasured);
	s->unmeasured = NULL;
	if (!s->data_part && find_data_part(s, image, map, err) < 0)
		return -1;
	s->params.strands = choose_strands(s, map);
	set_params(s);
	for (size_t i = 0; i < map->segs.n; i++)
		if (map->segs.v[i].kind == IM_FROM)
			add_times(s, &map->segs.v[i]);
	return im_blocks_choose_gap(s, image, map, sector_size, err);
}

static bool moves(const struct im_map *map)
{
	for (size_t i = 0; i < map->segs.n; i++)
		if (map->segs.v[i].kind == IM_FROM)
			return true;
	return false;
}

int im_strategy_settle(struct im_strategy *s, struct im_dev *image, const struct im_map *map, uint32_t sector_size,
		       struct im_error *err)
{
	struct im_program prog;

	s->by_steps = false;
	s->params.shift_unit = s->params.fill_gap = 0;
	s->params.strands = 1;
	s->direct_ns = s->journalled_ns = 0;
	if (choose_clone(s, map, err) < 0)
		return -1;
	if (moves(map) && !s->by_clone &&
	    (im_blocks_choose(s, image, map, sector_size, err) < 0 ||
	     (!s->by_steps && choose_by_cost(s, image, map, sector_size, err) < 0)))
		return -1;
	if (s->by_steps)
		s->params.strands = 1;
	if (im_program_build(&prog, map, sector_size, &s->params, err) < 0)
		return -1;
	s->params.strands = strands_of(&prog);
	name(s, &prog);
	say_why(s, &prog, s->wanted);
	say_strands(s);
	im_program_free(&prog);
	return 0;
}

void im_strategy_restore(struct im_strategy *s, const char *saved, uint64_t direct_min, uint64_t buffer, uint64_t strands)
{
	*s = (struct im_strategy){ .params = im_exec_defaults };
	snprintf(s->name, sizeof(s->name), "%s", saved);
	s->by_clone = strcmp(saved, "reflink") == 0;
	s->params.fill_gap = strcmp(saved, "write-once") == 0 ? IM_FILL_GAP : 0;
	s->by_steps = strcmp(saved, "insert-range") == 0 || s->params.fill_gap;
	s->params.no_share = strstr(saved, "journalled") != NULL;
	if (direct_min <= NEVER)
		s->params.direct_min = direct_min;
	if (strands && strands <= IM_STRANDS && !s->by_steps)
		s->params.strands = (uint32_t)strands;
	if (buffer >= BUFFER_MIN && buffer <= im_exec_defaults.buffer)
		s->params.buffer = buffer;
}
