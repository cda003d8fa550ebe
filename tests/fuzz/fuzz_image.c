/* fuzz_image.c - a whole repair in memory: scan, plan, carry out, scan again, undo.
 *
 * Oracle: a disk that cannot be repaired is refused with a reason; the repaired image is what the map says and
 * nothing outside its segments was written to; the second scan sees the partitions where the plan put them, and no
 * finding of those that it was to repair; undo brings every byte and the size back.
 */
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "oracle.h"
#include "plan/plan.h"

#define SIZE_MAX_BYTES (12u << 20)
#define SIZE_GROWN (24u << 20)

struct repair {
	const struct im_scan *scan;
	const struct im_plan *plan;
	const struct im_plan_options *options;
	struct im_dev *old;
};

static void set_options(const struct fuzz_head *head, struct im_plan_options *o)
{
	static const char *const only[] = {
		NULL, NULL, NULL, "hidden-sectors-mismatch,backup-boot-stale", "fat-reserved-short",
		"partition-in-reserved-area", "gpt-primary-damaged,gpt-backup-damaged", "volume-in-reserved-area",
		"fat-reserved-short,partition-in-reserved-area,hidden-sectors-mismatch",
	};

	*o = (struct im_plan_options){
		.align = head->option[0] & 7 ? 4096ull << (head->option[0] & 7) : 0,
		.no_grow = head->option[0] & 8,
		.add_table = (enum im_add_table)((head->option[0] >> 4) % 3),
		.allow_boot_code = head->option[0] & 0x40,
		.only = only[head->option[1] % (sizeof(only) / sizeof(only[0]))],
	};
	/* a table is not often what is wanted */
	if (!(head->option[0] & 0x80))
		o->add_table = IM_ADD_NONE;
	fuzz_windows = head->option[2];
}

/* As lib/api/plan.c costs a way. */
static int cost(void *arg, const struct im_map *map, uint64_t *journal_bytes, struct im_error *err)
{
	struct im_dev *raw = arg;
	struct im_journal_cost c;
	struct im_program prog;

	if (im_program_build(&prog, map, raw->sector_size, &im_exec_defaults, err) < 0)
		return -1;
	im_journal_cost(&prog, raw, &c);
	*journal_bytes = c.total;
	im_program_free(&prog);
	return 0;
}

/* A bare volume is where the plan said; the scan does not look for one there. */
static void check_bare(const struct repair *r, struct im_dev *repaired)
{
	const struct im_plan_partition *p = &r->plan->partitions.v[0];
	struct im_volume v = { .start = p->new_start, .size = p->size };
	struct im_error err = { 0 };

	FUZZ_CHECK(im_scan_probe(&v, repaired, &err) == 0, "%s", err.message);
	FUZZ_CHECK(v.n_formats && strcmp(v.info[0].name, r->scan->volumes.v[0].info[0].name) == 0, "no volume at %" PRIu64,
		   p->new_start);
}

/* What was in the partition of the plan is in the one that was found there. */
static void check_content(const struct repair *r, const struct im_plan_partition *p, const struct im_volume *now)
{
	for (size_t i = 0; i < r->scan->volumes.n; i++) {
		const struct im_volume *v = &r->scan->volumes.v[i];

		if (v->start == p->old_start && v->is_extended == p->is_extended && v->n_formats && v->state == IM_FOUND)
			FUZZ_CHECK(now->n_formats && now->state == IM_FOUND && strcmp(now->info[0].name, v->info[0].name) == 0,
				   "partition %d held %s", p->number, v->info[0].name);
	}
}

/* A partition in whose format nothing records a position is moved as it is, to the last byte. */
static void check_bytes(const struct repair *r, const struct im_plan_partition *p, struct im_dev *repaired)
{
	uint8_t old[4096], new[4096];

	for (size_t i = 0; i < r->scan->volumes.n; i++) {
		const struct im_volume *v = &r->scan->volumes.v[i];
		bool is_plain = !v->is_extended && !v->is_logical;

		for (int k = 0; k < v->n_formats; k++)
			is_plain &= !v->fs[k]->relocate && !v->fs[k]->refresh_backup;
		for (uint64_t off = 0; is_plain && v->start == p->old_start && off < im_min(p->size, v->there); off += 4096) {
			size_t n = (size_t)im_min(4096, im_min(p->size, v->there) - off);

			if (im_dev_read(r->old, v->start + off, old, n, NULL) < 0 ||
			    im_dev_read(repaired, p->new_start + off, new, n, NULL) < 0)
				abort();
			FUZZ_CHECK(memcmp(old, new, n) == 0, "partition %d does not hold what it held at %" PRIu64, p->number, off);
		}
	}
}

