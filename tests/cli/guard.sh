#!/usr/bin/env bash
# guard.sh - layouts in which something lies, or would come to lie, over something else: refused, both named, nothing written.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
needs mkfs.fat sgdisk
find_helpers

# fat START SECTORS: a FAT12 volume with one reserved sector at that sector of disk.img
fat() {
	rm -f vol
	truncate -s $(($2 * 512)) vol
	mkfs.fat -F 12 -R 1 -h "$1" vol >/dev/null
	dd if=vol of=disk.img bs=512 seek="$1" conv=notrunc status=none
}

# refused WHAT REGEX [OPTION...]
refused() {
	local before what=$1 regex=$2
	shift 2
	before=$(state_of disk.img)
	run 4 plan "$@" disk.img
	says "$what" "$regex"
	run 4 fix --yes "$@" disk.img
	says "$what" "$regex"
	check_eq "$what: the image" "$before" "$(state_of disk.img)"
	no_journal disk.img
}

new_disk() {
	rm -f disk.img
	truncate -s $(($1 * 512)) disk.img
}

# A GPT whose last partition goes to the end of the disk: its backup has no place.
new_disk 4096
mkgpt disk.img 2048:1000:DATA
sgdisk -v disk.img >/dev/null 2>&1 || true
fat 2048 2048
printf '\0\0\0\0\0\0\0\0' | dd of=disk.img bs=1 seek=$((4095 * 512)) conv=notrunc status=none
run "0|4" plan --only fat-reserved-short disk.img
mkgpt disk.img 2048:2048:DATA
refused "a partition over the backup GPT" 'partition 1 and .*backup GPT .*over each other' --only fat-reserved-short

# A logical partition past the end of its extended one, which moves.
new_disk 8192
mkmbr disk.img 83:8:1000 f:2048:1000 L:83:2048:2050:2000
refused "a logical partition past its extended one" 'logical partition 5 does not lie wholly inside'

# An EBR in the slack of a logical partition.
new_disk 8192
mkmbr disk.img f:2048:6000 L:1:2048:2049:3000 L:83:4096:5200:1000
fat 2049 1000
refused "an EBR in a partition" 'partition 5 and the extended boot record at byte 2097152 .*over each other' --only fat-reserved-short

# Partitions that overlap only by their table.
new_disk 8192
mkmbr disk.img 83:8:4000 83:2048:1000
refused "primary partitions over each other" 'overlap'

# An entry of a hybrid MBR that the GPT does not have, right behind the partition that would grow.
new_disk 16384
sgdisk -o -n 1:2048:+4080 -t 1:0700 -h 1 disk.img >/dev/null 2>&1
fat 2048 4080
printf '\0\0\0\0\203\0\0\0\360\027\0\0\320\007\0\0' | dd of=disk.img bs=1 seek=$((446 + 32)) conv=notrunc status=none
dd if=/dev/urandom of=disk.img bs=512 seek=6128 count=2000 conv=notrunc status=none
dd if=/dev/urandom of=disk.img bs=512 seek=40 count=2000 conv=notrunc status=none
refused "an entry that only the MBR has" 'entry 3 of the MBR' --only fat-reserved-short
