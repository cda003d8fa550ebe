#!/usr/bin/env bash
# ntfs-combined.sh - MBR: NTFS at LBA 8 that has a file's data in its boot area too: one plan, one repair, one undo.
#
# Then a disk whose partition lies well: the volume alone is repaired, nothing moves.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/cycle.sh"
. "$HERE/ntfs-lib.sh"
find_ntfs_helpers
needs sfdisk parted

ntfs=32768 # sectors

# disk LBA: disk.img with such a volume there
disk() {
	rm -f disk.img
	truncate -s $((($1 + ntfs + 2048) * 512)) disk.img
	mkmbr -c -i 4096b8b8 disk.img "7:$1:$ntfs:active"
	make_volume ntfs NTFSVOL $((ntfs * 512)) "$1"
	quiet mkbadntfs -o /random.bin NTFSVOL.vol
	place NTFSVOL disk.img $(($1 * 512))
}

# judge START: the volume at that byte is good, and knows where it is
judge() {
	cut_out disk.img "$1" $((ntfs * 512)) vol
	ntfs_good vol
	check_position ntfs vol $(($1 / 512)) NTFSVOL
	check_fs ntfs vol NTFSVOL
}

disk 8
ntfs_scan disk.img 4096 random.bin
check_eq "severity of the partition's place" error "$(finding partition-in-reserved-area severity)"
VOLUMES=(1:ntfs:NTFSVOL:abs)
full_cycle disk.img partition-in-reserved-area
ntfs_fix disk.img
check_eq "partitions after the repair" 1 "$(layout disk.img | wc -l)"
judge "$(layout disk.img | cut -f2)"
ntfs_undo disk.img

# Where only the volume is to be repaired, no table changes and nothing moves.
disk 2048
ntfs_scan disk.img $MIB random.bin
check_eq "findings on the partition's place" "" "$(finding partition-in-reserved-area severity)"
ntfs_fix disk.img
cmp -n $MIB old.img disk.img || fail "something before the partition changed"
judge $MIB
ntfs_undo disk.img
