/* strategy.h - which way a repair's data takes, and why. */
#ifndef IM_API_STRATEGY_H
#define IM_API_STRATEGY_H

#include "dev/host.h"
#include "exec/exec.h"
#include "plan/plan.h"

/* Files below this size are repaired at once whatever the way; the disk is not measured for them. */
#define IM_PROBE_MIN (128ull << 20)

struct im_strategy {
	char name[32];			/* "direct", "journalled", "write-once", two of them with a +; "reflink", "insert-range", "literals" */
	char why[480];			/* "because …"; "" for a plan that was read back */
	struct im_exec_params params;
	bool by_clone;			/* "reflink" */
	bool by_steps;			/* "insert-range", or, with params.fill_gap, "write-once" */
	struct im_host host;
	double data_part;		/* of the bytes that move, those that are no holes, about; 0: not known */
	uint64_t island;		/* bytes of data between holes, about; 0: not known */
	uint64_t direct_ns, journalled_ns;	/* what the moves would take, 0 where no data moves; no reading in it */
	const char *wanted;		/* while planning, borrowed: an option's word, NULL or "auto" for the best */
	const char *unmeasured;		/* … the folder of the journal, where that is still to be measured; else NULL */
};

/* Before there is a map. measures: once a map has data move, write to a nameless file in the folder of the journal and see how long
 * that takes. folder and wanted are borrowed until the last im_strategy_settle. IM_EUSAGE for a wanted word that does not exist,
 * IM_EREFUSED for one that is not to be had here. */
int im_strategy_begin(struct im_strategy *s, struct im_dev *image, const char *folder, bool measures,
		      const char *wanted, struct im_error *err);
/* For this map: how moves are cut, the name, the times, and whether a clone or steps serve. Whether the image's blocks can be moved is
 * tried, on a file without a name beside it, where the map would have them moved. */
int im_strategy_settle(struct im_strategy *s, struct im_dev *image, const struct im_map *map, uint32_t sector_size,
		       struct im_error *err);
/* Before the repair: the parameters for this image, which may be another file by now than the plan was made on. */
int im_strategy_ready(const struct im_strategy *s, struct im_dev *image, const struct im_map *map,
		      struct im_exec_params *params, struct im_error *err);
/* About what carrying out this map takes, in ns: by the measured disk where s->host.is_probed, else by the guess; 0: not known. */
uint64_t im_strategy_time(const struct im_strategy *s, const struct im_map *map);
/* Is this the word that the option has? wanted may be NULL. */
bool im_strategy_is(const char *wanted, const char *word);
/* Is the best one wanted, whichever that is? */
bool im_strategy_is_open(const char *wanted);
/* The one of a saved plan; direct_min: UINT64_MAX, buffer and strands: 0, where it did not say. */
void im_strategy_restore(struct im_strategy *s, const char *name, uint64_t direct_min, uint64_t buffer, uint64_t strands);

#endif
