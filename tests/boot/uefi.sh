#!/usr/bin/env bash
# uefi.sh - disks with an EFI system partition at sector 8, of an MBR or a GPT, boot before, after, and after undo.
#
# The firmware is OVMF; it finds \EFI\BOOT\BOOTX64.EFI on the FAT volume, a GRUB 2 that reads a file of the same
# volume. It keeps no boot entries from one boot to the next, as its variables are a snapshot as well.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/boot.sh"
needs grub-mkimage mkfs.fat mcopy mmd fsck.fat
[ -e /usr/lib/grub/x86_64-efi/moddep.lst ] || fail "the test needs the package grub-efi-amd64-bin, which is not installed"
code=/usr/share/OVMF/OVMF_CODE_4M.fd vars=/usr/share/OVMF/OVMF_VARS_4M.fd
[ -e $code ] || fail "the test needs the package ovmf, which is not installed"
FIRMWARE=(-machine q35 -drive if=pflash,unit=0,format=raw,readonly=on,file=$code
	-drive if=pflash,unit=1,format=raw,snapshot=on,file=$vars)
sectors=65528
echo "BOOTED $TOKEN" >token

# system_partition SECTOR: the file volume
system_partition() {
	printf 'serial --unit=0\nterminal_output serial\ncat $prefix/token\n' >early.cfg
	grub-mkimage -O x86_64-efi -p /EFI/BOOT -c early.cfg -o BOOTX64.EFI fat part_msdos part_gpt serial terminal cat
	truncate -s $((sectors * 512)) volume
	mkfs.fat -F 16 -s 4 -h "$1" -g 255/63 -n ESP volume >/dev/null
	mmd -i volume ::/EFI ::/EFI/BOOT
	mcopy -i volume token BOOTX64.EFI ::/EFI/BOOT/
}

VOLUMES=(1:fat)
system_partition 8
truncate -s 34M disk.img
mkmbr -i 0ef10ef1 disk.img "ef:8:$sectors"
put volume disk.img 8
boot_cycle uefi-mbr-lba8 disk.img

truncate -s 34M disk.img
mkgpt disk.img "8:$sectors:esp"
put volume disk.img 8
boot_cycle uefi-gpt-lba8 disk.img
