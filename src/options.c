/* options.c - one table of options for parsing and for help. */
#include <config.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

enum {
	OPT_JSON = 256, OPT_ALIGN, OPT_NO_GROW, OPT_ONLY, OPT_ADD_TABLE, OPT_STRATEGY, OPT_PLAN, OPT_JOURNAL, OPT_OUTPUT, OPT_OUTPUT_FORMAT, OPT_SOCKET, OPT_READ_ONLY, OPT_USED_ONLY, OPT_SECTOR_SIZE,
	OPT_PROGRESS, OPT_COLOR, OPT_DEEP, OPT_VERIFY, OPT_EXTRACT, OPT_VOLUME_ID, OPT_MANIFEST, OPT_ALLOW, OPT_HELP, OPT_VERSION,
};

static const struct option_row {
	const char *verbs;	/* names between spaces; "*": all */
	char letter;
	const char *name;
	int value;
	const char *arg;	/* NULL: takes none */
	const char *help;
} rows[] = {
	{ " scan plan status snapshots ", 0, "json", OPT_JSON, NULL, N_("print JSON to standard output") },
	{ " scan ", 'j', "jobs", 'j', "N", N_("scan N images at a time") },
	{ " plan ", 'o', NULL, 'o', "FILE", N_("save the plan to FILE, for `fix --plan`") },
	{ " fix resume undo discard rescue ", 'y', "yes", 'y', NULL, N_("do not ask") },
	{ " fix rescue ", 'n', "dry-run", 'n', NULL, N_("only show the plan") },
	{ " fix preview ", 0, "plan", OPT_PLAN, "FILE", N_("carry out exactly this saved plan") },
	{ " rescue ", 0, "extract", OPT_EXTRACT, "DIR", N_("only write the file at the header's place to DIR, in all its versions") },
	{ " rescue ", 0, "volume-id", OPT_VOLUME_ID, "GUID", N_("for a new header, where nothing on the volume tells it") },
	{ " fix ", 0, "output", OPT_OUTPUT, "NEW", N_("write the corrected image to a new file, leave this one alone") },
	{ " fix ", 0, "output-format", OPT_OUTPUT_FORMAT, "FMT", N_("format of the new file: raw, qcow2, vpc, vhdx, vmdk or vdi") },
	{ " fix resume rescue ", 0, "verify", OPT_VERIFY, NULL, N_("read everything back and compare SHA-256 with the plan") },
	{ " fix status rescue ", 0, "manifest", OPT_MANIFEST, "FILE", N_("write SHA-256 of what changed, before and after, to FILE") },
	{ " fix status resume undo discard rescue ", 0, "journal", OPT_JOURNAL, "FILE", N_("the journal's place") },
	{ " preview ", 0, "socket", OPT_SOCKET, "FILE", N_("serve at this Unix socket") },
	{ " preview ", 0, "read-only", OPT_READ_ONLY, NULL, N_("refuse writes, instead of forgetting them") },
	{ " scan plan fix preview ", 0, "deep", OPT_DEEP, NULL, N_("look at every file record of NTFS volumes") },
	{ " snapshots rescue ", 0, "deep", OPT_DEEP, NULL, N_("search the whole image for what is left of shadow copies") },
	{ " plan fix preview ", 0, "align", OPT_ALIGN, "SIZE", N_("alignment of the partition at fault (default 1M)") },
	{ " plan fix preview ", 0, "no-grow", OPT_NO_GROW, NULL, N_("do not make the image larger") },
	{ " plan fix ", 0, "strategy", OPT_STRATEGY, "WAY", N_("auto, direct, journalled, write-once, reflink or insert-range") },
	{ " plan fix ", 0, "used-only", OPT_USED_ONLY, NULL, N_("do not move what file systems say is free; undo gives zeros back there") },
	{ " plan fix preview ", 0, "only", OPT_ONLY, "ID,...", N_("repair these findings, warnings included") },
	{ " plan fix preview ", 0, "add-table", OPT_ADD_TABLE, "mbr|gpt", N_("put a table around a volume that has none") },
	{ "*", 0, "allow", OPT_ALLOW, "WHAT,...",
	  N_("accept: in-use, changed, dirty, snapshots, volatile-journal, unknown-boot-code, backing-file, data-file") },
	{ "*", 'f', "format", 'f', "FMT", N_("format of the image: raw, qcow2, vpc (VHD), vhdx, vmdk or vdi") },
	{ "*", 0, "sector-size", OPT_SECTOR_SIZE, "N", N_("logical sector size: 512 or 4096") },
	{ "*", 0, "progress", OPT_PROGRESS, "MODE", N_("auto, bar, json or none") },
	{ "*", 0, "color", OPT_COLOR, "WHEN", N_("auto, always or never") },
	{ "*", 'q', "quiet", 'q', NULL, N_("say less") },
	{ "*", 'v', "verbose", 'v', NULL, N_("say more") },
	{ "*", 'h', "help", OPT_HELP, NULL, N_("show this help") },
	{ "*", 'V', "version", OPT_VERSION, NULL, N_("show the version") },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static bool belongs(const struct option_row *row, const struct verb *verb)
{
	char word[32];

	snprintf(word, sizeof(word), " %s ", verb->name);
	return row->verbs[0] == '*' || strstr(row->verbs, word);
}

void options_help(FILE *out, const struct verb *verb)
{
	fprintf(out, _("Usage: imgmend %s %s\n"), verb->name, verb->usage);
	fprintf(out, "%s\n\n", _(verb->summary));
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct option_row *r = &rows[i];
		char left[64] = "";

		if (!belongs(r, verb))
			continue;
		snprintf(left, sizeof(left), "%c%c%s%s%s%s%s", r->letter ? '-' : ' ', r->letter ? r->letter : ' ',
			 r->name ? (r->letter ? ", --" : "  --") : "", r->name ? r->name : "",
			 r->arg ? (r->name ? "=" : " ") : "", r->arg ? r->arg : "", "");
		fprintf(out, "  %-28s %s\n", left, _(r->help));
	}
}

