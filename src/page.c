/* page.c - `imgmend report`: one HTML page about images, saved plans and journals. */
#include <config.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "html.h"

enum subject_kind { AN_IMAGE, A_PLAN, A_JOURNAL };

/* What one argument gave. */
struct subject {
	const char *path;
	enum subject_kind kind;
	imgmend_scan *scan;		/* of an image; NULL: it could not be scanned */
	imgmend_plan *plan;		/* NULL: there is none, and err says why */
	struct imgmend_status status;	/* of a journal */
	char *manifest;			/* of a journal; NULL: it has none */
	struct imgmend_error err;
	const struct imgmend_finding *findings;
	size_t n_findings, errors, warnings;
	uint32_t sector_size;
	bool has_work, is_unread;
	char *text;			/* its section of the page; NULL: no memory */
	size_t len;
};

/* All of them. */
struct page {
	const struct settings *s;
	const struct images *images;
	struct subject *subjects;
};

/* By its first bytes: a saved plan, a journal, or else an image. */
static enum subject_kind kind_of(const char *path)
{
	char head[16] = "";
	struct stat st;
	/* a pipe would make us wait for somebody to write */
	FILE *f = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "re") : NULL;
	size_t n = f ? fread(head, 1, sizeof(head), f) : 0;

	if (f)
		fclose(f);
	if (n == sizeof(head) && memcmp(head, "imgmend journal\n", sizeof(head)) == 0)
		return A_JOURNAL;
	return n > 10 && memcmp(head, "{\"schema\":", 10) == 0 ? A_PLAN : AN_IMAGE;
}

static void count(struct subject *t)
{
	struct imgmend_plan_figures figures;

	if (t->plan) {
		imgmend_plan_figures(t->plan, &figures);
		t->sector_size = figures.sector_size;
		t->findings = imgmend_plan_findings(t->plan, &t->n_findings);
	}
	/* a plan lists what it repairs; the scan of an image lists all */
	if (t->scan) {
		t->sector_size = imgmend_scan_sector_size(t->scan);
		t->findings = imgmend_scan_findings(t->scan, &t->n_findings);
	}
	for (size_t i = 0; i < t->n_findings; i++) {
		t->errors += t->findings[i].severity == IMGMEND_ERROR;
		t->warnings += t->findings[i].severity == IMGMEND_WARNING;
	}
	t->has_work = t->plan && !imgmend_plan_is_empty(t->plan);
	t->is_unread = t->err.code && !t->scan;
}

static void look(const struct settings *s, const char *path, struct subject *t)
{
	struct imgmend_options options = s->library;

	*t = (struct subject){ .path = path, .kind = kind_of(path) };
	switch (t->kind) {
	case A_PLAN:
		imgmend_plan_load(path, &t->plan, &t->err);
		break;
	case A_JOURNAL:
		if (imgmend_status(path, &options, &t->status, &t->err) == 0)
			imgmend_manifest_json(path, &options, &t->manifest, NULL);
		break;
	case AN_IMAGE:
		if (imgmend_scan_image(path, &options, &t->scan, &t->err) == 0)
			imgmend_plan_image(path, &options, &t->plan, &t->err);
	}
	count(t);
}

/* All but its section and what the summary says. */
static void forget(struct subject *t)
{
	imgmend_scan_free(t->scan);
	imgmend_plan_free(t->plan);
	free(t->manifest);
	t->scan = NULL;
	t->plan = NULL;
	t->manifest = NULL;
	t->findings = NULL;
}

/* ---- one subject ---- */

static void put_verdict(FILE *out, const struct subject *t)
{
	bool bad = t->errors || t->err.code || (t->kind == A_JOURNAL && t->status.state != IMGMEND_STATE_REPAIRED);

	fprintf(out, "<p class=\"verdict %s\">", bad ? "bad" : "good");
	if (t->kind == A_JOURNAL && !t->err.code)
		html_printf(out, _("The journal of a repair of %s; its state: %s"), t->status.image, _(imgmend_state_name(t->status.state)));
	else if (t->err.code)
		html_printf(out, t->scan ? _("No repair can be planned: %s") : _("It cannot be looked at: %s"), t->err.message);
	else if (t->has_work && !t->n_findings)
		html_text(out, _("A saved plan of a repair"));
	else if (t->has_work)
		html_printf(out, plural_of("%zu finding is to be repaired: the plan is below", "%zu findings are to be repaired: the plan is below",
					   t->errors ? t->errors : t->n_findings), t->errors ? t->errors : t->n_findings);
	else
		html_text(out, _("Nothing to repair"));
	fputs("</p>\n", out);
}

static void put_findings(FILE *out, const struct subject *t)
{
	static const char *const classes[] = { "info", "warning", "error" };

	if (!t->n_findings)
		return;
	fprintf(out, "<h3>%s</h3>\n<ul class=\"findings\">\n", _("Findings"));
	for (size_t i = 0; i < t->n_findings; i++) {
		const struct imgmend_finding *f = &t->findings[i];

		fprintf(out, "<li class=\"%s\"><strong>%s</strong>: ", classes[f->severity], severity_word(f->severity));
		html_text(out, f->message);
		put_place(out, f, t->sector_size);
		fprintf(out, " <code>%s</code></li>\n", f->id);
	}
	fputs("</ul>\n", out);
}

