#!/usr/bin/env bash
# syslinux.sh - SYSLINUX on FAT16 and FAT32 at sectors 1 and 8, and on a GPT, boots before, after, and after undo.
#
# The master boot record's code is SYSLINUX's own; the volume's boot sector finds ldlinux.sys by sectors counted from the
# beginning of the partition, which the hidden sectors give where the master boot record does not hand over the partition's
# entry. The configuration starts a boot sector of our own.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/boot.sh"
needs syslinux mkfs.fat mcopy fsck.fat ld
mbr=/usr/lib/syslinux/mbr
[ -e $mbr/mbr.bin ] || fail "the test needs the package syslinux-common, which is not installed"

end=$((32 * 16 * 63))	# of the partition: a cylinder's, as code that reads by CHS needs it
FAT=16			# 12, 16 or 32
sectors=

# syslinux_volume SECTOR: the file volume
syslinux_volume() {
	sectors=$((end - $1))
	truncate -s $((sectors * 512)) volume
	mkfs.fat -F $FAT -s $((FAT == 32 ? 1 : 4)) -h "$1" -g 16/63 -n SYSLINUX volume >/dev/null
	printf 'DEFAULT ours\nLABEL ours\n\tBOOT payload.bin\n' >syslinux.cfg
	mcopy -i volume syslinux.cfg payload.bin ::
	syslinux --install volume
}

# mbr_disk SECTOR CODE: disk.img
mbr_disk() {
	syslinux_volume "$1"
	truncate -s $((end * 512)) disk.img
	mkmbr -g 16/63 -i 515115ec disk.img "$([ $FAT = 32 ] && echo b || echo 6):$1:$sectors:active"
	boot_code "$2" disk.img
	put volume disk.img "$1"
}

assemble payload
assemble chs-mbr
VOLUMES=(1:fat)
mbr_disk 8 $mbr/mbr.bin
boot_cycle syslinux-lba8 disk.img
mbr_disk 1 chs-mbr.bin
boot_cycle syslinux-hidden-lba1 disk.img

# The bootable partition of a GPT has the attribute 2.
syslinux_volume 8
truncate -s $(((end + 8) * 512)) disk.img
boot_code $mbr/gptmbr.bin disk.img
mkgpt disk.img "8:$sectors:system:4"
put volume disk.img 8
boot_cycle syslinux-gpt-lba8 disk.img

FAT=32
end=$((70 * 16 * 63))
mbr_disk 8 chs-mbr.bin
boot_cycle syslinux-fat32-lba8 disk.img
