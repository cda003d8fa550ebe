/* ntfs3g.c - libntfs-3g mounts a volume, and reads the first records of $MFT. */
#include <config.h>

#include "adapt/reading.h"

#ifdef HAVE_LIBNTFS_3G
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/ntfs3g_volume.h"

#include <ntfs-3g/attrib.h>
#include <ntfs-3g/mft.h>

#define RECORDS 16	/* the system files */

/* The system files' records, with their fix-ups checked by the library. */
static void read_mft(ntfs_volume *vol, struct im_reading *r)
{
	MFT_RECORD *rec = malloc(vol->mft_record_size);
	s64 n = vol->mft_na->data_size >> vol->mft_record_size_bits;

	if (!rec) {
		im_reading_fail(r, IM_READING_NONE, "it has no memory");
		return;
	}
	for (s64 i = 0; i < n && i < RECORDS; i++)
		if (ntfs_mft_record_read(vol, (MFT_REF)i, rec)) {
			im_reading_fail(r, IM_READING_REFUSED, "it cannot read MFT record %lld", (long long)i);
			break;
		}
	free(rec);
}

void im_ntfs3g_read(const struct im_child *child, const void *arg)
{
	const struct im_question *q = arg;
	struct im_ntfs3g_source source = { .dev = im_child_dev(child, q->size) };
	struct im_reading r = { 0 };
	ntfs_volume *vol = source.dev ? im_ntfs3g_mount(&source) : NULL;

	if (!vol) {
		im_reading_fail(&r, IM_READING_REFUSED, "it cannot mount the volume: %s", im_errno_text(errno));
	} else {
		r.head.unit = vol->cluster_size;
		r.head.units = (uint64_t)vol->nr_clusters;
		snprintf(r.head.id, sizeof(r.head.id), "%.63s", vol->vol_name ? vol->vol_name : "");
		read_mft(vol, &r);
	}
	im_reading_send(child, &r);
}

#else

void im_ntfs3g_read(const struct im_child *child, const void *arg)
{
	struct im_reading r = { 0 };

	(void)arg;
	im_reading_fail(&r, IM_READING_NONE, "this build is without libntfs-3g");
	im_reading_send(child, &r);
}

#endif
