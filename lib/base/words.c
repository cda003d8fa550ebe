/* words.c - see words.h. */
#include "base/words.h"

#include <string.h>

bool im_words_have(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, word, n) == 0 && (p[n] == 0 || p[n] == ','))
			return true;
	}
	return false;
}
