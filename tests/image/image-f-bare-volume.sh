#!/usr/bin/env bash
# image-f-bare-volume.sh - an NTFS volume at byte 4096 of a disk without any table.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/cycle.sh"
needs blkid sfdisk jq mkntfs ntfscp ntfscat ntfsfix
find_helpers

BARE_START=4096 BARE_SIZE=$((24 * MIB))
truncate -s $((BARE_START + BARE_SIZE)) disk.img
make_volume ntfs NTFSVOL $BARE_SIZE 8
place NTFSVOL disk.img $BARE_START

VOLUMES=(0:ntfs:NTFSVOL:abs)
full_cycle disk.img volume-in-reserved-area

# No table may be invented, and blkid finds the volume in its new place.
run 1 fix --yes --output new.img disk.img
volume_place 0
check_eq "what blkid finds at $VSTART" ntfs "$(blkid -p -O "$VSTART" -s TYPE -o value new.img)"
check_eq "non-zero bytes in the first sector" "" "$(head -c 512 new.img | tr -d '\0')"
