/* fdisk.c - libfdisk reads a partition table. Read-only, without questions.
 *
 * It takes a bare volume for an empty table of type dos, so libblkid is asked first, and where that
 * finds a file system over the whole disk libfdisk is not used.
 */
#include <config.h>

#include <libfdisk.h>
#include <stdio.h>
#include <string.h>

#include "adapt/reading.h"
#include "base/bytes.h"

static void take_partition(struct fdisk_context *cxt, struct fdisk_partition *pa, struct im_reading *r)
{
	uint64_t sector = fdisk_get_sector_size(cxt);
	struct im_reading_partition *p;

	if (!fdisk_partition_has_start(pa) || !fdisk_partition_has_size(pa) || !fdisk_partition_has_partno(pa))
		return;
	p = im_reading_add(r);
	p->number = (int32_t)fdisk_partition_get_partno(pa) + 1;
	p->is_extended = fdisk_partition_is_container(pa) != 0;
	/* a hostile table may make these wrap: then the numbers do not match, which is all we ask */
	p->start = fdisk_partition_get_start(pa) * sector;
	p->size = fdisk_partition_get_size(pa) * sector;
}

static void take_table(struct fdisk_context *cxt, struct im_reading *r)
{
	struct fdisk_label *label = fdisk_get_label(cxt, NULL);
	struct fdisk_table *table = NULL;
	size_t n;

	snprintf(r->head.table, sizeof(r->head.table), "%s", fdisk_label_get_name(label));
	if (fdisk_get_partitions(cxt, &table) || !table) {
		/* an empty table: no partitions to report */
		fdisk_unref_table(table);
		return;
	}
	n = fdisk_table_get_nents(table);
	for (size_t i = 0; i < n; i++)
		take_partition(cxt, fdisk_table_get_partition(table, i), r);
	fdisk_unref_table(table);
}

void im_fdisk_read(int fd, const struct im_question *q, struct im_reading *r)
{
	struct fdisk_context *cxt = fdisk_new_context();
	char whole[32];

	if (!strcmp(q->claim->table, "none")) {
		im_reading_fail(r, IM_READING_NONE, "there is no partition table to read");
	} else if (im_blkid_type(fd, 0, q->size, q->sector_size, whole)) {
		im_reading_fail(r, IM_READING_NONE, "libblkid cannot tell whether the disk is one volume");
	} else if (*whole) {
		im_reading_fail(r, IM_READING_NONE, "there is a file system over the whole disk (%s)", whole);
	} else if (!cxt || fdisk_disable_dialogs(cxt, 1) ||
		   fdisk_save_user_sector_size(cxt, q->sector_size, q->sector_size) ||
		   fdisk_assign_device_by_fd(cxt, fd, "disk", 1)) {
		im_reading_fail(r, IM_READING_REFUSED, "it cannot open the disk");
	} else if (!fdisk_has_label(cxt)) {
		snprintf(r->head.table, sizeof(r->head.table), "none");
	} else if (fdisk_get_sector_size(cxt) != q->sector_size) {
		im_reading_fail(r, IM_READING_REFUSED, "it does not take sectors of %u bytes", q->sector_size);
	} else {
		take_table(cxt, r);
	}
	fdisk_unref_context(cxt);
}
