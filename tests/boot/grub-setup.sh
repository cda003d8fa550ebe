#!/usr/bin/env bash
# grub-setup.sh - what GRUB's own grub-bios-setup has installed boots before the repair, after it, and after undo.
#
# Once as block lists into an ext4 partition at sector 8, where it finds no room for core.img, and once into a BIOS boot
# partition at sector 8 of a GPT, where it adds the data by which core.img mends itself. It wants a disk whose partitions the
# kernel knows: a loop device.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/boot.sh"
. "$BOOT/grub-lib.sh"
needs mke2fs e2fsck losetup partx
sectors=49152
echo "BOOTED $TOKEN" >token

# install_grub IMAGE NUMBER: onto the disk, whose partition of that number gets ext4 and /boot/grub
install_grub() {
	local part
	attach_loop "$1"
	part=${LOOP}p$2
	partx -a "$LOOP" 2>partx.err && [ -b "$part" ] || skip "loop devices have no partitions here ($(cat partx.err))"
	mke2fs -q -F -t ext4 -L GRUB "$part"
	mkdir -p mnt
	mount "$part" mnt || skip "the loop device cannot be mounted"
	MOUNTS+=("$WORK/mnt")
	mkdir -p mnt/boot/grub/i386-pc
	cp token mnt/boot/grub/
	cp core.raw mnt/boot/grub/i386-pc/core.img
	cp $GRUB_DIR/boot.img mnt/boot/grub/i386-pc/
	echo "(hd0) $LOOP" >mnt/boot/grub/device.map
	sync -f mnt
	$GRUB_DIR/grub-bios-setup --force --skip-fs-probe -d mnt/boot/grub/i386-pc \
		-m mnt/boot/grub/device.map "$LOOP" >setup.log 2>&1 || {
		cat setup.log
		fail "grub-bios-setup does not install GRUB"
	}
	umount mnt
	MOUNTS=()
	detach_loop "$LOOP"
}

VOLUMES=(1:ext)
grub_core '(hd0,msdos1)/boot/grub' token part_msdos ext2
truncate -s $(((8 + sectors) * 512)) disk.img
mkmbr -i 96b5e709 disk.img "83:8:$sectors:active"
install_grub disk.img 1
boot_cycle grub-setup-blocklist disk.img

VOLUMES=(2:ext)
grub_core '(hd0,gpt2)/boot/grub' token part_gpt ext2
truncate -s $(((2048 + sectors + 34) * 512)) disk.img
mkgpt disk.img 8:1024:bios-boot "2048:$sectors:system"
install_grub disk.img 2
boot_cycle grub-setup-bios-boot disk.img
