/* suggest.c - which word somebody may have meant. */
#include <string.h>

#include "options.h"

#define WORD_MAX 32u

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* The rows of the table of Damerau and Levenshtein: one for each letter of a, the last three of them at a time. */
unsigned word_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1], n = (unsigned)strlen(a), m = (unsigned)strlen(b);

	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	for (unsigned k = 0; k <= m; k++)
		rows[0][k] = k;
	for (unsigned i = 1; i <= n; i++) {
		unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];

		now[0] = i;
		for (unsigned k = 1; k <= m; k++) {
			now[k] = least(least(before[k] + 1, now[k - 1] + 1), before[k - 1] + (a[i - 1] != b[k - 1]));
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				now[k] = least(now[k], earlier[k - 2] + 1);
		}
	}
	return rows[n % 3][m];
}

bool is_misspelt(const char *a, const char *b)
{
	size_t n = strlen(b);

	return word_distance(a, b) <= (n > 6 ? 3 : n > 3 ? 2 : 1) || (strlen(a) >= 3 && strncmp(a, b, strlen(a)) == 0);
}
