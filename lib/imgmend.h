/* imgmend.h - the public interface of libimgmend.
 *
 * imgmend repairs disk images whose partitions or volumes lie in the first 8192 bytes of the disk, where
 * the boot area of a volume and Windows' shadow-copy header belong.
 *
 *	imgmend_scan	what is on the disk, and what breaks the rule; only reads
 *	imgmend_plan	what would change, byte for byte; only reads
 *	imgmend_preview	the corrected disk, to look at before anything is written
 *	imgmend_copy	the corrected disk as a new file; the old one is left alone
 *	imgmend_fix	carries the plan out in place, under an undo journal
 *	imgmend_status, imgmend_resume, imgmend_undo, imgmend_discard
 *
 * Functions return 0, or -1 with *err filled (err may be NULL). Pointers that accessors return belong to the
 * object and live as long as it does. All positions and sizes are in bytes. Nothing is printed; messages are
 * UTF-8, and English unless imgmend_translate() was called. Objects may be used from one thread at a time; different objects from different threads.
 *
 * Foreign libraries read an image in children of fork(): see THREADS AND PROCESSES in libimgmend(3).
 */
#ifndef IMGMEND_H
#define IMGMEND_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum imgmend_code {
	IMGMEND_OK = 0,
	IMGMEND_EIO,		/* reading, writing, flushing or resizing failed */
	IMGMEND_EFORMAT,	/* a plan or journal is not one, or is damaged */
	IMGMEND_EREFUSED,	/* it cannot be done safely; the message says why */
	IMGMEND_ECHANGED,	/* the image is not as the plan or journal left it */
	IMGMEND_EBUSY,		/* somebody else uses the image */
	IMGMEND_ENOSPC,
	IMGMEND_ENOMEM,
	IMGMEND_EUSAGE,
	IMGMEND_ECANCELLED	/* the progress function asked to stop; resume or undo goes on */
};

struct imgmend_error {
	enum imgmend_code code;
	int sys_errno;			/* of the failed system call, or 0 */
	int has_offset;
	uint64_t offset;
	char message[768];		/* one sentence */
};

enum imgmend_severity { IMGMEND_INFO, IMGMEND_WARNING, IMGMEND_ERROR };

struct imgmend_finding {
	const char *id;			/* stable, for scripts */
	enum imgmend_severity severity;
	uint64_t start, size;
	int partition;			/* 0: none */
	const char *owner, *message;
	int fixable;
};

struct imgmend_region {
	uint64_t start, size;
	const char *kind;		/* "table", "partition", "volume", "gap" */
	int number;			/* of a partition, else 0 */
	const char *what;		/* "MBR", "EBR", "extended partition" …, or "" */
	const char *type, *fs, *label;	/* "" where there is none */
	int depth;			/* 1: inside the extended partition before it */
};

struct imgmend_partition {
	int number;			/* 0: the bare volume */
	uint64_t old_start, new_start, size;	/* size: the new one */
	int extended;
};

enum imgmend_kind { IMGMEND_FROM = 1, IMGMEND_BYTES, IMGMEND_ZERO, IMGMEND_FILL };

/* A range of the corrected image that differs from the old one. */
struct imgmend_segment {
	uint64_t start, size;
	enum imgmend_kind kind;
	uint64_t from;			/* FROM: where in the old image */
	const uint8_t *data;		/* BYTES */
	uint8_t fill;			/* FILL: the byte that the range is filled with */
	const char *reason;
};

/* A way that was considered. */
struct imgmend_way {
	const char *name;		/* "push", "gap", "end"; "back", "insert" (of one volume); "edit" */
	uint64_t align, bytes_moved, growth, journal_bytes;
	int feasible, chosen;
	uint64_t missing;		/* bytes that lack where it is not feasible; UINT64_MAX: none would help */
};

/* Phases a repair goes through, for progress. */
enum imgmend_phase { IMGMEND_PHASE_MOVE, IMGMEND_PHASE_COPY, IMGMEND_PHASE_SEARCH, IMGMEND_PHASE_HASH };

/* Storage of the caller's own, in place of a file: an imaging product plugs in what it has. Each function returns 0, or an errno. They
 * are called by one thread at a time for each image that is open. Offsets and sizes are in bytes, within the size.
 * The caller keeps `size` what it is, also when it was resized. A repair is only as safe as flush: when it returns, all that was written before must survive a power cut. */
struct imgmend_storage {
	void *arg;
	uint64_t size;
	uint32_t sector_size;		/* 512 or 4096; 0: 512 */
	int (*read)(void *arg, uint64_t offset, void *buf, size_t size);
	int (*write)(void *arg, uint64_t offset, const void *buf, size_t size);	/* NULL: it can only be read */
	int (*flush)(void *arg);	/* needed where write is there */
	int (*zero)(void *arg, uint64_t offset, uint64_t size);	/* NULL: zeros are written */
	int (*resize)(void *arg, uint64_t size);	/* what is new reads as zeros. NULL: the size stays */
};

