#!/usr/bin/env bash
# man.sh - the manual pages are well-formed, and imgmend(8) knows the options that the program knows.
#
# Per verb: what `imgmend VERB --help` lists must be what the SYNOPSIS gives for that verb together with
# the section "Common options", and the other way round. Every option of a synopsis must have its entry
# under OPTIONS, and every finding that the scanner can report its entry under FINDINGS.
set -eu
export LC_ALL=C

IMGMEND=${IMGMEND:-imgmend}
srcdir=${srcdir:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
page=$srcdir/man/imgmend.8
verbs="scan plan fix status resume undo discard report snapshots rescue preview"
bad=0

command -v mandoc >/dev/null || { echo "SKIP: mandoc is not installed"; exit 77; }

fault() {
	printf 'FAIL: %s\n' "$*"
	bad=1
}

# section HEADING: the lines of that .Sh or .Ss section, up to the next heading.
section() {
	awk -v want="$1" '/^\.S[hs] / { inside = substr($0, 5) == want; next } inside' "$page"
}

# The options named by Fl macros on standard input, as they are typed: -j, --jobs.
flags() {
	sed -n '/Fl /{
		s/Fl /\n-/g
		s/^[^\n]*\n//
		p
	}' | sed -n 's/^\(-[-a-zA-Z0-9]*\).*/\1/p' | sort -u
}

# The options of one verb by the page.
by_page() {
	{
		section SYNOPSIS | awk -v verb="$1" '/^\.Nm/ { inside = 0 } $0 == ".Cm " verb { inside = 1 } inside'
		section "Common options" | grep '^\.It '
	} | flags
}

# The options of one verb by the program: at the start of a line of its help.
by_program() {
	"$IMGMEND" "$1" --help | sed -n 's/^  *\(-[a-zA-Z]\), \(--[a-z0-9-]*\).*/\1\n\2/p; t
		s/^  *\(--*[a-zA-Z][a-z0-9-]*\).*/\1/p' | sort -u
}

for file in "$srcdir"/man/*.[0-9]; do
	lint=$(mandoc -Tlint -Wwarning "$file" 2>&1) || true
	[ -z "$lint" ] || fault "mandoc: $lint"
done

entries=$({ section OPTIONS; section "Common options"; } | grep '^\.It ' | flags)
for verb in $verbs; do
	page_says=$(by_page $verb)
	program_says=$(by_program $verb)
	[ "$(echo "$program_says" | wc -l)" -ge 9 ] || fault "imgmend $verb --help: only these options: $program_says"
	difference=$(diff <(echo "$page_says") <(echo "$program_says") | sed -n 's/^</only in imgmend(8):/p
		s/^>/only in the help:/p') || true
	[ -z "$difference" ] || fault "imgmend $verb: $difference"
	for option in $page_says; do
		grep -qxF -e "$option" <<<"$entries" || fault "imgmend $verb: no entry for $option under OPTIONS"
	done
done

# Every verb of the program's own help is one that was looked at.
listed=$("$IMGMEND" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p' | tr '\n' ' ')
[ "$listed" = "$verbs " ] || fault "imgmend --help lists the verbs $listed"

# The ids of findings: those that --only knows, and those that scan makes.
findings=$(section FINDINGS | sed -n 's/^\.It Cm //p' | sed 's/ , / /g' | tr ' ' '\n' | sort -u)
known=$({
	sed -n '/im_finding_ids\[\] = {/,/};/p' "$srcdir"/lib/scan/findings.c
	cat "$srcdir"/lib/scan/*.c | grep -E 'im_scan_add\(|gpt_copy\('
} | grep -oE '"[a-z]+(-[a-z]+)+"' | tr -d '"' | sort -u)
difference=$(diff <(echo "$findings") <(echo "$known") | sed -n 's/^</only in imgmend(8):/p
	s/^>/only in the program:/p') || true
[ -z "$difference" ] || fault "findings: $difference"

words=$("$IMGMEND" plan --only=x x.img 2>&1 | sed -n 's/^It takes: //p' | tr ' ' '\n' | sort -u)
[ "$words" = "$known" ] || fault "--only takes other ids than the scanner makes: $(diff <(echo "$words") <(echo "$known"))"

[ $bad = 0 ] || exit 1
echo "man: $(echo "$verbs" | wc -w) verbs, $(echo "$entries" | wc -l) options, $(echo "$findings" | wc -l) findings agree"
