/* arguments.c - see arguments.h. */
#include "arguments.h"

#include <getopt.h>
#include <stdlib.h>

#define MOST 8

bool arguments_read(int argc, char **argv, const struct argument *arguments, size_t n)
{
	struct option options[MOST + 1] = { 0 };
	int which = 0, c;

	if (n > MOST)
		abort();
	for (size_t i = 0; i < n; i++)
		options[i] = (struct option){ arguments[i].name, required_argument, NULL, 0 };
	while ((c = getopt_long(argc, argv, "", options, &which)) == 0) {
		if (arguments[which].number)
			*arguments[which].number = strtoull(optarg, NULL, 0);
		else
			*arguments[which].text = optarg;
	}
	return c == -1;
}
