#!/usr/bin/env bash
# image-c-logical.sh - MBR: FAT32 at LBA 1, an extended partition with three logical ones up to the disk's end.
#
# The logical FAT16 records its position as counted from its EBR, as DOS did; the logical NTFS
# counts from the start of the disk. Each keeps its habit.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/cycle.sh"
needs sfdisk parted jq mkfs.fat fsck.fat mcopy mkntfs ntfscp ntfscat ntfsfix mke2fs e2fsck debugfs
find_helpers

fat32=81920 ext=$((1 + 81920)) l5=16384 l6=24576 l7=20480 # sectors
ebr5=$ext ebr6=$((ext + 63 + l5))
ebr7=$((ebr6 + 63 + l6))
end=$((ebr7 + 63 + l7))
truncate -s $((end * 512)) disk.img
mkmbr -c -i 10671ca1 disk.img c:1:$fat32:active f:$ext:$((end - ext)) \
	L:6:$ebr5:$((ebr5 + 63)):$l5 L:83:$ebr6:$((ebr6 + 63)):$l6 L:7:$ebr7:$((ebr7 + 63)):$l7
make_volume fat32 FATMAIN $((fat32 * 512)) 1
make_volume fat16 FATLOG $((l5 * 512)) 63
make_volume ext4 EXTLOG $((l6 * 512)) 0
make_volume ntfs NTFSLOG $((l7 * 512)) $((ebr7 + 63))
place FATMAIN disk.img 512
place FATLOG disk.img $(((ebr5 + 63) * 512))
place EXTLOG disk.img $(((ebr6 + 63) * 512))
place NTFSLOG disk.img $(((ebr7 + 63) * 512))

VOLUMES=(1:fat32:FATMAIN:abs 5:fat16:FATLOG:ebr 6:ext4:EXTLOG:none 7:ntfs:NTFSLOG:abs)
full_cycle disk.img partition-in-reserved-area
