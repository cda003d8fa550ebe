/* fuzz_vss.c - the header and catalog of shadow copies. Oracle: no read fails, and the walk ends. */
#include "base/bytes.h"
#include "fmt/vss.h"
#include "fuzz.h"

#define SIZE_MAX_BYTES (8ull << 30)

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
	im_dev_close(dev[0]);
	return 0;
}
