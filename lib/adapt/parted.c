/* parted.c - libparted reads a partition table. It never asks, and never commits.
 *
 * libparted takes no descriptor and no sector size: it opens the descriptor's name in /proc, and
 * takes the sector size of a file from the environment. Both are why it must run in a child. The
 * descriptor is sealed, so that the writing mode in which it opens does no harm.
 *
 * It is loaded in the child, not linked: Debian's libparted starts `dmidecode` through a shell when it is
 * loaded, which every run of the program would pay for, and then searches memory that it did not set
 * when that prints nothing. PARTED_GPT_APPLE in the environment keeps it from that.
 */
#include <config.h>

#include <dlfcn.h>
#include <parted/parted.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/reading.h"
#include "base/reopen.h"

#define SONAME "libparted.so.2"

/* What we use of it: ped.<name> is the function ped_<name>. */
#define FUNCTIONS(X) \
	X(exception_set_handler) X(device_get) X(device_open) X(disk_probe) X(disk_new) X(disk_next_partition) X(partition_is_active)

static struct {
#define MEMBER(name) __typeof__(ped_##name) *name;
	FUNCTIONS(MEMBER)
#undef MEMBER
} ped;

static char complaint[IM_WHY_MAX];	/* the first one about the disk at hand */

/* Before the sandbox closes, which lets nothing be loaded. */
static bool is_loaded;

static void load(void)
{
	void *lib;

	setenv("PARTED_GPT_APPLE", "0", 1);
	lib = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
	is_loaded = lib != NULL;
#define LOAD(name) is_loaded = is_loaded && (ped.name = (__typeof__(ped.name))dlsym(lib, "ped_" #name));
	FUNCTIONS(LOAD)
#undef LOAD
}

static PedExceptionOption on_exception(PedException *ex)
{
	if (!*complaint && ex->type >= PED_EXCEPTION_ERROR)
		im_say(complaint, sizeof(complaint), "it says: %.100s", ex->message);
	return PED_EXCEPTION_UNHANDLED;
}

static void take_partitions(const PedDisk *disk, struct im_reading *r)
{
	uint64_t sector = (uint64_t)disk->dev->sector_size;

	PedPartition *part = NULL;

	while ((part = ped.disk_next_partition(disk, part))) {
		struct im_reading_partition *p;

		if (part->num <= 0 || !ped.partition_is_active(part))
			continue;
		p = im_reading_add(r);
		p->number = part->num;
		p->is_extended = (part->type & PED_PARTITION_EXTENDED) != 0;
		p->start = (uint64_t)part->geom.start * sector;
		p->size = (uint64_t)part->geom.length * sector;
		if (part->fs_type)
			snprintf(p->fs, sizeof(p->fs), "%s", part->fs_type->name);
	}
}

/* A volume without a table is one partition of the "label" loop. */
static void take_disk(const PedDisk *disk, struct im_reading *r)
{
	const char *name = disk->type->name;

	take_partitions(disk, r);
	snprintf(r->head.table, sizeof(r->head.table), "%s", !strcmp(name, "msdos") ? "dos" : name);
	if (!strcmp(name, "loop") && r->partitions.n)
		snprintf(r->head.whole, sizeof(r->head.whole), "%s", r->partitions.v[0].fs);
}

static void open_disk(int fd, const struct im_question *q, struct im_reading *r)
{
	char path[IM_FD_PATH], sector[16];
	PedDevice *dev;
	PedDisk *disk = NULL;
	PedDiskType *type;

	snprintf(sector, sizeof(sector), "%u", q->sector_size);
	im_fd_path(path, fd);
	setenv("PARTED_SECTOR_SIZE", sector, 1);
	*complaint = '\0';
	ped.exception_set_handler(on_exception);
	dev = ped.device_get(path);
	if (!dev || !ped.device_open(dev)) {
		im_reading_fail(r, IM_READING_REFUSED, "%s", *complaint ? complaint : "it cannot open the disk");
		return;
	}
	if (dev->sector_size != q->sector_size) {
		im_reading_fail(r, IM_READING_REFUSED, "it does not take sectors of %u bytes", q->sector_size);
		return;
	}
	type = ped.disk_probe(dev);
	if (!type)
		snprintf(r->head.table, sizeof(r->head.table), "none");
	else if (!(disk = ped.disk_new(dev)))
		im_reading_fail(r, IM_READING_REFUSED, "%s", *complaint ? complaint : _("it cannot read the table"));
	else
		take_disk(disk, r);
}

const struct im_child_needs im_parted_needs = { .prepare = load, .opens_proc = true };

void im_parted_read(int fd, const struct im_question *q, struct im_reading *r)
{
	if (!strcmp(q->claim->table, "none") && q->claim->volume_start)
		im_reading_fail(r, IM_READING_NONE, "it knows volumes without a table only at the start of a disk");
	else if (!is_loaded)
		im_reading_fail(r, IM_READING_NONE, "%s cannot be loaded", SONAME);
	else
		open_disk(fd, q, r);
}
