#!/usr/bin/env bash
# grub-gap.sh - GRUB 2 whose core.img lies between partitions: left in peace where the repair does not touch it,
# refused where the corrected layout would overwrite it, and followed where it is the content of a partition that
# moves.
#
# A partition in the first 8 KiB leaves no room behind the master boot record; so core.img lies in the gap between the
# first partition and the second, or, on a GPT, in a BIOS boot partition at sector 8. Where only the reserved sectors
# of a FAT volume are made more, core.img has its usual place from sector 1 on: the partition begins sooner only where
# that leaves core.img alone.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/boot.sh"
. "$BOOT/grub-lib.sh"
needs mke2fs e2fsck mkfs.fat mcopy fsck.fat
sectors=32768
echo "BOOTED $TOKEN" >token

# system_volume: the file volume, ext4 with /boot/grub/token
system_volume() {
	mkdir -p tree/boot/grub
	cp token tree/boot/grub/
	truncate -s $((sectors * 512)) volume
	mke2fs -q -F -t ext4 -L GRUB -d tree volume
}

# small_volume SECTOR SECTORS: the file small, a FAT12 volume
small_volume() {
	truncate -s $(($2 * 512)) small
	mkfs.fat -F 12 -h "$1" -g 255/63 -n SMALL small >/dev/null
}

# gap_disk IMAGE SMALL CORE SECOND: a FAT12 volume of SMALL sectors at sector 8, core.img at CORE, ext4 at SECOND
gap_disk() {
	truncate -s $((($4 + sectors) * 512)) "$1"
	mkmbr -i 96b06a90 "$1" "1:8:$2" "83:$4:$sectors:active"
	small_volume 8 "$2"
	put small "$1" 8
	put volume "$1" "$4"
	grub_install "$1" 0 "$3:$CORE_SECTORS"
}

# The list and the pointer are what they were: core.img has not moved.
stays() {
	cmp -n 440 old.img "$1" && cmp -i $((CORE * 512)) -n $((CORE_SECTORS * 512)) old.img "$1" ||
		fail "boot.img or core.img changed, which did not have to"
}

system_volume
grub_core '(hd0,msdos2)/boot/grub' token part_msdos ext2
VOLUMES=(1:fat 2:ext)
CORE=512
LOOKS=stays
gap_disk disk.img 160 $CORE 4096
boot_cycle grub-gap-valid disk.img
LOOKS=true
gap_disk disk.img 16384 16500 20480
refused grub-gap-overwritten disk.img GRUB

grub_core '(hd0,gpt2)/boot/grub' token part_gpt ext2
VOLUMES=(2:ext)
truncate -s $(((4096 + sectors + 34) * 512)) disk.img
mkgpt disk.img 8:512:bios-boot "4096:$sectors:system"
put volume disk.img 4096
grub_install disk.img 0 "8:$CORE_SECTORS"
boot_cycle grub-gpt-bios-boot disk.img

# fat_disk IMAGE SECTOR: FAT16 from that sector on, core.img from sector 1 on
fat_disk() {
	truncate -s $((($2 + sectors) * 512)) "$1"
	mkmbr -i 96b0fa70 "$1" "6:$2:$sectors:active"
	rm -f volume
	truncate -s $((sectors * 512)) volume
	mkfs.fat -F 16 -s 4 -h "$2" -g 255/63 -n GRUB volume >/dev/null
	mcopy -i volume token ::
	put volume "$1" "$2"
	grub_install "$1" 0 "1:$CORE_SECTORS"
}

grub_core '(hd0,msdos1)' token part_msdos fat
VOLUMES=(1:fat)
FIX=(--only fat-reserved-short)
FOUND=0
CORE=1
LOOKS=stays
fat_disk disk.img 2048
boot_cycle grub-gap-fat-reserved disk.img
fat_disk disk.img $((CORE_SECTORS + 4))
boot_cycle grub-gap-fat-reserved-tight disk.img
