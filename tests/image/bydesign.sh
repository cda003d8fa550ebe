#!/usr/bin/env bash
# bydesign.sh - what looks like a bad layout and is none: no error finding, and fix writes nothing.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs sfdisk sgdisk parted blkid jq mkfs.fat mcopy mkntfs ntfscp mkfs.exfat mke2fs mkswap
find_helpers

# by_design NAME TABLE-TYPES: the image NAME.img is left alone.
by_design() {
	local img=$1.img before errors table
	before=$(state_of "$img")
	run 0 scan --json "$img"
	errors=$(jq -c '[.findings[] | select(.severity == "error")]' out)
	check_eq "error findings of $1" "[]" "$errors"
	table=$(jq -r .table.type out)
	[[ "|$2|" = *"|$table|"* ]] || fail "table type of $1: expected $2, got $table"
	run 0 plan --json "$img"
	check_eq "segments in the plan of $1" 0 "$(jq '.segments | length' out)"
	run 0 fix --yes "$img"
	check_eq "$1 after fix" "$before" "$(state_of "$img")"
	no_journal "$img"
	rm "$img"
}

disk() {
	truncate -s 40M "$1.img"
}

# The tools' messages matter only where they fail; parted also misses udevadm in small systems.
quietly() {
	"$@" >tool.log 2>&1 || fail "\"$*\" failed: $(cat tool.log)"
}

# Protective MBRs: with a GPT by two makers, with a short GPT, and with no GPT behind them.
disk gpt-sfdisk
printf 'label: gpt\nfirst-lba: 34\nstart=34, size=2000, type=L\n,,\n' | quietly sfdisk gpt-sfdisk.img
by_design gpt-sfdisk gpt
disk gpt-sgdisk
quietly sgdisk -n 1:2048:+8M -n 2:0:0 gpt-sgdisk.img
by_design gpt-sgdisk gpt
disk gpt-short
mkgpt -n 4 gpt-short.img 16:1000:first 2048:1000:second
by_design gpt-short gpt
disk protective-only
mkmbr protective-only.img ee:1:81919
by_design protective-only 'dos|gpt|pmbr|none'

# An isohybrid image: a partition at LBA 0 over an ISO 9660 volume.
disk isohybrid
printf '\001CD001\001' | dd of=isohybrid.img bs=1 seek=32768 conv=notrunc status=none
printf 'IMGMEND ISO' | dd of=isohybrid.img bs=1 seek=32808 conv=notrunc status=none
printf '\377CD001\001' | dd of=isohybrid.img bs=1 seek=34816 conv=notrunc status=none
mkmbr -c isohybrid.img 17:0:81920:active
check_eq "what blkid takes the isohybrid image for" iso9660 "$(blkid -p -s TYPE -o value isohybrid.img)"
by_design isohybrid 'dos|none'

# Volumes without a table, those that record an old position included.
make_volume fat16 FAT16 $((16 * MIB)) 63 && mv FAT16.vol fat16.img
by_design fat16 none
make_volume fat32 FAT32 $((40 * MIB)) 0 && mv FAT32.vol fat32.img
by_design fat32 none
make_volume ntfs NTFS $((16 * MIB)) 2048 && mv NTFS.vol ntfs.img
by_design ntfs none
make_volume exfat EXFAT $((16 * MIB)) 1 && mv EXFAT.vol exfat.img
by_design exfat none
make_volume ext4 EXT4 $((16 * MIB)) 0 && mv EXT4.vol ext4.img
by_design ext4 none
disk swap
quietly mkswap swap.img
by_design swap none

# Labels whose own map or first slice starts at 0 or 1.
for label in sun sgi; do
	disk $label
	printf 'label: %s\n,8M\n' $label | quietly sfdisk $label.img
	by_design $label $label
done
for label in mac bsd amiga; do
	disk $label
	quietly parted -s $label.img mklabel $label
	by_design $label "$label|none"
	disk $label-1
	quietly parted -s $label-1.img mklabel $label mkpart $([ $label = bsd ] || echo primary) ext2 2MB 20MB
	by_design $label-1 "$label|none"
done

# A good disk, and one that is empty.
disk good
printf 'label: dos\nstart=16, size=2000, type=83\nstart=2048, type=7\n' | quietly sfdisk good.img
by_design good dos
disk empty
by_design empty none