/* numbers: an n for each column of them. */
static void put_heads(FILE *out, const char *caption, const char *const *heads, const char *numbers, const char *class)
{
	fputs("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"", out);
	html_text(out, caption);
	fprintf(out, "\"><table%s>\n<caption>", class);
	html_text(out, caption);
	fputs("</caption>\n<thead><tr>", out);
	for (size_t i = 0; heads[i]; i++) {
		fprintf(out, "<th scope=\"col\"%s>", numbers[i] == 'n' ? " class=\"n\"" : "");
		html_text(out, _(heads[i]));
		fputs("</th>", out);
	}
	fputs("</tr></thead>\n<tbody>\n", out);
}

static void put_partitions(FILE *out, const imgmend_plan *plan)
{
	static const char *const heads[] = { N_("number"), N_("size"), N_("old start"), N_("new start"), NULL };
	const struct imgmend_partition *p;
	size_t n;

	p = imgmend_plan_partitions(plan, &n);
	if (!n)
		return;
	put_heads(out, _("Partitions"), heads, "nnnn", "");
	for (size_t i = 0; i < n; i++) {
		fputs("<tr><td class=\"n\">", out);
		if (p[i].number)
			fprintf(out, "%d", p[i].number);
		else
			html_text(out, _("volume"));
		fprintf(out, "</td><td class=\"n\">%" PRIu64 "</td><td class=\"n\">%" PRIu64 "</td><td class=\"n\">%" PRIu64 "</td></tr>\n",
			p[i].size, p[i].old_start, p[i].new_start);
	}
	fputs("</tbody></table></div>\n", out);
}

static void put_segments(FILE *out, const imgmend_plan *plan)
{
	static const char *const heads[] = { N_("at"), N_("size"), N_("what"), N_("from"), N_("why"), NULL };
	const struct imgmend_segment *g;
	size_t n;

	g = imgmend_plan_segments(plan, &n);
	put_heads(out, _("Exactly these bytes of the image change"), heads, "nnxnx", "");
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "<tr><td class=\"n\">%" PRIu64 "</td><td class=\"n\">%" PRIu64 "</td><td>", g[i].start, g[i].size);
		html_text(out, segment_word(g[i].kind));
		fputs("</td><td class=\"n\">", out);
		if (g[i].kind == IMGMEND_FROM)
			fprintf(out, "%" PRIu64, g[i].from);
		fputs("</td><td>", out);
		html_text(out, g[i].reason);
		fputs("</td></tr>\n", out);
	}
	fputs("</tbody></table></div>\n", out);
}

static void put_cost(FILE *out, const imgmend_plan *plan)
{
	struct imgmend_plan_figures f;
	const char *const *notes;
	char a[64], b[64], c[64];
	size_t n;

	imgmend_plan_figures(plan, &f);
	fprintf(out, "<h3>%s</h3>\n<p>", _("What it costs"));
	html_printf(out, _("%s move, %s are written anew; the journal takes %s. Strategy: %s."), size_text(f.bytes_moved, a),
		    size_text(f.literal_bytes, b), size_text(f.journal_bytes, c), f.strategy);
	if (f.time_ns) {
		fputs("</p>\n<p>", out);
		html_printf(out, f.is_measured ? _("It takes about %s, at the %.0f MB/s that were measured.") :
			    _("It takes about %s, if the disk writes %.0f MB/s."), duration(f.time_ns / 1000000, a), (double)f.write_rate / 1e6);
	}
	if (f.new_size != f.old_size) {
		fputs("</p>\n<p>", out);
		html_printf(out, _("The image grows from %" PRIu64 " to %" PRIu64 " bytes."), f.old_size, f.new_size);
	}
	fputs("</p>\n", out);
	notes = imgmend_plan_notes(plan, &n);
	if (n)
		fprintf(out, "<h3>%s</h3>\n<ul>\n", _("Notes"));
	for (size_t i = 0; i < n; i++) {
		fputs("<li>", out);
		html_text(out, notes[i]);
		fputs("</li>\n", out);
	}
	if (n)
		fputs("</ul>\n", out);
	fprintf(out, "<p>%s <code>%s</code></p>\n", _("SHA-256 of what the plan was made from:"), f.fingerprint);
}

