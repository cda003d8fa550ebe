/* words.c - what the program says, in the user's language. The only file of it that asks gettext.
 *
 * Threads write the pages of a report while others fork the readers of foreign libraries, and in a child a lock of gettext that
 * was taken at that moment stays taken. So no thread is inside gettext when one forks.
 */
#include <config.h>
#include <libintl.h>
#include <pthread.h>

#include "program.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void hold(void)
{
	pthread_mutex_lock(&lock);
}

static void release(void)
{
	pthread_mutex_unlock(&lock);
}

void words_choose_codeset(void)
{
	bind_textdomain_codeset(PACKAGE, is_locale_utf8() ? "UTF-8" : "ASCII");
}

void words_begin(void)
{
	bindtextdomain(PACKAGE, LOCALEDIR);
	words_choose_codeset();
	textdomain(PACKAGE);
	pthread_atfork(hold, release, release);
}

const char *text_of(const char *text)
{
	const char *other;

	hold();
	other = gettext(text);
	release();
	return other;
}

const char *plural_of(const char *one, const char *many, uint64_t n)
{
	const char *form;

	hold();
	form = ngettext(one, many, (unsigned long)n);
	release();
	return form;
}
