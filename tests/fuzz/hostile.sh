#!/usr/bin/env bash
# hostile.sh - the program itself, witnesses and children included, on the disks that fuzzing found interesting.
#
# replay has stubs for foreign libraries; here they run. Every image must be judged: clean, or with findings, or no raw
# disk; and not one byte of it may change. HOSTILE_STEP=1 takes every input (default: every tenth).
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
find_helpers
unpack=${builddir:-$IMGMEND_TEST_SUPPORT/../..}/tests/fuzz/unpack
[ -x "$unpack" ] || fail "$unpack has not been built"
step=${HOSTILE_STEP:-10}

# answers ARGUMENT...: clean or with findings; containers and scraps are no raw disks, and that is said
answers() {
	local rc=0
	LAST=(imgmend "$@")
	timeout 60 "$IMGMEND" "$@" > out 2> err < /dev/null || rc=$?
	case $rc in
	0) return ;;
	4) [ -s out ] || [ -s err ] && return ;;
	8) grep -Eq "not a raw disk image|too small" err && return ;;
	esac
	show_last
	fail "imgmend $* on $input: exit status $rc"
}

tried=0 n=0
for input in "$HERE"/../fuzz/corpus/{scan,image,filesystems}/*; do
	n=$((n + 1))
	[ $((n % step)) = 0 ] || continue
	rc=0
	"$unpack" "$input" disk.img || rc=$?
	[ "$rc" != 1 ] || continue
	[ "$rc" = 0 ] || fail "unpack $input: exit status $rc"
	before=$(cksum < disk.img)
	answers scan --deep disk.img
	answers plan disk.img
	[ "$(cksum < disk.img)" = "$before" ] || fail "scan or plan has written to the disk of $input"
	tried=$((tried + 1))
done
[ "$tried" -ge 50 ] || fail "only $tried images"
echo "$tried images"
