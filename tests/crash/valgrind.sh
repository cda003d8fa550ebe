#!/usr/bin/env bash
# valgrind.sh - the unit tests, a short crash and fault campaign, and the program in tests at the command line and on
# whole images, under valgrind: no read of what nothing wrote, no access outside a block, no leak.
#
# CK_FORK=no lets valgrind see one process from the start to the end of a suite. The children that read a disk with a
# foreign library are watched as well: every process has a log of its own, which must hold no error.
set -eu
builddir=${builddir:?set by make check}
srcdir=${srcdir:?set by make check}
export CK_FORK=no CK_TIMEOUT_MULTIPLIER=50
work=$(mktemp -d "${TMPDIR:-/tmp}/imgmend-valgrind.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0 run=0

command -v valgrind >/dev/null || { echo "SKIP: valgrind is not installed"; exit 77; }
# A sanitizer's run time and valgrind each want to be the one that watches the memory.
case ${MUTANT_CFLAGS-} in
*-fsanitize*) echo "SKIP: valgrind does not go together with sanitizers"; exit 77 ;;
esac

# A child that kills itself is under test there; the sandbox refuses the call by which valgrind would pass that on.
left_out=" check_child "

VALGRIND=(valgrind --quiet --sim-hints=lax-ioctls --error-exitcode=99 --leak-check=full
	--errors-for-leak-kinds=definite,indirect,possible --num-callers=40 --log-file="$work/%p.watched"
	--suppressions="$srcdir/tests/valgrind.supp")
execute="$builddir/libtool --quiet --mode=execute"

# watch NAME COMMAND...: a program of this tree
watch() {
	local name=$1
	shift
	judge "$name" $execute "${VALGRIND[@]}" "$@"
}

# script FILE: of the tests of the program, which comes to it under valgrind
script() {
	judge "$(basename "$1")" env IMGMEND="$work/bin/imgmend" bash "$srcdir/$1"
}

mkdir "$work/bin"
printf '#!/bin/sh\nexec %s %s "%s" "$@"\n' "$execute" "${VALGRIND[*]}" "$builddir/src/imgmend" >"$work/bin/imgmend"
chmod +x "$work/bin/imgmend"

# judge NAME COMMAND...: does it succeed, and does no log hold an error?
judge() {
	local began=$SECONDS rc=0 name=$1
	shift
	run=$((run + 1))
	rm -f "$work"/*.watched "$work/log"
	"$@" >"$work/log" 2>&1 || rc=$?
	# lines that begin with -- tell of system calls that valgrind does not know
	if grep -q '^==' "$work"/*.watched; then
		grep -h '^==' "$work"/*.watched
		rc=99
	fi
	case $rc in
	0) printf '%-20s ok, %d s\n' "$name" $((SECONDS - began)) ;;
	77) printf '%-20s skipped: %s\n' "$name" "$(tail -n 1 "$work/log")" ;;
	*)
		cat "$work/log"
		printf 'FAIL: %s, exit status %d, %d s\n' "$name" $rc $((SECONDS - began))
		failed=$((failed + 1))
		;;
	esac
}

for program in "$builddir"/tests/unit/check_*; do
	[ -x "$program" ] && [ -f "$program" ] || continue
	name=$(basename "$program")
	case $name in
	*.*) continue ;;
	esac
	if [[ $left_out == *" $name "* ]]; then
		printf '%-20s left out: the sandbox of its children does not go together with valgrind\n' "$name"
		continue
	fi
	watch "$name" "$program"
done
watch campaign "$builddir/tests/crash/campaign" --plans 6 --seed 3 --cuts 12
watch shift "$builddir/tests/crash/campaign" --plans 1 --seed 7 --cuts 12 --shift 7680
watch faults "$builddir/tests/crash/faults" --plans 3 --seed 3 --points 12
watch alter "$builddir/tests/crash/alter" --plans 6 --seed 3
for file in cli/addtable cli/guard cli/journals cli/json cli/manifest cli/only cli/sectorsize image/image-a-fat16-ntfs \
	image/image-c-logical image/image-e-gpt-short image/fat-reserved image/ntfs-combined image/ntfs-refusals image/real; do
	script "tests/$file.sh"
done
echo "programs: $run, failed: $failed"
[ $failed -eq 0 ] && [ $run -ge 4 ]
