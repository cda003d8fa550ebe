/* shadows.h - the shadow copies of an NTFS volume: what is there, what is lost, and what can be brought back.
 *
 * The header at 0x1E00 leads to the catalog. Where it does not, the catalog is looked for by the name of its file, and, when the
 * whole disk was searched, among what was found there.
 */
#ifndef IM_SCAN_SHADOWS_H
#define IM_SCAN_SHADOWS_H

#include "fmt/ntfs.h"
#include "fmt/vss.h"
#include "scan/scan.h"

enum im_shadow_header {
	IM_HEADER_VALID,		/* with a catalog, or without one: then there are no snapshots */
	IM_HEADER_ABSENT,		/* zeros */
	IM_HEADER_OVERWRITTEN,		/* something else */
	IM_HEADER_NOWHERE,		/* valid, but what it leads to is no sound catalog */
};

/* What led to the catalog. */
enum im_shadow_way { IM_BY_NONE, IM_BY_HEADER, IM_BY_FILE, IM_BY_SEARCH };

/* A file of shadow copies, by its name. */
struct im_shadow_file {
	uint8_t id[16];			/* of the store; of the catalog: its own identifier */
	bool is_catalog;
	uint64_t reference;		/* NTFS reference: record number and sequence number */
	uint64_t start;			/* where it begins on the volume, bytes; UINT64_MAX: it has no clusters */
};

#define IM_SHADOW_RECORD 0xffffffffffffull	/* of a reference: the number of the record */

struct im_shadows {
	enum im_shadow_header state;
	struct im_vss_header header;	/* where it is valid */
	char owner[480];		/* the file that has the header's sector; "": it is $Boot's, or free */
	const char *in_the_way;		/* why the boot area cannot be freed for the header, a clause; NULL: it can, or is */
	enum im_shadow_way way;
	struct im_vss_catalog catalog;
	const char *catalog_fault;	/* a clause; NULL: it is sound, or there is none */
	IM_VEC(struct im_shadow_file) files;
	uint64_t lost_files;		/* stores' files that no sound catalog names */

	bool can_rebuild;		/* the header */
	const char *why_not;		/* … a clause; NULL: it can be, or need not */
	uint8_t rebuilt[IM_VSS_HEADER_SIZE];
	uint64_t copy;			/* where the copy lies that it is taken from, bytes of the volume; 0: it is built */
	bool knows_volume;		/* the volume's identifier is in it: from that copy, from one that names another catalog … */
	bool is_told;			/* … or from the caller */
};

const char *im_shadow_header_name(enum im_shadow_header state);	/* "valid", "absent" … */
const char *im_shadow_way_name(enum im_shadow_way way);		/* "header", "file" … */

/* Look at volume v of the scan, in the window vol. 0 or -1. */
int im_shadows_look(struct im_shadows *s, struct im_dev *vol, const struct im_scan *scan, const struct im_volume *v, struct im_error *err);
void im_shadows_free(struct im_shadows *s);

/* Has the volume shadow copies, or files of them, as far as can be told? */
int im_shadows_any(struct im_dev *vol, const struct im_volume *v, bool *any, struct im_error *err);

/* The finding, when a header is lost that could lead to snapshots. */
int im_shadows_report(struct im_scan *scan, const struct im_volume *v, struct im_error *err);

/* ---- floor-internal ---- */

/* The files of shadow copies, from every record of the MFT. A volume that cannot be read has none. (shadow_files.c) */
int im_shadow_files(struct im_shadows *s, struct im_dev *vol, struct im_error *err);
/* Does each snapshot's store have the file that the catalog names? Else its fault says so. (shadow_files.c) */
void im_shadow_check_files(struct im_shadows *s);
/* Do all blocks of the catalog lie in its file? Else catalog_fault says so. (shadow_files.c) */
int im_shadow_check_catalog(struct im_shadows *s, struct im_dev *vol, struct im_error *err);
/* Make the header anew, where the catalog is proven. (shadow_header.c) */
int im_shadow_rebuild(struct im_shadows *s, struct im_dev *vol, const struct im_scan *scan, struct im_error *err);

#endif
