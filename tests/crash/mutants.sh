#!/usr/bin/env bash
# mutants.sh - the test of the crash and fault campaigns: executors broken on purpose, each of which they must catch.
#
# tests/crash/mutants/*.patch, each with a sentence on top that says what is broken. The patched file is compiled and
# linked in front of the library; the campaign over it must end with a loss. A patch that no longer applies must be
# brought up to date with the code that it breaks.
set -eu
export LC_ALL=C
builddir=${builddir:?set by make check}
srcdir=${srcdir:?set by make check}
work=$(mktemp -d "${TMPDIR:-/tmp}/imgmend-mutants.XXXXXX")
trap 'rm -rf "$work"' EXIT
made=0 caught=0

fail() {
	echo "FAIL: $*"
	exit 1
}

case ${MUTANT_CFLAGS-} in
*-fsanitize*) echo "SKIP: a sanitizer finds no more mutants, and takes long"; exit 77 ;;
esac
for tool in patch gcc; do
	command -v $tool >/dev/null || fail "the test needs $tool, which is not installed"
done

# The campaigns that every mutant goes through until one catches it.
campaigns=(
	"campaign --plans 40 --seed 100 --cuts 30"
	"campaign --plans 1 --seed 7 --cuts 200 --shift 7680"
	"faults --plans 12 --seed 1 --points 120"
	"campaign --plans 1 --seed 7 --cuts 200 --shift 1048064"
	"campaign --plans 400 --seed 200 --cuts 60"
	"alter --plans 100"
)

# linker PROGRAM: the command that links one of the campaigns with the mutant in front of the library. libtool, which knows it,
# takes six times as long as what it runs.
linker() {
	"$builddir/libtool" --dry-run --tag=CC --mode=link gcc -pthread ${MUTANT_CFLAGS-} -o "$work/$1" "$work/mutant.o" \
		"$builddir/tests/crash/$1.o" "$builddir/tests/support/libsupport.la" "$builddir/libimgmend-all.la" |
		sed -n 's/^libtool: link: gcc /gcc /p'
}

# build PATCH: the campaigns with that mutant, as $work/campaign, $work/faults and $work/alter
build() {
	local file
	file=$(sed -n 's,^+++ b/\([^[:blank:]]*\).*,\1,p' "$1")
	mkdir -p "$work/$(dirname "$file")"
	cp "$srcdir/$file" "$work/$file"
	patch -s -d "$work" -p1 <"$1" || fail "$(basename "$1") does not apply"
	gcc -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -pthread -O1 -w ${MUTANT_CFLAGS-} -I"$builddir" -I"$srcdir/lib" \
		-c "$work/$file" -o "$work/mutant.o" || fail "$(basename "$1") does not compile"
	eval "$link_campaign" && eval "$link_faults" && eval "$link_alter" || fail "$(basename "$1") does not link"
}

# is_caught: does one of the campaigns end with a loss? A mutant that dies or hangs is caught as well.
is_caught() {
	local c rc
	for c in "${campaigns[@]}"; do
		rc=0
		# The words of a campaign are split on purpose.
		timeout 100 "$work"/$c >"$work/log" 2>&1 || rc=$?
		[ $rc -eq 0 ] || return 0
	done
	return 1
}

# The executor itself passes what the mutants fail.
for campaign in "${campaigns[@]}"; do
	"$builddir/tests/crash"/$campaign >"$work/log" 2>&1 || fail "the executor itself fails $campaign: $(cat "$work/log")"
done

link_campaign=$(linker campaign) link_faults=$(linker faults) link_alter=$(linker alter)
[ -n "$link_campaign" ] && [ -n "$link_faults" ] && [ -n "$link_alter" ] || fail "libtool does not say how to link"
for mutant in "$srcdir"/tests/crash/mutants/*.patch; do
	made=$((made + 1))
	build "$mutant"
	if is_caught; then
		caught=$((caught + 1))
		printf 'caught: %s: %s\n' "$(basename "$mutant" .patch)" "$(grep -m 1 . "$work/log")"
	else
		printf 'NOT CAUGHT: %s: %s\n' "$(basename "$mutant" .patch)" "$(head -n 1 "$mutant")"
	fi
done
echo "mutants: $made, caught: $caught"
[ $made -ge 15 ] && [ $caught -eq $made ]
