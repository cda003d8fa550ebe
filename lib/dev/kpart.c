/* kpart.c - the kernel's view of the partitions of a block device, while they move. */
#include <dirent.h>
#include <errno.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "dev/inuse.h"

static int drop_one(int fd, int number)
{
	struct blkpg_partition part = { .pno = number };
	struct blkpg_ioctl_arg arg = { .op = BLKPG_DEL_PARTITION, .datalen = sizeof(part), .data = &part };

	return ioctl(fd, BLKPG, &arg);
}

/* The number of the partition whose sysfs directory this is, 0 when it is none. */
static int number_of(const char *dir, const char *name)
{
	char path[400];
	int number = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/partition", dir, name);
	f = fopen(path, "re");
	if (f && fscanf(f, "%d", &number) != 1)
		number = 0;
	if (f)
		fclose(f);
	return number;
}

int im_kernel_partitions_drop(struct im_dev *dev, const char *path, bool *had, struct im_error *err)
{
	int fd = im_dev_file_fd(dev), rc = 0;
	char dir[64];
	struct dirent *e;
	struct stat st;
	DIR *d;

	*had = false;
	if (!dev->is_block || fstat(fd, &st) < 0)
		return 0;
	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", major(st.st_rdev), minor(st.st_rdev));
	d = opendir(dir);
	while (d && rc == 0 && (e = readdir(d))) {
		int number = e->d_name[0] == '.' ? 0 : number_of(dir, e->d_name);

		if (!number)
			continue;
		*had = true;
		if (drop_one(fd, number) < 0)
			rc = im_error_sys(err, errno, "%s: the kernel will not let go of partition %d; nothing was written",
					  path, number);
	}
	if (d)
		closedir(d);
	return rc;
}

int im_kernel_partitions_read(struct im_dev *dev, const char *path, struct im_error *err)
{
	int fd = im_dev_file_fd(dev);

	for (int tries = 0; tries < 10; tries++) {
		if (ioctl(fd, BLKRRPART) == 0)
			return 0;
		if (errno != EBUSY)
			break;
		usleep(100000);
	}
	return im_error_sys(err, errno, "%s: the repair is complete, but the kernel did not read the new table; run"
			    " `partprobe` or `partx -u`", path);
}
