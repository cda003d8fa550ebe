/* ntfs3g_boot.c - $Boot and the boot sectors. */
#include <config.h>

#ifdef HAVE_LIBNTFS_3G
#include "adapt/ntfs3g_move.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ntfs-3g/inode.h>
#include <ntfs-3g/runlist.h>

#define BOOT_AREA 8192
#define SECTOR_HEAD 512		/* bytes of a boot sector that mean something */

/* The sizes that $Boot declares, in its attribute and, through the inode, in the directory. */
static int set_sizes(struct im_ntfs_work *w, ntfs_inode *ni, ntfs_attr *na)
{
	ntfs_attr_search_ctx *ctx = ntfs_attr_get_search_ctx(ni, NULL);

	if (!ctx || ntfs_attr_lookup(AT_DATA, AT_UNNAMED, 0, CASE_SENSITIVE, 0, NULL, 0, ctx))
		return im_ntfs_work_fail(w, "libntfs-3g cannot find the attribute of $Boot: %s", im_errno_text(errno));
	if (na->data_size < BOOT_AREA)
		na->data_size = BOOT_AREA;
	if (na->initialized_size < BOOT_AREA)
		na->initialized_size = BOOT_AREA;
	ctx->attr->data_size = cpu_to_sle64(na->data_size);
	ctx->attr->initialized_size = cpu_to_sle64(na->initialized_size);
	ctx->attr->allocated_size = cpu_to_sle64(na->allocated_size);
	ni->data_size = na->data_size;
	ni->allocated_size = na->allocated_size;
	NInoFileNameSetDirty(ni);
	ntfs_inode_mark_dirty(ctx->ntfs_ino);
	ntfs_attr_put_search_ctx(ctx);
	return 0;
}

static int extend(struct im_ntfs_work *w, ntfs_inode *ni, ntfs_attr *na)
{
	s64 area = (s64)w->wish->area, cluster = w->vol->cluster_size;
	runlist_element *rl = na->rl;

	if (rl[0].lcn != 0 || (rl[0].length < area && rl[1].length))
		return im_ntfs_work_fail(w, "$Boot has a runlist that imgmend will not guess about; run chkdsk");
	if (rl[0].length < area) {
		rl[0].length = area;
		rl[1].vcn = area;
		na->allocated_size = area * cluster;
		if (ntfs_attr_update_mapping_pairs(na, 0))
			return im_ntfs_work_fail(w, "libntfs-3g cannot extend $Boot: %s", im_errno_text(errno));
	}
	if (na->allocated_size < area * cluster)
		na->allocated_size = area * cluster;
	return set_sizes(w, ni, na);
}

int im_ntfs3g_extend_boot(struct im_ntfs_work *w)
{
	ntfs_inode *ni = ntfs_inode_open(w->vol, FILE_Boot);
	ntfs_attr *na = ni ? ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0) : NULL;

	if (!na || !NAttrNonResident(na) || ntfs_attr_map_whole_runlist(na) || !na->rl || !na->rl[0].length)
		return im_ntfs_work_fail(w, "libntfs-3g cannot open $Boot: %s", im_errno_text(errno));
	if (extend(w, ni, na) < 0)
		return -1;
	ntfs_attr_close(na);
	return ntfs_inode_close(ni) ? im_ntfs_work_fail(w, "libntfs-3g cannot write $Boot's record: %s", im_errno_text(errno)) : 0;
}

int im_ntfs3g_update_boot_sectors(struct im_ntfs_work *w, int64_t old_mft, int64_t old_mirror)
{
	NTFS_BOOT_SECTOR primary;
	struct ntfs_device *dev = w->vol->dev;
	u32 sector = w->vol->sector_size;
	s64 backup;

	if (w->vol->mft_lcn == old_mft && w->vol->mftmirr_lcn == old_mirror)
		return 0;
	if (ntfs_pread(dev, 0, SECTOR_HEAD, &primary) != SECTOR_HEAD)
		return im_ntfs_work_fail(w, "the boot sector cannot be read");
	primary.mft_lcn = cpu_to_sle64(w->vol->mft_lcn);
	primary.mftmirr_lcn = cpu_to_sle64(w->vol->mftmirr_lcn);
	backup = sle64_to_cpu(primary.number_of_sectors) * (s64)sector;
	/* a backup that says where $MFT was would be worse than none: it becomes the primary's copy */
	if (ntfs_pwrite(dev, backup, SECTOR_HEAD, &primary) != SECTOR_HEAD || ntfs_pwrite(dev, 0, SECTOR_HEAD, &primary) != SECTOR_HEAD)
		return im_ntfs_work_fail(w, "the boot sectors cannot be written: the volume is larger than its partition");
	return 0;
}

#else

typedef int im_ntfs3g_boot_is_missing;	/* a file must not be empty */

#endif
