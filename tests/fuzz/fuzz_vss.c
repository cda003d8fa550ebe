/* fuzz_vss.c - the header, catalog and stores of shadow copies. Oracle: no read fails, every list ends, and what counts as sound can be
 * read as a snapshot. */
#include "base/bytes.h"
#include "fmt/vss.h"
#include "fuzz.h"

#define SIZE_MAX_BYTES (8ull << 30)

static void read_some(struct im_dev *view, uint64_t volume)
{
	static uint8_t buf[2 * IM_VSS_BLOCK];
	struct im_error err = { 0 };

	FUZZ_CHECK(view->size <= volume, "a snapshot larger than its volume");
	for (int i = 0; i < 8; i++) {
		uint64_t off = (uint64_t)i * 0x3a00;
		size_t n = off < view->size ? (size_t)im_min(sizeof(buf), view->size - off) : 0;

		FUZZ_CHECK(im_dev_read(view, off, buf, n, &err) == 0, "%s", err.message);
	}
}

static void look_at_all(struct im_dev *vol, uint64_t off)
{
	struct im_error err = { 0 };
	struct im_vss_catalog cat;
	const char *why = NULL;
	bool sound = true;
	int got = im_vss_catalog_read(vol, off, &cat, &why, &err);

	FUZZ_CHECK(got == IM_FOUND, "%d: a catalog that was sound is not", got);
	for (size_t i = cat.list.n; i-- > 0;) {
		struct im_dev *view;

		FUZZ_CHECK(im_vss_snapshot_look(vol, &cat.list.v[i], &err) == 0, "%s", err.message);
		sound &= !cat.list.v[i].fault;
		view = im_vss_view(vol, &cat, i, &err);
		FUZZ_CHECK(view || err.code == IM_EFORMAT || err.code == IM_EREFUSED, "%s", err.message);
		FUZZ_CHECK(view || !sound, "a sound snapshot cannot be read: %s", err.message);
		if (view && sound)
			read_some(view, vol->size);
		im_dev_close(view);
	}
	im_vss_catalog_free(&cat);
}

static void carve(struct im_dev *vol)
{
	struct im_error err = { 0 };
	struct im_vss_carving c;

	FUZZ_CHECK(im_vss_carve(vol, &c, &err) == 0, "%s", err.message);
	FUZZ_CHECK(c.list.n <= c.records, "more was found than there is");
	im_vss_carving_free(&c);
}

FUZZ_TARGET(vss)
{
	struct im_error err = { 0 };
	struct fuzz_head head;
	struct im_dev *dev[2];
	struct im_vss vss;
	int got;

	if (!fuzz_devices(data, size, SIZE_MAX_BYTES, false, &head, dev))
		return 0;
	got = im_vss_look(dev[0], &vss, &err);
	FUZZ_CHECK(got == IM_FOUND || got == IM_ABSENT, "%d: %s", got, err.message);
	if (got == IM_FOUND && vss.entries)
		FUZZ_CHECK(vss.is_sound && vss.catalog, "%u entries of no catalog", vss.entries);
	if (vss.catalog && !vss.catalog_is_damaged)
		look_at_all(dev[0], vss.catalog);
	carve(dev[0]);
	im_dev_close(dev[0]);
	return 0;
}
