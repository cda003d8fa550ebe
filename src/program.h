/* program.h - what the verbs of the program share: options, exit status, reports. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "imgmend.h"
#include <libintl.h>
#include <stdbool.h>
#include <stdio.h>

#define _(s) gettext(s)
#define N_(s) s

static inline int max(int a, int b)
{
	return a > b ? a : b;
}

#define RESERVED 8192u		/* bytes of a boot area */
#define CELLS 16u		/* its sectors of 512 bytes, where they are drawn */

/* Exit status, to be combined over several images. */
enum {
	EXIT_FINE = 0,
	EXIT_CORRECTED = 1,
	EXIT_UNCORRECTED = 4,	/* error findings left, or a repair refused */
	EXIT_FAILED = 8,
	EXIT_USAGE = 16,
	EXIT_CANCELLED = 32,
};

enum progress_mode { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_JSON, PROGRESS_NONE };
enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct settings {
	struct imgmend_options library;
	bool json, yes, dry_run, quiet;
	int verbose;
	unsigned jobs;
	const char *output;	/* -o FILE of plan */
	const char *new_image;	/* --output NEW of fix */
	const char *plan_file;
	const char *manifest;	/* --manifest FILE */
	const char *extract;	/* of rescue */
	const char *socket;	/* of preview */
	bool read_only;		/* preview */
	enum progress_mode progress;
	enum color_mode color;
	const char *files0_from;	/* of scan: a list of more images */
	const char *metrics;	/* of scan */
	char **images;
	int n_images;
};

struct verb {
	const char *name;
	const char *usage;	/* its arguments, not translated */
	const char *summary;	/* one line */
	int (*run)(const struct settings *settings);
	bool takes_many;	/* images */
};

extern const struct verb verbs[];
const struct verb *verb_find(const char *name);

int verb_scan(const struct settings *s);
int verb_plan(const struct settings *s);
int verb_fix(const struct settings *s);
int verb_status(const struct settings *s);
int verb_resume(const struct settings *s);
int verb_undo(const struct settings *s);
int verb_discard(const struct settings *s);
int verb_snapshots(const struct settings *s);
int verb_rescue(const struct settings *s);
int verb_report(const struct settings *s);
int verb_preview(const struct settings *s);

/* images.c: the images named, those in folders, and those of --files0-from; -1: complained. */
struct images {
	char **v;
	size_t n, room;
	size_t failed;		/* folders that could not be listed */
};
int images_list(const struct settings *s, struct images *list);
void images_free(struct images *list);

/* metrics.c; -1: complained. */
struct tally {
	uint64_t images, with_errors, failed;
	uint64_t findings[3];	/* by severity */
};
int save_metrics(const char *file, const struct tally *t);

/* options.c: parse what stands behind the verb. -1: go on; else the exit status. */
int options_parse(const struct verb *verb, int argc, char **argv, struct settings *s);
void options_help(FILE *out, const struct verb *verb);

/* completion.c: a script for this shell, made of the tables of verbs and options; the exit status. */
int print_completion(const char *shell);

/* messages.c */
int report_error(const struct imgmend_error *err);	/* prints; returns the exit status */
int ask(const struct settings *s, const char *question);	/* -1: go on; else the exit status */
/* What size_text has between the digits; before LC_NUMERIC is set back. */
void take_decimal_point(void);
/* Columns that the text takes on a terminal; and the text with spaces to its left, to its right where width < 0, up to so many. */
int text_width(const char *text);
void print_padded(FILE *out, const char *text, int width);
/* "1048576 bytes (1.0 MiB)" into buf. */
const char *size_text(uint64_t size, char buf[64]);
bool use_color(const struct settings *s, FILE *out);

int save_text(const char *text, const char *file, const char *what);	/* to a file of its own; -1: complained */
int save_manifest(const struct settings *s);	/* the exit status */

/* report.c; the words are translated */
const char *severity_word(enum imgmend_severity severity);
const char *segment_word(enum imgmend_kind kind);
void print_findings(const struct settings *s, FILE *out, const char *path, const struct imgmend_finding *f, size_t n);
void print_plan(const struct settings *s, FILE *out, const imgmend_plan *plan, const char *path);
/* diskmap.c: the disk and the first 8 KiB, before and after. */
void print_disk_map(const struct settings *s, FILE *out, const imgmend_plan *plan);
/* Does any partition have a byte below 8192, or move? */
bool is_layout_touched(const imgmend_plan *plan);
/* Does a finding say that this byte of a boot area belongs to somebody's data? */
bool has_foreign_data(const imgmend_plan *plan, int number, uint64_t at);
bool has_data_in_boot_area(const imgmend_plan *plan, const struct imgmend_partition *p);	/* … any */

bool has_errors(const struct imgmend_finding *f, size_t n);

/* progress.c: fills options->progress; Ctrl-C, as often as it comes, makes it stop at the next safe point, and SIGUSR1 has a line
 * printed. size: bytes of all the work, 0 where that is not known. */
void progress_install(struct settings *s, uint64_t size);
void progress_end(void);

#endif
