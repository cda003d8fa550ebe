/* blkid.c - libblkid reads a partition table, and names what is in each partition. */
#include <config.h>

#include <blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "adapt/reading.h"
#include "adapt/sample.h"
#include "base/bytes.h"
#include "base/reopen.h"

#define UNIT 512u	/* libblkid counts in these whatever the sector size is */

static blkid_probe open_probe(int fd, uint64_t start, uint64_t len, uint32_t sector_size)
{
	blkid_probe pr = start > INT64_MAX || len > INT64_MAX ? NULL : blkid_new_probe();

	if (!pr)
		return NULL;
	if (blkid_probe_set_device(pr, fd, (blkid_loff_t)start, (blkid_loff_t)len) ||
	    blkid_probe_set_sectorsize(pr, sector_size)) {
		blkid_free_probe(pr);
		return NULL;
	}
	return pr;
}

int im_blkid_type(int fd, uint64_t start, uint64_t len, uint32_t sector_size, char name[32])
{
	const char *type = "";
	blkid_probe pr;
	int rc;

	name[0] = '\0';
	if (!len)
		return 0;
	pr = open_probe(fd, start, len, sector_size);
	if (!pr)
		return -1;
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE);
	blkid_probe_enable_partitions(pr, 0);
	rc = blkid_do_safeprobe(pr);
	if (rc == -2)
		type = "ambivalent";
	else if (rc == 0 && blkid_probe_lookup_value(pr, "TYPE", &type, NULL))
		type = "";
	snprintf(name, 32, "%s", type);
	blkid_free_probe(pr);
	return rc == -1 ? -1 : 0;
}

static void take_partition(blkid_partition par, struct im_reading *r)
{
	struct im_reading_partition *p;

	/* a table inside a partition (BSD, Minix, Solaris) is none of our business */
	if (blkid_parttable_get_parent(blkid_partition_get_table(par)))
		return;
	p = im_reading_add(r);
	p->number = blkid_partition_get_partno(par);
	p->is_extended = blkid_partition_is_extended(par) != 0;
	/* a hostile table may make these wrap: then the numbers do not match, which is all we ask */
	p->start = (uint64_t)blkid_partition_get_start(par) * UNIT;
	p->size = (uint64_t)blkid_partition_get_size(par) * UNIT;
}

static int take_table(int fd, const struct im_question *q, struct im_reading *r)
{
	blkid_probe pr = open_probe(fd, 0, q->size, q->sector_size);
	blkid_parttable table;
	blkid_partlist list;

	if (!pr)
		return -1;
	blkid_probe_enable_superblocks(pr, 0);
	blkid_probe_enable_partitions(pr, 1);
	list = blkid_probe_get_partitions(pr);
	table = list ? blkid_partlist_get_table(list) : NULL;
	snprintf(r->head.table, sizeof(r->head.table), "%s", table ? blkid_parttable_get_type(table) : "none");
	for (int i = 0, n = table ? blkid_partlist_numof_partitions(list) : 0; i < n; i++)
		take_partition(blkid_partlist_get_partition(list, i), r);
	blkid_free_probe(pr);
	return 0;
}

/* Name what is at the places where we, not libblkid, say that partitions are. */
static int take_names(int fd, const struct im_question *q, struct im_reading *r)
{
	char name[32];

	for (size_t i = 0; i < q->claim->partitions.n; i++) {
		const struct im_claim_partition *c = &q->claim->partitions.v[i];

		if (c->is_extended || !c->fs || !*c->fs || c->start >= q->size)
			continue;
		if (im_blkid_type(fd, c->start, im_min(c->size, q->size - c->start), q->sector_size, name))
			return -1;
		for (size_t k = 0; k < r->partitions.n; k++)
			if (r->partitions.v[k].number == c->number)
				snprintf(r->partitions.v[k].fs, sizeof(r->partitions.v[k].fs), "%.26s", name);
	}
	return 0;
}

void im_blkid_read(int fd, const struct im_question *q, struct im_reading *r)
{
	bool bare = !strcmp(q->claim->table, "none");
	uint64_t start = bare ? im_min(q->claim->volume_start, q->size) : 0;

	if (im_blkid_type(fd, start, q->size - start, q->sector_size, r->head.whole) ||
	    (!bare && (take_table(fd, q, r) || take_names(fd, q, r))))
		im_reading_fail(r, IM_READING_REFUSED, "it cannot read the disk");
}

/* ---- one volume, for whoever wants its name ---- */

static void read_one(const struct im_child *child, const void *arg)
{
	const struct im_question *q = arg;
	struct im_reading r = { 0 };

	if (im_blkid_type(child->fds[0], q->start, q->size, q->sector_size, r.head.whole))
		im_reading_fail(&r, IM_READING_REFUSED, "it cannot read the volume");
	im_reading_send(child, &r);
}

/* A descriptor for libblkid: the image's own file, opened anew so that its position is ours alone,
 * else a sample of the volume, which then begins at 0. */
static int open_volume(struct im_dev *dev, struct im_question *q, struct im_error *err)
{
	struct im_claim claim = { .table = "none", .sector_size = dev->sector_size };
	struct im_dev *window;
	int fd = im_dev_file_fd(dev);

	if (fd >= 0) {
		fd = im_reopen(fd, O_RDONLY);
		if (fd >= 0)
			return fd;
	}
	window = im_dev_window(dev, q->start, q->size, err);
	if (!window)
		return -1;
	q->start = 0;
	q->size = window->size;
	fd = im_sample(window, &claim, err);
	im_dev_close(window);
	return fd;
}

int im_blkid_name(struct im_dev *dev, uint64_t start, uint64_t len, char name[32], struct im_error *err)
{
	struct im_question q = { .sector_size = dev->sector_size, .start = start };
	struct im_reading r;
	int fd, rc;

	name[0] = '\0';
	if (start >= dev->size)
		return 0;
	q.size = im_min(len, dev->size - start);
	fd = open_volume(dev, &q, err);
	if (fd < 0)
		return -1;
	rc = im_reading_ask(read_one, &q, fd, NULL, &r, err);
	close(fd);
	if (rc)
		return -1;
	if (r.head.state != IM_READING_OK)
		rc = im_error_at(err, IM_EIO, start, "libblkid could not be asked about the volume: %s", r.head.why);
	else
		snprintf(name, 32, "%s", r.head.whole);
	im_reading_free(&r);
	return rc;
}
