#!/usr/bin/env bash
# library-hangs.sh - a foreign library that never answers is waited for 30 seconds a disk, and the others are heard all the same.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
. "$HERE/fault-lib.sh"
needs jq mkfs.fat
find_helpers
find_shim
STUCK=${SHIM%/*}/stuckfdisk.so
if [ ! -e "$STUCK" ]; then
	STUCK=$WORK/stuckfdisk.so
	${CC:-cc} -shared -fPIC -o "$STUCK" "$HERE/../support/stuckfdisk.c" || fail "stuckfdisk.so cannot be built"
fi

truncate -s 16M disk.img
mkmbr disk.img 6:8:16384
mkfs.fat -F 16 -s 1 --offset=8 disk.img 8192 >mkfs.log 2>&1 || fail "mkfs.fat: $(cat mkfs.log)"
LD_PRELOAD=$STUCK run 4 plan --json disk.img
check_eq "libraries that failed" libfdisk "$(jq -r '.findings[] | select(.id == "library-failed").owner' out)"
says "how libfdisk failed" "libfdisk failed on this image .on the disk as it is, it gave no answer within 30 seconds"
check_eq "readers that abstain" 1 "$(jq '[.notes[] | select(test("abstains"))] | length' out)"
! pgrep -f "$PROGRAM plan --json disk.img" || fail "a process was left behind"
