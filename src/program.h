/* program.h - what the verbs of the program share: options, exit status, reports. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "imgmend.h"
#include <stdbool.h>
#include <stdio.h>

#define _(s) text_of(s)
#define N_(s) s

/* The text in the user's language, and the form of it that goes with n. */
const char *text_of(const char *text) __attribute__((format_arg(1)));
const char *plural_of(const char *one, const char *many, uint64_t n) __attribute__((format_arg(1), format_arg(2)));
/* Before either, when the locale is set. */
void words_begin(void);
/* When the locale has changed since: where it is not UTF-8 what we print is ASCII alone, as what is shown of labels is. */
void words_choose_codeset(void);

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

/* jobs.c: look at n things, several at a time; settle is called in their order, by one thread. Its results, or-ed. */
struct job {
	void (*look)(void *arg, size_t i);
	int (*settle)(void *arg, size_t i);
	void *arg;
};
int jobs_run(const struct job *job, size_t n, unsigned jobs);

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
void say_unwritten(int why);		/* that of standard output something is missing; 0: nobody knows why */
bool flush_output(void);		/* false: it said so */
const char *next_step(int number);	/* behind strerror of it: "; name another place", or "" */
int ask(const struct settings *s, const char *question);	/* -1: go on; else the exit status */
/* What size_text has between the digits; before LC_NUMERIC is set back. */
void take_decimal_point(void);
/* "1048576 bytes (1.0 MiB)" into buf. */
const char *size_text(uint64_t size, char buf[64]);
bool use_color(const struct settings *s);	/* on standard output */

/* plan.c: of plan_file, or made of the image. */
int get_plan(struct settings *s, imgmend_plan **plan, struct imgmend_error *err);

int save_text(const char *text, const char *file, const char *what);	/* to a file of its own; -1: complained */
int save_manifest(const struct settings *s);	/* the exit status */

/* report.c; the words are translated */
/* A row of a table: each cell so wide, and as printf has it, to the right unless that is negative. */
void put_row(FILE *out, const char *const *cells, const int *widths, size_t n);
const char *severity_word(enum imgmend_severity severity);
const char *segment_word(enum imgmend_kind kind);
void print_findings(const struct settings *s, FILE *out, const char *path, const struct imgmend_finding *f, size_t n, uint32_t sector_size);
/* Where it is, as " (image bytes 512 to 8191, sectors 1 to 15)". */
void put_place(FILE *out, const struct imgmend_finding *f, uint32_t sector_size);
void print_plan(const struct settings *s, FILE *out, const imgmend_plan *plan, const char *path);

/* picture.c: what is drawn of a disk. It borrows from the plan or scan. */
struct picture {
	const struct imgmend_partition *partitions;
	size_t n;
	const struct imgmend_finding *findings;
	size_t n_findings;
	uint64_t old_size, new_size;
	bool has_after;			/* else it is a disk as it is */
};
void picture_of_plan(const imgmend_plan *plan, struct picture *picture);
struct imgmend_partition *picture_of_scan(const imgmend_scan *scan, struct picture *picture);	/* to be freed after it */
/* Does any partition have a byte below 8192, or move? */
bool is_layout_touched(const struct picture *picture);
/* Does a finding say that this byte of a boot area belongs to somebody's data? */
bool has_foreign_data(const struct picture *picture, int number, uint64_t at);
bool has_data_in_boot_area(const struct picture *picture, const struct imgmend_partition *p);	/* … any */
/* diskmap.c: the disk and the first 8 KiB, before and after, or as they are; false: nothing is to be seen there. */
bool print_disk_map(const struct settings *s, FILE *out, const struct picture *picture);

/* columns.c: text of images and paths, which may hold anything, in UTF-8. */
#define SHOWN_MAX 8192
const char *shown(const char *text, char buf[SHOWN_MAX]);	/* … as it can be printed; what is harmful is escaped */
void put_shown(FILE *out, const char *text);
int width_of(const char *text);		/* columns, of what is shown, or of words of ours */
void put_column(FILE *out, const char *text, int width);	/* the same; to the right, or with a negative width to the left */
bool is_locale_utf8(void);
bool is_plain(void);			/* drawings are to be in ASCII */
int32_t next_character(const char **text);	/* the one at *text, which moves behind it; -1: a byte that is none */
bool is_harmful(int32_t c);
const char *escape_of(int32_t c, unsigned char byte, char buf[16]);

bool has_errors(const struct imgmend_finding *f, size_t n);

/* progress.c: fills options->progress, and SIGUSR1 has a line printed. */
/* For what only reads: Ctrl-C ends it at once. Nothing is shown in the first second. Of several images, how many were looked at; where
 * their results go to the terminal meanwhile, nothing. */
void progress_follow(struct settings *s, size_t n_images, bool prints_meanwhile);
/* For what writes: Ctrl-C, as often as it comes, makes it stop at the next safe point. size: bytes of all the work, 0 where that is
 * not known. */
void progress_install(struct settings *s, uint64_t size);
void progress_image(void);	/* one more image was looked at */
void progress_clear(void);	/* something else is to be printed */
void progress_end(void);
const char *duration(uint64_t ms, char buf[32]);	/* "1m05s" */

#endif
