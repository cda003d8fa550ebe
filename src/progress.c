/* progress.c - a bar on a terminal, or JSON lines; SIGUSR1 asks for one line; Ctrl-C is a wish to stop at a safe point. */
#include <config.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

#define QUIET_MS 1000			/* looking for what is wrong takes less, as a rule; then nothing is said */
#define EVERY_MS 200
#define IMAGES ((enum imgmend_phase)(IMGMEND_PHASE_HASH + 1))	/* a phase of the program's own: so many images of so many */

static const char *const names[] = { "move", "copy", "search", "hash", "images" };
static const char *const titles[] = { N_("moving"), N_("copying"), N_("searching"), N_("hashing"), N_("looking at images") };

static volatile sig_atomic_t stop_wanted, report_wanted;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* of what follows: several images may be looked at at once */
static enum progress_mode mode;
static bool bar_is_shown;
static enum imgmend_phase current;
static uint64_t begun, started, last;	/* ms: all, this piece of work, what was shown of it */
static uint64_t before;			/* done of it */
static uint64_t bytes;			/* of all the work, 0: not known */
static uint64_t images_done, images;	/* where there are several */

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

	/* asked for at every read, and by milliseconds: the one that is brought up to date at every tick costs less */
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
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
	uint64_t all = current == IMGMEND_PHASE_HASH || current == IMGMEND_PHASE_SEARCH ? total : bytes;

	if (all && took)
		n += snprintf(buf + n, size - (size_t)n, "  %.0f MiB/s", part * (double)all / 1048.576 / (double)took);
	if (done && took >= 1000 && part < 1)
		snprintf(buf + n, size - (size_t)n, _("  %s left"), duration((uint64_t)((double)took * (1 - part) / part), left));
}

/* The same, where it is not known how much there is to do. */
static const char *so_far(enum imgmend_phase phase, char *buf, size_t size)
{
	char took[32];

	/* TRANSLATORS: "searching, 12s so far" */
	snprintf(buf, size, _("%s, %s so far"), _(titles[phase]), duration(now_ms() - begun, took));
	return buf;
}

/* So that a line of it fits into a narrow terminal; 40 as a rule. */
static int bar_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col || size.ws_col >= 80)
		return 40;
	return size.ws_col > 50 ? size.ws_col - 40 : 10;
}

static void end_bar(void)
{
	if (bar_is_shown)
		fputc('\n', stderr);
	bar_is_shown = false;
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
	bar_is_shown = true;
	/* what is left of a longer line is erased */
	if (!total) {
		fprintf(stderr, "\r%s\033[K", so_far(phase, text, sizeof(text)));
		return;
	}
	describe(done, total, text, sizeof(text));
	fprintf(stderr, "\r[%-*.*s] %s\033[K", width, (int)(total ? (double)done / (double)total * width : width),
		"########################################", text);
}

/* SIGUSR1 asked for it. */
static void report(enum imgmend_phase phase, uint64_t done, uint64_t total)
{
	char text[96], took[32];

	end_bar();
	if (!total) {
		fprintf(stderr, "imgmend: %s\n", so_far(phase, text, sizeof(text)));
		return;
	}
	describe(done, total, text, sizeof(text));
	fprintf(stderr, _("imgmend: %s: %s, %s so far\n"), _(titles[phase]), text + strspn(text, " "), duration(now_ms() - started, took));
}

/* Rate and time left are those of one piece of work. */
static void begin_piece(enum imgmend_phase phase, uint64_t now)
{
	if (phase != current)
		end_bar();
	current = phase;
	started = now;
}

static bool is_due(enum imgmend_phase phase, uint64_t done, uint64_t total, uint64_t now)
{
	bool is_patient = phase == IMGMEND_PHASE_SEARCH || phase == IMAGES;

	if (mode == PROGRESS_NONE || (is_patient && now - begun < QUIET_MS))
		return false;
	return now - last >= EVERY_MS || (done == total && total);
}

static void follow(enum imgmend_phase phase, uint64_t done, uint64_t total)
{
	uint64_t now = now_ms();

	if (phase != current || done < before)
		begin_piece(phase, now);
	before = done;
	if (report_wanted) {
		report_wanted = 0;
		report(phase, done, total);
	}
	if (is_due(phase, done, total, now)) {
		last = now;
		show(phase, done, total);
		fflush(stderr);
	}
}

static int on_progress(void *arg, enum imgmend_phase phase, uint64_t done, uint64_t total)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	if (images > 1)
		follow(IMAGES, images_done, images);
	else
		follow(phase, done, total);
	pthread_mutex_unlock(&lock);
	return stop_wanted;
}

void progress_follow(struct settings *s, size_t n_images, bool prints_meanwhile)
{
	struct sigaction ask = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	bool suits = isatty(STDERR_FILENO) && !s->quiet && !(prints_meanwhile && n_images > 1 && isatty(STDOUT_FILENO));

	mode = s->progress;
	if (mode == PROGRESS_AUTO)
		mode = suits ? PROGRESS_BAR : PROGRESS_NONE;
	s->library.progress = on_progress;
	begun = started = now_ms();
	before = bytes = images_done = 0;
	images = n_images;
	sigaction(SIGUSR1, &ask, NULL);
}

void progress_install(struct settings *s, uint64_t size)
{
	struct sigaction action = { .sa_handler = on_signal };

	progress_follow(s, 1, false);
	bytes = size;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

void progress_image(void)
{
	pthread_mutex_lock(&lock);
	if (images_done < images)
		images_done++;
	if (images > 1)
		follow(IMAGES, images_done, images);
	pthread_mutex_unlock(&lock);
}

void progress_clear(void)
{
	pthread_mutex_lock(&lock);
	if (bar_is_shown)
		fputs("\r\033[K", stderr);
	bar_is_shown = false;
	pthread_mutex_unlock(&lock);
}

void progress_end(void)
{
	pthread_mutex_lock(&lock);
	end_bar();
	pthread_mutex_unlock(&lock);
}
