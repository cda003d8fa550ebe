#!/usr/bin/env bash
# chart.sh - results.json on standard input, a bar chart of its ratios as SVG on standard output.
set -eu
jq -r '.[] | select(.median) | [.case + ": " + .measured + " / " + .against, .median, .least, .greatest] | @tsv' |
	awk -F'\t' '
	function esc(s) { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); return s }
	function x(r) { return 320 + 160 * (r > 3 ? 3 : r) }
	{ name[NR] = esc($1); m[NR] = $2; l[NR] = $3; g[NR] = $4 }
	END {
		h = 40 + 22 * NR
		printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 %d\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n", h
		print "<title>Time of imgmend divided by that of others; medians, with least and greatest</title>"
		printf "<rect width=\"860\" height=\"%d\" fill=\"#fff\"/>\n", h
		for (r = 0; r <= 3; r++)
			printf "<path d=\"M%d 20V%d\" stroke=\"%s\"/><text x=\"%d\" y=\"14\" text-anchor=\"middle\">%d</text>\n", x(r), h - 10, r == 1 ? "#444" : "#ddd", x(r), r
		for (i = 1; i <= NR; i++) {
			y = 26 + 22 * (i - 1)
			printf "<text x=\"312\" y=\"%d\" text-anchor=\"end\">%s</text>", y + 12, name[i]
			printf "<rect x=\"320\" y=\"%d\" width=\"%.1f\" height=\"14\" fill=\"#4a7ebb\"/>", y, x(m[i]) - 320
			printf "<path d=\"M%.1f %dH%.1f\" stroke=\"#222\"/>", x(l[i]), y + 7, x(g[i])
			printf "<text x=\"%.1f\" y=\"%d\">%.2f</text>\n", x(g[i]) + 6, y + 12, m[i]
		}
		print "</svg>"
	}'
