/* scan.c - `imgmend scan`: many images, several at a time, output in the order asked for. One that is bad stops none of the others. */
#include <config.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"

/* Columns that the words of a table take. */
struct widths {
	int name, type, fs;
};

static const char *name_of(const struct imgmend_region *r, char name[96])
{
	int indent = snprintf(name, 8, "%*s", r->depth ? 2 : 0, "");

	if (r->number)
		snprintf(name + indent, 96 - (size_t)indent, _("partition %d"), r->number);
	else
		snprintf(name + indent, 96 - (size_t)indent, "%s", r->what[0] ? _(r->what) : _(r->kind));
	return name;
}

static void widen(int *width, const char *text)
{
	char buf[SHOWN_MAX];
	int w = width_of(shown(text, buf));

	if (w > *width)
		*width = w;
}

static void print_region(FILE *out, const struct imgmend_region *r, uint32_t sector_size, const struct widths *w)
{
	/* an empty cell at the end leaves no blanks behind */
	bool has_label = r->label[0], has_fs = has_label || r->fs[0], has_type = has_fs || r->type[0];
	char name[96], text[SHOWN_MAX];

	fprintf(out, "  %14" PRIu64 " %12" PRIu64 " %16" PRIu64 "  ", r->start, r->start / sector_size, r->size);
	put_column(out, name_of(r, name), has_type ? -w->name : 0);
	if (has_type) {
		fputs("  ", out);
		put_column(out, shown(r->type, text), has_fs ? -w->type : 0);
	}
	if (has_fs) {
		fputc(' ', out);
		put_column(out, shown(r->fs, text), has_label ? -w->fs : 0);
	}
	if (has_label)
		fprintf(out, " \"%s\"", shown(r->label, text));
	fputc('\n', out);
}

static void print_regions(FILE *out, const imgmend_scan *scan)
{
	static const int heads[] = { 14, 12, 16 };
	const struct imgmend_region *r;
	struct widths w = { 0 };
	char name[96];
	size_t n;

	r = imgmend_scan_regions(scan, &n);
	for (size_t i = 0; i < n; i++) {
		widen(&w.name, name_of(&r[i], name));
		widen(&w.type, r[i].type);
		widen(&w.fs, r[i].fs);
	}
	put_row(out, (const char *[]){ _("start"), _("sector"), _("size") }, heads, 3);
	for (size_t i = 0; i < n; i++)
		print_region(out, &r[i], imgmend_scan_sector_size(scan), &w);
}

/* draws: the disk and its boot areas as well, where something is in them. */
static void print_scan(const struct settings *s, FILE *out, const imgmend_scan *scan, const char *path, bool draws)
{
	const struct imgmend_finding *f;
	struct imgmend_partition *partitions;
	struct picture picture;
	char size[64], name[SHOWN_MAX];
	size_t n;

	f = imgmend_scan_findings(scan, &n);
	print_findings(s, out, path, f, n, imgmend_scan_sector_size(scan));
	if (s->quiet)
		return;
	partitions = picture_of_scan(scan, &picture);
	if (draws && partitions && print_disk_map(s, out, &picture))
		fputc('\n', out);
	free(partitions);
	fprintf(out, _("%s: %s, sectors of %" PRIu32 " bytes, partition table: %s %s\n"), shown(path, name),
		size_text(imgmend_scan_size(scan), size), imgmend_scan_sector_size(scan), imgmend_scan_table(scan),
		imgmend_scan_table_id(scan));
	fprintf(out, _("  boots: %s\n"), imgmend_scan_boot(scan)->text);
	print_regions(out, scan);
}

/* What one image gave: text for standard output, or an error. */
struct result {
	char *text;
	size_t len;
	struct imgmend_error err;
	int status;
	uint64_t findings[3];
};

/* All of them. */
struct scans {
	const struct settings *s;
	const struct images *images;
	struct result *results;
	struct tally *tally;
	bool is_into_file;
};

/* A newline takes the place of its NUL. */
static void make_json(struct result *r, const imgmend_scan *scan)
{
	r->text = imgmend_scan_json(scan);
	r->len = r->text ? strlen(r->text) + 1 : 0;
	if (r->text)
		r->text[r->len - 1] = '\n';
}

