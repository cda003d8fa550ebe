/* vss.h - what Windows' volume shadow copies keep on a volume.
 *
 * Source: libyal, "Volume Shadow Snapshot (VSS) format", sections "Volume header" and "Catalog". Offsets count
 * from the start of the volume.
 */
#ifndef IM_FMT_VSS_H
#define IM_FMT_VSS_H

#include <stdbool.h>
#include <stdint.h>

#include "dev/dev.h"
#include "fmt/fs.h"

#define IM_VSS_HEADER 0x1e00u		/* where the header lies */
#define IM_VSS_HEADER_SIZE 512u

/* Part of the name of every file of shadow copies, catalog and stores. */
#define IM_VSS_FILE_GUID "{3808876b-c176-4e48-b7ae-04046e6cc752}"

struct im_vss {
	uint64_t catalog;		/* byte offset, 0: there is none */
	bool is_sound;			/* the identifier is there, and so is what must follow it */
	unsigned entries;		/* of the catalog: snapshots and stores; 0 when it cannot be read */
	bool catalog_is_damaged;
};

/* Look at the header, and at the catalog that it names. FOUND: the identifier is there; ABSENT; -1. Bounded, and
 * safe from loops. */
int im_vss_look(struct im_dev *vol, struct im_vss *vss, struct im_error *err);

#endif