static void put_journal(FILE *out, const struct subject *t)
{
	time_t created = (time_t)t->status.created;
	char when[32] = "-";
	struct tm tm;

	if (gmtime_r(&created, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	fputs("<p>", out);
	html_printf(out, _("UUID %s, begun %s UTC; the image has %" PRIu64 " bytes before and %" PRIu64 " after it."), t->status.uuid, when,
		    t->status.old_size, t->status.new_size);
	fputs("</p>\n", out);
	if (t->status.message[0]) {
		fputs("<p>", out);
		html_text(out, t->status.message);
		fputs("</p>\n", out);
	}
	if (!t->manifest)
		return;
	fprintf(out, "<h3>%s</h3>\n<pre>", _("Manifest: SHA-256 of everything that changed, before and after"));
	html_text(out, t->manifest);
	fputs("</pre>\n", out);
}

static void put_drawings(FILE *out, const struct subject *t)
{
	struct imgmend_partition *partitions = NULL;
	struct picture picture;

	if (t->has_work) {
		picture_of_plan(t->plan, &picture);
		html_drawings(out, &picture);
	} else if (t->scan && (partitions = picture_of_scan(t->scan, &picture))) {
		html_drawings(out, &picture);
	}
	free(partitions);
}

static void put_subject(FILE *out, const struct subject *t, size_t id)
{
	fprintf(out, "<section id=\"s%zu\" aria-labelledby=\"h%zu\">\n<h2 id=\"h%zu\"><bdi>", id, id, id);
	html_text(out, t->path);
	fputs("</bdi></h2>\n", out);
	put_verdict(out, t);
	put_findings(out, t);
	if (t->kind == A_JOURNAL && !t->err.code)
		put_journal(out, t);
	put_drawings(out, t);
	if (t->has_work) {
		put_partitions(out, t->plan);
		put_segments(out, t->plan);
		put_cost(out, t->plan);
	}
	fputs("</section>\n", out);
}

static void work_on(void *arg, size_t i)
{
	struct page *page = arg;
	struct subject *t = &page->subjects[i];
	FILE *out;

	look(page->s, page->images->v[i], t);
	out = open_memstream(&t->text, &t->len);
	if (out) {
		put_subject(out, t, i + 1);
		if (fclose(out) != 0) {
			free(t->text);
			t->text = NULL;
		}
	}
	forget(t);
}

/* Its part of the exit status. */
static int settle(void *arg, size_t i)
{
	const struct page *page = arg;
	const struct subject *t = &page->subjects[i];
	char name[SHOWN_MAX];

	if (!t->text) {
		fprintf(stderr, _("imgmend: %s: there is no memory for its part of the report\n"), shown(t->path, name));
		return EXIT_FAILED;
	}
	if (t->is_unread)
		return report_error(&t->err) == EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
	return t->errors ? EXIT_UNCORRECTED : EXIT_FINE;
}

/* ---- all of them ---- */

static void put_summary(FILE *out, const struct subject *t, size_t n)
{
	static const char *const heads[] = { N_("name"), N_("errors"), N_("warnings"), N_("what to do"), NULL };

	put_heads(out, _("Summary"), heads, "xnnx", " class=\"sortable\"");
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "<tr><td><a href=\"#s%zu\">", i + 1);
		html_text(out, t[i].path);
		fprintf(out, "</a></td><td class=\"n\">%zu</td><td class=\"n\">%zu</td><td>", t[i].errors, t[i].warnings);
		html_text(out, t[i].err.code ? _("look") : t[i].has_work ? _("repair") : _("nothing"));
		fputs("</td></tr>\n", out);
	}
	fputs("</tbody></table></div>\n", out);
}

static int write_page(FILE *out, const struct subject *subjects, size_t n)
{
	html_begin(out, _("Disk images with data in the boot area"));
	/* of one image only its own section */
	if (n > 1)
		put_summary(out, subjects, n);
	for (size_t i = 0; i < n; i++)
		fwrite(subjects[i].text, 1, subjects[i].text ? subjects[i].len : 0, out);
	html_end(out);
	return fflush(out) == 0 && !ferror(out) ? 0 : -1;
}

static int save(const struct settings *s, const struct subject *subjects, size_t n)
{
	FILE *out = s->output ? fopen(s->output, "we") : stdout;
	int rc = out ? write_page(out, subjects, n) : -1, why;
	char name[SHOWN_MAX];

	if (s->output && out && fclose(out) != 0)
		rc = -1;
	why = errno;
	if (rc < 0)
		fprintf(stderr, _("imgmend: %s: cannot save %s: %s%s\n"), s->output ? shown(s->output, name) : "stdout", _("the report"),
			strerror(why), next_step(why));
	clearerr(stdout);	/* that was said */
	return rc;
}

int verb_report(const struct settings *settings)
{
	struct settings own = *settings, *s = &own;
	struct images images;
	struct page page = { .s = s, .images = &images };
	struct job job = { .look = work_on, .settle = settle, .arg = &page };
	int status = images_list(s, &images) < 0 || images.failed ? EXIT_FAILED : EXIT_FINE;

	page.subjects = calloc(images.n + 1, sizeof(*page.subjects));
	if (!page.subjects) {
		fprintf(stderr, _("imgmend: out of memory\n"));
		return EXIT_FAILED;
	}
	progress_follow(s, images.n, false);
	status |= jobs_run(&job, images.n, s->jobs);
	if (save(s, page.subjects, images.n) < 0)
		status |= EXIT_FAILED;
	for (size_t i = 0; i < images.n; i++)
		free(page.subjects[i].text);
	free(page.subjects);
	images_free(&images);
	return status;
}
