/* host.h - what the file system or disk can do on which an image and its journal lie. */
#ifndef IM_DEV_HOST_H
#define IM_DEV_HOST_H

#include "dev/dev.h"

struct im_host {
	char fs[16];		/* of the journal's folder: "ext4", "xfs", "btrfs", "tmpfs", "" for others */
	uint32_t share_unit;	/* of the image, bytes; 0: it cannot share blocks with any file */
	bool can_share;		/* image and journal lie where files can share blocks */
	uint32_t shift_unit;	/* of the image, bytes; 0: blocks cannot be inserted into it or taken out, else im_host_shifts knows */
	bool is_probed;		/* what is below is measured, but for handover_ns; the last one perhaps not */
	uint64_t flush_ns;	/* to make a batch durable, and then a record of it */
	uint64_t handover_ns;		/* what else a batch of less than a few MiB costs: the disk stands still while it is handed over */
	uint64_t write_rate;	/* bytes a second */
	bool knows_seeks;	/* the one below is measured as well */
	uint64_t seek_ns;	/* what reading the image takes longer elsewhere than where it was read just now */
};

/* Look at the folder in which the journal is to be. What cannot be found out keeps its default. */
void im_host_look(struct im_host *host, struct im_dev *image, const char *folder);
/* Measure there, by a file that has no name, and on the image by reading: sets is_probed and what belongs to it, or nothing where that
 * cannot be. Writes some 20 MiB. */
void im_host_measure(struct im_host *host, struct im_dev *image, const char *folder);

/* Can a block be inserted into the image and taken out, as tried on a file without a name beside it, does the host say where its
 * blocks are, and has it room for so many more bytes, and then some? */
bool im_host_shifts(struct im_dev *image, uint64_t room);

/* Has the file system of the image room for so many more bytes, and then some? True where it is no file. */
bool im_host_has_room(struct im_dev *image, uint64_t room);

/* Can the image share blocks with a file beside it? As tried. */
bool im_host_shares(struct im_dev *image);

#endif
