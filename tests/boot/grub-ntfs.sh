#!/usr/bin/env bash
# grub-ntfs.sh - GRUB 2 that reads an NTFS volume boots before the repair of the volume's boot area, after it, and after undo.
#
# Three disks: core.img in the gap behind the master boot record, where most disks have it, and a volume in which only
# clusters move; core.img as a file of which the first cluster lies in the boot area and has to leave it; and both
# that and a partition at sector 8, so that the clusters move inside what moves.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/boot.sh"
. "$BOOT/grub-lib.sh"
. "$HERE/ntfs-lib.sh"
find_ntfs_helpers
sectors=49152
echo "BOOTED $TOKEN" >token

# ntfs_disk SECTOR OWNER: disk.img and volume; the first 4096 bytes of the file OWNER lie in the volume's boot area
ntfs_disk() {
	local file
	truncate -s $((($1 + sectors) * 512)) disk.img
	mkmbr -i 96b07f55 disk.img "7:$1:$sectors:active"
	rm -f volume
	truncate -s $((sectors * 512)) volume
	quiet mkntfs -F -q -f -s 512 -c 4096 -p "$1" -H 255 -S 63 -L GRUB volume
	head -c 20000 /dev/urandom >data.bin
	for file in token core.img data.bin; do quiet ntfscp -q volume $file $file; done
	quiet mkbadntfs -o "/$2" volume
	put volume disk.img "$1"
}

VOLUMES=(1:ntfs)
grub_core '(hd0,msdos1)' token part_msdos ntfs
ntfs_disk 2048 data.bin
grub_install disk.img 0 "1:$CORE_SECTORS"
boot_cycle grub-gap-ntfs disk.img
for lba in 2048 8; do
	ntfs_disk $lba core.img
	mapfile -t runs < <(ntfs_runs volume core.img $lba)
	check_eq "the sector in which core.img begins" $((lba + 8)) "${runs[0]%:*}"
	grub_install disk.img 0 "${runs[@]}"
	boot_cycle grub-file-ntfs-lba$lba disk.img
done