/* All zero or NULL means: the default. An image's path is that of a raw file, of a block device, or of a container (qcow2, VHD,
 * VHDX, VMDK, VDI), or the URI of an NBD export (nbd://, nbds://, nbd+unix://, nbds+unix://). */
struct imgmend_options {
	const char *format;		/* "raw", "qcow2", "vpc" (VHD), "vhdx", "vmdk", "vdi", or NULL: by the container's mark, else raw */
	const struct imgmend_storage *storage;	/* the image, with raw content; its path is then only a name for messages, and a repair
					   wants `journal` as well. Nobody else may write to it meanwhile: that is up to the caller */
	uint32_t sector_size;		/* 512, 4096, or 0: recognise it */
	int deep;			/* look at every file record of NTFS even where nothing is wrong */
	int shadows;			/* look at the shadow copies of NTFS volumes; with deep, search the whole disk for them */
	const char *volume_id;		/* a GUID: what a new shadow-copy header has for it where nothing on the volume tells; NULL: zeros */
	uint64_t align;			/* of the partition at fault; 0: 1 MiB */
	int no_grow;
	const char *only;		/* finding ids, comma-separated */
	const char *strategy;		/* "direct", "journalled", "write-once", "reflink", "insert-range"; NULL: the best */
	const char *add_table;		/* "mbr" or "gpt" */
	const char *allow;		/* comma-separated: in-use, changed, dirty, snapshots, volatile-journal,
					   unknown-boot-code, backing-file, data-file */
	int to_copy;			/* the plan is for imgmend_copy: the image may grow whatever it lies on */
	const char *copy_format;	/* of what imgmend_copy makes: as format; NULL: raw */
	int used_only;			/* do not move what file systems say is free, nor keep it: undo gives zeros back there */
	int manifest;			/* hash the image and what changes, before and after, into the journal; this
					   reads the image twice */
	int verify;			/* … and read the image back after the repair and compare */
	const char *journal;		/* its path; NULL: beside a file, in /var/lib/imgmend for a block device */
	/* Called every now and then with work done of work to do (batches moved, bytes copied, searched or hashed), with 0 of 0 where nobody
	 * knows, by the thread that called the function; non-zero stops at the next safe point. Scans and plans call it whenever they read. */
	int (*progress)(void *arg, enum imgmend_phase phase, uint64_t done, uint64_t total);
	void *progress_arg;
};

typedef struct imgmend_scan imgmend_scan;
typedef struct imgmend_plan imgmend_plan;
typedef struct imgmend_view imgmend_view;

const char *imgmend_version(void);

/* 1: sentences that are made from now on (messages, findings, reasons, notes) are in the language of the process's locale, where
 * there is a catalog of it; 0: in English, as at the start. It holds for the whole process; no other thread may be in the library
 * meanwhile. The process has called setlocale(LC_MESSAGES, …), or everything stays English; the catalog's place is bound here, for the
 * gettext domain "imgmend" alone, and the process's own domain is left alone. A sentence stays in the language in which it was made,
 * also in JSON, saved plans and journals: leave it off where those are made for machines. Ids, names and keys are never translated. */
void imgmend_translate(int on);

/* ---- scan ---- */

int imgmend_scan_image(const char *path, const struct imgmend_options *options, imgmend_scan **scan,
		       struct imgmend_error *err);
void imgmend_scan_free(imgmend_scan *scan);
uint64_t imgmend_scan_size(const imgmend_scan *scan);
uint32_t imgmend_scan_sector_size(const imgmend_scan *scan);
const char *imgmend_scan_format(const imgmend_scan *scan);
const char *imgmend_scan_table(const imgmend_scan *scan);	/* "dos", "gpt", "none", "sun" … */
const char *imgmend_scan_table_id(const imgmend_scan *scan);	/* disk identifier or GUID, "" */
const struct imgmend_region *imgmend_scan_regions(const imgmend_scan *scan, size_t *n);
const struct imgmend_finding *imgmend_scan_findings(const imgmend_scan *scan, size_t *n);
/* How the disk boots, as far as its first sectors and its EFI system partitions tell. */
struct imgmend_boot {
	int bios, uefi;			/* it does, that way */
	const char *code;		/* in sector 0 of a disk with a table: "none", "grub2", "windows", "syslinux", "table" (walks the
					   table, author not known), "lilo", "unknown" …; "": there is no table */
	int active;			/* number of the partition that the code starts when nobody chooses; 0: none */
	const char *loader;		/* what is in that partition's first sector, or the bare volume's, in the same words; "": neither */
	int esp;			/* number of the EFI system partition; 0: none */
	const char *text;		/* "from BIOS, by GRUB 2 in sector 0": to go behind "boots " */
};
const struct imgmend_boot *imgmend_scan_boot(const imgmend_scan *scan);
/* One JSON document (schema imgmend.scan/1) without a newline; the caller frees it. NULL without memory. */
char *imgmend_scan_json(const imgmend_scan *scan);

