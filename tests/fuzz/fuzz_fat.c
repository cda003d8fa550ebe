/* fuzz_fat.c - FAT: paths, boot code, and a longer reserved area.
 *
 * Oracle: no read fails; the volume with a longer reserved area has as many clusters as before, records its
 * position, and every edit lies in its reserved area.
 */
#include <string.h>

#include "base/bytes.h"
#include "fmt/fat.h"
#include "fmt/fatdir.h"
#include "fmt/fs_types.h"
#include "fuzz.h"

#define SIZE_MAX_BYTES (8ull << 30)

static void reserve(struct im_dev *vol, const struct im_bpb *bpb, const struct im_fs_info *info, uint32_t sectors,
		    uint64_t hidden)
{
	struct im_fs_edits edits = { 0 };
	struct im_fat_geometry old, new;
	struct im_error err = { 0 };
	const struct im_fs_edit *last;

	FUZZ_CHECK(im_fat_decode(bpb, &old), "the reader found it, but the numbers are wrong");
	if (im_fat_reserve(vol, info, sectors, hidden, &edits, &err) < 0) {
		FUZZ_NO_EIO(&err);
		im_fs_edits_free(&edits);
		return;
	}
	FUZZ_CHECK(edits.list.n && edits.list.v[edits.list.n - 1].off == 0, "the boot sector is not last");
	last = &edits.list.v[edits.list.n - 1];
	FUZZ_CHECK(last->len == old.sector && im_fat_decode((const struct im_bpb *)last->data, &new), "no FAT any more");
	FUZZ_CHECK(new.kind == old.kind && new.clusters == old.clusters && new.cluster == old.cluster, "another FAT");
	FUZZ_CHECK(new.reserved - old.reserved == sectors * old.sector && new.size - old.size == new.data - old.data,
		   "it did not grow by what was asked");
	FUZZ_CHECK(!info->has_hidden || im_le32(((const struct im_bpb *)last->data)->hidden) == hidden, "its position");
	for (size_t i = 0; i < edits.list.n; i++)
		FUZZ_CHECK(edits.list.v[i].off + edits.list.v[i].len <= new.reserved, "an edit at %llu",
			   (unsigned long long)edits.list.v[i].off);
	im_fs_edits_free(&edits);
}

FUZZ_TARGET(fat)
{
	static const char *const paths[] = {
		"EFI/Microsoft/Boot/BCD", "Boot/BCD", "Windows", "a", "A long name with spaces.txt", "/", "",
	};
	static const struct im_fs_type *const types[] = { &im_fs_fat12, &im_fs_fat16, &im_fs_fat32 };
	struct im_error err = { 0 };
	struct fuzz_head head;
	struct im_dev *dev[2];
	struct im_bpb bpb;

	if (!fuzz_devices(data, size, SIZE_MAX_BYTES, false, &head, dev))
		return 0;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		FUZZ_CHECK(im_fat_find(dev[0], paths[i], &err) >= 0, "%s", err.message);
	if (im_bpb_read(dev[0], &bpb, &err) == 1) {
		im_fat_code_of(&bpb);
		for (int i = 0; i < 3; i++) {
			struct im_fs_info info = { 0 };
			int got = types[i]->probe(dev[0], &info, &err);

			FUZZ_CHECK(got >= 0, "%s", err.message);
			if (got == IM_FOUND)
				reserve(dev[0], &bpb, &info, 1 + head.option[0] + head.option[1] * 256u, head.number);
		}
	}
	FUZZ_CHECK(!err.code, "%s", err.message);
	im_dev_close(dev[0]);
	return 0;
}
