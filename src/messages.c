/* messages.c - errors, questions and sizes, as a person reads them. */
#include <config.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

const char *next_step(int number)
{
	switch (number) {
	case ENOENT:
	case ENOTDIR: return _("; is the name right?");
	case EEXIST: return _("; name one that is not there yet");
	case EISDIR: return _("; this is a folder: name a file");
	case EACCES:
	case EPERM: return _("; run it as somebody who may, or as root");
	case EROFS: return _("; nothing can be written there: `imgmend fix --output NEW` writes to another place");
	case ENOSPC:
	case EDQUOT: return _("; make room and try again");
	case EIO: return _("; the disk has a fault: save what can be read (with ddrescue, say), and go on with that copy");
	default: return "";
	}
}

/* Does the message name this byte itself? */
static bool names(const char *message, uint64_t offset)
{
	char number[24];
	size_t n = (size_t)snprintf(number, sizeof(number), "%" PRIu64, offset);

	for (const char *p = message; (p = strstr(p, number)); p++)
		if ((p == message || !isdigit((unsigned char)p[-1])) && !isdigit((unsigned char)p[n]))
			return true;
	return false;
}

/* The place, the cause, and what to do about it, where the library has not said so already. */
static void print_error(const struct imgmend_error *err)
{
	bool says_more = strchr(err->message, ';') || strstr(err->message, "；");
	char text[SHOWN_MAX];

	fprintf(stderr, "imgmend: %s", shown(err->message, text));
	if (err->has_offset && !names(err->message, err->offset))
		fprintf(stderr, _(" (at byte %" PRIu64 ")"), err->offset);
	fprintf(stderr, "%s\n", says_more ? "" : next_step(err->sys_errno));
}

int report_error(const struct imgmend_error *err)
{
	print_error(err);
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
	if (*point && (!point[1] || is_locale_utf8()) && strlen(point) < sizeof(decimal_point))
		strcpy(decimal_point, point);
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
		snprintf(buf, 64, plural_of("%" PRIu64 " byte", "%" PRIu64 " bytes", size), size);
	else
		/* TRANSLATORS: the size in bytes, then in a larger unit: "1048576 bytes (1.0 MiB)". At most 63 bytes. */
		snprintf(buf, 64, _("%" PRIu64 " bytes (%s %s)"), size, number, units[u]);
	return buf;
}

bool use_color(const struct settings *s)
{
	const char *no = getenv("NO_COLOR");

	if (s->color != COLOR_AUTO)
		return s->color == COLOR_ALWAYS;
	return !(no && *no) && isatty(STDOUT_FILENO);
}

/* What failed earlier than the last flush left no cause. */
void say_unwritten(int why)
{
	if (why)
		fprintf(stderr, _("imgmend: stdout: not all could be written to it: %s%s\n"), strerror(why), next_step(why));
	else
		fprintf(stderr, _("imgmend: stdout: not all could be written to it\n"));
}

bool flush_output(void)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	say_unwritten(errno);
	clearerr(stdout);
	return false;
}

int save_text(const char *text, const char *file, const char *what)
{
	FILE *f = text ? fopen(file, "we") : NULL;
	bool ok = f && fprintf(f, "%s\n", text) > 0;
	char name[SHOWN_MAX];
	int why;

	if (f && fclose(f) != 0)
		ok = false;
	why = errno;
	/* TRANSLATORS: the second %s is "the plan", "the manifest" or "the report", the third what the system says. */
	if (!ok)
		fprintf(stderr, _("imgmend: %s: cannot save %s: %s%s\n"), shown(file, name), what, strerror(why), next_step(why));
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
