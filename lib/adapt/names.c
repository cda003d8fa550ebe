/* names.c - the names of file systems as others spell them. */
#include <config.h>

#include <string.h>
#include <strings.h>

#include "adapt/reading.h"

/* Names in one row mean the same; the first is libblkid's. Names in no row must be equal. */
static const char *const families[][8] = {
	{ "vfat", "fat", "fat12", "fat16", "fat32" },
	{ "crypto_LUKS", "luks", "luks1", "luks2" },
	{ "LVM2_member", "lvm", "lvm2", "lvm1", "LVM1_member" },
	{ "linux_raid_member", "mdraid", "md", "md-raid" },
	{ "zfs_member", "zfs" },
	{ "swap", "linux-swap", "linux-swap(v1)", "linux-swap(v0)" },
	{ "hfsplus", "hfs+", "hfsx", "hfs" },
	{ "jfs", "jfs1" },
	{ "ufs", "ufs1", "ufs2" },
};

static const char *const ext[] = { "ext2", "ext3", "ext4", "ext4dev" };

bool im_fs_is_ext(const char *ours)
{
	for (size_t i = 0; ours && i < sizeof(ext) / sizeof(*ext); i++)
		if (!strcasecmp(ours, ext[i]))
			return true;
	return false;
}

static int family(const char *name)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		for (size_t k = 0; k < 8 && families[i][k]; k++)
			if (!strcasecmp(name, families[i][k]))
				return (int)i;
	return -1;
}

bool im_fs_is_same(const char *ours, const char *theirs)
{
	int f;

	if (!ours || !*ours || !theirs || !*theirs)
		return false;
	if (!strcasecmp(ours, theirs) || (im_fs_is_ext(ours) && im_fs_is_ext(theirs)))
		return true;
	f = family(ours);
	return f >= 0 && f == family(theirs);
}
