/* plan.h - from findings and layout to an image map.
 *
 * A plan is a value: the map, what it does to the partitions, every way that was considered, notes for the
 * admin, and a fingerprint of what it was made from. Making one only reads the image.
 */
#ifndef IM_PLAN_PLAN_H
#define IM_PLAN_PLAN_H

#include "adapt/witness.h"
#include "map/map.h"
#include "scan/scan.h"

#define IM_ALIGN_DEFAULT (1u << 20)

enum im_add_table { IM_ADD_NONE, IM_ADD_MBR, IM_ADD_GPT };

struct im_plan_options {
	uint64_t align;			/* bytes; 0: the default */
	bool no_grow;
	bool used_only;			/* do not move what a file system says is free, nor keep it for undo */
	bool to_copy;			/* the image may grow though its device cannot */
	enum im_add_table add_table;
	const char *only;		/* finding ids, comma-separated; NULL: all of severity error */
	bool allow_boot_code;		/* move what unknown boot code may need by absolute position */
	bool allow_dirty;		/* repair inside a volume that is marked dirty */
	bool allow_snapshots;		/* … and one with shadow copies, which do not stay intact */
	/* Bytes of the journal that a map needs; the floor above knows. NULL: not costed. */
	int (*cost)(void *arg, const struct im_map *map, uint64_t *journal_bytes, struct im_error *err);
	/* For used_only: does a map move whole blocks of the host, so that there is no use in leaving some out? */
	int (*moves_whole)(void *arg, const struct im_map *map, bool *yes, struct im_error *err);
	void *cost_arg;			/* of both */
};

/* One way to correct the layout, or one volume's reserved area. */
struct im_way {
	const char *name;		/* "push", "gap", "end"; "back", "insert"; "edit" (nothing moves) */
	uint64_t align;			/* of the partition at fault, bytes */
	bool is_feasible, is_chosen;
	uint64_t bytes_moved, growth, journal_bytes;
	uint64_t missing;		/* bytes lacking where it is not feasible; UINT64_MAX: no number of bytes helps */
};

struct im_plan_partition {
	int number;
	uint64_t old_start, new_start, size;	/* bytes; size: the new one */
	bool is_extended;
};

/* Sentences for the admin, malloc'd. */
typedef IM_VEC(char *) im_notes;
/* Of the old image. */
typedef IM_VEC(struct im_range) im_ranges;

struct im_plan {
	struct im_map map;
	uint32_t sector_size;
	IM_VEC(struct im_plan_partition) partitions;
	IM_VEC(struct im_way) ways;
	im_notes notes;
	struct im_opinions opinions;
	IM_VEC(struct im_finding) findings;	/* beside the scan's: what planning found */
	uint64_t bytes_moved, literal_bytes;
	/* --used-only: old bytes, free in their volume, that are neither moved nor kept; sorted */
	im_ranges dropped;
	/* what was read to make it, and the SHA-256 over sizes, places and bytes of that */
	im_ranges read;
	char fingerprint[65];
	/* a plan that was read back: what was saved with it; direct_min: UINT64_MAX, buffer and strands: 0, where
	 * that was not */
	struct { uint64_t undo, scratch, journal; char strategy[32]; uint64_t direct_min, buffer, strands; } saved;
};

/* Make the plan that repairs the scan's findings. recorder is the device the scan was made through; raw is
 * the device below it. An empty plan (im_map_is_identity) when there is nothing to do. IM_EREFUSED when it
 * cannot be done safely: the message says why and what is missing. */
int im_plan_make(struct im_plan *plan, const struct im_scan *scan, struct im_dev *recorder, struct im_dev *raw,
		 const struct im_plan_options *options, struct im_error *err);
void im_plan_free(struct im_plan *plan);

/* Does the image still read as when the plan was made? 0, or -1 with IM_ECHANGED. */
int im_plan_check_fingerprint(const struct im_plan *plan, struct im_dev *dev, struct im_error *err);

/* The plan from the JSON document that im_json_plan (json.h) writes. Trusts nothing. */
int im_plan_parse(struct im_plan *plan, const char *text, size_t len, struct im_error *err);

/* Floor-internal: take free space out of the map's moves (used_only.c). */
struct im_plan_context;
int im_plan_drop_free(struct im_plan_context *ctx, struct im_error *err);

/* Is this finding to be repaired? */
bool im_plan_wants(const struct im_plan_options *options, const struct im_finding *f);

/* ---- Floor-internal from here on ---- */

/* A thing that moves as one: a primary partition, an extended one with all in it, a bare volume. */
struct im_unit {
	int number;
	uint64_t start, size, new_start;
	uint64_t anchor;		/* byte in the unit that gets the alignment: 0, or its first logical at fault */
	uint64_t keep_align;		/* what its position keeps when it is pushed */
	bool is_fault, is_extended;
};

/* A FAT volume that gets a longer reserved area, beside what the layout moves. All in bytes. */
struct im_reserve {
	size_t volume;			/* index in the scan's volumes */
	uint64_t start;			/* where the volume lies in the old image */
	uint64_t head;			/* of its reserved area, as it is */
	uint64_t length;		/* of the whole volume as its boot sector counts, as it is */
	uint64_t add;			/* by which the reserved area grows */
	uint32_t sector;		/* of the volume */
	bool is_back;			/* it begins that much sooner; else what lies behind the reserved area moves */
	uint64_t grow;			/* by which the end of the partition moves; 0 when is_back */
};

