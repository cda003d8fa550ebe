/* fuzz_scan.c - the scan of a whole disk. Oracle: no read fails, findings are sane, regions cover the disk. */
#include "fuzz.h"
#include "oracle.h"

#define SIZE_MAX_BYTES (8ull << 30)

FUZZ_TARGET(scan)
{
	struct im_scan_options options = { 0 };
	struct im_error err = { 0 };
	struct fuzz_head head;
	struct im_dev *dev[2];
	struct im_scan scan;

	if (!fuzz_devices(data, size, SIZE_MAX_BYTES, false, &head, dev))
		return 0;
	fuzz_seal_disk(dev[0], &head);
	options.deep = head.flags & FUZZ_DEEP;
	options.sector_size = head.option[0] % 3 == 1 ? 512 : head.option[0] % 3 == 2 ? 4096 : 0;
	if (im_scan_run(&scan, dev[0], &options, &err) == 0) {
		fuzz_check_scan(&scan, dev[0]);
		im_scan_free(&scan);
	} else {
		FUZZ_CHECK(err.code == IM_EREFUSED, "code %d: %s", (int)err.code, err.message);
	}
	FUZZ_CHECK(!fuzz_dev_writes(dev[0]) || head.flags & FUZZ_SEAL, "a scan wrote");
	im_dev_close(dev[0]);
	return 0;
}