static int bad_value(const char *option, const char *value)
{
	fprintf(stderr, _("imgmend: --%s does not take \"%s\"\n"), option, value);
	return EXIT_USAGE;
}

/* A size with an optional suffix: s (512), K, M, G, T as powers of 1024. 0 on nonsense. */
static uint64_t parse_size(const char *text)
{
	static const char suffixes[] = "KMGT";
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || end == text || text[0] == '-')
		return 0;
	if (*end == 's' && !end[1])
		return v > UINT64_MAX / 512 ? 0 : v * 512;
	for (int i = 0; *end && suffixes[i]; i++)
		if (suffixes[i] == (*end & ~0x20)) {
			const char *rest = end + 1;

			if (*rest && strcmp(rest, "iB") != 0)
				return 0;
			return v > UINT64_MAX >> (10 * (i + 1)) ? 0 : v << (10 * (i + 1));
		}
	return *end ? 0 : v;
}

/* The index of value in a list of words, -1 if it is none. */
static int word_in(const char *value, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], value) == 0)
			return i;
	return -1;
}

/* Every word of --allow must be one we know: a typing error must not silently allow nothing. */
static bool allow_is_known(const char *list)
{
	static const char *const known[] = {
		"in-use", "changed", "dirty", "snapshots", "volatile-journal", "unknown-boot-code", "backing-file", "data-file", NULL,
	};
	char copy[256];

	if (!*list || strlen(list) >= sizeof(copy))
		return false;
	strcpy(copy, list);
	for (char *save = NULL, *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save))
		if (word_in(w, known) < 0)
			return false;
	return true;
}

static int set_value(struct settings *s, int value, const char *arg)
{
	static const char *const modes[] = { "auto", "bar", "json", "none", NULL };
	static const char *const colors[] = { "auto", "always", "never", NULL };
	uint64_t size;
	int word;

	switch (value) {
	case 'j':
		size = parse_size(arg);
		s->jobs = (unsigned)size;
		return size && size <= 256 ? -1 : bad_value("jobs", arg);
	case OPT_ALIGN:
		s->library.align = parse_size(arg);
		return s->library.align ? -1 : bad_value("align", arg);
	case OPT_SECTOR_SIZE:
		size = parse_size(arg);
		s->library.sector_size = (uint32_t)size;
		return size == 512 || size == 4096 ? -1 : bad_value("sector-size", arg);
	case OPT_PROGRESS:
		word = word_in(arg, modes);
		s->progress = word < 0 ? PROGRESS_AUTO : (enum progress_mode)word;
		return word < 0 ? bad_value("progress", arg) : -1;
	case OPT_COLOR:
		word = word_in(arg, colors);
		s->color = word < 0 ? COLOR_AUTO : (enum color_mode)word;
		return word < 0 ? bad_value("color", arg) : -1;
	case OPT_ALLOW:
		s->library.allow = arg;
		return allow_is_known(arg) ? -1 : bad_value("allow", arg);
	case OPT_JSON: s->json = true; return -1;
	case OPT_DEEP: s->library.deep = 1; return -1;
	case OPT_VERIFY: s->library.verify = 1; return -1;
	case OPT_MANIFEST: s->manifest = arg; s->library.manifest = 1; return -1;
	case OPT_NO_GROW: s->library.no_grow = 1; return -1;
	case OPT_ONLY: s->library.only = arg; return -1;
	case OPT_STRATEGY: s->library.strategy = arg; return -1;
	case OPT_ADD_TABLE: s->library.add_table = arg; return -1;
	case OPT_PLAN: s->plan_file = arg; return -1;
	case OPT_JOURNAL: s->library.journal = arg; return -1;
	case OPT_OUTPUT: s->new_image = arg; s->library.to_copy = 1; return -1;
	case OPT_OUTPUT_FORMAT: s->library.copy_format = arg; return -1;
	case OPT_USED_ONLY: s->library.used_only = 1; return -1;
	case OPT_EXTRACT: s->extract = arg; return -1;
	case OPT_VOLUME_ID: s->library.volume_id = arg; return -1;
	case OPT_SOCKET: s->socket = arg; return -1;
	case OPT_READ_ONLY: s->read_only = true; return -1;
	case 'o': s->output = arg; return -1;
	case 'f': s->library.format = arg; return -1;
	case 'y': s->yes = true; return -1;
	case 'n': s->dry_run = true; return -1;
	case 'q': s->quiet = true; return -1;
	case 'v': s->verbose++; return -1;
	default: return EXIT_USAGE;
	}
}

