/* inside.h - repairs inside volumes: each is an image map of the volume itself.
 *
 * Such a map knows nothing of the disk: it is made once, checked, and laid into the disk's map wherever the layout
 * puts the volume.
 */
#ifndef IM_PLAN_INSIDE_H
#define IM_PLAN_INSIDE_H

#include "plan/plan.h"

struct im_inside {
	size_t volume;			/* index in scan->volumes */
	struct im_map map;		/* of the volume; old and new size are the same */
	im_notes notes;
};

struct im_insides {
	IM_VEC(struct im_inside) list;
};

/* Repair every volume that a wanted finding asks for. IM_EREFUSED with the reason when one cannot be. */
int im_insides_make(struct im_insides *insides, const struct im_scan *scan, struct im_dev *dev,
		    const struct im_plan_options *options, struct im_error *err);
void im_insides_free(struct im_insides *insides);

/* Bytes that change place inside volumes. */
uint64_t im_insides_moved(const struct im_insides *insides);

/* Lay the repair of volume i, which starts at new_start of the corrected disk, into ctx->map. */
int im_inside_lay(struct im_plan_context *ctx, size_t i, uint64_t new_start, struct im_error *err);

/* What the admin should know of the repairs. */
int im_inside_notes(struct im_plan_context *ctx, struct im_error *err);

/* ---- NTFS (ntfs_*.c) ---- */

int im_ntfs_inside(struct im_inside *inside, const struct im_volume *v, struct im_dev *vol,
		   const struct im_plan_options *options, struct im_error *err);

/* The shadow copies' header, made anew as the scan found that it can be (shadow_inside.c). */
int im_shadow_inside(struct im_inside *inside, const struct im_volume *v, struct im_dev *vol, const struct im_plan_options *options,
		     struct im_error *err);

/* The volume as it is and as it would be, both read by our own reader; where each structure of both is. */
struct im_ntfs_places;

struct im_ntfs_places *im_ntfs_places_new(struct im_dev *old, struct im_dev *new, const struct im_boot_area *area,
					  struct im_error *err);
void im_ntfs_places_free(struct im_ntfs_places *places);

/* Why a repair of the boot area changes the byte at off, into reason. 1; 0 when it has no business to; -1. */
int im_ntfs_places_reason(struct im_ntfs_places *places, uint64_t off, char *reason, size_t size, struct im_error *err);

/* Does the corrected volume keep the rule, and is all else what it was? IM_EREFUSED; see ntfs_check.h. */
struct im_ntfs_repair;
int im_ntfs_verify(struct im_dev *old, struct im_dev *new, const struct im_ntfs_repair *r, const struct im_boot_area *area,
		   struct im_error *err);

#endif
