/* intl.h - sentences in the language of whoever reads them.
 *
 * The library speaks English until imgmend_translate() was called; from then on a sentence is made in the language of
 * the process's locale (LC_MESSAGES), where there is a catalog of it. A sentence is translated where its format is
 * filled in: im_error_set() and its like, im_notes_add(), im_say() and the other functions that po/Makevars lists do
 * that, so their callers pass plain English. What comes into a sentence by a %s is translated at that place with _(),
 * and marked with N_() where it stands in a table. What machines read - ids, keys, names of formats, JSON - never
 * passes through here.
 */
#ifndef IM_BASE_INTL_H
#define IM_BASE_INTL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define N_(s) s
#define _(s) im_text(s)

/* Translate from now on, or no longer. For the whole process; not while other threads are in the library. */
void im_intl_use(bool on);

/* The text in the user's language, or the text itself. "" stays "". */
const char *im_text(const char *text) __attribute__((format_arg(1)));

/* The form that goes with the number n. */
const char *im_plural(uint64_t n, const char *one, const char *many) __attribute__((format_arg(2), format_arg(3)));

/* snprintf with a format that is translated first. What is cut off is cut between two characters. Returns the length
 * of what is in buf. */
size_t im_say(char *buf, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t im_vsay(char *buf, size_t size, const char *format, va_list ap) __attribute__((format(printf, 3, 0)));

/* A sentence that was made in English elsewhere, by a child process: translated in place if it is one of ours, word for word. */
void im_say_again(char *buf, size_t size);

/* What errno or a signal means; English as long as the library speaks English. */
const char *im_errno_text(int errnum);
const char *im_signal_text(int number);

#endif
