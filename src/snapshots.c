/* snapshots.c - `imgmend snapshots` and `imgmend rescue`: what is left of shadow copies, and bringing them back. */
#include <config.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "program.h"

#define EPOCH 11644473600ull		/* seconds from 1601 to 1970 */

/* A FILETIME as "2013-12-03 06:35:09" (UTC). */
static const char *time_text(uint64_t created, char buf[32])
{
	time_t t = (time_t)(created / 10000000 - EPOCH);
	struct tm tm;

	if (created / 10000000 < EPOCH || !gmtime_r(&t, &tm) || !strftime(buf, 32, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(buf, 32, "-");
	return buf;
}

static void print_snapshot(FILE *out, size_t number, const struct imgmend_snapshot *s)
{
	char when[32], size[64];

	fprintf(out, "  %4zu  %-19s  %s  %s\n", number, time_text(s->created, when), s->shadow_copy, s->fault ? _("damaged") : _("sound"));
	fprintf(out, plural_of("        store %s at byte %" PRIu64 ", %s, %" PRIu64 " block kept\n",
			       "        store %s at byte %" PRIu64 ", %s, %" PRIu64 " blocks kept\n", s->copied), s->id, s->store,
		size_text(s->store_size, size), s->copied);
	if (s->fault)
		fprintf(out, "        %s\n", s->fault);
}

static void print_header(FILE *out, const struct imgmend_shadows *v)
{
	static const char *const states[][2] = {
		{ "valid", N_("the header is valid") },
		{ "absent", N_("there is no header (zeros)") },
		{ "overwritten", N_("the header is overwritten") },
		{ "points-nowhere", N_("the header is valid, but leads to no catalog") },
	};

	char text[SHOWN_MAX];

	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (strcmp(states[i][0], v->header) == 0)
			fprintf(out, "  %s", _(states[i][1]));
	/* TRANSLATORS: follows "the header is overwritten" and the like; %s is the name of a file. */
	if (v->owner[0])
		fprintf(out, _("; %s has its place"), shown(v->owner, text));
	fputc('\n', out);
}

static void put_heads(FILE *out)
{
	fputs("        ", out);
	put_column(out, _("created (UTC)"), -19);
	fprintf(out, "  %s\n", _("shadow copy"));
}

static void print_volume(FILE *out, const struct imgmend_shadows *v)
{
	if (v->partition)
		fprintf(out, _("partition %d, an NTFS volume at byte %" PRIu64 ":\n"), v->partition, v->start);
	else
		fprintf(out, _("NTFS volume at byte %" PRIu64 ":\n"), v->start);
	print_header(out, v);
	if (v->catalog)
		/* TRANSLATORS: %s is "header", "file" or "search". */
		fprintf(out, _("  catalog at byte %" PRIu64 " of the volume, found by: %s\n"), v->catalog, _(v->found_by));
	if (v->catalog_fault)
		fprintf(out, _("  the catalog is damaged: %s\n"), v->catalog_fault);
	if (!v->n_snapshots)
		fprintf(out, _("  no snapshots\n"));
	else
		put_heads(out);
	for (size_t i = 0; i < v->n_snapshots; i++)
		print_snapshot(out, i + 1, &v->snapshots[i]);
	if (v->lost_stores)
		fprintf(out, plural_of("  %" PRIu64 " file of a store that the catalog does not name\n",
				       "  %" PRIu64 " files of stores that the catalog does not name\n", v->lost_stores),
			v->lost_stores);
	if (v->can_rescue && v->copy)
		fprintf(out, _("  `imgmend rescue` can put the header back, from the copy at byte %" PRIu64 " of the volume\n"), v->copy);
	else if (v->can_rescue)
		fprintf(out, _("  `imgmend rescue` can make a new header\n"));
	else if (v->why_not && v->catalog)
		fprintf(out, _("  the header cannot be put back: %s\n"), v->why_not);
}

static void print_strays(FILE *out, const imgmend_scan *scan)
{
	const struct imgmend_stray *stray;
	size_t n;

	stray = imgmend_scan_strays(scan, &n);
	if (n)
		fprintf(out, _("found outside of these volumes:\n"));
	for (size_t i = 0; i < n; i++, stray++) {
		/* TRANSLATORS: %s is "catalog", "store" or "header". */
		if (stray->volume >= 0)
			fprintf(out, _("  a %s at byte %" PRIu64 ", of a volume at byte %" PRId64 "\n"), _(stray->kind), stray->at, stray->volume);
		else
			fprintf(out, _("  a %s at byte %" PRIu64 "\n"), _(stray->kind), stray->at);
	}
}

static void print_all(FILE *out, const imgmend_scan *scan, const char *path)
{
	const struct imgmend_shadows *v;
	char text[SHOWN_MAX];
	size_t n;

	v = imgmend_scan_shadows(scan, &n);
	if (!n)
		fprintf(out, _("%s: no NTFS volume that can be looked into\n"), shown(path, text));
	for (size_t i = 0; i < n; i++)
		print_volume(out, &v[i]);
	print_strays(out, scan);
}

/* Is a header lost that could lead to snapshots? */
static bool is_lost(const imgmend_scan *scan)
{
	const struct imgmend_finding *f;
	size_t n;

	f = imgmend_scan_findings(scan, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(f[i].id, "shadow-header-lost") == 0)
			return true;
	return false;
}

int verb_snapshots(const struct settings *settings)
{
	struct settings s = *settings;
	struct imgmend_error err;
	imgmend_scan *scan;
	int status, rc;

	s.library.shadows = 1;
	progress_follow(&s, 1, false);
	rc = imgmend_scan_image(s.images[0], &s.library, &scan, &err);
	progress_clear();
	if (rc < 0) {
		status = report_error(&err);
		return status == EXIT_UNCORRECTED ? EXIT_FAILED : status;
	}
	if (s.json) {
		char *json = imgmend_snapshots_json(scan);

		if (json)
			puts(json);
		free(json);
	} else {
		print_all(stdout, scan, s.images[0]);
	}
	status = is_lost(scan) ? EXIT_UNCORRECTED : EXIT_FINE;
	imgmend_scan_free(scan);
	return status;
}

static int extract(struct settings *s)
{
	char folder[SHOWN_MAX], name[SHOWN_MAX];
	struct imgmend_error err;
	char *json;
	int rc;

	progress_follow(s, 1, false);
	rc = imgmend_extract(s->images[0], &s->library, s->extract, &json, &err);
	progress_clear();
	if (rc < 0)
		return report_error(&err);
	if (!s->quiet)
		fprintf(stderr, _("imgmend: %s/manifest.json says what was written; %s is as it was\n"), shown(s->extract, folder), shown(s->images[0], name));
	free(json);
	return EXIT_FINE;
}

int verb_rescue(const struct settings *settings)
{
	struct settings s = *settings;

	if (s.extract)
		return extract(&s);
	s.library.shadows = 1;
	s.library.only = "shadow-header-lost";
	return verb_fix(&s);
}
