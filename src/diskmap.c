/* diskmap.c - the disk before and after a repair, drawn to fit the width, and the first 8 KiB sector by sector. */
#include <config.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "program.h"

/* Columns of the terminal; 80 where there is none. */
static unsigned width_of(FILE *out)
{
	struct winsize size;
	const char *columns = getenv("COLUMNS");
	unsigned n = columns ? (unsigned)strtoul(columns, NULL, 10) : 0;

	if (!n && ioctl(fileno(out), TIOCGWINSZ, &size) == 0)
		n = size.ws_col;
	return n < 40 ? 80 : n > 160 ? 160 : n;
}

/* A dot for what belongs to nobody, in the characters of the locale. */
static const char *gap(FILE *out)
{
	return isatty(fileno(out)) && strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? "·" : ".";
}

/* The partition that has this byte, or the first one in the stretch behind it; -1: none. An extended one only where nothing else is. */
static int partition_at(const struct imgmend_partition *p, size_t n, bool new, uint64_t off, uint64_t len)
{
	int found = -1;

	for (size_t i = 0; i < n; i++) {
		uint64_t start = new ? p[i].new_start : p[i].old_start;

		if (off + len > start && (off < start || off - start < p[i].size) && (found < 0 || p[found].extended))
			found = (int)i;
	}
	return found;
}

/* What stands for a partition: its last digit, x for an extended one, v for a volume without a table. */
static char letter_of(const struct imgmend_partition *p)
{
	return p->extended ? 'x' : p->number ? (char)('0' + p->number % 10) : 'v';
}

static int row_width(void)
{
	static const char *const words[] = { N_("before"), N_("after"), N_("sector") };
	int width = 7;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		width = max(width, text_width(_(words[i])));
	return width > 20 ? 20 : width;
}

/* What stands in front of a row, all as wide as the widest. */
static void put_row(FILE *out, const char *name)
{
	fputs("  ", out);
	print_padded(out, name, -row_width());
}

static void put_bar(FILE *out, const imgmend_plan *plan, bool new, uint64_t size, uint64_t all, unsigned width)
{
	const struct imgmend_partition *p;
	unsigned cells;
	size_t n;

	p = imgmend_plan_partitions(plan, &n);
	cells = (unsigned)((double)size / (double)all * width + 0.5);
	put_row(out, new ? _("after") : _("before"));
	fputs(" [", out);
	for (unsigned i = 0; i < width; i++) {
		uint64_t from = (uint64_t)((double)all / width * i), end = (uint64_t)((double)all / width * (i + 1));
		int at = i < cells ? partition_at(p, n, new, from, end > from ? end - from : 1) : -1;

		fprintf(out, "%s", i >= cells ? " " : at < 0 ? gap(out) : (const char[]){ letter_of(&p[at]), 0 });
	}
	fprintf(out, "]\n");
}

/* Does a finding say that this sector belongs to somebody's data? */
bool has_foreign_data(const imgmend_plan *plan, int number, uint64_t at)
{
	const struct imgmend_finding *f;
	size_t n;

	f = imgmend_plan_findings(plan, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(f[i].id, "data-in-boot-area") == 0 && f[i].partition == number && at >= f[i].start && at - f[i].start < f[i].size)
			return true;
	return false;
}

static void put_cell(const struct settings *s, FILE *out, const char *cell, bool is_bad)
{
	bool color = is_bad && use_color(s, out);

	fprintf(out, " %s%2s%s", color ? "\033[1;31m" : "", cell, color ? "\033[0m" : "");
}

/* The first sectors of the disk: the table, partitions that are in the way, nothing. */
static void put_sectors(const struct settings *s, FILE *out, const imgmend_plan *plan, bool new)
{
	const struct imgmend_partition *p;
	size_t n;

	p = imgmend_plan_partitions(plan, &n);
	put_row(out, new ? _("after") : _("before"));
	for (unsigned i = 0; i < CELLS; i++) {
		int at = partition_at(p, n, new, i * 512u, 512);

		if (at >= 0 && (i || !p[at].number))
			put_cell(s, out, (const char[]){ letter_of(&p[at]), 0 }, p[at].number != 0);
		else
			put_cell(s, out, i ? gap(out) : "T", false);
	}
	fputc('\n', out);
}

/* The first sectors of a volume: its boot area, and whose data is in it. */
static void put_volume(const struct settings *s, FILE *out, const imgmend_plan *plan, const struct imgmend_partition *p, bool new)
{
	put_row(out, new ? _("after") : _("before"));
	for (unsigned i = 0; i < CELLS; i++) {
		bool bad = !new && has_foreign_data(plan, p->number, p->old_start + i * 512u);

		put_cell(s, out, bad ? "D" : "B", bad);
	}
	fputc('\n', out);
}

static void put_heads(FILE *out)
{
	put_row(out, _("sector"));
	for (unsigned i = 0; i < CELLS; i++)
		fprintf(out, " %2u", i);
	fputc('\n', out);
}

bool has_data_in_boot_area(const imgmend_plan *plan, const struct imgmend_partition *p)
{
	for (unsigned i = 0; i < CELLS; i++)
		if (has_foreign_data(plan, p->number, p->old_start + i * 512u))
			return true;
	return false;
}

/* Does any partition have a byte below 8192, or move? */
bool is_layout_touched(const imgmend_plan *plan)
{
	const struct imgmend_partition *p;
	size_t n;

	p = imgmend_plan_partitions(plan, &n);
	for (size_t i = 0; i < n; i++)
		if (p[i].new_start != p[i].old_start || (p[i].number && p[i].old_start < RESERVED))
			return true;
	return false;
}

void print_disk_map(const struct settings *s, FILE *out, const imgmend_plan *plan)
{
	struct imgmend_plan_figures f;
	const struct imgmend_partition *p;
	unsigned width = width_of(out) - 7 - (unsigned)row_width();
	char size[64];
	uint64_t all;
	size_t n;

	imgmend_plan_figures(plan, &f);
	p = imgmend_plan_partitions(plan, &n);
	all = f.old_size > f.new_size ? f.old_size : f.new_size;
	if (is_layout_touched(plan)) {
		fprintf(out, _("\nThe disk (%s; digits are partitions):\n"), size_text(all, size));
		put_bar(out, plan, false, f.old_size, all, width);
		put_bar(out, plan, true, f.new_size, all, width);
		fprintf(out, _("Its first 8 KiB, which belong to the boot area (T: table):\n"));
		put_heads(out);
		put_sectors(s, out, plan, false);
		put_sectors(s, out, plan, true);
	}
	for (size_t i = 0; i < n; i++) {
		if (!has_data_in_boot_area(plan, &p[i]))
			continue;
		if (p[i].number)
			fprintf(out, _("The first 8 KiB of partition %d (B: boot area, D: data of others):\n"), p[i].number);
		else
			fprintf(out, _("The first 8 KiB of the volume (B: boot area, D: data of others):\n"));
		put_heads(out);
		put_volume(s, out, plan, &p[i], false);
		put_volume(s, out, plan, &p[i], true);
	}
}
