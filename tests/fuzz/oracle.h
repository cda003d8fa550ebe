/* oracle.h - what must be true of every scan, map and repair. */
#ifndef IM_FUZZ_ORACLE_H
#define IM_FUZZ_ORACLE_H

#include "exec/exec.h"
#include "fuzz.h"
#include "map/map.h"
#include "scan/scan.h"

/* Findings have a known id, a severity and a sentence; the regions of depth 0 cover the disk. */
void fuzz_check_scan(const struct im_scan *scan, const struct im_dev *dev);

/* The map survives its file form, and its view reads everywhere. */
void fuzz_check_map(const struct im_map *map, struct im_dev *old);

/* The corrected image, made segment by segment, sharing nothing with the view or the executor. */
struct im_dev *fuzz_render(const struct im_map *map, struct im_dev *old, uint64_t size_max);

/* A guard (fuzz.h) that stops at a write to a byte of sector 0's neighbours that no segment of the map in arg
 * changes. */
struct fuzz_bounds {
	const struct im_map *map;
	uint32_t sector_size;
};
void fuzz_stay_inside(void *arg, struct im_dev *dev, uint64_t off, uint64_t len);

/* Carry the map out on a copy of old and take it back: the image must be the rendered one, then the old one. */
void fuzz_repair_and_undo(const struct im_map *map, struct im_dev *old, const struct im_exec_params *params,
			  void (*look)(void *arg, struct im_dev *repaired), void *arg);

#endif
