/* progress.c - a bar on a terminal, or JSON lines; and Ctrl-C as a wish to stop at a safe point. */
#include <config.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

static volatile sig_atomic_t stop_wanted;
static enum progress_mode mode;
static bool bar_is_shown;

static void on_signal(int number)
{
	(void)number;
	stop_wanted = 1;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void show(enum imgmend_phase phase, uint64_t done, uint64_t total)
{
	static const char *const names[] = { "move", "copy", "search" };
	unsigned percent = total ? (unsigned)(done * 100.0 / (double)total) : 100;

	if (mode == PROGRESS_JSON) {
		fprintf(stderr, "{\"schema\":\"imgmend.progress/1\",\"phase\":\"%s\",\"done\":%" PRIu64 ",\"total\":%" PRIu64
			"}\n", names[phase], done, total);
		return;
	}
	fprintf(stderr, "\r[%-40.*s] %3u%%", (int)(percent * 40 / 100), "########################################",
		percent);
	fflush(stderr);
	bar_is_shown = true;
}

static int on_progress(void *arg, enum imgmend_phase phase, uint64_t done, uint64_t total)
{
	static uint64_t last;
	uint64_t now = now_ms();

	(void)arg;
	if (mode != PROGRESS_NONE && (now - last >= 200 || done == total)) {
		last = now;
		show(phase, done, total);
	}
	return stop_wanted;
}

void progress_install(struct settings *s)
{
	struct sigaction action = { .sa_handler = on_signal };

	mode = s->progress;
	if (mode == PROGRESS_AUTO)
		mode = isatty(STDERR_FILENO) && !s->quiet ? PROGRESS_BAR : PROGRESS_NONE;
	s->library.progress = on_progress;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

void progress_end(void)
{
	if (bar_is_shown)
		fputc('\n', stderr);
	bar_is_shown = false;
}
