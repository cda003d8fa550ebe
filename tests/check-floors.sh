#!/bin/bash
# check-floors.sh - fails on an include, or a call, that the order of the floors forbids.
#
#	check-floors.sh [TREE]		TREE holds lib/ and src/; default: $srcdir, or the parent of tests/
#
#	base < dev < map < fmt < adapt < scan < plan < exec < api
#
# - A file of lib/ includes from its own floor or a lower one, written relative to lib/; exec only
#   from exec, map, dev and base. imgmend.h, the public interface that is installed, includes
#   nothing of the project; only lib/api, which implements it, and src/ include it.
# - Only lib/adapt includes the headers of libfdisk, libparted, libblkid, libntfs-3g, libext2fs.
# - src/ includes imgmend.h, its own headers and those of the system.
# - No header includes config.h.
# - lib/ does not print or exit, and calls gettext in lib/base/intl.c alone.
#
# Before it judges the tree it plants one fault of each kind in scratch trees and fails if one is
# not caught, or if what is allowed is refused.
set -u
export LC_ALL=C

rules=$(cat <<'AWK'
function fault(what) { printf "%s:%d: %s\n", path, FNR, what }

# The line without comments; what stands in quotes is kept in `code`, and emptied in `bare`.
function strip(line,    i, c, two, quote) {
	code = ""; bare = ""; quote = ""
	for (i = 1; i <= length(line); i++) {
		c = substr(line, i, 1); two = substr(line, i, 2)
		if (in_comment) {
			if (two == "*/") { in_comment = 0; i++; code = code " "; bare = bare " " }
		} else if (quote != "") {
			code = code c
			if (c == "\\") { code = code substr(line, ++i, 1) }
			else if (c == quote) { quote = ""; bare = bare c }
		} else if (two == "/*") { in_comment = 1; i++ }
		else if (two == "//") { return }
		else {
			if (c == "\"" || c == "'") quote = c
			code = code c; bare = bare c
		}
	}
}

function check_quoted(name,    up) {
	if (name == "config.h") {
		if (path ~ /\.h$/) fault("a header includes config.h")
		return
	}
	if (path == "lib/imgmend.h") { fault("the public header includes \"" name "\""); return }
	if (floor == "src") {
		if (name != "imgmend.h" && !(("src/" name) in known))
			fault("src/ includes \"" name "\", which is neither imgmend.h nor its own")
		return
	}
	if (name == "imgmend.h") {
		if (floor != "api") fault("upward include of \"imgmend.h\"")
		return
	}
	up = name; sub(/\/.*/, "", up)
	if (name !~ /^[a-z]+\/[^\/]+\.h$/ || !(up in rank)) {
		fault("\"" name "\" is not written as \"floor/file.h\"")
		return
	}
	if (rank[up] > rank[floor])
		fault("upward include of \"" name "\" from " floor)
	else if (floor == "exec" && up !~ /^(exec|map|dev|base)$/)
		fault("exec includes \"" name "\": it may know exec, map, dev and base only")
}

function check_angled(name,    foreign) {
	if (name == "config.h") {
		check_quoted(name)
		return
	}
	if (("lib/" name) in known) {
		fault("<" name "> is a header of the project: write it in quotes")
		return
	}
	foreign = name ~ /^(libfdisk|parted|blkid|ntfs-3g|ext2fs|et)\// ||
		  name ~ /^(libfdisk|blkid|ext2fs|ext2_fs|ext2_io|ext2_err|com_err)\.h$/
	if (foreign && floor != "adapt")
		fault("only lib/adapt may include <" name ">")
	else if (floor == "src" && name ~ /^(gcrypt|json|json-c\/.*)(\.h)?$/)
		fault("src/ includes <" name ">, which belongs behind imgmend.h")
}

function check_calls() {
	if (path != "lib/base/intl.c" && match(" " bare, /[^A-Za-z0-9_.>](d|n|dn|dc)?gettext[ \t]*\(/))
		fault("only lib/base/intl.c may call gettext")
	if (match(" " bare, /[^A-Za-z0-9_.>](v?printf|puts|fputs|putchar|perror|exit)[ \t]*\(/) ||
	    match(" " bare, /[^A-Za-z0-9_](stdout|stderr)[^A-Za-z0-9_]/))
		fault("lib/ prints or exits: " substr(" " bare, RSTART + 1, RLENGTH - 1))
}

BEGIN {
	n = split("base dev map fmt adapt scan plan exec api", names, " ")
	for (i = 1; i <= n; i++) rank[names[i]] = i
	for (i = 1; i < ARGC; i++) known[ARGV[i]] = 1
}

FNR == 1 {
	in_comment = 0
	path = FILENAME
	n = split(path, part, "/")
	floor = part[1] == "src" ? "src" : n == 2 ? "api" : part[2]
	if (floor != "src" && !(floor in rank)) fault("lib/" floor " is not a floor")
}

{
	strip($0)
	if (code ~ /^[ \t]*#[ \t]*include/) {
		name = code
		sub(/^[ \t]*#[ \t]*include(_next)?[ \t]*/, "", name)
		if (match(name, /^"[^"]*"/)) check_quoted(substr(name, 2, RLENGTH - 2))
		else if (match(name, /^<[^>]*>/)) check_angled(substr(name, 2, RLENGTH - 2))
		else fault("an include that cannot be read: " name)
	} else if (floor != "src") {
		check_calls()
	}
}
AWK
)

# judge TREE: prints the faults of a tree, one a line.
judge() {
	( cd "$1" && find lib src -type f -name '*.[ch]' | sort | xargs -r awk "$rules" )
}

scratch=$(mktemp -d "${TMPDIR:-/tmp}/check-floors.XXXXXX") || exit 99
trap 'rm -rf "$scratch"' EXIT

# Cases are collected in scratch trees, each in a file of its own, and judged at once: "FILE VERDICT LINE", with tabs.
cases=0
: > "$scratch/cases"

# put VERDICT FILE LINE: into the first tree that has no such file; x.c and x.h get a number, so there are as many as one likes.
put() {
	local tree=0 file
	cases=$((cases + 1))
	file=${2/\/x./\/x$cases.}
	while [ -e "$scratch/$tree/$file" ]; do
		tree=$((tree + 1))
	done
	file=$tree/$file
	[ -d "$scratch/${file%/*}" ] || mkdir -p "$scratch/${file%/*}"
	printf '/* one */\n%s\n' "$3" > "$scratch/$file"
	printf '%s\t%s\t%s\n' "$file" "$1" "$3" >> "$scratch/cases"
}

# caught FILE LINE: the line must be a fault in that file of the tree. allowed FILE LINE: it must not.
caught() { put caught "$@"; }
allowed() { put allowed "$@"; }

# All the faults that were expected, and no other.
judge_cases() {
	local tree
	for tree in "$scratch"/[0-9]*; do
		mkdir -p "$tree/src"
		touch "$tree/lib/imgmend.h" "$tree/src/own.h"
		judge "$tree" | sed "s|^|${tree##*/}/|"
	done > "$scratch/faults"
	awk -F '\t' 'NR == FNR { verdict[$1] = $2; line[$1] = $3; next } { sub(/:.*/, "", $1); found[$1] = 1 }
		END {
			for (f in verdict) if (verdict[f] == "caught" && !(f in found)) { print "self-test: not caught in " f ": " line[f]; bad = 1 }
			for (f in found) if (verdict[f] != "caught") { print "self-test: refused in " f ": " line[f]; bad = 1 }
			exit bad
		}' "$scratch/cases" "$scratch/faults"
}

floors=(base dev map fmt adapt scan plan exec)
for own in "${!floors[@]}"; do
	for other in "${!floors[@]}"; do
		verdict=allowed
		[ "$other" -gt "$own" ] && verdict=caught
		[ "$own" = 7 ] && [ "$other" -gt 2 ] && [ "$other" -lt 7 ] && verdict=caught
		$verdict "lib/${floors[own]}/x.c" "#include \"${floors[other]}/y.h\""
	done
	caught "lib/${floors[own]}/x.c" '#include "imgmend.h"'
	allowed "lib/api/x.c" "#include \"${floors[own]}/y.h\""
	caught "src/x.c" "#include \"${floors[own]}/y.h\""
	for header in libfdisk/libfdisk.h libfdisk.h parted/parted.h blkid/blkid.h blkid.h \
		      ntfs-3g/volume.h ext2fs/ext2fs.h ext2fs.h et/com_err.h com_err.h; do
		[ "${floors[own]}" = adapt ] && verdict=allowed || verdict=caught
		$verdict "lib/${floors[own]}/x.c" "#include <$header>"
	done
done
caught lib/dev/x.c '#  include "scan/y.h"	/* why */'
caught lib/dev/x.c '/* a */ #include "scan/y.h"'
caught lib/dev/x.c '#include "../scan/y.h"'
caught lib/dev/x.c '#include "dev.h"'
caught lib/dev/x.c '#include HEADER'
caught lib/dev/x.h '#include "config.h"'
caught lib/dev/x.h '#include <config.h>'
caught lib/dev/x.c '#include <imgmend.h>'
caught lib/other/x.c 'int x;'
caught lib/imgmend.h '#include "base/error.h"'
caught src/x.c '#include <blkid/blkid.h>'
caught src/x.c '#include <json-c/json.h>'
caught src/x.c '#include "lib/imgmend.h"'
caught src/own.h '#include "config.h"'
caught lib/api/x.c '#include <parted/parted.h>'
allowed lib/api/x.c '#include "imgmend.h"'
allowed lib/dev/x.c '#include "config.h"'
allowed lib/dev/x.c '#include <config.h>'
allowed lib/map/x.c '#include <json-c/json.h>'
allowed lib/dev/x.c '// #include "scan/y.h"'
allowed src/x.c '#include "imgmend.h"'
allowed src/x.c '#include "own.h"'
allowed src/x.c '#include "config.h"'
allowed src/x.c '#include <stdio.h>'
allowed src/x.c 'printf("%d", 1); exit(1);'
for call in 'printf("x");' 'x = 1;vprintf (f, a);' 'puts("x");' 'perror("x");' 'exit(1);' \
	    's = gettext("x");' 's = dngettext(d, "x", "y", n);' 'fprintf(stderr, "x");' 'fputs(s, stdout);' 'putchar(c);'; do
	caught lib/base/x.c "$call"
	caught lib/x.c "$call"
done
allowed lib/base/intl.c 's = dgettext(PACKAGE, "x");'
caught lib/base/intl.c 'puts("x");'
for call in 's = _("x");' 'snprintf(b, n, "printf(x) stderr ");' '_exit(1);' '/* exit(1) */' 'at_exit(1);' \
	    'char c = '\''"'\''; /* puts(s) */' '__attribute__((format(printf, 1, 2)))' 'dev->exit(1);'; do
	allowed lib/base/x.c "$call"
done
[ $cases -gt 200 ] && judge_cases || { echo "check-floors: the self-test failed"; exit 1; }

tree=${1:-${srcdir:-$(dirname "$0")/..}}
faults=$(judge "$tree") || { echo "check-floors: cannot read $tree"; exit 99; }
if [ -n "$faults" ]; then
	printf '%s\n' "$faults"
	exit 1
fi
echo "check-floors: $(cd "$tree" && find lib src -name '*.[ch]' | wc -l) files keep to their floors"
