/* report.c - findings and plans for people: what is wrong first, then what would change, what it costs. */
#include <config.h>
#include <inttypes.h>
#include <string.h>

#include "program.h"

const char *severity_word(enum imgmend_severity severity)
{
	static const char *const words[] = { N_("info"), N_("warning"), N_("error") };

	return _(words[severity]);
}

const char *segment_word(enum imgmend_kind kind)
{
	static const char *const words[] = { "", N_("move"), N_("write"), N_("zero"), N_("fill") };

	return _(words[kind]);
}

bool has_errors(const struct imgmend_finding *f, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (f[i].severity == IMGMEND_ERROR)
			return true;
	return false;
}

void put_place(FILE *out, const struct imgmend_finding *f, uint32_t sector_size)
{
	uint64_t last = f->start + f->size - 1;

	if (f->size && sector_size)
		fprintf(out, _(" (image bytes %" PRIu64 " to %" PRIu64 ", sectors %" PRIu64 " to %" PRIu64 ")"), f->start, last, f->start / sector_size,
			last / sector_size);
}

void print_findings(const struct settings *s, FILE *out, const char *path, const struct imgmend_finding *f, size_t n, uint32_t sector_size)
{
	static const char *const colors[] = { "\033[36m", "\033[33m", "\033[1;31m" };
	char name[SHOWN_MAX], message[SHOWN_MAX];
	bool color = use_color(s);

	shown(path, name);
	if (!n)
		fprintf(out, _("%s: nothing wrong found\n"), name);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s: %s%s%s: %s", name, color ? colors[f[i].severity] : "", severity_word(f[i].severity),
			color ? "\033[0m" : "", shown(f[i].message, message));
		put_place(out, &f[i], sector_size);
		fprintf(out, " [%s]\n", f[i].id);
	}
}

void put_row(FILE *out, const char *const *cells, const int *widths, size_t n)
{
	fputc(' ', out);
	for (size_t i = 0; i < n; i++) {
		fputc(' ', out);
		put_column(out, cells[i], widths[i]);
	}
	fputc('\n', out);
}

static void print_partitions(FILE *out, const imgmend_plan *plan)
{
	static const int widths[] = { 6, 16, 16, 16, 16 };
	const struct imgmend_partition *p;
	size_t n;

	p = imgmend_plan_partitions(plan, &n);
	if (!n)
		return;
	fprintf(out, _("\nPartitions (bytes):\n"));
	put_row(out, (const char *[]){ _("number"), _("size"), _("old start"), _("new start"), _("moves by") }, widths, 5);
	for (size_t i = 0; i < n; i++, p++) {
		char shift[32] = "-";

		if (p->new_start != p->old_start)
			snprintf(shift, sizeof(shift), "%+" PRId64, (int64_t)(p->new_start - p->old_start));
		fputs("  ", out);
		if (p->number)
			fprintf(out, "%6d", p->number);
		else
			put_column(out, _("volume"), 6);
		fprintf(out, " %16" PRIu64 " %16" PRIu64 " %16" PRIu64 " %16s%s\n", p->size, p->old_start,
			p->new_start, shift, p->extended ? _("  extended") : "");
	}
}

static void print_segments(const struct settings *s, FILE *out, const imgmend_plan *plan)
{
	int widths[] = { 16, 16, -7, 0 };
	const struct imgmend_segment *g;
	size_t n;

	g = imgmend_plan_segments(plan, &n);
	for (int kind = IMGMEND_FROM; kind <= IMGMEND_FILL; kind++) {
		int w = width_of(segment_word(kind)) + 1;

		widths[2] = -w < widths[2] ? -w : widths[2];
	}
	fprintf(out, _("\nExactly these bytes of the image change:\n"));
	put_row(out, (const char *[]){ _("at"), _("size"), "", _("why") }, widths, 4);
	for (size_t i = 0; i < n; i++, g++) {
		if (i >= 200 && !s->verbose) {
			fprintf(out, is_plain() ? _("  ... and %zu more (--verbose shows all)\n") : _("  … and %zu more (--verbose shows all)\n"), n - i);
			break;
		}
		fprintf(out, "  %16" PRIu64 " %16" PRIu64 "  ", g->start, g->size);
		put_column(out, segment_word(g->kind), widths[2] + 1);
		fputc(' ', out);
		put_shown(out, g->reason);
		if (g->kind == IMGMEND_FROM)
			fprintf(out, _(" (from %" PRIu64 ")"), g->from);
		fputc('\n', out);
	}
}

