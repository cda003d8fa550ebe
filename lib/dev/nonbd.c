/* nonbd.c - nbd.h for a build without libnbd. */
#include "dev/nbd.h"

#include <unistd.h>

bool im_nbd_is_there(void)
{
	return false;
}

static struct im_dev *lacking(const char *name, struct im_error *err)
{
	im_error_set(err, IM_EREFUSED, "%s: this imgmend was built without libnbd: it opens raw images and block devices, but no NBD"
		     " exports, and no qcow2, VHD, VHDX, VMDK or VDI", name);
	return NULL;
}

struct im_dev *im_dev_nbd_uri(const char *uri, bool write, uint32_t sector_size, struct im_error *err)
{
	(void)write;
	(void)sector_size;
	return lacking(uri, err);
}

struct im_dev *im_dev_nbd_socket(int fd, const char *name, bool write, uint32_t sector_size, struct im_error *err)
{
	(void)write;
	(void)sector_size;
	close(fd);
	return lacking(name, err);
}

void im_nbd_look_before_zeros(struct im_dev *dev)
{
	(void)dev;
}
