#!/usr/bin/env bash
# man.sh - the manual pages are well-formed, and know the verbs, options, findings and functions that there are.
#
# Every verb has a page imgmend-VERB(8). What `imgmend VERB --help` lists must be what that page's SYNOPSIS and OPTIONS
# give together with the section COMMON OPTIONS of imgmend(8), and the other way round. imgmend-scan(8) has every
# finding that can be reported under FINDINGS, and libimgmend(3) everything that lib/imgmend.h declares. A page that
# refers to another one, or to a section of it, refers to what is there. man-examples.sh runs the examples.
set -eu
export LC_ALL=C

IMGMEND=${IMGMEND:-imgmend}
srcdir=${srcdir:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
man=$srcdir/man
bad=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for tool in mandoc man; do
	command -v $tool >/dev/null || { echo "FAIL: the test needs the program $tool, which is not installed"; exit 1; }
done

fault() {
	printf 'FAIL: %s\n' "$*"
	bad=1
}

# section PAGE HEADING: the lines of that section, up to the next one.
section() {
	awk -v want="$2" '/^\.Sh / { inside = substr($0, 5) == want; next } inside' "$man/$1"
}

# The options named by Fl macros on standard input, as they are typed: -j, --jobs.
flags() {
	sed -n '/Fl /{
		s/Fl /\n-/g
		s/^[^\n]*\n//
		p
	}' | sed -n 's/^\(-[-a-zA-Z0-9]*\).*/\1/p' | sort -u
}

# The options of one verb by the program: at the start of a line of its help.
by_program() {
	"$IMGMEND" "$1" --help | sed -n 's/^  *\(-[a-zA-Z]\), \(--[a-z0-9-]*\).*/\1\n\2/p; t
		s/^  *\(--*[a-zA-Z][a-z0-9-]*\).*/\1/p' | sort -u
}

# compare WHAT LEFT RIGHT LEFT-NAME RIGHT-NAME: two lists of lines
compare() {
	local difference
	[ -n "$2" ] || fault "$1: nothing in $4"
	difference=$(diff <(echo "$2") <(echo "$3") | sed -n "s/^</only in $4:/p; s/^>/only in $5:/p" | paste -sd ' ') || true
	[ -z "$difference" ] || fault "$1: $difference"
}

# names: the words of tagged items (.It Cm a , b) on standard input
names() {
	sed -n 's/^\.It Cm //p' | sed 's/ , / /g' | tr ' ' '\n' | sort -u
}

# ---- each page by itself

# man(1) as it renders the page for a terminal; groff complains where mandoc does not
for file in "$man"/*.[0-9]; do
	name=$(basename "$file")
	lint=$(mandoc -Tlint -W warning "$file" 2>&1) || true
	[ -z "$lint" ] || fault "mandoc: $lint"
	said=$(LC_ALL=C.UTF-8 MANROFFSEQ= MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$file" 2>&1 >/dev/null) ||
		fault "man does not render $name"
	[ -z "$said" ] || fault "man: $name: $said"
	LC_ALL=C.UTF-8 MANWIDTH=80 MANPAGER=cat man -l "$file" 2>/dev/null >"$work/shown" || true
	grep -q '^NAME' "$work/shown" || fault "man shows no NAME in $name"
	grep -qE "^[[:blank:]]man/$name( |\$)" "$man/Makemodule.am" || fault "man/Makemodule.am does not list $name"
	for heading in $(sed -n 's/^\.Sx \(.*[A-Z]\).*/\1/p' "$file" | tr ' ' _); do
		grep -qxF ".Sh ${heading//_/ }" "$file" || fault "$name refers to its section ${heading//_/ }, which is not there"
	done
done
# other pages of ours, and their sections: "SECTION in" before .Xr
while read -r name page number heading; do
	if [ ! -e "$man/$page.$number" ]; then
		fault "$name refers to $page($number), which is not there"
	elif [ -n "$heading" ]; then
		grep -qxF ".Sh $heading" "$man/$page.$number" ||
			fault "$name refers to $heading in $page($number), which is not there"
	fi
done < <(cd "$man" && awk '/^\.(It )?Xr (lib)?imgmend/ {
		sub(/^\.It /, "."); heading = ""
		if (before ~ /[A-Z] in$/) {
			heading = before
			sub(/ in$/, "", heading)
			sub(/.*[^A-Z ]/, "", heading)
			sub(/^ */, "", heading)
		}
		print FILENAME, $2, $3, heading
	} { before = $0 }' *.[0-9])

# ---- verbs and options

