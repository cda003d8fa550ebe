/* scene.h - a plan, random or from a file, on an image in memory, and the devices to try its repair on. */
#ifndef IM_TESTS_SCENE_H
#define IM_TESTS_SCENE_H

#include "crashdev.h"
#include "exec/exec.h"

/* How many plans a campaign goes through that was not told. Sanitizers, under which each takes ten times as long, look for what
 * a tenth of them shows as well. */
#ifdef __SANITIZE_ADDRESS__
#define PLANS(n) (((n) + 9) / 10)
#else
#define PLANS(n) (n)
#endif

struct scene {
	struct im_map map;
	struct im_exec_params params;
	uint32_t sector_size;
	uint8_t *old, *new;
	uint8_t *used;			/* the repaired image after scene_use; NULL: nobody worked with it */
	struct im_power power;
	uint32_t share_unit;		/* the devices can share blocks of this size; 0: none */
	struct im_range dropped[3];	/* old bytes that an undo need not bring back */
	size_t n_dropped;
	bool by_clone;			/* runs go by a clone of the image */
	bool by_steps;			/* … or by moving blocks */
	uint32_t fill_gap;		/* … and filling gaps of that many bytes */
	struct im_dev *image, *journal, *clone;
};

/* A plan from a seed; with shift, one move to the right by that many bytes with growth. */
void scene_make(struct scene *s, uint64_t seed, uint64_t shift);
/* The image and the saved plan (`imgmend plan -o`) of these files. */
void scene_load(struct scene *s, const char *image, const char *plan);
void scene_free(struct scene *s);

/* Fresh devices with the old image and an empty journal, the power on and never cut. */
void scene_start(struct scene *s);
void scene_stop(struct scene *s);
/* After a cut: what survived, power on. */
void scene_reboot(struct scene *s);
/* The same as if the process had been killed instead: everything is still in the cache, nothing more is durable. */
void scene_restart(struct scene *s);

/* Of the old image the bytes that were dropped may be zeros. */
bool scene_image_is(struct scene *s, const uint8_t *bytes, uint64_t size);

/* Work with the repaired image: write to it here and there, but not to sector 0. An undo is then told that it was changed. */
void scene_use(struct scene *s, uint64_t *seed);
/* Is the image what an undo makes of it? */
bool scene_is_taken_back(struct scene *s);

/* A device as it is now; the caller frees the bytes. */
struct copy {
	uint8_t *bytes;
	uint64_t size;
};
struct copy copy_of(struct im_dev *dev);

/* The number that begins at that byte of the journal's head (lib/exec/head.h); the journal's size where it is too short to have one. */
uint64_t scene_head(struct scene *s, size_t at);

/* Prepare and repair. 0 done, -1 failed (the power). */
int scene_repair(struct scene *s, struct im_error *err);
/* How many operations a repair without a crash has; its image must be what the map says. */
uint64_t scene_operations(struct scene *s);
/* Open the journal again, then undo or resume. *untouched: the journal says that nothing was written yet. A
 * journal that was never finished counts as that while the image is the old one. */
int scene_go_on(struct scene *s, bool undo, bool *untouched, struct im_error *err);

void die(const char *what, const struct im_error *err);

#endif
