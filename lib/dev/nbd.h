/* nbd.h - what an NBD server exports, as a device (libnbd). */
#ifndef IM_DEV_NBD_H
#define IM_DEV_NBD_H

#include "dev/dev.h"

/* Was this built with libnbd, and can it be loaded? Without it the functions below fail with a sentence. */
bool im_nbd_is_there(void);

/* Is path the URI of an NBD export: nbd://, nbds://, nbd+unix://, nbds+unix://? */
bool im_nbd_is_uri(const char *path);

/* Connect to an export. write: refused where the server exports it read-only, or offers no flush, without which nothing
 * could be made durable. sector_size 0: 512. NULL on error. */
struct im_dev *im_dev_nbd_uri(const char *uri, bool write, uint32_t sector_size, struct im_error *err);
/* The same over a connected socket, which the device takes over in any case; name is for messages, copied. */
struct im_dev *im_dev_nbd_socket(int fd, const char *name, bool write, uint32_t sector_size, struct im_error *err);

/* The server cannot tell holes from data and stores what is written as zeros: look before zeros are written. */
void im_nbd_look_before_zeros(struct im_dev *dev);

#endif
