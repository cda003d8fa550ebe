/* storage_spaces.c - members of a Windows Storage Spaces pool.
 *
 * A pool keeps on each member where the member's pieces lie, in a format that Microsoft does not
 * publish: we only recognise its mark, "SPACEDB " at the partition's first byte, and say that the
 * partition must stay where it is.
 */
#include <string.h>

#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

static int probe(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	uint8_t magic[8];
	int got = im_fs_peek(vol, 0, magic, sizeof(magic), err);

	if (got <= 0 || memcmp(magic, "SPACEDB ", sizeof(magic)))
		return got < 0 ? -1 : IM_ABSENT;
	*info = (struct im_fs_info){ .name = "storage-spaces", .is_pinned = true };
	return IM_FOUND;
}

const struct im_fs_type im_fs_storage_spaces = {
	.name = "storage-spaces",
	.probe = probe,
};
