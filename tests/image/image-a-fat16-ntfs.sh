#!/usr/bin/env bash
# image-a-fat16-ntfs.sh - MBR: FAT16 at LBA 1, NTFS right behind it without a gap.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/cycle.sh"
needs sfdisk parted jq mkfs.fat fsck.fat mcopy mdir mkntfs ntfscp ntfscat ntfsfix
find_helpers

fat=16384 ntfs=24576 # sectors
truncate -s $(((1 + fat + ntfs + 2048) * 512)) disk.img
mkmbr -c -i c0ffee16 disk.img 6:1:$fat 7:$((1 + fat)):$ntfs:active
make_volume fat16 FATVOL $((fat * 512)) 1
make_volume ntfs NTFSVOL $((ntfs * 512)) $((1 + fat))
place FATVOL disk.img 512
place NTFSVOL disk.img $(((1 + fat) * 512))

VOLUMES=(1:fat16:FATVOL:abs 2:ntfs:NTFSVOL:abs)
full_cycle disk.img partition-in-reserved-area
