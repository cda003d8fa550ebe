/* ntfs3g_repair.c - the child's side: is the volume in a clean state, the steps in their order, the answer.
 *
 * The boot area is reserved in $Bitmap before anything is allocated, or the allocator would hand it out again.
 */
#include <config.h>

#include "adapt/ntfs_repair.h"

#include <stdarg.h>
#include <stdio.h>

#include "adapt/child.h"

#ifdef HAVE_LIBNTFS_3G
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/ntfs3g_move.h"
#include "adapt/ntfs3g_volume.h"
#include "fmt/vss.h"

#include <ntfs-3g/bitmap.h>
#include <ntfs-3g/dir.h>
#include <ntfs-3g/inode.h>

int im_ntfs_work_fail(struct im_ntfs_work *w, const char *fmt, ...)
{
	va_list ap;

	/* the first reason is the one that counts */
	if (w->why[0])
		return -1;
	va_start(ap, fmt);
	im_vsay(w->why, sizeof(w->why), fmt, ap);
	va_end(ap);
	return -1;
}

static uint32_t count_blocks(struct im_dev *overlay)
{
	uint32_t n = 0;
	uint64_t off;

	while (im_dev_overlay_block(overlay, n, &off))
		n++;
	return n;
}

static int mount_it(struct im_ntfs_work *w, struct im_ntfs3g_source *source)
{
	w->vol = im_ntfs3g_mount_rw(source);
	if (!w->vol && errno == EPERM)
		return im_ntfs_work_fail(w, "Windows is hibernated on this NTFS volume or has used it with fast startup, and would"
					 " go on from its memory; shut Windows down in full (`shutdown /s /t 0`) and try again");
	if (!w->vol && errno == EOPNOTSUPP)
		return im_ntfs_work_fail(w, "the NTFS volume was not cleanly unmounted: $LogFile holds changes that Windows must"
					 " bring in first; start Windows or run chkdsk, then try again");
	if (!w->vol && errno == ENOENT)
		return im_ntfs_work_fail(w, "libntfs-3g cannot mount the NTFS volume: its root directory cannot be read; run chkdsk");
	if (!w->vol)
		return im_ntfs_work_fail(w, "libntfs-3g cannot mount the NTFS volume (%s); run chkdsk", im_errno_text(errno));
	if (count_blocks(source->dev))
		return im_ntfs_work_fail(w, "libntfs-3g changes the NTFS volume by merely mounting it ($TXF_DATA of its root"
					 " directory): start Windows once, or run chkdsk");
	if ((w->vol->flags & VOLUME_IS_DIRTY) && !w->wish->allow_dirty)
		return im_ntfs_work_fail(w, "the NTFS volume is marked dirty: Windows would check it first; run chkdsk, or allow it"
					 " with --allow=dirty");
	return 0;
}

/* Does this name of a directory entry hold the GUID, behind the name of a store? */
static int is_store(void *arg, const ntfschar *name, int len, int type, s64 pos, MFT_REF ref, unsigned dt)
{
	unsigned *n = arg;
	size_t k = sizeof(IM_VSS_FILE_GUID) - 1, at = 0;

	(void)type, (void)pos, (void)ref, (void)dt;
	while (at + k <= (size_t)len) {
		size_t i = 0;

		while (i < k && le16_to_cpu(name[at + i]) < 0x80 && ((le16_to_cpu(name[at + i]) ^ IM_VSS_FILE_GUID[i]) & ~0x20) == 0)
			i++;
		if (i == k && at > 0)
			(*n)++;
		at++;
	}
	return 0;
}

/* The stores of snapshots; the catalog alone is no snapshot. */
static int count_stores(struct im_ntfs_work *w, unsigned *n)
{
	ntfs_inode *ni = ntfs_pathname_to_inode(w->vol, NULL, "System Volume Information");
	s64 pos = 0;
	int rc;

	*n = 0;
	if (!ni)
		return errno == ENOENT ? 0 : im_ntfs_work_fail(w, "the folder \\System Volume Information cannot be read: %s",
							       im_errno_text(errno));
	rc = ntfs_readdir(ni, &pos, n, is_store);
	ntfs_inode_close(ni);
	if (rc)
		return im_ntfs_work_fail(w, "the folder \\System Volume Information cannot be read: %s", im_errno_text(errno));
	if (*n && !w->wish->allow_snapshots)
		return im_ntfs_work_fail(w, "the NTFS volume has shadow copies (%u stores) whose catalog its header does not lead to, so that"
					 " what moves inside the volume cannot be kept for them; bring them back first (`imgmend rescue`), delete"
					 " them in Windows (`vssadmin delete shadows`), or allow it with --allow=snapshots", *n);
	return 0;
}

