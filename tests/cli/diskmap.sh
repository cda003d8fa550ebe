#!/usr/bin/env bash
# diskmap.sh - the drawing of a plan: the disk before and after, and the first 8 KiB sector by sector.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
. "$HERE/ntfs-lib.sh"
find_ntfs_helpers

# line WHICH: that line of the drawing, without its name
line() {
	grep "^  $1 " part | sed "s/^  $1 *//" | sed -n "${2:-1}p"
}

# 1 at sector 1, 2 in the second half
truncate -s $((64 * MIB)) disk.img
mkmbr -c -i c0ffee20 disk.img 83:1:40000 83:65536:60000
run 4 plan disk.img
cp out part
check_eq "the bar before" "[111111111111111111111............2222222222222222222222222222222..]" "$(line before 1)"
check_eq "the bar after" "[.111111111111111111111...........2222222222222222222222222222222..]" "$(line after 1)"
check_eq "sectors before" "T 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1" "$(line before 2 | tr -s ' ')"
check_eq "sectors after" "T . . . . . . . . . . . . . . ." "$(line after 2 | tr -s ' ')"
check_eq "columns" 80 "$(awk '/^  before / && /\[/ { print length($0) + 2 }' part)"
COLUMNS=120 "$IMGMEND" plan disk.img >part || true
check_eq "columns that are asked for" 120 "$(awk '/^  before / && /\[/ { print length($0) + 2 }' part)"

# a disk that grows: what is new is not there before
truncate -s $(((1 + 65536) * 512)) disk.img
mkmbr -c -i c0ffee20 disk.img 83:1:65536
run 4 plan disk.img
cp out part
line before 1 | grep -qE '^\[1+ +\]$' || fail "the end that a disk grows by: $(line before 1)"
line after 1 | grep -qE '^\[\.+1+\]$' || fail "a disk that has grown: $(line after 1)"

# a file in the boot area of a volume; nothing of the layout changes
ntfs_format 4096 $((16 * MIB))
quiet ntfsfill vol plain /plain 100000
quiet mkbadntfs -o /plain vol
run 4 plan vol
cp out part
check_eq "sectors of the volume before" "B B B B B B B B D D D D D D D D" "$(line before | tr -s ' ')"
check_eq "sectors of the volume after" "B B B B B B B B B B B B B B B B" "$(line after | tr -s ' ')"
! grep -q "digits are partitions" part || fail "a disk is drawn whose layout stays"

# colours only where they are wanted
"$IMGMEND" plan --color=always vol >part || true
grep -q "$(printf '\033\\[1;31m D')" part || fail "data in the boot area has no colour"
