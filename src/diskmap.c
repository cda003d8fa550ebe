/* diskmap.c - the disk before and after a repair, drawn to fit the width, and the first 8 KiB sector by sector. */
#include <config.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "program.h"

#define NAMES_MIN 7		/* columns for the names of rows */
#define NAMES_MAX 20

/* Columns of the terminal; 80 where there is none. */
static unsigned columns(void)
{
	struct winsize size;
	const char *wanted = getenv("COLUMNS");
	unsigned n = wanted ? (unsigned)strtoul(wanted, NULL, 10) : 0;

	if (!n && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		n = size.ws_col;
	return n < 40 ? 80 : n > 160 ? 160 : n;
}

/* A dot for what belongs to nobody. */
static const char *gap(void)
{
	return is_plain() ? "." : "·";
}

/* As wide as the widest name of a row. */
static int names_width(void)
{
	static const char *const names[] = { N_("before"), N_("after"), N_("now"), N_("moved"), N_("sector") };
	int width = NAMES_MIN;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		int w = width_of(_(names[i]));

		width = w > width ? w : width;
	}
	return width < NAMES_MAX ? width : NAMES_MAX;
}

/* The name of a row: the disk before and after, or as it is. */
static void put_name(FILE *out, const struct picture *picture, bool new)
{
	fputs("  ", out);
	put_column(out, new ? _("after") : picture->has_after ? _("before") : _("now"), -names_width());
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

/* The partition in this cell of a bar of the whole disk; -1: none. */
static int cell_of(const struct picture *picture, bool new, uint64_t all, unsigned width, unsigned i)
{
	uint64_t from = (uint64_t)((double)all / width * i), end = (uint64_t)((double)all / width * (i + 1));

	return partition_at(picture->partitions, picture->n, new, from, end > from ? end - from : 1);
}

static void put_bar(FILE *out, const struct picture *picture, bool new, uint64_t all, unsigned width)
{
	unsigned cells = (unsigned)((double)(new ? picture->new_size : picture->old_size) / (double)all * width + 0.5);

	put_name(out, picture, new);
	fputs(" [", out);
	for (unsigned i = 0; i < width; i++) {
		int at = i < cells ? cell_of(picture, new, all, width, i) : -1;

		fprintf(out, "%s", i >= cells ? " " : at < 0 ? gap() : (const char[]){ letter_of(&picture->partitions[at]), 0 });
	}
	fprintf(out, "]\n");
}

/* Marks under what has moved. */
static void put_marks(FILE *out, const struct picture *picture, uint64_t all, unsigned width)
{
	unsigned end = 0;

	fputs("  ", out);
	put_column(out, _("moved"), -names_width());
	fputs("  ", out);
	for (unsigned i = 0; i < width; i++) {
		int at = cell_of(picture, true, all, width, i);

		if (at < 0 || picture->partitions[at].new_start == picture->partitions[at].old_start)
			continue;
		fprintf(out, "%*s^", (int)(i - end), "");
		end = i + 1;
	}
	fputc('\n', out);
}

static void put_cell(const struct settings *s, FILE *out, const char *cell, bool is_bad)
{
	bool color = is_bad && use_color(s);

	fprintf(out, " %s", color ? "\033[1;31m" : "");
	put_column(out, cell, 2);
	fputs(color ? "\033[0m" : "", out);
}

/* The first sectors of the disk: the table, partitions that are in the way, nothing. */
static void put_sectors(const struct settings *s, FILE *out, const struct picture *picture, bool new)
{
	put_name(out, picture, new);
	for (unsigned i = 0; i < CELLS; i++) {
		int at = partition_at(picture->partitions, picture->n, new, i * 512u, 512);

		if (at >= 0 && (i || !picture->partitions[at].number))
			put_cell(s, out, (const char[]){ letter_of(&picture->partitions[at]), 0 }, picture->partitions[at].number != 0);
		else
			put_cell(s, out, i ? gap() : "T", false);
	}
	fputc('\n', out);
}

/* The first sectors of a volume: its boot area, and whose data is in it. */
static void put_volume(const struct settings *s, FILE *out, const struct picture *picture, const struct imgmend_partition *p, bool new)
{
	put_name(out, picture, new);
	for (unsigned i = 0; i < CELLS; i++) {
		bool bad = !new && has_foreign_data(picture, p->number, p->old_start + i * 512u);

		put_cell(s, out, bad ? "D" : "B", bad);
	}
	fputc('\n', out);
}

static void put_heads(FILE *out)
{
	fputs("  ", out);
	put_column(out, _("sector"), -names_width());
	for (unsigned i = 0; i < CELLS; i++)
		fprintf(out, " %2u", i);
	fputc('\n', out);
}

static void print_layout(const struct settings *s, FILE *out, const struct picture *picture)
{
	uint64_t all = picture->old_size > picture->new_size ? picture->old_size : picture->new_size;
	unsigned width = columns() - 7 - (unsigned)names_width();
	char size[64];

	fprintf(out, _("\nThe disk (%s; digits are partitions):\n"), size_text(all, size));
	put_bar(out, picture, false, all, width);
	if (picture->has_after) {
		put_bar(out, picture, true, all, width);
		put_marks(out, picture, all, width);
	}
	fprintf(out, _("Its first 8 KiB, which belong to the boot area (T: table):\n"));
	put_heads(out);
	put_sectors(s, out, picture, false);
	if (picture->has_after)
		put_sectors(s, out, picture, true);
}

bool print_disk_map(const struct settings *s, FILE *out, const struct picture *picture)
{
	bool is_first = !is_layout_touched(picture);

	if (!is_first)
		print_layout(s, out, picture);
	for (size_t i = 0; i < picture->n; i++) {
		const struct imgmend_partition *p = &picture->partitions[i];

		if (!has_data_in_boot_area(picture, p))
			continue;
		if (is_first)
			fputc('\n', out);
		is_first = false;
		if (p->number)
			fprintf(out, _("The first 8 KiB of partition %d (B: boot area, D: data of others):\n"), p->number);
		else
			fprintf(out, _("The first 8 KiB of the volume (B: boot area, D: data of others):\n"));
		put_heads(out);
		put_volume(s, out, picture, p, false);
		if (picture->has_after)
			put_volume(s, out, picture, p, true);
	}
	return !is_first;
}