/* Every partition of the plan is there, where it said. */
static void check_partitions(const struct repair *r, const struct im_scan *now, struct im_dev *repaired)
{
	if (now->table == IM_TABLE_NONE && r->plan->partitions.n) {
		check_bare(r, repaired);
		return;
	}
	for (size_t i = 0; i < r->plan->partitions.n; i++) {
		const struct im_plan_partition *p = &r->plan->partitions.v[i];
		bool found = false;

		for (size_t k = 0; k < now->volumes.n && !found; k++) {
			found = now->volumes.v[k].start == p->new_start && now->volumes.v[k].size == p->size;
			if (found)
				check_content(r, p, &now->volumes.v[k]);
		}
		check_bytes(r, p, repaired);
		FUZZ_CHECK(found, "partition %d is not at %" PRIu64, p->number, p->new_start);
	}
}

static void look_again(void *arg, struct im_dev *repaired)
{
	const struct repair *r = arg;
	struct im_scan_options options = { .sector_size = r->scan->sector_size, .deep = r->scan->is_deep };
	struct im_error err = { 0 };
	struct im_scan now;

	FUZZ_CHECK(im_scan_run(&now, repaired, &options, &err) == 0, "%s", err.message);
	fuzz_check_scan(&now, repaired);
	check_partitions(r, &now, repaired);
	for (size_t i = 0; i < now.findings.n; i++) {
		const struct im_finding *f = &now.findings.v[i];

		FUZZ_CHECK(!im_plan_wants(r->options, f) || !f->is_fixable, "still there: %s", f->message);
	}
	im_scan_free(&now);
}

static void repair(struct im_dev *raw, const struct im_scan *scan, struct im_dev *recorder,
		   const struct fuzz_head *head)
{
	struct im_exec_params params = { .buffer = 4096u << head->number % 8,
		.direct_min = 4096u << (head->number >> 8) % 12, .strands = 1 + (head->number >> 16) % IM_STRANDS };
	struct im_plan_options options;
	struct im_error err = { 0 };
	struct im_plan plan;
	struct repair r = { scan, &plan, &options, raw };

	set_options(head, &options);
	options.cost = cost;
	options.cost_arg = raw;
	if (im_plan_make(&plan, scan, recorder, raw, &options, &err) < 0) {
		FUZZ_CHECK(err.code == IM_EREFUSED && err.message[0], "code %d: %s", (int)err.code, err.message);
		return;
	}
	FUZZ_CHECK(im_plan_check_fingerprint(&plan, raw, &err) == 0, "%s", err.message);
	fuzz_check_map(&plan.map, raw);
	if (!im_map_is_identity(&plan.map) && plan.map.new_size <= SIZE_GROWN)
		fuzz_repair_and_undo(&plan.map, raw, &params, look_again, &r);
	im_plan_free(&plan);
}

FUZZ_TARGET(image)
{
	struct im_scan_options options = { 0 };
	struct im_dev *dev[2], *recorder;
	struct im_error err = { 0 };
	struct fuzz_head head;
	struct im_scan scan;

	if (!fuzz_devices(data, size, SIZE_MAX_BYTES, false, &head, dev))
		return 0;
	fuzz_seal_disk(dev[0], &head);
	options.deep = head.flags & FUZZ_DEEP;
	recorder = im_dev_recorder(dev[0], &err);
	FUZZ_CHECK(recorder, "%s", err.message);
	if (im_scan_run(&scan, recorder, &options, &err) == 0) {
		fuzz_check_scan(&scan, dev[0]);
		/* as imgmend_plan_image does */
		dev[0]->sector_size = scan.sector_size;
		repair(dev[0], &scan, recorder, &head);
		im_scan_free(&scan);
	} else {
		FUZZ_CHECK(err.code == IM_EREFUSED, "code %d: %s", (int)err.code, err.message);
	}
	im_dev_close(recorder);
	im_dev_close(dev[0]);
	return 0;
}
