#!/bin/sh
# coverage.sh - which lines and branches of lib/ the tests run.
#
#	coverage.sh [--images]
#
# Builds in build/coverage with --enable-coverage and runs make check there, with --images the tests
# on whole images too. Prints the line and branch coverage of lib/, of its floors, and the ten files
# with the fewest lines covered; the page is build/coverage/html/index.html. A child process that
# reads a disk has no sandbox here, which would keep it from writing its counts: lib/adapt/sandbox.c
# does not run. A branch is one of the machine code: of every call in a condition, of every &&.
set -u
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL

top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$top" || exit 1
build=$top/build/coverage
images=--disable-image-tests

case $# in
0) ;;
*)
	[ "$*" = --images ] || { echo "usage: coverage.sh [--images]" >&2; exit 16; }
	images=--enable-image-tests
	;;
esac

give_up() {
	printf 'coverage.sh: %s\n' "$*" >&2
	exit 1
}

# quietly LOG COMMAND...: its output is shown when it fails.
quietly() {
	log=$build/$1.log
	shift
	"$@" > "$log" 2>&1 || { tail -n 60 "$log"; return 1; }
}

configure() { (cd "$build" && "$top/configure" --enable-coverage "$images" CFLAGS="-g -O0"); }

compile() { make -C "$build" -j"$(nproc)" && make -C "$build" -j"$(nproc)" check TESTS=; }

count() {
	lcov --quiet --capture --directory "$build" --rc lcov_branch_coverage=1 --output-file "$build/all.info" &&
		lcov --quiet --extract "$build/all.info" "$top/lib/*" --rc lcov_branch_coverage=1 \
			--output-file "$build/lib.info" &&
		genhtml --quiet --branch-coverage --prefix "$top" --output-directory "$build/html" "$build/lib.info"
}

# The records of lib.info as "file lines hit branches hit".
figures() {
	awk -F '[:,]' -v top="$top/" '
		/^SF:/ { file = substr($0, 4 + length(top)); lf = lh = bf = bh = 0 }
		/^LF:/ { lf = $2 }
		/^LH:/ { lh = $2 }
		/^BRF:/ { bf = $2 }
		/^BRH:/ { bh = $2 }
		/^end_of_record/ { print file, lf, lh, bf, bh }' "$build/lib.info"
}

# Standard input: NAME LINES HIT BRANCHES HIT
table() {
	awk '{ printf "%-28s lines %5.1f %% (%d of %d), branches %5.1f %% (%d of %d)\n", $1,
		$2 ? 100 * $3 / $2 : 100, $3, $2, $4 ? 100 * $5 / $4 : 100, $5, $4 }'
}

report() {
	figures > "$build/figures"
	awk '{ split($1, part, "/"); n = part[1] "/" part[2]; l[n] += $2; h[n] += $3; b[n] += $4; t[n] += $5 }
		END { for (n in l) print n, l[n], h[n], b[n], t[n] }' "$build/figures" | sort | table
	echo
	echo "The files with the fewest lines covered:"
	awk '$2 { print $3 / $2, $0 }' "$build/figures" | sort -n | head -n 10 | cut -d ' ' -f 2- | table
	echo
	awk '{ l += $2; h += $3; b += $4; t += $5 } END { print "lib/", l, h, b, t }' "$build/figures" | table
}

[ ! -f config.status ] || give_up "this tree was configured in place; run make distclean first"
sh build-aux/deps.sh build test coverage || exit 1
rm -rf "$build"
mkdir -p "$build"
quietly bootstrap autoreconf -fi || give_up "the bootstrap failed"
quietly configure configure && quietly build compile || give_up "the build failed"
# The figures are worth having when a test fails.
quietly check make -C "$build" -j"$(nproc)" check || verdict=1
quietly count count || give_up "lcov failed"
report
exit ${verdict:-0}
