#!/usr/bin/env bash
# grub-blocklist.sh - GRUB 2 whose core.img is a file of the partition that moves boots before, after, and after undo.
#
# Where there is no room behind the master boot record, boot.img names the first sector of /boot/grub/core.img, and
# that sector lists the others, all by their number on the disk. On ext4 the file lies in several pieces, so that the
# list has several entries.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/boot.sh"
. "$BOOT/grub-lib.sh"
needs mke2fs e2fsck debugfs dumpe2fs mkfs.fat mcopy mshowfat fsck.fat
mbr=/usr/lib/syslinux/mbr/mbr.bin
[ -e "$mbr" ] || fail "the test needs the package syslinux-common, which is not installed"
sectors=49152
echo "BOOTED $TOKEN" >token

EXTENDED=	# the sector of an extended partition in which ext_disk makes the partition, instead of a primary one

# ext_disk IMAGE SECTOR BOOT: ext4 in blocks of 1 KiB, in which the free blocks lie in pieces of 8; boot.img in sector
# BOOT
ext_disk() {
	local i runs table=("83:$2:$sectors:active")
	[ -z "$EXTENDED" ] || table=("f:$EXTENDED:$(($2 + sectors - EXTENDED))" "L:83:$EXTENDED:$2:$sectors")
	truncate -s $((($2 + sectors) * 512)) "$1"
	mkmbr -i 96b2b10c "$1" "${table[@]}"
	mkdir -p tree/boot/grub tree/pieces
	cp token tree/boot/grub/
	for i in $(seq 10 50); do head -c 8192 /dev/urandom >tree/pieces/$i; done
	truncate -s $((sectors * 512)) volume
	mke2fs -q -F -t ext4 -b 1024 -L GRUB -d tree volume
	for i in $(seq 10 2 50); do echo "rm /pieces/$i"; done >commands
	echo 'write core.img /boot/grub/core.img' >>commands
	debugfs -w -f commands volume >debugfs.out 2>&1
	e2fsck -fy volume >fsck.log 2>&1 || [ $? = 1 ] || fail "debugfs has spoilt the volume"
	mapfile -t runs < <(ext_runs volume /boot/grub/core.img "$2")
	[ ${#runs[@]} -gt 2 ] || fail "core.img was to lie in several pieces, but lies at ${runs[*]}"
	put volume "$1" "$2"
	grub_install "$1" "$3" "${runs[@]}"
	rm -r volume tree
}

# fat_disk IMAGE SECTOR BOOT: the same with FAT16
fat_disk() {
	local runs
	truncate -s $((($2 + sectors) * 512)) "$1"
	mkmbr -i 96b2b10c "$1" "6:$2:$sectors:active"
	truncate -s $((sectors * 512)) volume
	mkfs.fat -F 16 -s 4 -h "$2" -g 255/63 -n GRUB volume >/dev/null
	mmd -i volume ::/boot ::/boot/grub
	mcopy -i volume token core.img ::/boot/grub/
	mapfile -t runs < <(fat_runs volume /boot/grub/core.img "$2")
	put volume "$1" "$2"
	grub_install "$1" "$3" "${runs[@]}"
	rm volume
}

# from_partition DISK-MAKER SECTOR: boot.img in the boot sector of the partition, which SYSLINUX's master boot record starts
from_partition() {
	"$1" disk.img "$2" "$2"
	boot_code $mbr disk.img
}

VOLUMES=(1:ext)
grub_core '(hd0,msdos1)/boot/grub' token part_msdos ext2
ext_disk disk.img 8 0
boot_cycle grub-blocklist-ext4-lba8 disk.img
from_partition ext_disk 8
boot_cycle grub-partition-ext4-lba8 disk.img
VOLUMES=(1:fat)
grub_core '(hd0,msdos1)/boot/grub' token part_msdos fat
fat_disk disk.img 1 0
boot_cycle grub-blocklist-fat16-lba1 disk.img
from_partition fat_disk 1
boot_cycle grub-partition-fat16-lba1 disk.img

# Inside the volume everything moves right, as it gets more reserved sectors.
FIX=(--only fat-reserved-short)
FOUND=0
fat_disk disk.img 16 0
boot_cycle grub-blocklist-fat-reserved disk.img
FIX=()
FOUND=4

VOLUMES=(5:ext)
EXTENDED=8
grub_core '(hd0,msdos5)/boot/grub' token part_msdos ext2
ext_disk disk.img 9 0
boot_cycle grub-blocklist-logical disk.img
