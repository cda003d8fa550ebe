/* main.c - imgmend: finds the verb, parses its options, runs it. */
#include <config.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "options.h"

const struct verb verbs[] = {
	{ "scan", "[OPTION]... IMAGE|FOLDER...", N_("show what is on the images and which of it lies where it must not"), verb_scan, true },
	{ "plan", "[OPTION]... IMAGE", N_("show exactly what a repair would change; writes nothing"), verb_plan, false },
	{ "fix", "[OPTION]... IMAGE", N_("repair the image in place, with an undo journal"), verb_fix, false },
	{ "status", "[OPTION]... IMAGE | JOURNAL", N_("show where a repair stands"), verb_status, false },
	{ "resume", "[OPTION]... IMAGE", N_("finish an interrupted repair or undo"), verb_resume, false },
	{ "undo", "[OPTION]... IMAGE", N_("take a repair back, finished or not"), verb_undo, false },
	{ "discard", "[OPTION]... IMAGE", N_("drop the journal of a finished repair"), verb_discard, false },
	{ "report", "[OPTION]... IMAGE|FOLDER|PLAN|JOURNAL...", N_("write an HTML page about images, plans and repairs"), verb_report, true },
	{ "snapshots", "[OPTION]... IMAGE", N_("show the shadow copies of NTFS volumes, and which are lost"), verb_snapshots, false },
	{ "rescue", "[OPTION]... IMAGE", N_("bring lost shadow copies back, with an undo journal"), verb_rescue, false },
#ifdef HAVE_NBDKIT
	{ "preview", "[OPTION]... IMAGE", N_("serve the corrected image by NBD, without changing this one"), verb_preview, false },
#endif
	{ NULL, NULL, NULL, NULL, false },
};

const struct verb *verb_find(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

static void help(FILE *out)
{
	fprintf(out, _("Usage: imgmend VERB [OPTION]... IMAGE\n"
		       "Repairs disk images whose data lies in the first 8 KiB, where the boot area belongs.\n\n"));
	for (const struct verb *v = verbs; v->name; v++)
		fprintf(out, "  %-9s  %s\n", v->name, _(v->summary));
	fprintf(out, _("\nRun `imgmend VERB --help` for the options of a verb, or read imgmend(8) and imgmend-VERB(8).\n"
		       "Exit status: 0 nothing to do or all well, 1 corrected, 4 errors left or refused,\n"
		       "8 operational error, 16 usage, 32 cancelled.\n"));
}

static int unknown_verb(const char *word)
{
	static const char *const others[] = { "--version", "--help" };
	char text[SHOWN_MAX];
	const struct verb *near = NULL;
	const char *near_word;

	for (const struct verb *v = verbs; v->name; v++)
		if (is_misspelt(word, v->name) && (!near || word_distance(word, v->name) < word_distance(word, near->name)))
			near = v;
	near_word = near ? near->name : NULL;
	for (size_t i = 0; !near_word && i < sizeof(others) / sizeof(*others); i++)
		if (is_misspelt(word, others[i]))
			near_word = others[i];
	if (near_word)
		fprintf(stderr, _("imgmend: there is no verb \"%s\"; did you mean \"%s\"?\n"), shown(word, text), near_word);
	else
		fprintf(stderr, _("imgmend: there is no verb \"%s\"\n"), shown(word, text));
	fprintf(stderr, _("`imgmend --help` lists the verbs\n"));
	return EXIT_USAGE;
}

/* A program that is started without them must not get a file as one of its standard streams. */
static void open_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

/* The language is the user's. Numbers are read and written as in C, for the sake of JSON, SVG and
 * files of the system; only sizes in text know the locale's decimal point. */
static void choose_locale(void)
{
	setlocale(LC_ALL, "");
	take_decimal_point();
	setlocale(LC_NUMERIC, "C");
	words_begin();
}

/* A run that writes JSON speaks English throughout: the library's sentences are in the JSON, and those of other libraries with them. */
static void choose_language(const struct verb *verb, const struct settings *s)
{
	bool is_plan_saved = verb->run == verb_plan && s->output;

	if (s->json || s->manifest || s->extract || is_plan_saved)
		setlocale(LC_MESSAGES, "C");
	else
		imgmend_translate(1);	/* which wants UTF-8 */
	words_choose_codeset();
}

static const char *cancelled;		/* what is said then: a handler can look up no translation */

/* Ctrl-C where there is nothing yet that has to be stopped with care (progress.c): at a question, say. */
static void on_cancel(int number)
{
	ssize_t n = write(STDERR_FILENO, cancelled, strlen(cancelled));

	(void)number;
	(void)n;
	_exit(EXIT_CANCELLED);
}

static void catch(int number)
{
	struct sigaction action = { .sa_handler = on_cancel }, old;

	/* who starts a program with the signal ignored wants it so */
	if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaction(number, &action, NULL);
}

/* A full disk is only noticed now. Half of what was seen must not be taken for all of it; what is corrected is so, whatever could be said
 * of it. */
static int close_output(int status, const struct verb *verb)
{
	bool all = flush_output();

	if (all && fclose(stdout) != 0) {
		say_unwritten(errno);
		all = false;
	}
	if (all || status == EXIT_CORRECTED)
		return status;
	/* of several images the bits of all are combined */
	return verb && verb->takes_many ? status | EXIT_FAILED : EXIT_FAILED;
}

/* *run: the verb that was run, if any was */
static int begin(int argc, char **argv, const struct verb **run)
{
	struct settings settings = { .jobs = 1 };
	const struct verb *verb;
	int status;

	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		help(stdout);
		return EXIT_FINE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("imgmend %s\n", imgmend_version());
		return EXIT_FINE;
	}
	if (strncmp(argv[1], "--completion=", 13) == 0)
		return print_completion(argv[1] + 13);
	verb = verb_find(argv[1]);
	if (!verb)
		return unknown_verb(argv[1]);
	status = options_parse(verb, argc - 1, argv + 1, &settings);
	if (status >= 0)
		return status;
	choose_language(verb, &settings);
	*run = verb;
	return verb->run(&settings);
}

int main(int argc, char **argv)
{
	const struct verb *verb = NULL;
	int status;

	open_standard_streams();
	signal(SIGUSR1, SIG_IGN);	/* until there is something to report */
	choose_locale();
	cancelled = _("\nimgmend: cancelled; no image was written to\n");
	catch(SIGINT);
	catch(SIGTERM);
	status = begin(argc, argv, &verb);
	return close_output(status, verb);
}
