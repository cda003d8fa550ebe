#!/usr/bin/env bash
# grub-stale.sh - a first stage of GRUB 2 that names what is no core.img any more changes nobody's data; two that name one core.img
# both find it after the repair.
#
# Who installs GRUB to a partition and later to the disk leaves the partition's first stage behind. The blocks of the old core.img
# may be any file's since.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/boot.sh"
. "$BOOT/grub-lib.sh"
needs mkfs.fat mcopy mshowfat fsck.fat
sectors=32768
echo "BOOTED $TOKEN" >token

# make_disk FILE: FAT16 at sector 1 with FILE, of which `runs` has the places
make_disk() {
	truncate -s $(((1 + sectors) * 512)) disk.img
	mkmbr -i 96b257a1 disk.img "6:1:$sectors:active"
	truncate -s $((sectors * 512)) volume
	mkfs.fat -F 16 -s 4 -h 1 -g 255/63 -n GRUB volume >/dev/null
	mmd -i volume ::/boot ::/boot/grub
	mcopy -o -i volume token core.img "$1" ::/boot/grub/
	mapfile -t runs < <(fat_runs volume "/boot/grub/$1" 1)
	put volume disk.img 1
	rm volume
}

# first_stage SECTOR NEXT: boot.img there names the sector NEXT
first_stage() {
	boot_code $GRUB_DIR/boot.img disk.img "$1"
	write_number disk.img $(($1 * 512 + 92)) 8 "$2"
	write_number disk.img $(($1 * 512 + 510)) 2 $((0xaa55))
}

VOLUMES=(1:fat)
grub_core '(hd0,msdos1)/boot/grub' token part_msdos fat

# ---- a file of somebody's that ends like a list of sectors
head -c $((CORE_SECTORS * 512)) /dev/urandom >user.dat
dd if=/dev/zero of=user.dat bs=1 seek=480 count=32 conv=notrunc status=none
write_number user.dat 500 8 100
write_number user.dat 508 2 3
write_number user.dat 510 2 $((0x820))
make_disk user.dat
first_stage 1 "${runs[0]%:*}"
cp --sparse=always disk.img old.img
run 4 plan disk.img
says "a first stage that leads nowhere" 'GRUB 2 in partition 1.*not there'
run 1 fix --yes disk.img
mcopy -n -i "disk.img@@$(($(le disk.img 454 4) * 512))" ::/boot/grub/user.dat got.dat
cmp user.dat got.dat || fail "a file that is no core.img was changed"
run 0 undo --yes disk.img
cmp disk.img old.img || fail "undo has not given back the old disk"

# the same in sector 0, which does count
first_stage 0 "${runs[0]%:*}"
cp --sparse=always disk.img old.img
run 4 fix --yes disk.img
says "a disk whose GRUB finds nothing" 'may not boot.*not there'
cmp disk.img old.img || fail "a refused repair has written to the disk"

# ---- one core.img, named by sector 0 and by the partition's first sector
make_disk core.img
grub_install disk.img 0 "${runs[@]}"
first_stage 1 "${runs[0]%:*}"

# both IMAGE: the two first stages name the same sector
both() {
	check_eq "what the partition's first stage names" "$(le "$1" 92 8)" "$(le "$1" $(($(le "$1" 454 4) * 512 + 92)) 8)"
}
LOOKS=both
boot_cycle grub-shared-fat16-lba1 disk.img
