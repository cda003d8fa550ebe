/* fs.c - the table of volume formats, asking all of them, and lists of edits.
 *
 * The readers are independent: a volume may carry the marks of several formats, and all of them
 * are reported. Those that share the place and shape of the boot sector (NTFS, exFAT, ReFS,
 * BitLocker, FAT) exclude each other through im_bpb_owner().
 */
#include "fmt/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fmt/fs_types.h"

const struct im_fs_type *const im_fs_types[] = {
	&im_fs_ntfs,
	&im_fs_fat32,
	&im_fs_fat16,
	&im_fs_fat12,
	&im_fs_exfat,
	&im_fs_refs,
	&im_fs_bitlocker,
	&im_fs_ext,
	&im_fs_xfs,
	&im_fs_btrfs,
	&im_fs_swap,
	&im_fs_luks,
	&im_fs_lvm,
	&im_fs_md,
	&im_fs_iso9660,
	&im_fs_storage_spaces,
	&im_fs_others,
	NULL,
};

/* Put info at place at of the n entries (at <= n); what no longer fits falls off the end. Returns
 * the new number of entries. */
static int insert(struct im_fs_info *found, const struct im_fs_type **types, int n, int max, int at,
		  const struct im_fs_info *info, const struct im_fs_type *type)
{
	int last = n < max ? n : max - 1;

	if (at >= max)
		return n;
	for (int i = last; i > at; i--) {
		found[i] = found[i - 1];
		types[i] = types[i - 1];
	}
	found[at] = *info;
	types[at] = type;
	return n < max ? n + 1 : n;
}

int im_fs_probe(struct im_dev *vol, struct im_fs_info *found, const struct im_fs_type **types, int max,
		struct im_error *err)
{
	int n = 0, n_found = 0;

	for (int i = 0; im_fs_types[i]; i++) {
		struct im_fs_info info = { 0 };
		int got = im_fs_types[i]->probe(vol, &info, err);

		if (got < 0)
			return im_error_prefix(err, "looking for %s", im_fs_types[i]->name);
		info.state = (enum im_probe)got;
		if (got == IM_FOUND && n_found < max)
			n = insert(found, types, n, max, n_found++, &info, im_fs_types[i]);
		else if (got == IM_DAMAGED)
			n = insert(found, types, n, max, n, &info, im_fs_types[i]);
	}
	return n;
}

void im_fs_edits_free(struct im_fs_edits *edits)
{
	if (!edits)
		return;
	for (size_t i = 0; i < edits->list.n; i++)
		free(edits->list.v[i].data);
	im_vec_free(&edits->list);
}

int im_fs_edits_add(struct im_fs_edits *edits, uint64_t off, const void *data, uint32_t len, const char *reason,
		    struct im_error *err)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct im_fs_edit *edit = copy ? im_vec_push(&edits->list, err) : NULL;

	if (!edit) {
		free(copy);
		return im_error_nomem(err);
	}
	memcpy(copy, data, len);
	edit->off = off;
	edit->len = len;
	edit->data = copy;
	snprintf(edit->reason, sizeof(edit->reason), "%s", reason);
	return 0;
}

bool im_fs_is_fat(const char *fs)
{
	return fs && (strcmp(fs, "fat12") == 0 || strcmp(fs, "fat16") == 0 || strcmp(fs, "fat32") == 0);
}
