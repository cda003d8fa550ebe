/* intl.c - see intl.h. The only file of the library that calls gettext. */
#include "base/intl.h"

#include <config.h>
#include <libintl.h>
#include <stdatomic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/hold.h"

static atomic_bool is_on;

void im_intl_use(bool on)
{
	if (on) {
		bindtextdomain(PACKAGE, LOCALEDIR);
		/* messages are UTF-8 whatever the locale has */
		bind_textdomain_codeset(PACKAGE, "UTF-8");
	}
	is_on = on;
}

const char *im_text(const char *text)
{
	const char *other;

	if (!is_on || !*text)
		return text;
	im_hold();
	other = dgettext(PACKAGE, text);
	im_release();
	return other;
}

const char *im_plural(uint64_t n, const char *one, const char *many)
{
	const char *form;

	if (!is_on)
		return n == 1 ? one : many;
	im_hold();
	form = dngettext(PACKAGE, one, many, (unsigned long)n);
	im_release();
	return form;
}

/* The length of text without the character at its end that is not all there. */
static size_t whole_characters(const char *text, size_t len)
{
	size_t back = 0, need;
	unsigned char lead;

	while (back < 3 && back < len && ((unsigned char)text[len - 1 - back] & 0xc0) == 0x80)
		back++;
	if (back == len)
		return len;
	lead = (unsigned char)text[len - 1 - back];
	need = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
	return need > back ? len - 1 - back : len;
}

size_t im_vsay(char *buf, size_t size, const char *format, va_list ap)
{
	int n = vsnprintf(buf, size, im_text(format), ap);

	if (n < 0 || !size)
		return 0;
	if ((size_t)n < size)
		return (size_t)n;
	n = (int)whole_characters(buf, size - 1);
	buf[n] = '\0';
	return (size_t)n;
}

size_t im_say(char *buf, size_t size, const char *format, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, format);
	n = im_vsay(buf, size, format, ap);
	va_end(ap);
	return n;
}

void im_say_again(char *buf, size_t size)
{
	const char *other = im_text(buf);
	size_t n;

	if (other == buf)
		return;
	n = strlen(other);
	if (n >= size)
		n = whole_characters(other, size - 1);
	memcpy(buf, other, n);
	buf[n] = '\0';
}

/* Of the C library's own catalog, whose gettext has the same locks. */
static const char *in_its_words(char *(*text_of)(int), int number)
{
	const char *text;

	im_hold();
	text = text_of(number);
	im_release();
	return text;
}

const char *im_errno_text(int errnum)
{
	const char *text = is_on ? NULL : strerrordesc_np(errnum);

	return text ? text : in_its_words(strerror, errnum);
}

const char *im_signal_text(int number)
{
	const char *text = is_on ? NULL : sigdescr_np(number);

	return text ? text : in_its_words(strsignal, number);
}
