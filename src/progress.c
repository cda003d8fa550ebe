/* progress.c - a bar on a terminal, or JSON lines; SIGUSR1 asks for one line; Ctrl-C is a wish to stop at a safe point. */
#include <config.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

static const char *const names[] = { "move", "copy", "search", "hash" };
static const char *const titles[] = { N_("moving"), N_("copying"), N_("searching"), N_("hashing") };

static volatile sig_atomic_t stop_wanted, report_wanted;
static enum progress_mode mode;
static bool bar_is_shown;
static enum imgmend_phase current;
static uint64_t started, last;		/* ms */
static uint64_t bytes;			/* of all the work, 0: not known */

static void on_signal(int number)
{
	if (number == SIGUSR1)
		report_wanted = 1;
	else
		stop_wanted = 1;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* "1m05s" */
const char *duration(uint64_t ms, char buf[32])
{
	uint64_t sec = (ms + 999) / 1000;

	if (sec >= 3600)
		snprintf(buf, 32, "%" PRIu64 "h%02um", sec / 3600, (unsigned)(sec % 3600 / 60));
	else if (sec >= 60)
		snprintf(buf, 32, "%" PRIu64 "m%02us", sec / 60, (unsigned)(sec % 60));
	else
		snprintf(buf, 32, "%" PRIu64 "s", sec);
	return buf;
}

/* " 35%  112 MiB/s  12s left"; the rate where the bytes are known, the rest where something was done. */
static void describe(uint64_t done, uint64_t total, char *buf, size_t size)
{
	double part = total ? (double)done / (double)total : 1;
	uint64_t took = now_ms() - started;
	char left[32] = "";
	int n = snprintf(buf, size, "%3u%%", (unsigned)(part * 100));
	uint64_t all = current == IMGMEND_PHASE_HASH ? total : bytes;

	if (all && took)
		n += snprintf(buf + n, size - (size_t)n, "  %.0f MiB/s", part * (double)all / 1048.576 / (double)took);
	if (done && took >= 1000 && part < 1)
		snprintf(buf + n, size - (size_t)n, _("  %s left"), duration((uint64_t)((double)took * (1 - part) / part), left));
}

/* So that a line of it fits into a narrow terminal; 40 as a rule. */
static int bar_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col || size.ws_col >= 80)
		return 40;
	return size.ws_col > 50 ? size.ws_col - 40 : 10;
}

static void show(enum imgmend_phase phase, uint64_t done, uint64_t total)
{
	char text[96];
	int width = bar_width();

	if (mode == PROGRESS_JSON) {
		fprintf(stderr, "{\"schema\":\"imgmend.progress/1\",\"phase\":\"%s\",\"done\":%" PRIu64 ",\"total\":%" PRIu64
			"}\n", names[phase], done, total);
		return;
	}
	describe(done, total, text, sizeof(text));
	/* what is left of a longer line is erased */
	fprintf(stderr, "\r[%-*.*s] %s\033[K", width, (int)(total ? (double)done / (double)total * width : width),
		"########################################", text);
	fflush(stderr);
	bar_is_shown = true;
}

/* SIGUSR1 asked for it. */
static void report(enum imgmend_phase phase, uint64_t done, uint64_t total)
{
	char text[96], took[32];

	describe(done, total, text, sizeof(text));
	progress_end();
	fprintf(stderr, _("imgmend: %s: %s, %s so far\n"), _(titles[phase]), text + strspn(text, " "), duration(now_ms() - started, took));
}

static int on_progress(void *arg, enum imgmend_phase phase, uint64_t done, uint64_t total)
{
	uint64_t now = now_ms();

	(void)arg;
	/* rate and time left are those of one kind of work */
	if (phase != current) {
		progress_end();
		current = phase;
		started = now;
	}
	if (report_wanted) {
		report_wanted = 0;
		report(phase, done, total);
	}
	if (mode != PROGRESS_NONE && (now - last >= 200 || done == total)) {
		last = now;
		show(phase, done, total);
	}
	return stop_wanted;
}

void progress_install(struct settings *s, uint64_t size)
{
	struct sigaction action = { .sa_handler = on_signal }, ask = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	mode = s->progress;
	if (mode == PROGRESS_AUTO)
		mode = isatty(STDERR_FILENO) && !s->quiet ? PROGRESS_BAR : PROGRESS_NONE;
	s->library.progress = on_progress;
	started = now_ms();
	bytes = size;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &ask, NULL);
}

void progress_end(void)
{
	if (bar_is_shown)
		fputc('\n', stderr);
	bar_is_shown = false;
}