static void print_ways(FILE *out, const imgmend_plan *plan)
{
	const struct imgmend_way *w;
	char a[64], b[64], c[64];
	size_t n;

	w = imgmend_plan_ways(plan, &n);
	if (n)
		fprintf(out, _("\nWays that were considered:\n"));
	for (size_t i = 0; i < n; i++, w++) {
		fprintf(out, _("  %c %-6s alignment %-8" PRIu64), w->chosen ? '*' : ' ', w->name, w->align);
		if (w->feasible)
			fprintf(out, _(" moves %s, grows by %s, journal %s\n"), size_text(w->bytes_moved, a),
				size_text(w->growth, b), size_text(w->journal_bytes, c));
		else if (w->missing != UINT64_MAX)
			fprintf(out, plural_of(" does not fit: %" PRIu64 " byte is missing\n", " does not fit: %" PRIu64 " bytes are missing\n",
					       w->missing), w->missing);
		else
			fprintf(out, _(" does not fit\n"));
	}
}

static void print_cost(FILE *out, const imgmend_plan *plan)
{
	struct imgmend_plan_figures f;
	char a[64], b[64], c[64];

	imgmend_plan_figures(plan, &f);
	fprintf(out, _("\nCost: %s move, %s are written anew; strategy: %s\n"), size_text(f.bytes_moved, a),
		size_text(f.literal_bytes, b), f.strategy);
	if (f.strategy_reason[0])
		fprintf(out, "      %s\n", f.strategy_reason);
	if (f.time_ns)
		fprintf(out, f.is_measured ? _("Time: about %s, at the %.0f MB/s that were measured here; holes take none\n") :
			_("Time: about %s, if the disk writes %.0f MB/s; holes take none\n"), duration(f.time_ns / 1000000, a),
			(double)f.write_rate / 1e6);
	fprintf(out, _("Journal: %s for undo, %s for moving, %s in all\n"), size_text(f.undo_bytes, a),
		size_text(f.scratch_bytes, b), size_text(f.journal_bytes, c));
	if (f.dropped_bytes)
		fprintf(out, _("Not moved and not kept: %s of free space; undo brings zeros back there\n"), size_text(f.dropped_bytes, a));
	if (f.new_size != f.old_size)
		fprintf(out, _("Image size: %" PRIu64 " %s %" PRIu64 " bytes; it grows by %s\n"), f.old_size, is_plain() ? "->" : "→", f.new_size,
			size_text(f.new_size - f.old_size, a));
	else
		fprintf(out, _("Image size: stays %s\n"), size_text(f.old_size, a));
}

void print_plan(const struct settings *s, FILE *out, const imgmend_plan *plan, const char *path)
{
	struct imgmend_plan_figures figures;
	char name[SHOWN_MAX];
	const char *const *notes;
	struct picture picture;
	size_t n;
	const struct imgmend_finding *f = imgmend_plan_findings(plan, &n);

	imgmend_plan_figures(plan, &figures);
	if (n)
		print_findings(s, out, path, f, n, figures.sector_size);
	if (imgmend_plan_is_empty(plan)) {
		fprintf(out, _("%s: nothing to repair\n"), shown(path, name));
		return;
	}
	picture_of_plan(plan, &picture);
	print_disk_map(s, out, &picture);
	print_partitions(out, plan);
	print_segments(s, out, plan);
	print_ways(out, plan);
	print_cost(out, plan);
	notes = imgmend_plan_notes(plan, &n);
	if (n)
		fprintf(out, _("\nNotes:\n"));
	for (size_t i = 0; i < n; i++) {
		fputs("  - ", out);
		put_shown(out, notes[i]);
		fputc('\n', out);
	}
}