/* getopt's forms of the rows of this verb. */
static void build(const struct verb *verb, struct option longs[N_ROWS + 1], char shorts[3 * N_ROWS + 1])
{
	size_t n = 0, k = 0;

	for (size_t i = 0; i < N_ROWS; i++) {
		const struct option_row *r = &rows[i];

		if (!belongs(r, verb))
			continue;
		if (r->name)
			longs[n++] = (struct option){ r->name, r->arg ? 1 : 0, NULL, r->value };
		if (r->letter) {
			shorts[k++] = r->letter;
			if (r->arg)
				shorts[k++] = ':';
		}
	}
	longs[n] = (struct option){ 0 };
	shorts[k] = 0;
}

/* A short option's letter stands for its row's value. */
static int value_of(int c)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (c < 256 && rows[i].letter == c)
			return rows[i].value;
	return c;
}

static int check_images(const struct verb *verb, const struct settings *s)
{
	if (s->n_images < 1) {
		fprintf(stderr, _("imgmend %s: which image? `imgmend %s --help` shows how to call it\n"), verb->name,
			verb->name);
		return EXIT_USAGE;
	}
	if (s->n_images > 1 && !verb->takes_many) {
		fprintf(stderr, _("imgmend %s: takes one image at a time\n"), verb->name);
		return EXIT_USAGE;
	}
	return -1;
}

int options_parse(const struct verb *verb, int argc, char **argv, struct settings *s)
{
	struct option longs[N_ROWS + 1];
	char shorts[3 * N_ROWS + 1];
	char name[48];
	int c;

	build(verb, longs, shorts);
	snprintf(name, sizeof(name), "imgmend %s", verb->name);
	argv[0] = name;		/* getopt names the program in its messages */
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		int status, value = value_of(c);

		if (value == OPT_HELP) {
			options_help(stdout, verb);
			return EXIT_FINE;
		}
		if (value == OPT_VERSION) {
			printf("imgmend %s\n", imgmend_version());
			return EXIT_FINE;
		}
		if (value == '?') {
			fprintf(stderr, _("`imgmend %s --help` lists the options\n"), verb->name);
			return EXIT_USAGE;
		}
		status = set_value(s, value, optarg);
		if (status >= 0)
			return status;
	}
	s->images = argv + optind;
	s->n_images = argc - optind;
	if (s->plan_file && (s->library.align || s->library.no_grow || s->library.only || s->library.add_table ||
			     s->library.strategy || s->library.used_only)) {
		fprintf(stderr, _("imgmend: a saved plan says all; --align, --no-grow, --only, --add-table,"
				  " --strategy and --used-only cannot change it\n"));
		return EXIT_USAGE;
	}
	if (s->new_image && (s->library.verify || s->manifest)) {
		fprintf(stderr, _("imgmend fix: --verify and --manifest are for a repair in place, --output writes a new"
				  " file\n"));
		return EXIT_USAGE;
	}
	if (s->library.copy_format && !s->new_image) {
		fprintf(stderr, _("imgmend fix: --output-format goes with --output\n"));
		return EXIT_USAGE;
	}
	return check_images(verb, s);
}
