/* scan.c - `imgmend scan`: many images, several at a time, output in the order asked for. One that is bad stops none of the others. */
#include <config.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

static void print_region(FILE *out, const struct imgmend_region *r, uint32_t sector_size)
{
	char name[96];

	if (r->number)
		snprintf(name, sizeof(name), _("partition %d"), r->number);
	else
		snprintf(name, sizeof(name), "%s", r->what[0] ? _(r->what) : _(r->kind));
	fprintf(out, "  %*s%14" PRIu64 " %12" PRIu64 " %16" PRIu64 "  ", r->depth * 2, "", r->start, r->start / sector_size, r->size);
	print_padded(out, name, -(20 - r->depth * 2));
	if (r->type[0])
		fprintf(out, " %s", r->type);
	if (r->fs[0])
		fprintf(out, " %s", r->fs);
	if (r->label[0])
		fprintf(out, " \"%s\"", r->label);
	fputc('\n', out);
}

static void print_scan(const struct settings *s, FILE *out, const imgmend_scan *scan, const char *path)
{
	const struct imgmend_finding *f;
	const struct imgmend_region *r;
	char size[64];
	size_t n;

	f = imgmend_scan_findings(scan, &n);
	print_findings(s, out, path, f, n);
	if (s->quiet)
		return;
	fprintf(out, _("%s: %s, sectors of %" PRIu32 " bytes, partition table: %s %s\n"), path,
		size_text(imgmend_scan_size(scan), size), imgmend_scan_sector_size(scan), imgmend_scan_table(scan),
		imgmend_scan_table_id(scan));
	fprintf(out, _("  boots: %s\n"), imgmend_scan_boot(scan)->text);
	print_padded(out, _("start"), 16);
	print_padded(out, _("sector"), 13);
	print_padded(out, _("size"), 17);
	fputc('\n', out);
	r = imgmend_scan_regions(scan, &n);
	for (size_t i = 0; i < n; i++)
		print_region(out, &r[i], imgmend_scan_sector_size(scan));
}

/* What one image gave: text for standard output, or an error. */
struct result {
	char *text;
	size_t len;
	struct imgmend_error err;
	int status;
	uint64_t findings[3];
	bool is_done;
};

struct work {
	const struct settings *s;
	const struct images *images;
	struct result *results;
	size_t next;
	bool has_workers;		/* else each image is scanned when its turn to be printed comes */
	pthread_mutex_t lock;
	pthread_cond_t done;
};

static void scan_one(const struct settings *s, const char *path, struct result *r)
{
	const struct imgmend_finding *f;
	imgmend_scan *scan;
	FILE *out;
	size_t n;

	if (imgmend_scan_image(path, &s->library, &scan, &r->err) < 0) {
		r->status = -1;
		return;
	}
	out = open_memstream(&r->text, &r->len);
	if (out && s->json) {
		char *json = imgmend_scan_json(scan);

		if (json)
			fprintf(out, "%s\n", json);
		free(json);
	} else if (out) {
		print_scan(s, out, scan, path);
	}
	if (out)
		fclose(out);
	f = imgmend_scan_findings(scan, &n);
	for (size_t i = 0; i < n; i++)
		r->findings[f[i].severity]++;
	r->status = has_errors(f, n) ? EXIT_UNCORRECTED : EXIT_FINE;
	imgmend_scan_free(scan);
}

static void *worker(void *arg)
{
	struct work *w = arg;

	pthread_mutex_lock(&w->lock);
	while (w->next < w->images->n) {
		size_t i = w->next++;

		pthread_mutex_unlock(&w->lock);
		scan_one(w->s, w->images->v[i], &w->results[i]);
		pthread_mutex_lock(&w->lock);
		w->results[i].is_done = true;
		pthread_cond_broadcast(&w->done);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* A line of JSON in one piece: whoever reads a pipe of several of us gets whole lines. */
static void put_text(const char *text, size_t len)
{
	fflush(stdout);
	while (len) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

/* Print one result, and count it; its exit status. */
static int settle(struct result *r, struct tally *t)
{
	t->images++;
	if (r->status < 0) {
		t->failed++;
		/* a scan that is refused is an image that could not be read */
		return report_error(&r->err) == EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
	}
	if (r->text)
		put_text(r->text, r->len);
	t->with_errors += r->status == EXIT_UNCORRECTED;
	for (int i = 0; i < 3; i++)
		t->findings[i] += r->findings[i];
	return r->status;
}

/* Print results in order, each as soon as it and those before it are there. */
static int collect(struct work *w, struct tally *t)
{
	int status = 0;

	for (size_t i = 0; i < w->images->n; i++) {
		struct result *r = &w->results[i];

		if (!w->has_workers)
			scan_one(w->s, w->images->v[i], r);
		pthread_mutex_lock(&w->lock);
		while (w->has_workers && !r->is_done)
			pthread_cond_wait(&w->done, &w->lock);
		pthread_mutex_unlock(&w->lock);
		status |= settle(r, t);
		free(r->text);
	}
	return status;
}

static int scan_all(const struct settings *s, const struct images *images, struct tally *t)
{
	struct work w = { .s = s, .images = images, .lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER };
	unsigned n = s->jobs > images->n ? (unsigned)images->n : s->jobs, started = 0;
	pthread_t *threads = calloc(n + 1, sizeof(*threads));
	int status;

	w.results = calloc(images->n + 1, sizeof(*w.results));
	if (!threads || !w.results) {
		fprintf(stderr, _("imgmend: out of memory\n"));
		return EXIT_FAILED;
	}
	while (n > 1 && started < n && pthread_create(&threads[started], NULL, worker, &w) == 0)
		started++;
	w.has_workers = started > 0;
	status = collect(&w, t);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	free(w.results);
	return status;
}

static void print_summary(const struct settings *s, const struct tally *t)
{
	if (s->quiet || t->images < 2)
		return;
	fprintf(stderr, ngettext("imgmend: %" PRIu64 " image: %" PRIu64 " with errors, %" PRIu64 " that could not be scanned, %" PRIu64 " fine\n",
				 "imgmend: %" PRIu64 " images: %" PRIu64 " with errors, %" PRIu64 " that could not be scanned, %" PRIu64 " fine\n",
				 (unsigned long)t->images), t->images, t->with_errors, t->failed, t->images - t->with_errors - t->failed);
}

int verb_scan(const struct settings *s)
{
	struct tally tally = { 0 };
	struct images images;
	int status = images_list(s, &images) < 0 ? EXIT_FAILED : EXIT_FINE;

	if (status == EXIT_FINE) {
		status = scan_all(s, &images, &tally);
		print_summary(s, &tally);
	}
	/* folders that could not be looked into */
	if (images.failed)
		status |= EXIT_FAILED;
	images_free(&images);
	if (s->metrics && save_metrics(s->metrics, &tally) < 0)
		status |= EXIT_FAILED;
	return status;
}
