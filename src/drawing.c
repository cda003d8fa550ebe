/* drawing.c - a plan as SVG: the disk before and after, and the first 8 KiB sector by sector. */
#include <config.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"

#define WIDTH 960.0
#define LEFT 70.0			/* room for the names of the rows */

static const char *row_name(const struct picture *picture, bool new)
{
	return new ? _("after") : picture->has_after ? _("before") : _("now");
}

static void begin(FILE *out, double height, const char *title, const char *text)
{
	fputs("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"", out);
	html_text(out, title);
	fprintf(out, "\">\n<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", WIDTH + LEFT, height);
	html_printf(out, "%s. %s", title, text);
	fputs("\">\n<title>", out);
	html_text(out, title);
	fputs("</title>\n<desc>", out);
	html_text(out, text);
	fputs("</desc>\n", out);
}

static void put_partition(FILE *out, const struct imgmend_partition *p, bool new, double scale, double y)
{
	uint64_t start = new ? p->new_start : p->old_start;
	double x = LEFT + (double)start * scale, w = (double)p->size * scale;

	bool moved = new && p->new_start != p->old_start;

	if (p->extended)
		return;
	/* a small one can still be seen */
	w = w < 3 ? 3 : w;
	fprintf(out, "<rect class=\"%s\" x=\"%.2f\" y=\"%.0f\" width=\"%.2f\" height=\"26\"><title>",
		p->number && start < RESERVED ? "wrong" : moved ? "moved" : "part", x, y, w);
	html_printf(out, _("partition %d: bytes %" PRIu64 " to %" PRIu64), p->number, start, start + p->size - 1);
	fputs("</title></rect>\n", out);
	if (w > 100 && moved)
		fprintf(out, "<text class=\"in\" x=\"%.2f\" y=\"%.0f\">%d %s</text>\n", x + 6, y + 18, p->number, _("moved"));
	else if (w > 24 && p->number)
		fprintf(out, "<text class=\"in\" x=\"%.2f\" y=\"%.0f\">%d</text>\n", x + 6, y + 18, p->number);
}

/* What the bars show, in words. */
static void describe(const struct picture *picture, char *text, size_t size)
{
	const struct imgmend_partition *p = picture->partitions;
	size_t at = 0;

	*text = 0;
	for (size_t i = 0; i < picture->n && at + 200 < size; i++) {
		if (!picture->has_after)
			at += (size_t)snprintf(text + at, size - at, _("Partition %d begins at byte %" PRIu64 ". "), p[i].number, p[i].old_start);
		else if (p[i].new_start == p[i].old_start)
			at += (size_t)snprintf(text + at, size - at, _("Partition %d stays at byte %" PRIu64 ". "), p[i].number, p[i].old_start);
		else
			at += (size_t)snprintf(text + at, size - at, _("Partition %d goes from byte %" PRIu64 " to byte %" PRIu64 ". "), p[i].number,
					       p[i].old_start, p[i].new_start);
	}
}

static void put_bars(FILE *out, const struct picture *picture)
{
	const char *title = picture->has_after ? _("The disk before and after") : _("The disk");
	double scale = WIDTH / (double)(picture->old_size > picture->new_size ? picture->old_size : picture->new_size);
	char text[2048];

	describe(picture, text, sizeof(text));
	begin(out, picture->has_after ? 76 : 40, title, text);
	for (int new = 0; new <= picture->has_after; new++) {
		double y = 6 + 36 * new;

		fprintf(out, "<text x=\"0\" y=\"%.0f\">%s</text>\n<rect class=\"gap\" x=\"%.0f\" y=\"%.0f\" width=\"%.2f\" height=\"26\"/>\n", y + 18,
			row_name(picture, new), LEFT, y, (double)(new ? picture->new_size : picture->old_size) * scale);
		for (size_t i = 0; i < picture->n; i++)
			put_partition(out, &picture->partitions[i], new, scale, y);
	}
	fputs("</svg></div>\n", out);
}

/* What has this sector of the disk: "T", a partition's number, or "". */
static bool disk_cell(const struct picture *picture, bool new, unsigned sector, char text[16])
{
	snprintf(text, 16, "%s", sector ? "" : "T");
	for (size_t i = 0; i < picture->n; i++) {
		const struct imgmend_partition *p = &picture->partitions[i];
		uint64_t start = new ? p->new_start : p->old_start;

		if (!p->number || p->extended || sector * 512u < start || sector * 512u - start >= p->size)
			continue;
		if (sector)
			snprintf(text, 16, "%d", p->number);
		return sector != 0;
	}
	return false;
}

/* … and of a volume: "B", or "D" where a finding says that somebody's data is there. */
static bool volume_cell(const struct picture *picture, const struct imgmend_partition *p, bool new, unsigned sector, char text[16])
{
	bool bad = !new && has_foreign_data(picture, p->number, p->old_start + sector * 512u);

	snprintf(text, 16, "%s", bad ? "D" : "B");
	return bad;
}

static void put_sectors(FILE *out, const struct picture *picture, const struct imgmend_partition *volume, const char *title, const char *legend)
{
	double w = WIDTH / CELLS;

	begin(out, picture->has_after ? 98 : 62, title, legend);
	for (unsigned i = 0; i < CELLS; i++)
		fprintf(out, "<text x=\"%.1f\" y=\"14\" text-anchor=\"middle\">%u</text>\n", LEFT + w * (i + 0.5), i);
	for (int new = 0; new <= picture->has_after; new++) {
		double y = 22 + 36 * new;

		fprintf(out, "<text x=\"0\" y=\"%.0f\">%s</text>\n", y + 21, row_name(picture, new));
		for (unsigned i = 0; i < CELLS; i++) {
			char text[16];
			bool bad = volume ? volume_cell(picture, volume, new, i, text) : disk_cell(picture, new, i, text);

			fprintf(out, "<rect class=\"cell %s\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"30\"/>"
				"<text%s x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%s</text>\n", bad ? "wrong" : "gap", LEFT + w * i, y, w,
				bad ? " class=\"in\"" : "", LEFT + w * (i + 0.5), y + 21, text);
		}
	}
	fputs("</svg></div>\n<p>", out);
	html_text(out, legend);
	fputs("</p>\n", out);
}

void html_drawings(FILE *out, const struct picture *picture)
{
	char title[120];

	if (is_layout_touched(picture)) {
		fprintf(out, "<h3>%s</h3>\n", picture->has_after ? _("The disk before and after") : _("The disk"));
		put_bars(out, picture);
		put_sectors(out, picture, NULL, _("The first 8 KiB of the disk, sector by sector"),
			    _("The first 8 KiB, sectors 0 to 15: they belong to the boot area. T: partition table; numbers: partitions."));
	}
	for (size_t i = 0; i < picture->n; i++) {
		const struct imgmend_partition *p = &picture->partitions[i];

		if (!has_data_in_boot_area(picture, p))
			continue;
		if (p->number)
			snprintf(title, sizeof(title), _("The first 8 KiB of partition %d, sector by sector"), p->number);
		else
			snprintf(title, sizeof(title), "%s", _("The first 8 KiB of the volume, sector by sector"));
		fputs("<h3>", out);
		html_text(out, title);
		fputs("</h3>\n", out);
		put_sectors(out, picture, p, title, _("B: boot area; D: data of others."));
	}
}