/* ---- shadow copies, of a scan with options->shadows ---- */

struct imgmend_snapshot {
	char id[40];			/* of the store, a GUID */
	char shadow_copy[40], set[40];	/* GUIDs, as Windows shows them */
	uint64_t created;		/* 100 ns since 1601-01-01 UTC; 0: not known */
	uint64_t volume_size;		/* bytes */
	uint64_t store, store_size;	/* where its store begins on the volume, and how many bytes that takes */
	uint64_t copied;		/* entries in its list of copied blocks of 16 KiB */
	uint32_t attributes;		/* VSS_VOLUME_SNAPSHOT_ATTRIBUTES */
	const char *fault;		/* why it cannot be read, a clause; NULL: it can */
};

/* One NTFS volume. Strings are never NULL where no other is said. */
struct imgmend_shadows {
	int partition;			/* 0: the bare volume */
	uint64_t start;			/* of the volume, bytes of the image */
	const char *header;		/* "valid", "absent", "overwritten", "points-nowhere" */
	const char *owner;		/* path of the file that has the header's sector; "": none */
	const char *found_by;		/* what led to the catalog: "header", "file", "search", "none" */
	uint64_t catalog;		/* byte of the volume, 0: none */
	const char *catalog_fault;	/* a clause; NULL: it is sound, or there is none */
	const struct imgmend_snapshot *snapshots;	/* the oldest first */
	size_t n_snapshots;
	uint64_t lost_stores;		/* files of stores that the catalog does not name */
	int can_rescue;			/* the header can be put back */
	const char *why_not;		/* NULL: it can, or need not */
	uint64_t copy;			/* byte of the volume where a copy of the header lies that would be used; 0: none */
};

/* What a search of the whole disk found that belongs to none of the volumes. */
struct imgmend_stray {
	uint64_t at;			/* bytes of the image */
	const char *kind;		/* "catalog", "store", "header" (in a copy of a first block) */
	int64_t volume;			/* where its volume would begin, bytes of the image; of a header: where the copy begins */
};

const struct imgmend_shadows *imgmend_scan_shadows(const imgmend_scan *scan, size_t *n);
const struct imgmend_stray *imgmend_scan_strays(const imgmend_scan *scan, size_t *n);
/* One JSON document (schema imgmend.snapshots/1); the caller frees it. */
char *imgmend_snapshots_json(const imgmend_scan *scan);

/* The file that has the place of a shadow-copy header, in every version that exists, written to new files in `folder`, which is made
 * where it is not there; and manifest.json (schema imgmend.extract/1), which says where each is from and which bytes of it are lost.
 * *json: its text, the caller's to free. The image is only read. IMGMEND_EREFUSED when no file is there. Durable on return 0; after a
 * failure some of the files may be there. */
int imgmend_extract(const char *path, const struct imgmend_options *options, const char *folder, char **json, struct imgmend_error *err);

/* ---- plan ---- */

/* Plan the repair of the findings of severity error, or of those in options->only. With nothing to do the
 * plan is empty. IMGMEND_EREFUSED when it cannot be done safely. */
int imgmend_plan_image(const char *path, const struct imgmend_options *options, imgmend_plan **plan,
		       struct imgmend_error *err);
/* A plan from the file that imgmend_plan_json's text was saved to. */
int imgmend_plan_load(const char *file, imgmend_plan **plan, struct imgmend_error *err);
void imgmend_plan_free(imgmend_plan *plan);
int imgmend_plan_is_empty(const imgmend_plan *plan);
const struct imgmend_finding *imgmend_plan_findings(const imgmend_plan *plan, size_t *n);
const struct imgmend_partition *imgmend_plan_partitions(const imgmend_plan *plan, size_t *n);
const struct imgmend_segment *imgmend_plan_segments(const imgmend_plan *plan, size_t *n);
const struct imgmend_way *imgmend_plan_ways(const imgmend_plan *plan, size_t *n);
const char *const *imgmend_plan_notes(const imgmend_plan *plan, size_t *n);