static void make_text(struct result *r, const struct settings *s, const imgmend_scan *scan, const char *path, bool is_whole)
{
	FILE *out = open_memstream(&r->text, &r->len);

	if (!out)
		return;
	print_scan(s, out, scan, path, is_whole);
	fclose(out);
}

static void scan_one(void *arg, size_t at)
{
	struct scans *all = arg;
	const struct settings *s = all->s;
	const char *path = all->images->v[at];
	struct result *r = &all->results[at];
	const struct imgmend_finding *f;
	imgmend_scan *scan;
	size_t n;

	if (imgmend_scan_image(path, &s->library, &scan, &r->err) < 0) {
		r->status = -1;
		return;
	}
	if (s->json)
		make_json(r, scan);
	else
		make_text(r, s, scan, path, all->images->n == 1 || s->verbose);
	f = imgmend_scan_findings(scan, &n);
	for (size_t i = 0; i < n; i++)
		r->findings[f[i].severity]++;
	r->status = has_errors(f, n) ? EXIT_UNCORRECTED : EXIT_FINE;
	imgmend_scan_free(scan);
}

/* A line of JSON in one piece: whoever reads a pipe of several of us gets whole lines, each when it is there. Into a file as any
 * program writes there, and so what a pipe or a terminal does not take: in the end that is known to have failed. */
static void put_text(const char *text, size_t len, bool is_into_file)
{
	if (!is_into_file)
		fflush(stdout);
	while (len && !is_into_file) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		text += n;
		len -= (size_t)n;
	}
	fwrite(text, 1, len, stdout);
}

/* Print one result, and count it; its exit status. */
static int settle(void *arg, size_t at)
{
	struct scans *all = arg;
	struct result *r = &all->results[at];
	struct tally *t = all->tally;

	t->images++;
	if (r->status < 0) {
		t->failed++;
		/* a scan that is refused is an image that could not be read */
		return report_error(&r->err) == EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
	}
	if (r->text)
		put_text(r->text, r->len, all->is_into_file);
	free(r->text);
	t->with_errors += r->status == EXIT_UNCORRECTED;
	for (int i = 0; i < 3; i++)
		t->findings[i] += r->findings[i];
	return r->status;
}

static int scan_all(const struct settings *s, const struct images *images, struct tally *t)
{
	struct scans all = { .s = s, .images = images, .tally = t, .results = calloc(images->n + 1, sizeof(*all.results)) };
	struct job job = { .look = scan_one, .settle = settle, .arg = &all };
	struct stat st;
	int status;

	if (!all.results) {
		fprintf(stderr, _("imgmend: out of memory\n"));
		return EXIT_FAILED;
	}
	all.is_into_file = fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode);
	status = jobs_run(&job, images->n, s->jobs);
	free(all.results);
	return status;
}

static void print_summary(const struct settings *s, const struct tally *t)
{
	if (s->quiet || t->images < 2)
		return;
	fprintf(stderr, plural_of("imgmend: %" PRIu64 " image: %" PRIu64 " with errors, %" PRIu64 " that could not be scanned, %" PRIu64 " fine\n",
				  "imgmend: %" PRIu64 " images: %" PRIu64 " with errors, %" PRIu64 " that could not be scanned, %" PRIu64 " fine\n",
				  t->images), t->images, t->with_errors, t->failed, t->images - t->with_errors - t->failed);
}

int verb_scan(const struct settings *settings)
{
	struct settings own = *settings, *s = &own;
	struct tally tally = { 0 };
	struct images images;
	bool is_listed = images_list(s, &images) == 0;
	int status;

	progress_follow(s, images.n, true);
	status = is_listed ? scan_all(s, &images, &tally) : EXIT_FAILED;
	if (is_listed)
		print_summary(s, &tally);
	/* folders that could not be looked into, or the list itself: whoever watches the sums must see that something is missing */
	if (images.failed)
		status |= EXIT_FAILED;
	tally.failed += images.failed + !is_listed;
	images_free(&images);
	if (s->metrics && save_metrics(s->metrics, &tally) < 0)
		status |= EXIT_FAILED;
	return status;
}
