/* arguments.h - the command line of a campaign: options that have a number or a text each. */
#ifndef IM_TESTS_ARGUMENTS_H
#define IM_TESTS_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct argument {
	const char *name;	/* of the option, without the hyphens */
	uint64_t *number;	/* where its value goes; else to text, which then points into argv */
	const char **text;
};

/* Read them, at most 8 kinds. False, and the complaint is printed, where there is another one. */
bool arguments_read(int argc, char **argv, const struct argument *arguments, size_t n);

#endif
