/* manifest.h - SHA-256 of the image before and after a repair, and of every range that it changes.
 *
 * Both sides are known before the first write: the image itself, and the view of the map. What is read back after
 * the repair must have the hashes of the view. The manifest is a section of the journal; see imgmend-journal(5).
 */
#ifndef IM_EXEC_MANIFEST_H
#define IM_EXEC_MANIFEST_H

#include "base/error.h"
#include "base/vec.h"
#include "dev/dev.h"
#include "map/map.h"

struct im_hashes {
	uint8_t old[32], new[32];
};

struct im_manifest {
	struct im_hashes whole;
	/* of each segment of the map that is not KEEP, in order: new over the segment, old over what of it the old
	 * image has */
	IM_VEC(struct im_hashes) ranges;
};

/* Reads the old image twice, once of it through the view. watch may be NULL. NULL on error. */
struct im_manifest *im_manifest_make(const struct im_map *map, struct im_dev *image, struct im_watch *watch, struct im_error *err);
void im_manifest_free(struct im_manifest *m);

/* Read the repaired image and compare. 0; -1 with IM_EIO and the place where something else was read. */
int im_manifest_check(const struct im_manifest *m, const struct im_map *map, struct im_dev *image, struct im_watch *watch,
		      struct im_error *err);

/* As bytes (malloc'd into *out), and back; NULL where it does not fit the map, or on error. */
int im_manifest_encode(const struct im_manifest *m, uint8_t **out, size_t *len, struct im_error *err);
struct im_manifest *im_manifest_decode(const uint8_t *p, size_t len, const struct im_map *map, struct im_error *err);

#endif
