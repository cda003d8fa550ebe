/* boot_prove.c - GRUB 2's core.img, read by its lists on the old disk and on the corrected one, is the same.
 *
 * This trusts nothing of how the lists were rewritten, and sees whatever was laid or left out after that.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/intl.h"
#include "plan/boot.h"

/* Walks the sectors of core.img behind its first one. */
struct walk {
	struct im_dev *dev;
	const struct im_boot_core *core;
	size_t list;
	uint32_t done;			/* sectors of that list */
};

/* The next sector: 1, 0 at the end, -1. */
static int next_sector(struct walk *w, uint8_t sector[IM_GRUB_SECTOR], struct im_error *err)
{
	while (w->list < w->core->n && w->done == w->core->lists[w->list].n) {
		w->list++;
		w->done = 0;
	}
	if (w->list == w->core->n)
		return 0;
	return im_dev_read(w->dev, (w->core->lists[w->list].sector + w->done++) * IM_GRUB_SECTOR, sector, IM_GRUB_SECTOR, err) < 0 ? -1 : 1;
}

static int is_same(struct im_dev *old, const struct im_boot_core *a, struct im_dev *new, const struct im_boot_core *b, struct im_error *err)
{
	struct walk x = { .dev = old, .core = a }, y = { .dev = new, .core = b };
	uint8_t one[IM_GRUB_SECTOR], other[IM_GRUB_SECTOR];

	for (;;) {
		int m = next_sector(&x, one, err), n = m < 0 ? -1 : next_sector(&y, other, err);

		if (n < 0)
			return -1;
		if (!m || !n)
			return m == n;
		if (memcmp(one, other, sizeof(one)) != 0)
			return 0;
	}
}

static int prove(struct im_plan_context *ctx, struct im_dev *view, const struct im_boot_stage *stage, struct im_error *err)
{
	struct im_boot_core *cores = calloc(2, sizeof(*cores));
	const char *why;
	int rc = cores ? im_boot_core_at(ctx->dev, stage->at, &cores[0], &why, err) : im_error_nomem(err);

	/* what it does not find today it need not find tomorrow */
	if (rc <= 0) {
		free(cores);
		return rc;
	}
	rc = im_boot_core_at(view, stage->new_at, &cores[1], &why, err);
	if (rc > 0)
		rc = is_same(ctx->dev, &cores[0], view, &cores[1], err);
	free(cores);
	return rc < 0 ? -1 : rc ? 0 : im_boot_doubt(ctx, stage, N_("its next stage (core.img) would not be whole"), err);
}

int im_boot_prove(struct im_plan_context *ctx, struct im_error *err)
{
	im_boot_stages stages = { 0 };
	struct im_dev *view = NULL;
	int rc = 0;

	if (ctx->scan->sector_size != IM_GRUB_SECTOR || ctx->layout->add_table || im_map_is_identity(ctx->map))
		return 0;
	rc = im_boot_stages_of(ctx, &stages, err);
	if (rc == 0)
		rc = (view = im_map_view(ctx->map, ctx->dev, err)) ? 0 : -1;
	for (size_t i = 0; rc == 0 && i < stages.n; i++)
		if (stages.v[i].code->way == IM_BOOT_GRUB)
			rc = prove(ctx, view, &stages.v[i], err);
	im_dev_close(view);
	im_vec_free(&stages);
	return rc;
}
