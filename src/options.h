/* options.h - the one table of options: for parsing, for help, and for completion in shells. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "program.h"

enum {
	OPT_JSON = 256, OPT_ALIGN, OPT_NO_GROW, OPT_ONLY, OPT_ADD_TABLE, OPT_STRATEGY, OPT_PLAN, OPT_JOURNAL, OPT_OUTPUT, OPT_OUTPUT_FORMAT,
	OPT_SOCKET, OPT_READ_ONLY, OPT_USED_ONLY, OPT_SECTOR_SIZE, OPT_PROGRESS, OPT_COLOR, OPT_DEEP, OPT_VERIFY, OPT_EXTRACT, OPT_VOLUME_ID,
	OPT_MANIFEST, OPT_ALLOW, OPT_HELP, OPT_VERSION, OPT_FILES0_FROM, OPT_METRICS,
};

struct option_row {
	const char *verbs;	/* names between spaces; "*": all */
	char letter;
	const char *name;
	int value;
	const char *arg;	/* NULL: takes none */
	const char *words;	/* that the argument can be, between spaces; NULL: anything */
	const char *help;
};

/* Ended by a row without verbs. */
extern const struct option_row option_rows[];
#define OPTIONS_MAX 64

bool option_belongs(const struct option_row *row, const struct verb *verb);

/* suggest.c: how many letters must be changed, left out, put in or swapped to make one word of the other. */
unsigned word_distance(const char *a, const char *b);
/* May a be a misspelling of b? */
bool is_misspelt(const char *a, const char *b);

#endif
