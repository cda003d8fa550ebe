/* html.c - see html.h. One file, no script needed to read it, light and dark, fit to be printed. */
#include <config.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"

static const char style[] =
	":root{color-scheme:light dark;--ground:#fff;--text:#1b1d21;--soft:#5b6068;--line:#d9dce1;--bad:#b3261e;--badground:#fdecea;"
	"--good:#0b6b3a;--goodground:#e7f5ec;--warn:#7a5200;--part:#3b6ea8;--moved:#2f7a4f;--link:#0b57a4;--area:#e8eaee}\n"
	"@media screen and (prefers-color-scheme:dark){:root{--ground:#15171b;--text:#e8eaee;--soft:#a8aeb8;--line:#353a42;--bad:#ff9c93;"
	"--badground:#3b1b19;--good:#7fd6a3;--goodground:#15301f;--warn:#f0c36d;--part:#3f74b3;--moved:#2f7a4f;--link:#8ab8f0;--area:#2a2e35}}\n"
	"body{margin:2rem auto;max-width:68rem;padding:0 1rem;background:var(--ground);color:var(--text);"
	"font:16px/1.5 system-ui,sans-serif}\n"
	"a{color:var(--link)}h1{font-size:1.6rem}h2{font-size:1.25rem;margin-top:2.5rem;border-top:1px solid var(--line);padding-top:1.5rem;"
	"overflow-wrap:anywhere}h3{font-size:1rem;margin:1.5rem 0 .5rem}\n"
	"caption{text-align:left;font-weight:600;padding:1.2rem 0 .3rem}table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;"
	"border-bottom:1px solid var(--line);overflow-wrap:break-word}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;"
	"white-space:nowrap}\n"
	"thead{display:table-header-group}tr{break-inside:avoid}.wide{overflow-x:auto}.wide svg{min-width:38rem}\n"
	".verdict{padding:.6rem .9rem;border-radius:.3rem;font-weight:600}.bad{color:var(--bad);background:var(--badground)}"
	".good{color:var(--good);background:var(--goodground)}.warn{color:var(--warn)}\n"
	"@media(max-width:30rem){th,td{padding:.3rem .2rem}}ul.findings{list-style:none;padding:0}ul.findings li{margin:.5rem 0;padding-left:.8rem;border-left:.25rem solid var(--line)}"
	"ul.findings li.error{border-color:var(--bad)}ul.findings li.warning{border-color:var(--warn)}code{font-size:.85em;overflow-wrap:anywhere}\n"
	"svg{display:block;width:100%;height:auto;margin:.5rem 0}svg text{font:13px system-ui,sans-serif;fill:var(--text)}"
	"svg .in{fill:#fff;font-weight:600}svg .part{fill:var(--part)}svg .moved{fill:var(--moved)}svg .wrong{fill:#b3261e}svg .part,svg .moved,svg .wrong{stroke:var(--ground);stroke-width:1.5}svg .gap{fill:var(--area)}"
	"svg .cell{stroke:var(--ground);stroke-width:2}\n"
	"pre{overflow:auto;font-size:.8rem;border:1px solid var(--line);padding:.6rem}footer{margin-top:3rem;color:var(--soft);"
	"font-size:.85rem}button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer}th button::after{content:\" \\2195\"}th[aria-sort=ascending] button::after{content:\" \\2191\"}"
	"th[aria-sort=descending] button::after{content:\" \\2193\"}\n"
	"@media print{th button::after{content:none}.wide{overflow:visible}.wide svg{min-width:0}body{margin:0;max-width:none;font-size:11pt}h2{break-before:page}details>*{display:block}"
	"svg,.verdict{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n";

/* Sorts a table by the column whose heading is pressed; without it the order is that of the command line. */
static const char script[] =
	"document.querySelectorAll('table.sortable th').forEach((th,i)=>{const b=document.createElement('button');b.type='button';"
	"b.append(...th.childNodes);th.append(b);let up=false;b.onclick=()=>{up=!up;const t=th.closest('table').tBodies[0];"
	"const k=r=>r.cells[i].dataset.k??r.cells[i].textContent;[...t.rows].sort((x,y)=>{const a=k(x),c=k(y);"
	"return(up?1:-1)*(isNaN(a)||isNaN(c)?a.localeCompare(c):a-c)}).forEach(r=>t.append(r));"
	"th.closest('tr').querySelectorAll('th').forEach(h=>h.removeAttribute('aria-sort'));"
	"th.setAttribute('aria-sort',up?'ascending':'descending')}});";

void html_text(FILE *out, const char *text)
{
	while (*text) {
		const char *from = text;
		int32_t c = next_character(&text);
		char escape[16];

		switch (c) {
		case '&': fputs("&amp;", out); break;
		case '<': fputs("&lt;", out); break;
		case '>': fputs("&gt;", out); break;
		case '"': fputs("&quot;", out); break;
		default:
			/* what no document may hold, and what would turn the direction of what follows */
			if (is_harmful(c) && c != '\n' && c != '\t')
				fputs(escape_of(c, (unsigned char)*from, escape), out);
			else
				fwrite(from, 1, (size_t)(text - from), out);
		}
	}
}

void html_printf(FILE *out, const char *format, ...)
{
	char *text;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) >= 0) {
		html_text(out, text);
		free(text);
	}
	va_end(ap);
}

void html_begin(FILE *out, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"", out);
	/* TRANSLATORS: the code of your language, as HTML has it: de, fr, zh-CN */
	html_text(out, _("en"));
	fputs("\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>", out);
	html_text(out, title);
	fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<h1>", style);
	html_text(out, title);
	fputs("</h1>\n", out);
}

void html_end(FILE *out)
{
	fputs("</main>\n<footer>\n<p>", out);
	html_printf(out, _("Made by imgmend %s. All positions and sizes are in bytes."), imgmend_version());
	fprintf(out, "</p>\n</footer>\n<script>%s</script>\n</body>\n</html>\n", script);
}
