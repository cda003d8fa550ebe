/* ntfs.h - reading NTFS: boot sector, file records, attributes, runlists, the MFT, owners of clusters.
 *
 * Sources: the on-disk structures as libntfs-3g's layout.h and the "NTFS documentation" of the Linux-NTFS
 * project describe them. Everything read is hostile: a record, attribute or runlist that does not hold
 * together is DAMAGED, never followed. Functions that read return an enum im_probe or, on a read error, -1.
 */
#ifndef IM_FMT_NTFS_H
#define IM_FMT_NTFS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "fmt/bpb.h"

#define IM_NTFS_MAX_RECORD 4096u	/* bytes of the largest file record that any NTFS uses */
#define IM_NTFS_NAME_MAX 255u		/* UTF-16 units of a name */

/* Records of the system files. */
enum {
	IM_NTFS_MFT = 0, IM_NTFS_MIRROR = 1, IM_NTFS_LOGFILE = 2, IM_NTFS_VOLUME = 3, IM_NTFS_ROOT = 5, IM_NTFS_BITMAP = 6,
	IM_NTFS_BOOT = 7, IM_NTFS_BADCLUS = 8, IM_NTFS_SYSTEM_END = 24,
};

/* Types of attributes. */
enum {
	IM_NTFS_ATTRIBUTE_LIST = 0x20, IM_NTFS_FILE_NAME = 0x30, IM_NTFS_VOLUME_NAME = 0x60, IM_NTFS_DATA = 0x80,
	IM_NTFS_INDEX_ALLOCATION = 0xa0, IM_NTFS_BITMAP_ATTR = 0xb0,
};

enum { IM_NTFS_COMPRESSED = 0x0001, IM_NTFS_ENCRYPTED = 0x4000, IM_NTFS_SPARSE = 0x8000 };	/* flags of attributes */

struct im_ntfs_geometry {
	uint32_t sector, cluster, record;	/* bytes */
	uint64_t size;				/* bytes of the counted sectors; the backup boot sector follows them */
	uint64_t clusters;
	uint64_t mft, mirror;			/* byte offsets; UINT64_MAX: cannot be one */
};

/* What the boot sector says; false when it cannot be true. (ntfs_boot.c) */
bool im_ntfs_decode(const struct im_bpb *bpb, struct im_ntfs_geometry *g);

/* ---- one record (ntfs_record.c) ---- */

/* The last two bytes of each stride of a file record or an index block hold a number, their true values lie in its
 * head: put them in place. False when the block is torn, or has no such head. */
bool im_ntfs_undo_fixups(uint8_t *block, uint32_t size);

/* Undo the fix-ups of the size bytes at record and check its head. FOUND: a sound record that is in use;
 * ABSENT: not in use, or no record at all; DAMAGED. */
int im_ntfs_record_open(uint8_t *record, uint32_t size);
/* The number of the record that this one extends, UINT64_MAX for a base record. */
uint64_t im_ntfs_record_base(const uint8_t *record);
/* How often an opened record has been used anew: references to it hold this number. */
uint16_t im_ntfs_record_sequence(const uint8_t *record);

struct im_ntfs_attr {
	uint32_t type;
	const uint8_t *name;			/* UTF-16LE, name_len units; not NULL */
	uint8_t name_len;
	uint16_t flags;
	bool is_resident;
	const uint8_t *value;			/* resident: value_len bytes; else the mapping pairs, in value_len bytes */
	uint32_t value_len;
	uint64_t first_vcn, end_vcn;		/* not resident: the clusters of this extent */
	uint64_t allocated, size, initialized;	/* bytes; not resident: only where first_vcn is 0 */
	uint64_t compressed;			/* bytes in clusters, of a compressed or sparse one; else 0 */
	uint8_t compression_unit;		/* log2 of clusters, 0: none */
};

/* The attribute at *pos of an opened record (0: the first), and go on to the next. 1, 0 at the end, -1 when
 * it does not hold together. */
int im_ntfs_attr_next(const uint8_t *record, uint32_t *pos, struct im_ntfs_attr *attr);
bool im_ntfs_attr_is(const struct im_ntfs_attr *attr, uint32_t type, const uint8_t *name, uint8_t name_len);

struct im_ntfs_run {
	uint64_t vcn, lcn, len;			/* clusters; lcn IM_NTFS_HOLE: none are allocated */
};

#define IM_NTFS_HOLE UINT64_MAX

/* Reads mapping pairs one run at a time. */
struct im_ntfs_pairs {
	const uint8_t *p, *end;
	uint64_t vcn, end_vcn, clusters;
	uint64_t lcn;
};

void im_ntfs_pairs_init(struct im_ntfs_pairs *pairs, const struct im_ntfs_attr *attr, uint64_t clusters);
/* 1, 0 at the end, -1 when a run overflows, leaves the volume of `clusters`, or the sum is not the extent's. */
int im_ntfs_pairs_next(struct im_ntfs_pairs *pairs, struct im_ntfs_run *run);

/* ---- the MFT and whole files (ntfs_mft.c) ---- */

typedef IM_VEC(struct im_ntfs_run) im_ntfs_runs;

