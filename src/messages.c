/* messages.c - errors, questions and sizes, as a person reads them. */
#include <config.h>
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "program.h"

int report_error(const struct imgmend_error *err)
{
	fprintf(stderr, "imgmend: %s\n", err->message);
	switch (err->code) {
	case IMGMEND_EREFUSED:
	case IMGMEND_ECHANGED:
	case IMGMEND_EBUSY:
	case IMGMEND_ENOSPC:
		return EXIT_UNCORRECTED;
	case IMGMEND_EUSAGE:
		return EXIT_USAGE;
	case IMGMEND_ECANCELLED:
		return EXIT_CANCELLED;
	default:
		return EXIT_FAILED;
	}
}

int ask(const struct settings *s, const char *question)
{
	char answer[16];

	if (s->yes)
		return -1;
	if (!isatty(STDIN_FILENO)) {
		fprintf(stderr, _("imgmend: there is no terminal to ask on; give --yes to go on without asking\n"));
		return EXIT_USAGE;
	}
	/* TRANSLATORS: %s is a question; the letters are those of yes and no in your language, as the locale has them (YESEXPR). An
	 * English y is always understood. */
	fprintf(stderr, _("%s [y/N] "), question);
	fflush(stderr);
	if (!fgets(answer, sizeof(answer), stdin))
		return EXIT_CANCELLED;
	return answer[0] == 'y' || answer[0] == 'Y' || rpmatch(answer) == 1 ? -1 : EXIT_CANCELLED;
}

static char decimal_point[8] = ".";

void take_decimal_point(void)
{
	const char *point = nl_langinfo(RADIXCHAR);

	/* text is UTF-8 whatever the locale has */
	if (*point && (!point[1] || strcmp(nl_langinfo(CODESET), "UTF-8") == 0) && strlen(point) < sizeof(decimal_point))
		strcpy(decimal_point, point);
}

int text_width(const char *text)
{
	wchar_t wide[256];
	size_t n = mbstowcs(wide, text, 256);
	int width = n < 256 ? wcswidth(wide, n) : -1;

	if (width >= 0)
		return width;
	width = 0;
	for (const char *p = text; *p; p++)
		width += (*p & 0xc0) != 0x80;
	return width;
}

void print_padded(FILE *out, const char *text, int width)
{
	int spaces = abs(width) - text_width(text);

	if (spaces < 0)
		spaces = 0;
	fprintf(out, "%*s%s%*s", width > 0 ? spaces : 0, "", text, width < 0 ? spaces : 0, "");
}

const char *size_text(uint64_t size, char buf[64])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)size;
	char number[32], digit;
	size_t n;
	int u = -1;

	while (v >= 1024 && u < 5) {
		v /= 1024;
		u++;
	}
	/* LC_NUMERIC is C */
	n = (size_t)snprintf(number, sizeof(number), "%.1f", v) - 2;
	digit = number[n + 1];
	snprintf(number + n, sizeof(number) - n, "%s%c", decimal_point, digit);
	if (u < 0)
		snprintf(buf, 64, ngettext("%" PRIu64 " byte", "%" PRIu64 " bytes", (unsigned long)size), size);
	else
		/* TRANSLATORS: the size in bytes, then in a larger unit: "1048576 bytes (1.0 MiB)". At most 63 bytes. */
		snprintf(buf, 64, _("%" PRIu64 " bytes (%s %s)"), size, number, units[u]);
	return buf;
}

bool use_color(const struct settings *s, FILE *out)
{
	const char *no = getenv("NO_COLOR");

	if (s->color != COLOR_AUTO)
		return s->color == COLOR_ALWAYS;
	return !(no && *no) && isatty(fileno(out));
}

int save_text(const char *text, const char *file, const char *what)
{
	FILE *f = text ? fopen(file, "we") : NULL;
	bool ok = f && fprintf(f, "%s\n", text) > 0;

	if (f && fclose(f) != 0)
		ok = false;
	/* TRANSLATORS: the second %s is "the plan", "the manifest" or "the report", the third what the system says. */
	if (!ok)
		fprintf(stderr, _("imgmend: %s: cannot save %s: %s\n"), file, what, strerror(errno));
	return ok ? 0 : -1;
}

int save_manifest(const struct settings *s)
{
	struct imgmend_error err;
	char *json = NULL;
	int rc;

	if (!s->manifest)
		return EXIT_FINE;
	if (imgmend_manifest_json(s->images[0], &s->library, &json, &err) < 0)
		return report_error(&err);
	rc = save_text(json, s->manifest, _("the manifest"));
	free(json);
	return rc < 0 ? EXIT_FAILED : EXIT_FINE;
}
