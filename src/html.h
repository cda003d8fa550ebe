/* html.h - pieces of an HTML page: text that cannot break out of it, the head, drawings. */
#ifndef HTML_H
#define HTML_H

#include "program.h"

/* Text, and text in an attribute. */
void html_text(FILE *out, const char *text);
/* Formatted text that needs no escaping but for what %s bring, which are escaped. */
void html_printf(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

void html_begin(FILE *out, const char *title);
void html_end(FILE *out);

/* The disk before and after as two bars, or as it is, and the first 8 KiB sector by sector; nothing where nothing is drawn. (drawing.c) */
void html_drawings(FILE *out, const struct picture *picture);

#endif
