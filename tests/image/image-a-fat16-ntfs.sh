#!/usr/bin/env bash
# image-a-fat16-ntfs.sh - MBR: FAT16 at LBA 1, NTFS right behind it without a gap.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/cycle.sh"
needs sfdisk parted jq mkfs.fat fsck.fat mcopy mdir mkntfs ntfscp ntfscat ntfsfix
find_helpers

fat16_then_ntfs disk.img 2048

VOLUMES=(1:fat16:FATVOL:abs 2:ntfs:NTFSVOL:abs)
full_cycle disk.img partition-in-reserved-area
