#!/usr/bin/env bash
# image-b-ntfs-lba8.sh - MBR: NTFS at LBA 8, where a tool puts it that takes the boot area for 4096 bytes.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/cycle.sh"
needs sfdisk parted jq mkntfs ntfscp ntfscat ntfsfix
find_helpers

# The partition ends with the disk: the file has to grow.
ntfs=32768 # sectors
truncate -s $(((8 + ntfs) * 512)) disk.img
mkmbr -c -i 4096b8b8 disk.img 7:8:$ntfs:active
make_volume ntfs NTFSVOL $((ntfs * 512)) 8
place NTFSVOL disk.img 4096

VOLUMES=(1:ntfs:NTFSVOL:abs)
full_cycle disk.img partition-in-reserved-area
[ "$(jq .new_size plan.json)" -gt "$(jq .old_size plan.json)" ] ||
	fail "the disk is full up to its end, yet the plan does not grow it"
