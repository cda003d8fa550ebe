/* completion.c - what bash, zsh and fish complete, made of the tables of verbs and options. */
#include <config.h>
#include <string.h>

#include "options.h"

/* Options of the verb, each as it is typed, between spaces. */
static void put_options(const struct verb *verb)
{
	for (const struct option_row *r = option_rows; r->verbs; r++) {
		if (!option_belongs(r, verb))
			continue;
		if (r->letter)
			printf(" -%c", r->letter);
		if (r->name)
			printf(" --%s%s", r->name, r->arg ? "=" : "");
	}
}

static void put_verbs(void)
{
	for (const struct verb *v = verbs; v->name; v++)
		printf(" %s", v->name);
}

/* "--name" of every option whose argument is one of some words, and these. */
static void bash_words(void)
{
	for (const struct option_row *r = option_rows; r->verbs; r++)
		if (r->words)
			printf("	--%s) words='%s' ;;\n", r->name, r->words);
}

static void bash(void)
{
	printf("# bash completion for imgmend, made by imgmend --completion=bash\n"
	       "_imgmend() {\n"
	       "	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} options= words=\n"
	       "	# --name=value is three words to readline\n"
	       "	[ \"$cur\" = = ] && cur= || { [ \"$prev\" = = ] && prev=${COMP_WORDS[COMP_CWORD-2]}; }\n"
	       "	COMPREPLY=()\n"
	       "	if [ \"$COMP_CWORD\" = 1 ]; then\n"
	       "		COMPREPLY=($(compgen -W '");
	put_verbs();
	printf(" --help --version' -- \"$cur\"))\n"
	       "		return\n"
	       "	fi\n"
	       "	case $prev in\n");
	bash_words();
	printf("	esac\n"
	       "	if [ -n \"$words\" ]; then\n"
	       "		COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "		return\n"
	       "	fi\n"
	       "	case ${COMP_WORDS[1]} in\n");
	for (const struct verb *v = verbs; v->name; v++) {
		printf("	%s) options='", v->name);
		put_options(v);
		printf("' ;;\n");
	}
	printf("	esac\n"
	       "	case $cur in\n"
	       "	-*)\n"
	       "		COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
	       "		[ \"${COMPREPLY[0]-}\" = \"${COMPREPLY[0]%%=}\" ] || compopt -o nospace\n"
	       "		;;\n"
	       "	*) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
	       "	esac\n"
	       "}\n"
	       "complete -o filenames -F _imgmend imgmend\n");
}

/* In the quotes of zsh and fish: text without what ends them. */
static void put_text(const char *text, const char *hidden)
{
	for (; *text; text++) {
		if (strchr(hidden, *text))
			putchar('\\');
		putchar(*text);
	}
}

static void zsh_option(const struct option_row *r)
{
	if (r->letter && r->name)
		printf("			'(-%c --%s)'{-%c,--%s%s}'[", r->letter, r->name, r->letter, r->name, r->arg ? "=" : "");
	else if (r->letter)
		printf("			'-%c[", r->letter);
	else
		printf("			'--%s%s[", r->name, r->arg ? "=" : "");
	for (const char *p = _(r->help); *p; p++)
		printf(*p == '\'' ? "'\\''" : strchr("[]:\\", *p) ? "\\%c" : "%c", *p);
	printf("]");
	if (r->arg)
		printf(":%s:%s%s%s", r->arg, r->words ? "(" : "_files", r->words ? r->words : "", r->words ? ")" : "");
	printf("' \\\n");
}

static void zsh(void)
{
	printf("#compdef imgmend\n# zsh completion for imgmend, made by imgmend --completion=zsh\n"
	       "_imgmend() {\n	local -a verbs\n	verbs=(\n");
	for (const struct verb *v = verbs; v->name; v++) {
		printf("		'%s:", v->name);
		for (const char *p = _(v->summary); *p; p++)
			printf(*p == '\'' ? "'\\''" : "%c", *p);
		printf("'\n");
	}
	printf("	)\n	if (( CURRENT == 2 )); then\n		_describe -t verbs verb verbs\n		return\n	fi\n"
	       "	local verb=$words[2]\n	words=(\"$words[1]\" \"${(@)words[3,-1]}\")\n	(( CURRENT-- ))\n	case $verb in\n");
	for (const struct verb *v = verbs; v->name; v++) {
		printf("	%s)\n		_arguments -s -S \\\n", v->name);
		for (const struct option_row *r = option_rows; r->verbs; r++)
			if (option_belongs(r, v))
				zsh_option(r);
		printf("			'*:image:_files'\n		;;\n");
	}
	printf("	esac\n}\n_imgmend \"$@\"\n");
}

static void fish(void)
{
	printf("# fish completion for imgmend, made by imgmend --completion=fish\n");
	for (const struct verb *v = verbs; v->name; v++) {
		printf("complete -c imgmend -f -n __fish_use_subcommand -a %s -d '", v->name);
		put_text(_(v->summary), "'\\");
		printf("'\ncomplete -c imgmend -F -n '__fish_seen_subcommand_from %s'\n", v->name);
		for (const struct option_row *r = option_rows; r->verbs; r++) {
			if (!option_belongs(r, v))
				continue;
			printf("complete -c imgmend -n '__fish_seen_subcommand_from %s'", v->name);
			if (r->letter)
				printf(" -s %c", r->letter);
			if (r->name)
				printf(" -l %s", r->name);
			if (r->words)
				printf(" -x -a '%s'", r->words);
			else if (r->arg)
				printf(" -r");
			printf(" -d '");
			put_text(_(r->help), "'\\");
			printf("'\n");
		}
	}
}

int print_completion(const char *shell)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

	for (size_t i = 0; i < sizeof(shells) / sizeof(*shells); i++)
		if (strcmp(shells[i].name, shell) == 0) {
			shells[i].print();
			return EXIT_FINE;
		}
	fprintf(stderr, _("imgmend: completion is for bash, zsh and fish\n"));
	return EXIT_USAGE;
}
