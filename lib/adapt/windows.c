/* windows.c - look for Windows and its boot configuration in the directories of NTFS and FAT. */
#include <config.h>

#include "adapt/windows.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/child.h"
#include "fmt/fatdir.h"
#include "fmt/fs.h"

#ifdef HAVE_LIBNTFS_3G
#include "adapt/ntfs3g_volume.h"

#include <ntfs-3g/inode.h>
#include <ntfs-3g/dir.h>
#endif

const char *const im_windows_paths[IM_WINDOWS_FILES] = {
	[IM_WINDOWS_BOOT_BCD] = "Boot/BCD",
	[IM_WINDOWS_EFI_BCD] = "EFI/Microsoft/Boot/BCD",
	[IM_WINDOWS_HIVE] = "Windows/System32/config/SYSTEM",
	[IM_WINDOWS_NT_HIVE] = "WINNT/system32/config/SYSTEM",
	[IM_WINDOWS_HIBERNATED] = "hiberfil.sys",
};

static int look_fat(struct im_dev *vol, struct im_windows *w, struct im_error *err)
{
	for (int i = 0; i < IM_WINDOWS_FILES; i++) {
		int found = im_fat_find(vol, im_windows_paths[i], err);

		if (found < 0)
			return -1;
		w->has[i] = found == IM_FAT_FILE;
	}
	return 0;
}

#ifdef HAVE_LIBNTFS_3G

/* The number of the file's record; 0, which is $MFT's, where there is none. */
static uint64_t record_of(ntfs_volume *vol, const char *path)
{
	ntfs_inode *inode = ntfs_pathname_to_inode(vol, NULL, path);
	uint64_t number = 0;

	if (inode && !(inode->mrec->flags & MFT_RECORD_IS_DIRECTORY))
		number = inode->mft_no;
	if (inode)
		ntfs_inode_close(inode);
	return number;
}

/* In the child: answer with the records; without a word where the volume cannot be mounted. */
static void look_in_child(const struct im_child *child, const void *arg)
{
	const uint64_t *size = arg;
	struct im_ntfs3g_source source = { .dev = im_child_dev(child, *size) };
	ntfs_volume *vol = source.dev ? im_ntfs3g_mount(&source) : NULL;
	uint64_t records[IM_WINDOWS_FILES];

	if (!vol || ntfs_set_ignore_case(vol))
		return;
	for (int i = 0; i < IM_WINDOWS_FILES; i++)
		records[i] = record_of(vol, im_windows_paths[i]);
	im_child_answer(child, sizeof(records));
	im_child_put(child, records, sizeof(records));
}

static int look_ntfs(struct im_dev *vol, struct im_windows *w, struct im_error *err)
{
	uint64_t records[IM_WINDOWS_FILES];
	struct im_answer answer;

	if (im_child_run(look_in_child, NULL, &vol->size, -1, vol, &answer, err))
		return -1;
	w->is_closed = !answer.data || answer.len != sizeof(records);
	if (!w->is_closed) {
		memcpy(records, answer.data, sizeof(records));
		for (int i = 0; i < IM_WINDOWS_FILES; i++) {
			w->has[i] = records[i] != 0;
			w->record[i] = records[i];
		}
	}
	free(answer.data);
	return 0;
}

#else

static int look_ntfs(struct im_dev *vol, struct im_windows *w, struct im_error *err)
{
	(void)vol, (void)err;
	w->is_closed = true;
	return 0;
}

#endif

int im_windows_look(struct im_dev *dev, uint64_t start, uint64_t len, const char *fs, struct im_windows *found,
		    struct im_error *err)
{
	bool is_ntfs = fs && strcmp(fs, "ntfs") == 0;
	bool is_fat = im_fs_is_fat(fs);
	struct im_dev *vol;
	int rc;

	*found = (struct im_windows){ 0 };
	if (!is_ntfs && !is_fat)
		return 0;
	vol = im_dev_window(dev, start, len, err);
	if (!vol)
		return -1;
	rc = is_ntfs ? look_ntfs(vol, found, err) : look_fat(vol, found, err);
	im_dev_close(vol);
	return rc;
}
