/* windows.c - look for Windows and its boot configuration in the directories of NTFS and FAT. */
#include <config.h>

#include "adapt/windows.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/child.h"
#include "fmt/fatdir.h"

#ifdef HAVE_LIBNTFS_3G
#include "adapt/ntfs3g_volume.h"

#include <ntfs-3g/inode.h>
#include <ntfs-3g/dir.h>
#endif

/* What gives which bit. */
static const struct {
	const char *path;
	bool is_directory;
	unsigned bit;
} signs[] = {
	{ "Boot/BCD", false, IM_WINDOWS_BCD },
	{ "EFI/Microsoft/Boot/BCD", false, IM_WINDOWS_BCD },
	{ "Windows", true, IM_WINDOWS_SYSTEM },
};

#define SIGNS (sizeof(signs) / sizeof(*signs))

static int look_fat(struct im_dev *vol, unsigned *what, struct im_error *err)
{
	for (size_t i = 0; i < SIGNS; i++) {
		int found = im_fat_find(vol, signs[i].path, err);

		if (found < 0)
			return -1;
		if (found == (signs[i].is_directory ? IM_FAT_DIRECTORY : IM_FAT_FILE))
			*what |= signs[i].bit;
	}
	return 0;
}

#ifdef HAVE_LIBNTFS_3G

static bool is_there(ntfs_volume *vol, const char *path, bool is_directory)
{
	ntfs_inode *inode = ntfs_pathname_to_inode(vol, NULL, path);
	bool found = inode && !(inode->mrec->flags & MFT_RECORD_IS_DIRECTORY) == !is_directory;

	if (inode)
		ntfs_inode_close(inode);
	return found;
}

/* In the child: answer with the bits; without a word where the volume cannot be mounted. */
static void look_in_child(const struct im_child *child, const void *arg)
{
	const uint64_t *size = arg;
	struct im_ntfs3g_source source = { .dev = im_child_dev(child, *size) };
	ntfs_volume *vol = source.dev ? im_ntfs3g_mount(&source) : NULL;
	unsigned what = 0;

	if (!vol || ntfs_set_ignore_case(vol))
		return;
	for (size_t i = 0; i < SIGNS; i++)
		if (is_there(vol, signs[i].path, signs[i].is_directory))
			what |= signs[i].bit;
	im_child_answer(child, sizeof(what));
	im_child_put(child, &what, sizeof(what));
}

static int look_ntfs(struct im_dev *vol, unsigned *what, struct im_error *err)
{
	struct im_answer answer;

	if (im_child_run(look_in_child, NULL, &vol->size, -1, vol, &answer, err))
		return -1;
	/* a child that went astray may have sent anything */
	if (answer.data && answer.len == sizeof(*what)) {
		memcpy(what, answer.data, sizeof(*what));
		*what &= IM_WINDOWS_BCD | IM_WINDOWS_SYSTEM;
	}
	free(answer.data);
	return 0;
}

#else

static int look_ntfs(struct im_dev *vol, unsigned *what, struct im_error *err)
{
	(void)vol, (void)what, (void)err;
	return 0;
}

#endif

int im_windows_look(struct im_dev *dev, uint64_t start, uint64_t len, const char *fs, unsigned *what,
		    struct im_error *err)
{
	bool is_ntfs = fs && strcmp(fs, "ntfs") == 0;
	bool is_fat = fs && (strcmp(fs, "fat12") == 0 || strcmp(fs, "fat16") == 0 || strcmp(fs, "fat32") == 0);
	struct im_dev *vol;
	int rc;

	*what = 0;
	if (!is_ntfs && !is_fat)
		return 0;
	vol = im_dev_window(dev, start, len, err);
	if (!vol)
		return -1;
	rc = is_ntfs ? look_ntfs(vol, what, err) : look_fat(vol, what, err);
	im_dev_close(vol);
	return rc;
}
