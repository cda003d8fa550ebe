/* ntfs_area.h - who lies in the boot area of an NTFS volume. */
#ifndef IM_SCAN_NTFS_AREA_H
#define IM_SCAN_NTFS_AREA_H

#include "fmt/ntfs.h"
#include "fmt/vss.h"
#include "scan/scan.h"

/* An owner of clusters of the boot area that is not $Boot. */
struct im_area_owner {
	struct im_ntfs_owner owner;
	char name[480];			/* "\dir\file", "\dir\file:stream" */
	char what[160];			/* "user file", "directory index", "$MFT" … */
	bool is_free_in_bitmap;		/* some of its clusters are marked free */
	bool is_cross_linked;		/* somebody else, or $Boot, owns some of them as well */
	bool has_header;		/* the shadow-copy header stands over its bytes */
	const char *why_not;		/* why it cannot be moved, a clause; NULL: it can */
};

struct im_boot_area {
	uint64_t clusters;		/* of the boot area: LCN 0 … clusters - 1 */
	uint64_t covered, declared;	/* bytes: of $Boot from LCN 0 on without a gap; its smallest size */
	bool is_elsewhere;		/* $Boot does not start at LCN 0 */
	bool is_odd;			/* it is in more than one piece */
	unsigned free_clusters;		/* of the boot area, marked free in $Bitmap */
	unsigned free_mask;		/* which ones: a bit for each */
	bool mft_in_area;		/* does the boot sector's LCN of $MFT or $MFTMirr lie in it? */
	bool is_walked;			/* the owners are known */
	IM_VEC(struct im_area_owner) owners;
	uint64_t more, damaged, first_damaged;	/* as in struct im_ntfs_owners */
	bool has_vss;			/* a sound header of shadow copies is there */
	struct im_vss vss;
};

/* Look at the volume. deep: walk the MFT even where nothing is wrong. FOUND; DAMAGED with a clause in why; -1. */
int im_boot_area_look(struct im_boot_area *area, struct im_dev *vol, bool deep, const char **why, struct im_error *err);
void im_boot_area_free(struct im_boot_area *area);

/* Why the area cannot be repaired at all, a clause; NULL: it can. (ntfs_findings.c) */
const char *im_boot_area_why_not(const struct im_volume *v, const struct im_boot_area *a);

/* Is there anything that a repair would change? */
bool im_boot_area_is_bad(const struct im_boot_area *area);

/* Does this file own clusters of the area? record: of its base record. */
bool im_boot_area_has_owner(const struct im_boot_area *area, uint64_t record);
/* Is it one of the system files that a repair of the area may change, whoever owns clusters there? */
bool im_boot_area_is_system(uint64_t record);

/* What an owner is and what it is called. -1 on a read error. (ntfs_owner.c) */
int im_area_owner_describe(struct im_ntfs *fs, struct im_area_owner *o, struct im_error *err);
/* Do its clusters have the sector of the shadow-copy header, whether there is one or not? cluster: bytes. */
bool im_area_owner_has_header(const struct im_area_owner *o, uint32_t cluster);
/* The bytes of the owner's stream that lie in its clusters of the area: [*start, *start + *len). */
void im_area_owner_bytes(const struct im_ntfs_owner *o, uint32_t cluster, uint64_t *start, uint64_t *len);

#endif