static int check_room(struct im_ntfs_work *w)
{
	int64_t need = 0, has = ntfs_attr_get_free_bits(w->vol->lcnbmp_na);

	if (has < 0)
		return im_ntfs_work_fail(w, "$Bitmap cannot be read: %s", im_errno_text(errno));
	for (size_t i = 0; i < w->wish->n_streams; i++) {
		int64_t n = im_ntfs3g_need(w, i);

		if (n < 0)
			return -1;
		need += n;
	}
	if (need <= has)
		return 0;
	return im_ntfs_work_fail(w, "the NTFS volume is full: %lld free clusters of %u bytes are needed, it has %lld, so %lld clusters"
				 " (%lld bytes) are missing; delete or move files first", (long long)need,
				 w->vol->cluster_size, (long long)has, (long long)(need - has),
				 (long long)(need - has) * w->vol->cluster_size);
}

static int repair(struct im_ntfs_work *w, struct im_ntfs3g_source *source, unsigned *stores)
{
	int64_t mft, mirror;

	if (mount_it(w, source) < 0 || count_stores(w, stores) < 0)
		return -1;
	mft = w->vol->mft_lcn;
	mirror = w->vol->mftmirr_lcn;
	if (ntfs_bitmap_set_run(w->vol->lcnbmp_na, 0, (s64)w->wish->area))
		return im_ntfs_work_fail(w, "libntfs-3g cannot reserve the boot area: %s", im_errno_text(errno));
	if (check_room(w) < 0)
		return -1;
	for (size_t i = 0; i < w->wish->n_streams; i++)
		if (im_ntfs3g_move(w, i) < 0)
			return -1;
	if (im_ntfs3g_extend_boot(w) < 0 || im_ntfs3g_update_boot_sectors(w, mft, mirror) < 0)
		return -1;
	if (ntfs_volume_write_flags(w->vol, w->vol->flags | VOLUME_IS_DIRTY))
		return im_ntfs_work_fail(w, "libntfs-3g cannot mark the volume as dirty: %s", im_errno_text(errno));
	if (ntfs_umount(w->vol, FALSE))
		return im_ntfs_work_fail(w, "libntfs-3g cannot unmount the volume: %s", im_errno_text(errno));
	return 0;
}

static void answer(const struct im_child *child, const struct im_ntfs_work *w, struct im_dev *overlay,
		   struct im_ntfs_answer *head)
{
	size_t total = sizeof(*head);
	const uint8_t *bytes;
	uint64_t off;

	if (head->is_done) {
		head->n_moves = w->n_moves;
		head->n_blocks = count_blocks(overlay);
		total += w->n_moves * sizeof(w->moves[0]) + (size_t)head->n_blocks * (8 + IM_OVERLAY_BLOCK);
	}
	im_child_answer(child, total);
	im_child_put(child, head, sizeof(*head));
	if (!head->is_done)
		return;
	im_child_put(child, w->moves, w->n_moves * sizeof(w->moves[0]));
	for (uint32_t i = 0; i < head->n_blocks; i++) {
		bytes = im_dev_overlay_block(overlay, i, &off);
		im_child_put(child, &off, sizeof(off));
		im_child_put(child, bytes, IM_OVERLAY_BLOCK);
	}
}

void im_ntfs3g_repair(const struct im_child *child, const void *arg)
{
	const struct im_ntfs_job *job = arg;
	struct im_ntfs_work *w = calloc(1, sizeof(*w));
	struct im_dev *below = im_child_dev(child, job->size);
	struct im_ntfs3g_source source = { .dev = below ? im_dev_overlay(below, NULL) : NULL };
	struct im_ntfs_answer head = { 0 };
	unsigned stores = 0;

	if (!w || !source.dev)
		return;
	w->wish = job->wish;
	head.is_done = repair(w, &source, &stores) == 0;
	head.snapshots = stores;
	memcpy(head.why, w->why, sizeof(head.why));
	im_dev_overlay_settle(source.dev);
	answer(child, w, source.dev, &head);
}

#else

void im_ntfs3g_repair(const struct im_child *child, const void *arg)
{
	struct im_ntfs_answer head = { .why = N_("this build is without libntfs-3g, which moves clusters inside NTFS volumes") };

	(void)arg;
	im_child_answer(child, sizeof(head));
	im_child_put(child, &head, sizeof(head));
}

#endif
