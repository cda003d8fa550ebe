/* options.c - parses what stands behind a verb, and prints its help. */
#include <config.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

void options_help(FILE *out, const struct verb *verb)
{
	fprintf(out, _("Usage: imgmend %s %s\n"), verb->name, verb->usage);
	fprintf(out, "%s\n\n", _(verb->summary));
	for (const struct option_row *r = option_rows; r->verbs; r++) {
		char left[64] = "";

		if (!option_belongs(r, verb))
			continue;
		snprintf(left, sizeof(left), "%c%c%s%s%s%s%s", r->letter ? '-' : ' ', r->letter ? r->letter : ' ',
			 r->name ? (r->letter ? ", --" : "  --") : "", r->name ? r->name : "",
			 r->arg ? (r->name ? "=" : " ") : "", r->arg ? r->arg : "", "");
		fprintf(out, "  %-28s %s\n", left, _(r->help));
	}
}

/* The row of this option for a verb; every verb's words are the same. */
static const struct option_row *row_of(const char *name)
{
	for (const struct option_row *r = option_rows; r->verbs; r++)
		if (r->name && strcmp(r->name, name) == 0)
			return r;
	return NULL;
}

/* The nearest of the words, which stand between spaces; "": none is near. */
static void nearest(const char *value, const char *words, char near[48])
{
	char one[48];

	*near = 0;
	for (const char *p = words; *p; p += strcspn(p, " "), p += *p == ' ') {
		snprintf(one, sizeof(one), "%.*s", (int)strcspn(p, " "), p);
		if (is_misspelt(value, one) && (!*near || word_distance(value, one) < word_distance(value, near)))
			strcpy(near, one);
	}
}

/* An option's value is none; what it takes, and what may have been meant. */
static int bad_value(const char *option, const char *value)
{
	const struct option_row *row = row_of(option);
	char near[48] = "", text[SHOWN_MAX];

	fprintf(stderr, _("imgmend: --%s does not take \"%s\""), option, shown(value, text));
	if (row && row->words)
		nearest(value, row->words, near);
	if (*near)
		fprintf(stderr, _("; did you mean \"%s\"?"), near);
	if (row && row->words)
		fprintf(stderr, _("\nIt takes: %s\n"), row->words);
	else
		fprintf(stderr, _("\n--%s=%s: %s\n"), option, row && row->arg ? row->arg : "", row ? _(row->help) : "");
	return EXIT_USAGE;
}

/* Is it one of the words that stand between spaces? */
static bool is_word_of(const char *value, const char *words)
{
	size_t n = strlen(value);

	for (const char *p = words; *p; p += strcspn(p, " "), p += *p == ' ')
		if (n && strcspn(p, " ") == n && strncmp(p, value, n) == 0)
			return true;
	return false;
}

/* A value that is none of the option's words; NULL: it is one. Of a list the first word that is none. A typing error in --allow must not
 * silently allow nothing. */
