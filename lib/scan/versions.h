/* versions.h - a file that shadow copies' header and data fight for, as it is and as each snapshot has it. */
#ifndef IM_SCAN_VERSIONS_H
#define IM_SCAN_VERSIONS_H

#include "scan/ntfs_area.h"
#include "scan/shadows.h"

/* Bytes of the stream that are not what they were. */
struct im_lost {
	uint64_t start, len;
	const char *why;		/* a clause */
};

struct im_version {
	struct im_ntfs fs;
	struct im_dev *view;		/* of the snapshot; NULL: the volume itself */
	struct im_ntfs_stream stream;
	const char *missing;		/* why there is none, a clause; NULL: there is one */
	IM_VEC(struct im_lost) lost;	/* sorted */
};

/* The owner's stream in snapshot i of the volume's catalog (0: the oldest), or, with SIZE_MAX, in the volume itself. 0 or -1. To be
 * closed in either case. vol is borrowed. */
int im_version_open(struct im_version *version, struct im_dev *vol, const struct im_shadows *s, size_t i, const struct im_area_owner *owner,
		    struct im_error *err);
void im_version_close(struct im_version *version);

/* [off, off+len) of it, within its size. FOUND, DAMAGED, -1. */
int im_version_read(struct im_version *version, uint64_t off, uint8_t *buf, size_t len, struct im_error *err);

#endif
