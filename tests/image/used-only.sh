#!/usr/bin/env bash
# used-only.sh - --used-only: what file systems say is free is not moved; every file is there, every checker content, and undo
# gives all back but that.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/cycle.sh"
needs sfdisk parted jq mkfs.fat fsck.fat mcopy mdir mkfs.exfat fsck.exfat mkntfs ntfscp ntfscat ntfsfix mke2fs e2fsck debugfs
find_helpers

# zeroed IMAGE: with zeros where undo need not give anything back
zeroed() {
	cp --sparse=always "$1" expected.img
	jq -r '.dropped[] | "\(.start) \(.size)"' plan.json | while read -r start size; do
		fallocate -z -o "$start" -l "$size" expected.img
	done
}

# garbage IMAGE: something in all that is free
garbage() {
	run 4 plan --json "${OPTS[@]}" "$1"
	jq -r '.dropped[] | "\(.start) \(.size)"' out | while read -r start size; do
		head -c "$size" /dev/urandom | dd of="$1" bs=1M oflag=seek_bytes seek="$start" conv=notrunc iflag=fullblock status=none
	done
}

# round FS NAME SECTORS LEAST [MAKE-OPTION...]: a partition of that at LBA 1; at least LEAST percent of it is free
round() {
	local fs=$1 name=$2 n=$3 moved
	rm -f disk.img*
	truncate -s $(((1 + n + 4096) * 512)) disk.img
	mkmbr -c -i 05ed0217 disk.img "7:1:$n"
	make_volume "$fs" "$name" $((n * 512)) 1
	place "$name" disk.img 512
	garbage disk.img
	dd if=disk.img of=old.img bs=1M conv=sparse status=none
	truncate -s "$(size_of disk.img)" old.img
	layout disk.img >old.layout
	label_id disk.img >old.id
	VOLUMES=("1:$fs:$name:$([ "${fs#ext}" != "$fs" ] && echo none || echo abs)")
	run 4 plan --json "${OPTS[@]}" disk.img
	cp out plan.json
	moved=$(jq .bytes_moved plan.json)
	[ "$moved" -lt $((n * 512 * (100 - $4) / 100)) ] || fail "$fs: $moved of $((n * 512)) bytes move"
	check_eq "$fs: moved and dropped, together" $((n * 512)) $((moved + $(jq '[.dropped[].size] | add' plan.json) + LITERALS))
	run 4 plan "${OPTS[@]}" disk.img
	says "$fs" "not moved and not kept.*undo brings zeros back there"
	run 1 fix --yes "${OPTS[@]}" disk.img
	check_fixed disk.img
	run 0 undo --yes disk.img
	zeroed old.img
	cmp disk.img expected.img || fail "$fs: undo gives back something else than the old image with zeros in its free space"
	# by a saved plan, into a new file
	cp --sparse=always old.img disk.img
	run 4 plan -o saved.plan "${OPTS[@]}" disk.img
	run 1 fix --yes --plan saved.plan disk.img
	check_fixed disk.img
	run 0 undo --yes disk.img
	cmp disk.img expected.img || fail "$fs: undo after a saved plan gives back something else"
	run 1 fix --yes "${OPTS[@]}" --output copy.img old.img
	cp old.img disk.img
	run 1 fix --yes "${OPTS[@]}" disk.img
	cmp copy.img disk.img || fail "$fs: --output and the repair in place differ"
	rm -f copy.img saved.plan
}

OPTS=(--used-only)
# what boot sectors and their backups take of the move
LITERALS=1024 round ntfs NTFSVOL 65536 50
LITERALS=512 round fat16 FATVOL 49152 50
LITERALS=2048 round exfat EXVOL 65536 50
LITERALS=0 round ext4 EXTVOL 131072 30
LITERALS=1024 round fat32 FAT32VOL 163840 50

# where it cannot be known: a volume that was not left cleanly, and a file system without a reader
truncate -s $(((1 + 131072 + 4096) * 512)) disk.img
mkmbr -c -i 05ed0218 disk.img 83:1:131072
make_volume ext4 EXTDIRTY $((131072 * 512)) 0
debugfs -w -R 'set_super_value state 0' EXTDIRTY.vol 2>/dev/null
place EXTDIRTY disk.img 512
run 4 plan "${OPTS[@]}" disk.img
says "a dirty ext4" "all of the .* is moved, free space too: it was not left cleanly"
# where whole blocks move
rm -f disk.img
truncate -s $(((8 + 131072 + 4096) * 512)) disk.img
mkmbr -c -i 05ed0219 disk.img 83:8:131072
run 4 plan --json disk.img
if [ "$(jq -r .strategy out)" = insert-range ]; then
	run 4 plan "${OPTS[@]}" disk.img
	says "whole blocks" "used-only changes nothing"
fi