static const char *wrong_word(const struct option_row *row, const char *value, char one[256])
{
	if (!strchr(row->arg, ','))
		return is_word_of(value, row->words) ? NULL : value;
	for (const char *p = value;; p++) {
		snprintf(one, 256, "%.*s", (int)strcspn(p, ","), p);
		if (!is_word_of(one, row->words))
			return one;
		p += strcspn(p, ",");
		if (!*p)
			return NULL;
	}
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

/* What the option's words do not allow does not come here. */
static int set_value(struct settings *s, int value, const char *arg)
{
	static const char *const modes[] = { "auto", "bar", "json", "none", NULL };
	static const char *const colors[] = { "auto", "always", "never", NULL };
	uint64_t size;

	switch (value) {
	case 'j':
		size = parse_size(arg);
		s->jobs = (unsigned)size;
		return size && size <= 256 ? -1 : bad_value("jobs", arg);
	case OPT_ALIGN:
		s->library.align = parse_size(arg);
		return s->library.align ? -1 : bad_value("align", arg);
	case OPT_SECTOR_SIZE: s->library.sector_size = (uint32_t)parse_size(arg); return -1;
	case OPT_PROGRESS: s->progress = (enum progress_mode)word_in(arg, modes); return -1;
	case OPT_COLOR: s->color = (enum color_mode)word_in(arg, colors); return -1;
	case OPT_ALLOW: s->library.allow = arg; return -1;
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
	case OPT_FILES0_FROM: s->files0_from = arg; return -1;
	case OPT_METRICS: s->metrics = arg; return -1;
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
static void build(const struct verb *verb, struct option longs[OPTIONS_MAX + 1], char shorts[3 * OPTIONS_MAX + 2])
{
	size_t n = 0, k = 0;

	shorts[k++] = ':';		/* a value that lacks is told from an unknown option */
	for (const struct option_row *r = option_rows; r->verbs; r++) {

		if (!option_belongs(r, verb))
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

/* The row of what getopt found: a short option's letter, or the value. */
static const struct option_row *found(const struct verb *verb, int c)
{
	for (const struct option_row *r = option_rows; r->verbs; r++)
		if ((r->value == c || (c < 256 && r->letter == c)) && option_belongs(r, verb))
			return r;
	return NULL;
}

/* -1: go on; else the exit status. */
static int take(const struct option_row *row, struct settings *s)
{
	char one[256];
	const char *wrong = row->words ? wrong_word(row, optarg, one) : NULL;

	return wrong ? bad_value(row->name, wrong) : set_value(s, row->value, optarg);
}

/* The option's name without its dashes and its value. */
static void bare_name(const char *word, char name[48])
{
	snprintf(name, 48, "%.*s", (int)strcspn(word + strspn(word, "-"), "="), word + strspn(word, "-"));
}

/* The verb's own option that somebody may have meant; else one of another verb of just this name; NULL: none. */
static const struct option_row *meant(const struct verb *verb, const char *name, bool own)
{
	const struct option_row *best = NULL;

	for (const struct option_row *r = option_rows; r->verbs; r++) {
		if (!r->name || option_belongs(r, verb) != own || (own ? !is_misspelt(name, r->name) : strcmp(name, r->name) != 0))
			continue;
		if (!best || word_distance(name, r->name) < word_distance(name, best->name))
			best = r;
	}
	return best;
}

/* What getopt does not understand, and what may have been meant. word: as it was typed. */
static int unknown_option(const struct verb *verb, const char *word)
{
	const struct option_row *near, *other;
	char name[48];

	bare_name(word, name);
	near = meant(verb, name, true);
	other = meant(verb, name, false);
	if (other)
		fprintf(stderr, _("imgmend %s: there is no option \"%s\"; --%s goes with:%s\n"), verb->name, word, other->name, other->verbs);
	else if (near)
		fprintf(stderr, _("imgmend %s: there is no option \"%s\"; did you mean --%s?\n"), verb->name, word, near->name);
	else
		fprintf(stderr, _("imgmend %s: there is no option \"%s\"\n"), verb->name, word);
	fprintf(stderr, _("`imgmend %s --help` lists the options\n"), verb->name);
	return EXIT_USAGE;
}

static int bad_option(const struct verb *verb, int c, const char *word)
{
	char letter[3] = { '-', (char)optopt, 0 };
	bool is_long = strncmp(word, "--", 2) == 0;

	if (c == ':')
		fprintf(stderr, _("imgmend %s: %s wants a value\n"), verb->name, is_long ? word : letter);
	else if (is_long && optopt)
		fprintf(stderr, _("imgmend %s: %s takes no value\n"), verb->name, word);
	else
		return unknown_option(verb, is_long || !optopt ? word : letter);
	return EXIT_USAGE;
}

static int check_images(const struct verb *verb, const struct settings *s)
{
	if (s->n_images < 1 && !s->files0_from) {
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
	struct option longs[OPTIONS_MAX + 1];
	char shorts[3 * OPTIONS_MAX + 2];
	int c;

	build(verb, longs, shorts);
	opterr = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct option_row *row = found(verb, c);
		int status, value = row ? row->value : c;

		if (value == OPT_HELP) {
			options_help(stdout, verb);
			return EXIT_FINE;
		}
		if (value == OPT_VERSION) {
			printf("imgmend %s\n", imgmend_version());
			return EXIT_FINE;
		}
		if (!row)
			return bad_option(verb, c, argv[optind - 1]);
		status = take(row, s);
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
