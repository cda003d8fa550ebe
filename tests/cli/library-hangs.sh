#!/usr/bin/env bash
# library-hangs.sh - a foreign library that never answers is waited for 30 seconds a disk, and the others are heard all the same.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
. "$HERE/fault-lib.sh"
needs jq mkfs.fat
find_helpers
find_shim
find_module stuckfdisk
make_low_fat disk.img

LD_PRELOAD=$MODULE run 4 plan --json disk.img
check_eq "libraries that failed" libfdisk "$(jq -r '.findings[] | select(.id == "library-failed").owner' out)"
says "how libfdisk failed" "libfdisk failed on this image .on the disk as it is, it gave no answer within 30 seconds"
check_eq "readers that abstain" 1 "$(jq '[.notes[] | select(test("abstains"))] | length' out)"
! pgrep -f "$PROGRAM plan --json disk.img" || fail "a process was left behind"
