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

void print_findings(const struct settings *s, FILE *out, const char *path, const struct imgmend_finding *f, size_t n)
{
	static const char *const colors[] = { "\033[36m", "\033[33m", "\033[1;31m" };
	bool color = use_color(s, out);

	if (!n)
		fprintf(out, _("%s: nothing wrong found\n"), path);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s: %s%s%s: %s [%s]\n", path, color ? colors[f[i].severity] : "", severity_word(f[i].severity),
			color ? "\033[0m" : "", f[i].message, f[i].id);
}

static void print_partitions(FILE *out, const imgmend_plan *plan)
{
	static const char *const heads[] = { N_("size"), N_("old start"), N_("new start"), N_("moves by") };
	const struct imgmend_partition *p;
	size_t n;

	p = imgmend_plan_partitions(plan, &n);
	if (!n)
		return;
	fprintf(out, _("\nPartitions (bytes):\n"));
	print_padded(out, _("number"), 8);
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		print_padded(out, _(heads[i]), 17);
	fputc('\n', out);
	for (size_t i = 0; i < n; i++, p++) {
		char shift[32] = "-";

		if (p->new_start != p->old_start)
			snprintf(shift, sizeof(shift), "%+" PRId64, (int64_t)(p->new_start - p->old_start));
		if (p->number)
			fprintf(out, "  %6d", p->number);
		else
			print_padded(out, _("volume"), 8);
		fprintf(out, " %16" PRIu64 " %16" PRIu64 " %16" PRIu64 " %16s%s\n", p->size, p->old_start,
			p->new_start, shift, p->extended ? _("  extended") : "");
	}
}

static void print_segments(const struct settings *s, FILE *out, const imgmend_plan *plan)
{
	const struct imgmend_segment *g;
	int width = 6;
	size_t n;

	g = imgmend_plan_segments(plan, &n);
	fprintf(out, _("\nExactly these bytes of the image change:\n"));
	for (int kind = IMGMEND_FROM; kind <= IMGMEND_FILL; kind++)
		width = max(width, text_width(segment_word(kind)));
	print_padded(out, _("at"), 18);
	print_padded(out, _("size"), 17);
	fprintf(out, "  %*s %s\n", width, "", _("why"));
	for (size_t i = 0; i < n; i++, g++) {
		if (i >= 200 && !s->verbose) {
			fprintf(out, ngettext("  … and %zu more (--verbose shows all)\n", "  … and %zu more (--verbose shows all)\n",
					      (unsigned long)(n - i)), n - i);
			break;
		}
		fprintf(out, "  %16" PRIu64 " %16" PRIu64 "  ", g->start, g->size);
		print_padded(out, segment_word(g->kind), -width);
		fprintf(out, " %s", g->reason);
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
			fprintf(out, ngettext(" does not fit: %" PRIu64 " byte is missing\n", " does not fit: %" PRIu64 " bytes are missing\n",
					      (unsigned long)w->missing), w->missing);
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
	fprintf(out, _("Journal: %s for undo, %s for moving, %s in all\n"), size_text(f.undo_bytes, a),
		size_text(f.scratch_bytes, b), size_text(f.journal_bytes, c));
	if (f.dropped_bytes)
		fprintf(out, _("Not moved and not kept: %s of free space; undo brings zeros back there\n"), size_text(f.dropped_bytes, a));
	if (f.new_size != f.old_size)
		fprintf(out, _("Image size: %" PRIu64 " → %" PRIu64 " bytes\n"), f.old_size, f.new_size);
}

void print_plan(const struct settings *s, FILE *out, const imgmend_plan *plan, const char *path)
{
	const char *const *notes;
	size_t n;
	const struct imgmend_finding *f = imgmend_plan_findings(plan, &n);

	if (n)
		print_findings(s, out, path, f, n);
	if (imgmend_plan_is_empty(plan)) {
		fprintf(out, _("%s: nothing to repair\n"), path);
		return;
	}
	print_disk_map(s, out, plan);
	print_partitions(out, plan);
	print_segments(s, out, plan);
	print_ways(out, plan);
	print_cost(out, plan);
	notes = imgmend_plan_notes(plan, &n);
	if (n)
		fprintf(out, _("\nNotes:\n"));
	for (size_t i = 0; i < n; i++)
		fprintf(out, "  - %s\n", notes[i]);
}
