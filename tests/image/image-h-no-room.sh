#!/usr/bin/env bash
# image-h-no-room.sh - two partitions up to the end of the disk, growth forbidden: a refusal with figures.
#
# The figure is put to the test: with that many bytes more at the end there is a plan, with one
# sector less there is none.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs jq mkfs.fat mcopy mkntfs ntfscp
find_helpers

fat=16383 ntfs=16384 # sectors: the second partition starts at 8 MiB, the disk ends with it
truncate -s $(((1 + fat + ntfs) * 512)) disk.img
mkmbr -c -i deadf011 disk.img 6:1:$fat 7:$((1 + fat)):$ntfs
make_volume fat16 FATVOL $((fat * 512)) 1
make_volume ntfs NTFSVOL $((ntfs * 512)) $((1 + fat))
place FATVOL disk.img 512
place NTFSVOL disk.img $(((1 + fat) * 512))
before=$(state_of disk.img)

run 4 plan --no-grow disk.img
run 4 fix --yes --no-grow disk.img
check_eq "the image after the refusal" "$before" "$(state_of disk.img)"
no_journal disk.img
says "the refusal tells how much is missing" '[0-9]+ bytes'
missing=$(cat out err | grep -iE 'missing|short|more|lack|need' | grep -oE '[0-9]+ bytes' | head -n 1)
missing=${missing% bytes}
[ -n "$missing" ] || { show_last; fail "the refusal names no number of missing bytes"; }
[ "$missing" -ge 7680 ] || fail "at least 7680 bytes are missing, the refusal says $missing"

run 4 fix --yes --no-grow --output copy.img disk.img
[ ! -e copy.img ] || fail "fix --output made a file although it refused"

truncate -s $(((1 + fat + ntfs) * 512 + missing - 512)) disk.img
run 4 fix --yes --no-grow disk.img
truncate -s $(((1 + fat + ntfs) * 512 + missing)) disk.img
run 1 fix --yes --no-grow disk.img
run 0 undo --yes disk.img

# Growth allowed, the same disk is repaired.
truncate -s $(((1 + fat + ntfs) * 512)) disk.img
run 4 plan --json disk.img
[ "$(jq .new_size out)" -gt "$(jq .old_size out)" ] || fail "without --no-grow the plan must grow the disk"