struct imgmend_plan_figures {
	uint64_t old_size, new_size;
	uint32_t sector_size;
	uint64_t bytes_moved, literal_bytes;
	uint64_t undo_bytes, scratch_bytes, journal_bytes;	/* undo is an upper bound */
	const char *strategy;		/* "direct", "journalled", "write-once", two of them with a +; "reflink", "insert-range", "literals" */
	const char *strategy_reason;	/* "because …"; "" for a saved plan */
	uint64_t dropped_bytes;		/* free space that is neither moved nor kept (used_only) */
	const char *fingerprint;	/* SHA-256 of what the plan was made from */
	uint64_t time_ns;		/* about what the repair takes; 0: not known, as for a saved plan */
	uint64_t write_rate;		/* bytes a second that this goes by */
	int is_measured;		/* … by writing beside the image, where data moves; else it is a guess */
};
void imgmend_plan_figures(const imgmend_plan *plan, struct imgmend_plan_figures *figures);
/* One JSON document (schema imgmend.plan/1); also the form in which a plan is saved. */
char *imgmend_plan_json(const imgmend_plan *plan);

/* ---- the corrected image, without changing the old one ---- */

/* options: format, allow; NULL for none. */
int imgmend_preview(const char *path, const imgmend_plan *plan, const struct imgmend_options *options, imgmend_view **view,
		    struct imgmend_error *err);
uint64_t imgmend_view_size(const imgmend_view *view);
int imgmend_view_read(imgmend_view *view, uint64_t offset, void *buf, size_t size, struct imgmend_error *err);
/* How far from offset on, *size bytes at most, the view is known to be zero, or may hold data. */
int imgmend_view_extent(imgmend_view *view, uint64_t offset, uint64_t most, uint64_t *size, int *is_zero, struct imgmend_error *err);
void imgmend_view_close(imgmend_view *view);

/* Write the corrected image to the new file `output`, raw and sparse where the old one is, or a container of the format
 * options->copy_format, and make it durable. */
int imgmend_copy(const char *path, const imgmend_plan *plan, const char *output,
		 const struct imgmend_options *options, struct imgmend_error *err);

/* ---- repair in place ---- */

/* Carry out exactly this plan. The image must be as it was when the plan was made (IMGMEND_ECHANGED), used by
 * nobody (IMGMEND_EBUSY), without an unfinished repair (IMGMEND_EREFUSED). On return 0 the repair is durable
 * and its journal stays for undo. On failure after the first write the image is fenced: resume or undo.
 * journal gets the journal's path when it is not NULL and one was made; the caller frees it. With options->verify
 * IMGMEND_EIO also says that the repair is complete but does not read back as planned: undo it. */
int imgmend_fix(const char *path, const imgmend_plan *plan, const struct imgmend_options *options, char **journal,
		struct imgmend_error *err);

enum imgmend_state {
	IMGMEND_STATE_NONE,		/* no journal: no repair known */
	IMGMEND_STATE_NOT_STARTED,	/* a journal, but nothing was written */
	IMGMEND_STATE_REPAIRING,	/* interrupted */
	IMGMEND_STATE_REPAIRED,
	IMGMEND_STATE_UNDOING,		/* interrupted on the way back */
	IMGMEND_STATE_UNDONE,		/* the old image is back; the journal can go */
	IMGMEND_STATE_FOREIGN		/* the journal does not fit the image; message says why */
};

struct imgmend_status {
	enum imgmend_state state;
	char journal[4096];		/* path, "" if none */
	char image[1024];		/* as named when the repair began */
	char uuid[37];
	uint64_t created;		/* seconds since 1970 */
	uint64_t old_size, new_size, journal_size;
	char message[768];		/* FOREIGN: why; REPAIRING: where its journal is missing */
};

/* The newest journal of the image at path, or the journal at path itself. */
int imgmend_status(const char *path, const struct imgmend_options *options, struct imgmend_status *status,
		   struct imgmend_error *err);
/* Finish an interrupted repair or undo in its current direction; *state says how it ended. */
int imgmend_resume(const char *path, const struct imgmend_options *options, enum imgmend_state *state,
		   struct imgmend_error *err);
/* Bring the old image back and remove the journal. */
int imgmend_undo(const char *path, const struct imgmend_options *options, enum imgmend_state *state,
		 struct imgmend_error *err);
/* Remove the journal of a finished repair; undo is not possible afterwards. */
int imgmend_discard(const char *path, const struct imgmend_options *options, struct imgmend_error *err);

/* What the journal of this image, or the journal at path itself, proves: the SHA-256 of the image before and after,
 * and of every range that changes. One JSON document (schema imgmend.manifest/1), the caller's to free. IMGMEND_EREFUSED
 * when there is no journal, or none with a manifest. */
int imgmend_manifest_json(const char *path, const struct imgmend_options *options, char **json,
			  struct imgmend_error *err);

const char *imgmend_state_name(enum imgmend_state state);	/* stable, for scripts: "repaired" … */
char *imgmend_status_json(const struct imgmend_status *status, const char *path);

#ifdef __cplusplus
}
#endif

#endif
