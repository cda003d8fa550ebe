#!/usr/bin/env bash
# image-e-gpt-short.sh - GPT with an array of four entries: exFAT at LBA 6, ext4 behind it, then a gap.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/cycle.sh"
needs sfdisk parted sgdisk jq mkfs.exfat fsck.exfat mke2fs e2fsck debugfs
find_helpers

exfat=24576 ext=20480 # sectors
truncate -s $(((6 + exfat + ext + 4096) * 512)) disk.img
mkgpt -n 4 -f 4 disk.img "6:$exfat:card data" "$((6 + exfat)):$ext:root:4"
make_volume exfat EXVOL $((exfat * 512)) 6
make_volume ext4 EXTVOL $((ext * 512)) 0
place EXVOL disk.img $((6 * 512))
place EXTVOL disk.img $(((6 + exfat) * 512))

VOLUMES=(1:exfat:EXVOL:abs 2:ext4:EXTVOL:none)
full_cycle disk.img partition-in-reserved-area

# Both copies of the table, in the eyes of sgdisk, which warns of what does not match.
run 1 fix --yes --output new.img disk.img
sgdisk -v new.img >sgdisk.out 2>&1 || true
grep -q 'No problems found' sgdisk.out || fail "sgdisk -v finds problems: $(cat sgdisk.out)"
check_eq "entries of the array" 4 "$(le new.img $((512 + 80)) 4)"