struct im_layout {
	IM_VEC(struct im_unit) units;	/* sorted by start */
	IM_VEC(struct im_reserve) reserves;	/* in the room that the units' new positions leave */
	uint64_t floor;			/* nothing may start below */
	uint64_t tail;			/* bytes that the backup GPT takes at the end */
	uint64_t disk_size;		/* old */
	uint64_t new_size;		/* set with the new positions */
	uint64_t cylinder;		/* bytes that every shift must be a multiple of; 0: none */
	bool may_grow;
	enum im_add_table add_table;
};

int im_layout_of(struct im_layout *layout, const struct im_scan *scan, const struct im_plan_options *options,
		 bool can_grow, struct im_error *err);
void im_layout_free(struct im_layout *layout);

/* The alignment that a position has: its lowest set bit, up to 1 MiB. */
uint64_t im_alignment_of(uint64_t start);

typedef int im_cost_fn(void *arg, const struct im_layout *layout, uint64_t *journal_bytes, struct im_error *err);

/* Find new positions; fills plan->ways. Every way is offered to `cost` with the layout that it gives. */
int im_solve(struct im_plan *plan, struct im_layout *layout, uint64_t align, im_cost_fn *cost, void *arg,
	     struct im_error *err);

struct im_insides;

struct im_plan_context {
	const struct im_scan *scan;
	const struct im_plan_options *options;
	const struct im_layout *layout;
	struct im_dev *dev;		/* the recorder */
	struct im_map *map;
	struct im_plan *plan;		/* NULL while a way is only costed */
	const struct im_insides *insides;	/* repairs inside volumes (inside.h) */
};

/* Lay into ctx->map: what the old backup GPT leaves, the layout's moves, tables, the volumes' own records. */
int im_map_vacate_gpt(struct im_plan_context *ctx, struct im_error *err);
int im_map_moves(struct im_plan_context *ctx, struct im_error *err);
int im_map_mbr(struct im_plan_context *ctx, struct im_error *err);
int im_map_gpt(struct im_plan_context *ctx, struct im_error *err);
int im_map_new_table(struct im_plan_context *ctx, struct im_error *err);
int im_map_volumes(struct im_plan_context *ctx, struct im_error *err);
/* Lay literal bytes where they differ from what the map gives already, in whole sectors of 512. */
int im_map_literal(struct im_plan_context *ctx, uint64_t off, const uint8_t *data, uint64_t len, const char *reason,
		   struct im_error *err);

/* The reason of a literal at off, behind that of one that is laid there already. */
void im_join_reasons(const struct im_map *map, uint64_t off, const char *reason, char *out, size_t size);

/* The same for a few bytes: the rest of their sectors stays as the map has it. The reason stands behind that of a literal that is laid
 * there already. */
int im_map_patch(struct im_plan_context *ctx, uint64_t off, const void *bytes, size_t len, const char *reason, struct im_error *err);

/* Where the GPT's structures come to lie, in bytes. IM_EREFUSED where they do not fit. */
struct im_gpt_places {
	uint64_t primary_array, backup, backup_array, array_size;
};
int im_gpt_places(struct im_plan_context *ctx, struct im_gpt_places *places, struct im_error *err);

/* Does nothing lie over anything else, now and after the correction? Else IM_EREFUSED. */
int im_plan_guard(struct im_plan_context *ctx, struct im_error *err);

/* Does any unit come to lie elsewhere? */
bool im_layout_moves(const struct im_layout *layout);

/* New start of byte range [off, …) of the old disk, as the layout moves it. */
uint64_t im_layout_moved(const struct im_layout *layout, uint64_t off);
/* New start and size of the partition or volume that began at byte `start` and had `size` bytes: as the layout
 * moves it, and with what its reserved area gets. */
uint64_t im_layout_start(const struct im_layout *layout, uint64_t start);
uint64_t im_layout_size(const struct im_layout *layout, uint64_t start, uint64_t size);
/* What the reserved area of the volume that began at byte `start` gets; NULL: nothing. */
const struct im_reserve *im_layout_reserve(const struct im_layout *layout, uint64_t start);
/* The size that this volume has so far: a bare one may be cut to its own length before it gets a table. */
uint64_t im_layout_old_size(const struct im_layout *layout, const struct im_volume *v);

/* Find room for the longer reserved area of every volume whose fat-reserved-short is to be repaired: adds to
 * layout->reserves, plan->ways and plan->notes. IM_EREFUSED where there is none, or boot code would break. */
int im_fat_reserve_plan(struct im_plan *plan, struct im_plan_context *ctx, struct im_layout *layout, im_cost_fn *cost,
			struct im_error *err);
int im_map_reserves(struct im_plan_context *ctx, struct im_error *err);

/* Notes, refusals for boot code that would break, the witnesses. */
int im_notes_add(im_notes *notes, struct im_error *err, const char *fmt, ...) IM_PRINTF(3, 4);
void im_notes_free(im_notes *notes);
#define im_plan_note(plan, err, ...) im_notes_add(&(plan)->notes, err, __VA_ARGS__)
int im_plan_notes(struct im_plan_context *ctx, struct im_error *err);
int im_plan_witnesses(struct im_plan_context *ctx, struct im_dev *raw, struct im_error *err);

#endif
