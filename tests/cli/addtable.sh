#!/usr/bin/env bash
# addtable.sh - --add-table: a table around a bare volume, by the judgement of sfdisk, parted and blkid.
#
# ext4 and NTFS at byte 0 and NTFS at byte 4096, each with an MBR and a GPT: the plan is the same twice,
# the partition lies where the plan says, the volume in it is whole, and undo gives every byte back.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
needs sfdisk parted sgdisk blkid jq mke2fs e2fsck debugfs mkntfs ntfscp ntfscat ntfsfix
find_helpers

# make_bare FS START SIZE: disk.img with nothing but the volume at the byte START.
make_bare() {
	rm -rf disk.img files.BARE
	truncate -s $(($2 + $3)) disk.img
	make_volume "$1" BARE "$3" $(($2 / SECTOR))
	place BARE disk.img "$2"
}

# check_read TABLE FS IMAGE START SIZE: one partition of the right type there, for sfdisk and for parted.
check_read() {
	local table=$1 fs=$2 img=$3 label type
	case $table in
	mbr) label=dos && [ "$fs" = ntfs ] && type=7 || type=83 ;;
	gpt)
		label=gpt
		[ "$fs" = ntfs ] && type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7 ||
			type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
		;;
	esac
	sfdisk -J "$img" >sfdisk.json 2>sfdisk.err || fail "sfdisk cannot read the new table: $(cat sfdisk.err)"
	check_eq "what sfdisk reads" "$label 1 $(($4 / SECTOR)) $(($5 / SECTOR)) $type" "$(jq -r '.partitiontable |
		"\(.label) \(.partitions | length) \(.partitions[0] | "\(.start) \(.size) \(.type)")"' sfdisk.json)"
	sfdisk -V "$img" >sfdisk.out 2>&1 && grep -q 'No errors detected' sfdisk.out ||
		fail "sfdisk -V finds errors in the new table: $(cat sfdisk.out)"
	parted -sm "$img" unit B print >parted.out 2>parted.err || fail "parted cannot read it: $(cat parted.err)"
	check_eq "what parted complains of" "" "$(cat parted.err)"
	check_eq "what parted reads" "1:${4}B:$(($4 + $5 - 1))B:${5}B:$fs" \
		"$(sed -n '3,$p' parted.out | cut -d: -f1-5)"
	if [ $table = gpt ]; then
		sgdisk -v "$img" >sgdisk.out 2>&1 && grep -q 'No problems found' sgdisk.out ||
			fail "sgdisk -v finds problems: $(cat sgdisk.out)"
	fi
}

# round FS START SIZE TABLE: disk.img through plan, fix and undo.
round() {
	local fs=$1 old_start=$2 size=$3 table=$4 before start got
	echo "$fs at $old_start, $table"
	before=$(state_of disk.img)
	run 4 plan --json --add-table $table disk.img
	cp out plan.json
	run 4 plan --json --add-table $table disk.img
	cmp plan.json out || fail "the plan of the same image differs the second time"
	check_eq "the image after plan" "$before" "$(state_of disk.img)"
	cp disk.img old.img

	run 1 fix --yes --add-table $table disk.img
	checkplan old.img disk.img plan.json || fail "the new image is not what the plan says"
	got=$(jq -r '.partitions | "\(length) \(.[0] | "\(.number) \(.old_start) \(.size)")"' plan.json)
	check_eq "the partitions of the plan" "1 1 $old_start $size" "$got"
	start=$(jq '.partitions[0].new_start' plan.json)
	[ "$start" -ge 8192 ] || fail "the partition starts at $start, below 8192"
	check_eq "size of the image" "$(jq .new_size plan.json)" "$(size_of disk.img)"
	check_read $table "$fs" disk.img "$start" "$size"
	check_eq "what blkid finds at $start" "$fs" "$(blkid -p -O "$start" -s TYPE -o value disk.img)"
	cut_out disk.img "$start" "$size" cut.vol
	check_position "$fs" cut.vol $((start / SECTOR)) BARE
	check_fs "$fs" cut.vol BARE
	rm cut.vol
	run 0 scan disk.img

	before=$(state_of disk.img)
	run 4 fix --yes --add-table $table disk.img # now there is one
	says "a second table" 'partition table already'
	check_eq "the image after the refusal" "$before" "$(state_of disk.img)"

	run 0 undo --yes disk.img
	check_eq "size after undo" "$(size_of old.img)" "$(size_of disk.img)"
	check_eq "content after undo" "$(digest old.img)" "$(digest disk.img)"
	no_journal disk.img
}

# used_since TABLE: what was sector 0 comes back as a boot loader has left it in its new place
used_since() {
	local start
	make_bare ext4 0 $((8 * MIB))
	cp disk.img old.img
	run 1 fix --yes --add-table "$1" disk.img
	start=$(sfdisk -J disk.img | jq '.partitiontable.partitions[0].start * 512')
	printf 'BOOT LOADER' | dd of=disk.img bs=1 seek=$((start + 100)) conv=notrunc status=none
	run 0 undo --yes disk.img
	printf 'BOOT LOADER' | dd of=old.img bs=1 seek=100 conv=notrunc status=none
	cmp old.img disk.img || fail "undo after a boot loader came into the volume, $1: not the old image with that in it"
	no_journal disk.img
}

for case in ext4:0:$((16 * MIB)) ntfs:0:$((12 * MIB)) ntfs:4096:$((12 * MIB)); do
	IFS=: read -r fs at bytes <<<"$case"
	make_bare $fs $at $bytes
	round $fs $at $bytes mbr
	round $fs $at $bytes gpt
done

for table in mbr gpt; do
	used_since $table
done

# ---- refused, and nothing written: a table is there, no volume is there, no such kind of table
refused() {
	local before
	before=$(state_of disk.img)
	run "$@" disk.img
	check_eq "the image after \"$*\"" "$before" "$(state_of disk.img)"
	no_journal disk.img
}
for label in dos gpt; do
	rm -f disk.img
	truncate -s $((8 * MIB)) disk.img
	printf 'label: %s\nstart=2048,size=4096\n' $label | sfdisk -q disk.img
	for table in mbr gpt; do
		refused 4 plan --add-table $table
		says "a disk with a $label table" 'partition table already'
		refused 4 fix --yes --add-table $table
		says "a disk with a $label table" 'partition table already'
	done
done
make_bare ext4 0 $((8 * MIB))
refused 16 fix --yes --add-table sun
says "an unknown kind of table" 'It takes: mbr gpt'