verbs=$("$IMGMEND" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
compare verbs "$(cd "$man" && ls imgmend-*.8 | sed 's/imgmend-//; s/\.8//')" "$(sort <<<"$verbs")" "man" "imgmend --help"
compare "the verbs of imgmend(8)" "$(section imgmend.8 VERBS | sed -n 's/^\.It Xr imgmend-\([a-z]*\) 8$/\1/p')" "$verbs" \
	VERBS "imgmend --help"

common=$(section imgmend.8 "COMMON OPTIONS" | grep '^\.It Fl' | flags)
everywhere=$(for verb in $verbs; do by_program "$verb"; done | sort | uniq -c | awk -v n="$(wc -w <<<"$verbs")" '$1 == n { print $2 }')
compare "common options" "$common" "$everywhere" "imgmend(8)" "what all verbs take"
[ "$(wc -l <<<"$common")" -ge 9 ] || fault "only these common options: $common"

usual=$(printf '%s\n' NAME SYNOPSIS DESCRIPTION OPTIONS "EXIT STATUS" EXAMPLES "SEE ALSO")
options=0
for verb in $verbs; do
	page=imgmend-$verb.8
	[ -e "$man/$page" ] || continue
	synopsis=$(section $page SYNOPSIS | flags)
	entries=$(section $page OPTIONS | grep '^\.It Fl' | flags)
	compare "$page" "$synopsis" "$entries" SYNOPSIS OPTIONS
	compare "imgmend $verb" "$(sort -u <<<"$entries"$'\n'"$common")" "$(by_program "$verb")" "the manual" "the help"
	[ -z "$(comm -12 <(echo "$entries") <(echo "$common"))" ] || fault "$page describes options that imgmend(8) has as common ones"
	headings=$(sed -n 's/^\.Sh //p' "$man/$page" | grep -xF "$usual" | paste -sd ,)
	[ "$headings" = "$(paste -sd , <<<"$usual")" ] || fault "$page: its sections are $headings"
	! section $page "EXIT STATUS" | grep '^\.It ' | grep -vxE '\.It (0|1|4|8|16|32)' || fault "$page: an exit status that is none"
	options=$((options + $(wc -l <<<"$entries")))
done

# words that options take
words_of() {
	"$IMGMEND" "$1" --help | sed -n "s/^  .*--$2=[^ ]*  *//p" | sed 's/^accept: //; s/ or /, /; s/, /\n/g' | sort
}
allowed=$(section imgmend.8 "COMMON OPTIONS" | awk '/^\.It Fl/ { inside = /-allow/ } inside' | names)
compare "--allow" "$allowed" "$(words_of fix allow)" "imgmend(8)" "the help"
compare "--strategy" "$(section imgmend-fix.8 STRATEGIES | names)" "$(words_of fix strategy)" STRATEGIES "the help"

# ---- findings: those that --only knows, and those that scan makes

findings=$(section imgmend-scan.8 FINDINGS | names)
known=$({
	sed -n '/im_finding_ids\[\] = {/,/};/p' "$srcdir"/lib/scan/findings.c
	cat "$srcdir"/lib/scan/*.c | grep -E 'im_scan_add\(|gpt_copy\('
} | grep -oE '"[a-z]+(-[a-z]+)+"' | tr -d '"' | sort -u)
compare findings "$findings" "$known" "imgmend-scan(8)" "the program"

# ---- the library

header=$srcdir/lib/imgmend.h
page=$man/libimgmend.3
functions=$(grep -oE '^\.(Pq )?F[no] imgmend_[a-z_]+' "$page" | sed 's/.* //' | sort -u)
compare functions "$functions" "$(grep -oE '\bimgmend_[a-z0-9_]+\(' "$header" | tr -d '(' | sort -u)" "libimgmend(3)" imgmend.h
compare constants "$(grep -oE '\bIMGMEND_[A-Z_]+\b' "$page" | sort -u)" \
	"$(grep -oE '\bIMGMEND_[A-Z_]+\b' "$header" | grep -vx IMGMEND_H | sort -u)" "libimgmend(3)" imgmend.h
# fields STRUCT: names of what it has, functions too
fields() {
	sed -n "/^struct $1 {/,/^};/p" "$header" | sed -E 's,/\*.*,,' |
		sed -nE 's/.*\(\*([a-z_]+)\)\(.*/\1/p; t; s/^\t[a-z].*[ *]([a-z_0-9]+)(\[[0-9]+\])?;.*/\1/p' | sort -u
}
said=$(grep -oE '^\.(It )?Va [a-z_.]+' "$page" | sed 's/.* //; s/^options\.//' | sort -u)
declared=$({ fields imgmend_options; fields imgmend_storage; fields imgmend_error; } | sort -u)
compare fields "$(grep -vx errno <<<"$said")" "$declared" "libimgmend(3)" imgmend.h

words=$("$IMGMEND" plan --only=x x.img 2>&1 | sed -n 's/^It takes: //p' | tr ' ' '\n' | sort -u)
[ "$words" = "$known" ] || fault "--only takes other ids than the scanner makes: $(diff <(echo "$words") <(echo "$known"))"

[ $bad = 0 ] || exit 1
echo "man: $(wc -w <<<"$verbs") verbs, $options options of theirs and $(wc -l <<<"$common") common ones," \
	"$(wc -l <<<"$findings") findings and $(wc -l <<<"$functions") functions agree"
