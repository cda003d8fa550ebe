/* api.h - what the files behind imgmend.h share. */
#ifndef IM_API_API_H
#define IM_API_API_H

#include "api/strategy.h"
#include "base/vec.h"
#include "exec/exec.h"
#include "exec/manifest.h"
#include "imgmend.h"
#include "plan/plan.h"
#include "scan/scan.h"

struct imgmend_scan {
	char *path;
	struct im_scan scan;
	char table_id[48];
	char format[16];		/* "raw", or of the container */
	struct imgmend_boot boot;
	char boot_text[240];
	IM_VEC(struct imgmend_region) regions;
	IM_VEC(struct imgmend_finding) findings;
	IM_VEC(struct imgmend_shadows) shadows;
	IM_VEC(struct imgmend_snapshot) snapshots;	/* of all of them, in their order */
	IM_VEC(struct imgmend_stray) strays;
};

struct imgmend_plan {
	char *path;			/* NULL: loaded from a file */
	struct im_scan scan;
	struct im_plan plan;
	struct im_journal_cost cost;
	struct im_strategy strategy;
	IM_VEC(struct imgmend_finding) findings;
	IM_VEC(struct imgmend_partition) partitions;
	IM_VEC(struct imgmend_segment) segments;
	IM_VEC(struct imgmend_way) ways;
};

/* The library's error as the caller's; returns -1. */
int im_api_fail(struct imgmend_error *out, const struct im_error *err);

/* Fill in what the scan found of shadow copies. (shadows.c) */
int im_api_shadows(imgmend_scan *s, struct im_error *err);
void im_api_shadows_free(imgmend_scan *s);

/* Is `word` in the comma-separated options->allow? */
bool im_api_allows(const struct imgmend_options *options, const char *word);

/* The image: a file, a block device, the inside of a container, or an NBD export. Refused where a container's header says that
 * it cannot be opened, or repaired, safely. (open.c) */
struct im_dev *im_api_open(const char *path, const struct imgmend_options *options, bool write, struct im_error *err);

/* The same, for reading only, and *cache a cache over it (im_dev_cache), through which it was looked at: to be closed first. */
struct im_dev *im_api_open_cached(const char *path, const struct imgmend_options *options, struct im_dev **cache, struct im_error *err);

/* The image to plan on, for reading only: a repair that never began may have made it longer by zeros, and its plan was and is one
 * for the size before. (leftover.c) */
struct im_dev *im_leftover_open(const char *path, const struct imgmend_options *options, struct im_error *err);

/* Does the path name a file or a device, rather than an export or the caller's own storage? (open.c) */
bool im_api_is_path(const char *path, const struct imgmend_options *options);
/* The caller's storage as a device. (storage.c) */
struct im_dev *im_api_storage(const struct imgmend_options *options, bool write, struct im_error *err);

/* Bytes of the image that are holes now and get data by the map: what a container's file grows by at most, beside its tables.
 * (growth.c) */
int im_api_growth(struct im_dev *image, const struct im_map *map, uint64_t *bytes, struct im_error *err);

/* Append findings to a vector of struct imgmend_finding, which borrows their texts. */
int im_api_findings(const struct im_finding *f, size_t count, void *vec, struct im_error *err);
/* The caller's progress function as who follows work of this phase. */
struct im_watch im_api_watch(const struct imgmend_options *options, enum imgmend_phase phase);
/* At the end of followed work that came to rc: the same, or -1 where it was stopped, whatever came of that. */
int im_api_unless_stopped(struct im_watch *watch, int rc, struct im_error *err);
/* Is the image still what the plan was made from? In steps for the caller's progress function. */
int im_api_check_plan(const imgmend_plan *plan, struct im_dev *image, const struct imgmend_options *options, struct im_error *err);
int im_api_scan_options(const struct imgmend_options *options, struct im_scan_options *out, struct im_error *err);

/* Journals of an image: where they are. (places.c) */
struct im_place {
	char *dir;		/* directory */
	char *base;		/* file name of the first; later ones get .1, .2 … */
};
int im_place_of(const char *path, const struct imgmend_options *options, struct im_place *place, struct im_error *err);
void im_place_free(struct im_place *place);
/* Path of journal n; the caller frees it. */
char *im_place_path(const struct im_place *place, unsigned n);
/* The highest n for which a journal exists, -1: none. */
int im_place_newest(const struct im_place *place);
/* For an image that cannot be locked itself: a locked file beside its journals, *fd, until im_place_unlock. Others are refused. */
int im_place_lock(const struct im_place *place, const char *image, int *fd, struct im_error *err);
void im_place_unlock(const struct im_place *place, int fd);
/* Refuse a place that does not survive a power cut, or lies on the device under repair. */
int im_place_check(const struct im_place *place, const char *image, bool allow_volatile, struct im_error *err);
int im_place_sync_dir(const struct im_place *place, struct im_error *err);
/* Open an existing journal: a regular file, ours or root's, not a link, locked. */
struct im_dev *im_place_open(const char *journal, bool write, struct im_error *err);

#endif
