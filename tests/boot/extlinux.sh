#!/usr/bin/env bash
# extlinux.sh - EXTLINUX on ext4 at sector 8 boots before the repair, after it, and after undo.
#
# The master boot record's code is SYSLINUX's; the boot sector and ldlinux.sys find their blocks by sectors counted from the
# beginning of the partition. Installed by extlinux itself, which wants the file system mounted.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/boot.sh"
needs extlinux mke2fs e2fsck losetup ld
mbr=/usr/lib/syslinux/mbr/mbr.bin
[ -e "$mbr" ] || fail "the test needs the package syslinux-common, which is not installed"
# with the partition at sector 8 it ends with a cylinder of 16 heads and 63 sectors, by which the code that reads by CHS finds it
sectors=$((49 * 16 * 63 - 8))

# make_disk IMAGE SECTOR
make_disk() {
	truncate -s $((($2 + sectors) * 512)) "$1"
	mkmbr -i e47115ec -g 16/63 "$1" "83:$2:$sectors:active"
	boot_code $mbr "$1"
	truncate -s $((sectors * 512)) volume
	mke2fs -q -F -t ext4 -O ^64bit -L EXTLINUX volume
	attach_loop volume
	mkdir -p mnt
	mount "$LOOP" mnt || skip "the loop device cannot be mounted"
	MOUNTS+=("$WORK/mnt")
	mkdir mnt/boot
	printf 'DEFAULT ours\nLABEL ours\n\tBOOT /boot/payload.bin\n' >mnt/boot/extlinux.conf
	cp payload.bin mnt/boot/
	extlinux --install mnt/boot
	umount mnt
	MOUNTS=()
	detach_loop "$LOOP"
	put volume "$1" "$2"
	rm volume
}

# The boot sector's own record of its place, which extlinux takes from the kernel: on a disk's partition its first
# sector, on a loop device 0. It counts where the master boot record does not hand over the partition's entry, as
# SYSLINUX's does.
hidden() {
	write_number "$1" $(($2 * 512 + 28)) 4 "$2"
	boot_code chs-mbr.bin "$1"
}

follows() {
	check_eq "hidden sectors in EXTLINUX's boot sector" "$(le "$1" 454 4)" "$(le "$1" $(($(le "$1" 454 4) * 512 + 28)) 4)"
}

assemble payload
assemble chs-mbr
VOLUMES=(1:ext)
make_disk disk.img 8
boot_cycle extlinux-lba8 disk.img
make_disk disk.img 1
boot_cycle extlinux-lba1 disk.img

LOOKS=follows
make_disk disk.img 8
hidden disk.img 8
boot_cycle extlinux-hidden-lba8 disk.img
