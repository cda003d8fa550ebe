#!/usr/bin/env bash
# chs.sh - loaders that read by cylinder, head and sector find their way after the repair.
#
# The master boot record reads the active partition's CHS fields, the boot sector counts from its hidden sectors and
# converts with the geometry in its BIOS parameter block; both are tests/boot/chs-*.S. The emulated PC guesses the
# disk's geometry from the ends of the table's entries, so these must keep implying the same geometry; that of 255
# heads, which it would not believe of a disk so small, it is told.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/boot.sh"
needs mkfs.fat mcopy fsck.fat ld

# make_disk IMAGE SECTOR HEADS TRACK CYLINDERS: one partition that ends with the last cylinder
make_disk() {
	local end=$(($3 * $4 * $5)) sectors
	sectors=$((end - $2))
	truncate -s $((end * 512)) "$1"
	mkmbr -i c45c45c4 -g "$3/$4" "$1" "6:$2:$sectors:active"
	boot_code chs-mbr.bin "$1"
	truncate -s $((sectors * 512)) volume
	mkfs.fat -F 16 -s 4 -h "$2" -g "$3/$4" -n CHS volume >/dev/null
	mcopy -i volume payload.bin ::
	dd if=chs-vbr.bin of=volume bs=1 count=3 conv=notrunc status=none
	dd if=chs-vbr.bin of=volume bs=1 skip=62 seek=62 conv=notrunc status=none
	put volume "$1" "$2"
	rm volume
}

assemble payload
assemble chs-mbr
assemble chs-vbr
VOLUMES=(1:fat)
make_disk disk.img 8 16 63 40
cp --sparse=always disk.img copy.img
refused chs-unknown-vbr copy.img 'may not boot.*unknown code in partition 1'
FIX=(--allow=unknown-boot-code)
KNOWN="true false table"
boot_cycle chs-16-63-lba8 disk.img
make_disk disk.img 1 4 17 600
boot_cycle chs-4-17-lba1 disk.img
GEOMETRY=,lcyls=1023,lheads=255,lsecs=63
make_disk disk.img 1 255 63 2
boot_cycle chs-255-63-lba1 disk.img