struct im_ntfs {
	struct im_dev *vol;			/* borrowed */
	struct im_ntfs_geometry g;
	im_ntfs_runs mft;			/* of $MFT's data */
	uint64_t records;			/* that the MFT has */
};

/* FOUND, or DAMAGED with a clause in why ("the runlist of $MFT …"). To be closed in either case. */
int im_ntfs_open(struct im_ntfs *fs, struct im_dev *vol, const char **why, struct im_error *err);
void im_ntfs_close(struct im_ntfs *fs);

/* Record n into buf (g.record bytes), opened. A record past the end is ABSENT. */
int im_ntfs_record(struct im_ntfs *fs, uint64_t n, uint8_t *buf, struct im_error *err);

/* Every record of the MFT, as it lies there, not opened; holes are left out. each: 0 goes on, -1 ends it. FOUND or -1. */
typedef int im_ntfs_record_fn(void *arg, uint64_t number, uint8_t *record, struct im_error *err);
int im_ntfs_each_record(struct im_ntfs *fs, im_ntfs_record_fn *each, void *arg, struct im_error *err);

/* [off, off+len) of what the runs map; holes read as zeros. DAMAGED when the runs end before. */
int im_ntfs_read_runs(struct im_ntfs *fs, const im_ntfs_runs *runs, uint64_t off, void *buf, size_t len,
		      struct im_error *err);

/* A file: its base record and every record that its attribute list names. */
struct im_ntfs_file {
	uint64_t number;
	IM_VEC(uint8_t *) records;		/* opened */
};

int im_ntfs_file_open(struct im_ntfs *fs, uint64_t number, struct im_ntfs_file *file, struct im_error *err);
void im_ntfs_file_close(struct im_ntfs_file *file);

/* An attribute with all its extents. */
struct im_ntfs_stream {
	bool is_resident;
	uint16_t flags;
	uint64_t allocated, size, initialized, compressed;	/* bytes */
	uint8_t compression_unit;
	im_ntfs_runs runs;			/* in order, without gaps from VCN 0 */
};

/* FOUND; ABSENT; DAMAGED when the extents do not fit together. name is UTF-16LE. */
int im_ntfs_stream(struct im_ntfs *fs, const struct im_ntfs_file *file, uint32_t type, const uint8_t *name,
		   uint8_t name_len, struct im_ntfs_stream *stream, struct im_error *err);
void im_ntfs_stream_close(struct im_ntfs_stream *stream);

/* The same for the file with this record number, opened and closed on the way. */
int im_ntfs_stream_of(struct im_ntfs *fs, uint64_t number, uint32_t type, struct im_ntfs_stream *stream,
		      struct im_error *err);

/* ---- names (ntfs_path.c) ---- */

/* The name of a file that a $FILE_NAME attribute holds, as printable UTF-8. False when it does not hold together. */
bool im_ntfs_name(const struct im_ntfs_attr *attr, char *out, size_t size);

/* "\dir\file" of a file into out, as printable UTF-8; a path too long for out loses its start ("…\file").
 * Never fails but for read errors: what cannot be followed shows as "\?". */
int im_ntfs_path(struct im_ntfs *fs, uint64_t number, char *out, size_t size, struct im_error *err);

/* ---- who owns the first clusters (ntfs_owners.c) ---- */

struct im_ntfs_owner {
	uint64_t record;			/* of the base record */
	uint32_t type;				/* of the attribute */
	uint8_t name[2 * IM_NTFS_NAME_MAX];	/* of the stream */
	uint8_t name_len;			/* units; 0: unnamed */
	uint16_t flags;
	uint8_t compression_unit;
	struct im_ntfs_run run;			/* the part below the end of the area */
};

/* A search of the whole MFT for whoever has clusters in the ranges. */
struct im_ntfs_search {
	const struct im_ntfs_run *ranges;	/* sorted by lcn, apart; vcn does not count */
	size_t n;
	/* Called for each piece of a run that lies in one range. 0 goes on, -1 ends the search with *err set. */
	int (*found)(void *arg, const struct im_ntfs_owner *owner, struct im_error *err);
	void *arg;
	uint64_t damaged, first_damaged;	/* records that could not be read; owners may be missing */
};

/* FOUND or -1. */
int im_ntfs_search(struct im_ntfs *fs, struct im_ntfs_search *search, struct im_error *err);

#define IM_NTFS_OWNERS_MAX 64

struct im_ntfs_owners {
	IM_VEC(struct im_ntfs_owner) list;	/* in the order of the MFT, at most IM_NTFS_OWNERS_MAX */
	uint64_t more;				/* that did not fit */
	uint64_t damaged;			/* records that could not be read; owners may be missing */
	uint64_t first_damaged;			/* number of the first */
};

/* Walk the MFT for every attribute with clusters below `end` (LCN), $Boot's own included. FOUND or -1. */
int im_ntfs_find_owners(struct im_ntfs *fs, uint64_t end, struct im_ntfs_owners *owners, struct im_error *err);
void im_ntfs_owners_free(struct im_ntfs_owners *owners);

#endif
