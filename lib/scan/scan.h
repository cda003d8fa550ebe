/* scan.h - what is on a disk, and which of it breaks the rule of the first 8 KiB.
 *
 * Reading only. The result is a value: the table, the volumes, the layout as a tree of regions that
 * covers every byte, and the findings.
 */
#ifndef IM_SCAN_SCAN_H
#define IM_SCAN_SCAN_H

#include "base/error.h"
#include "base/vec.h"
#include "dev/dev.h"
#include "fmt/boot_code.h"
#include "fmt/fat.h"
#include "fmt/fs.h"
#include "fmt/gpt.h"
#include "fmt/mbr.h"

/* Bytes at the start of every volume that belong to its boot area, whatever the sector size
 * (Microsoft driver documentation, "Locating Disk Images Correctly"). */
#define IM_RESERVED 8192

/* Every finding id there is, ended by NULL. */
extern const char *const im_finding_ids[];

enum im_severity { IM_INFO, IM_WARNING, IM_ERROR };

struct im_finding {
	const char *id;			/* stable, static */
	enum im_severity severity;
	uint64_t start, size;		/* bytes of the disk that it is about */
	int partition;			/* number, 0: none */
	char owner[480];		/* what lies there: "FAT16 volume \"DATA\"", a path … */
	char message[1400];		/* one sentence */
	bool is_fixable;
};

enum im_table { IM_TABLE_NONE, IM_TABLE_DOS, IM_TABLE_GPT, IM_TABLE_OTHER };

enum im_region_kind { IM_REGION_TABLE, IM_REGION_PARTITION, IM_REGION_VOLUME, IM_REGION_GAP };

struct im_region {
	uint64_t start, size;
	enum im_region_kind kind;
	int number;			/* of a partition */
	const char *what;		/* "MBR", "GPT header", "EBR", "extended partition", "" … static */
	char type[40];			/* table's type of a partition: "7", or a GUID */
	char fs[20], label[130];
	int depth;			/* 0; 1 inside an extended partition, right behind it in the list */
};

struct im_boot_area;
struct im_shadows;
struct im_vss_carving;

#define IM_VOLUME_FORMATS 4

/* A partition, or the bare volume of a disk without a table. */
struct im_volume {
	int number;			/* 0: bare volume */
	uint64_t start, size;		/* bytes; clipped to the disk in `there` */
	uint64_t there;			/* bytes of it that the image really has */
	bool is_extended, is_logical;
	size_t entry;			/* index in mbr.parts or gpt.parts */
	int n_formats;			/* file systems recognised; more than one: ambivalent */
	struct im_fs_info info[IM_VOLUME_FORMATS];
	const struct im_fs_type *fs[IM_VOLUME_FORMATS];
	enum im_probe state;		/* of info[0] */
	struct im_boot_area *area;	/* of NTFS (ntfs_area.h); NULL: not looked at. Owned by the scan's list */
	struct im_shadows *shadows;	/* the same (shadows.h) */
};

/* How the disk boots (boot.c). */
struct im_boot {
	bool by_bios;			/* there is code in the first sectors that starts something */
	const struct im_boot_code *disk;	/* of sector 0; NULL: not looked at, there is no table */
	int active;			/* number of the partition that it starts when nobody chooses; 0: none */
	const struct im_boot_code *volume;	/* of the active partition's first sector, or of the bare volume's; NULL: neither */
	int esp;			/* number of the EFI system partition with loaders; 0: none */
};

