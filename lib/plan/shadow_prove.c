/* shadow_prove.c - every snapshot, before and after, compared wherever anything changes. */
#include <inttypes.h>
#include <stdlib.h>

#include "plan/shadow_keeper.h"

/* What one snapshot shows in these blocks must be what it showed, where that means anything. */
static int compare(const struct im_shadow_keeper *k, size_t i, struct im_dev *was, struct im_dev *is, const im_shadow_blocks *blocks,
		   struct im_error *err)
{
	uint8_t *two = malloc(2 * IM_VSS_BLOCK);
	int rc = two ? 0 : im_error_nomem(err);

	for (size_t n = 0; rc == 0 && n < blocks->n; n++) {
		uint64_t off = blocks->v[n];

		if (off >= was->size || (!k->hides && im_vss_table_is_unused(&k->tables[i], off)))
			continue;
		rc = im_shadow_block_differs(was, is, off, two, err);
		if (rc > 0)
			rc = im_error_at(err, IM_EREFUSED, off, "snapshot %zu would show something else at byte %" PRIu64, i + 1, off);
	}
	free(two);
	return rc;
}

static int prove_one(const struct im_shadow_keeper *k, size_t i, const struct im_vss_table *tables, struct im_dev *new, struct im_error *err)
{
	struct im_dev *was = im_vss_view_of(k->vol, &k->cat, i, k->tables, err);
	struct im_dev *is = was ? im_vss_view_of(new, &k->cat, i, tables, err) : NULL;
	int rc = is ? compare(k, i, was, is, &k->changed, err) : -1;

	if (rc == 0)
		rc = compare(k, i, was, is, &k->ours, err);
	im_dev_close(is);
	im_dev_close(was);
	return rc;
}

/* All of them, in the new volume. tables: room for one of each. */
static int prove_all(const struct im_shadow_keeper *k, struct im_vss_table *tables, struct im_dev *new, struct im_error *err)
{
	for (size_t i = 0; i < k->cat.list.n; i++)
		if (im_vss_table_load(&tables[i], new, &k->cat.list.v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < k->cat.list.n; i++)
		if (prove_one(k, i, tables, new, err) < 0)
			return -1;
	return 0;
}

int im_shadow_prove(const struct im_shadow_keeper *k, struct im_error *err)
{
	struct im_dev *view, *new = im_shadow_new_volume(k, &view, err);
	struct im_vss_table *tables;
	int rc;

	if (!new)
		return -1;
	tables = calloc(k->cat.list.n + 1, sizeof(*tables));
	rc = tables ? prove_all(k, tables, new, err) : im_error_nomem(err);
	for (size_t i = 0; tables && i < k->cat.list.n; i++)
		im_vss_table_free(&tables[i]);
	free(tables);
	im_dev_close(new);
	im_dev_close(view);
	return rc;
}
