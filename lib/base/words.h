/* words.h - lists of words with commas between them, as options have them. */
#ifndef IM_BASE_WORDS_H
#define IM_BASE_WORDS_H

#include <stdbool.h>

/* Is the word one of the list's? A list that is NULL has none. */
bool im_words_have(const char *list, const char *word);

#endif