struct im_scan {
	uint64_t size;
	uint32_t sector_size;
	bool is_deep;
	enum im_table table;
	const char *label;		/* IM_TABLE_OTHER: "sun" …; else NULL */
	const char *container;		/* "vpc": a fixed VHD, whose data lies as in a raw image; else NULL */
	bool is_fenced;			/* a repair is in progress; nothing else was looked at */
	uint8_t fence_uuid[16];
	bool is_ambivalent;		/* both a table and a file system over the whole disk */
	bool is_isohybrid;
	bool is_ldm;
	struct im_mbr mbr;		/* of DOS and GPT disks */
	struct im_gpt gpt;
	struct im_volume whole;		/* what is at byte 0 as a volume; n_formats 0: nothing */
	IM_VEC(struct im_volume) tried;	/* partitions that the table was judged by */
	IM_VEC(struct im_volume) volumes;
	IM_VEC(struct im_region) regions;
	IM_VEC(struct im_finding) findings;
	struct im_boot boot;
	bool has_volume_id;		/* of the options */
	uint8_t volume_id[16];
	struct im_vss_carving *carving;	/* of the search for shadow copies; NULL: there was none */
};

struct im_scan_options {
	uint32_t sector_size;		/* 0: recognise it */
	bool deep;			/* look at every file record of NTFS even where nothing is wrong */
	bool shadows;			/* look at the shadow copies of NTFS volumes, as far as deep with a search of the whole disk */
	bool has_volume_id;		/* for a shadow-copy header that must be made */
	uint8_t volume_id[16];
};

/* Look at the disk, by many small reads: dev should be a cache (im_dev_cache). dev->sector_size is set to the sector
 * size in use. IM_EREFUSED when dev is a known
 * container or compressed file; a fixed VHD can be scanned, as its data lies where a raw image has it. Memory is
 * bounded; at most about 2 MiB are read, and besides them the whole $MFT of an NTFS volume whose boot area is not all $Boot's. */
int im_scan_run(struct im_scan *scan, struct im_dev *dev, const struct im_scan_options *options,
		struct im_error *err);
void im_scan_free(struct im_scan *scan);

const char *im_table_name(const struct im_scan *scan);	/* "dos", "gpt", "none", "sun" … */
const char *im_severity_name(enum im_severity severity);
const char *im_region_kind_name(enum im_region_kind kind);

/* "NTFS volume \"Data\"" of a volume, "unknown content" where nothing was recognised. */
void im_volume_title(const struct im_volume *v, char *out, size_t len);

/* "from BIOS, by GRUB 2 in sector 0; …", or "it does not boot, as far as its first sectors tell". */
void im_boot_text(const struct im_scan *scan, char *out, size_t len);

/* The hidden sectors that this volume should record at `start`, in its own sectors, keeping the convention
 * (absolute, or relative to its EBR) that it has now. base: what its entry counts from, 0 for primaries. */
uint64_t im_hidden_wanted(const struct im_volume *v, const struct im_fs_info *info, uint64_t start, uint64_t base,
			  uint64_t new_start, uint64_t new_base);

/* 1 with the geometry of a volume that is a FAT and nothing else; 0 when it is not; -1. */
int im_scan_fat(const struct im_volume *v, struct im_dev *dev, struct im_fat_geometry *g, struct im_error *err);

/* Floor-internal. */
int im_scan_table(struct im_scan *scan, struct im_dev *dev, const struct im_scan_options *options, struct im_error *err);
int im_scan_volumes(struct im_scan *scan, struct im_dev *dev, struct im_error *err);
int im_scan_probe(struct im_volume *v, struct im_dev *dev, struct im_error *err);
int im_scan_regions(struct im_scan *scan, struct im_error *err);
int im_scan_boot(struct im_scan *scan, struct im_dev *dev, struct im_error *err);
int im_scan_fat_area(struct im_scan *scan, struct im_dev *dev, const struct im_volume *v, struct im_error *err);
int im_scan_findings(struct im_scan *scan, struct im_dev *dev, struct im_error *err);
int im_scan_shadows(struct im_scan *scan, struct im_dev *dev, const struct im_scan_options *options, struct im_error *err);
int im_scan_ntfs(struct im_scan *scan, struct im_volume *v, struct im_dev *dev, struct im_error *err);
struct im_finding *im_scan_add(struct im_scan *scan, const char *id, enum im_severity severity, uint64_t start,
			       uint64_t size, int partition, struct im_error *err);

#endif
