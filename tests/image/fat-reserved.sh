#!/usr/bin/env bash
# fat-reserved.sh - FAT volumes with too few reserved sectors, and both ways to give them more.
#
# FAT12, FAT16 and FAT32 with 1, 2 and 4 reserved sectors; on MBR, logical partitions, GPT and without a table;
# alone and together with a move. Plain fix leaves them alone: it is a warning. Judged by the file system's own
# tools; undo gives every byte back.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/cycle.sh"
needs sfdisk parted sgdisk fdisk jq mkfs.fat fsck.fat mcopy mdir
find_helpers
FINDING=fat-reserved-short
ONLY=$FINDING
SOPTS=()

# sectors_of FS: a volume that holds the test's files, in sectors.
sectors_of() {
	case $1 in
	fat12) echo 4096 ;;
	fat16) echo 12288 ;;
	fat32) echo 68000 ;;
	esac
}

# make_fat FS NAME SECTORS RESERVED HIDDEN: like make_volume. mkfs.fat makes no FAT32 with one reserved sector:
# its second one, which is FSInfo, is cut out. With tracks of one sector, mkfs.fat takes every sector that it is given.
make_fat() {
	local fs=$1 vol=$WORK/$2.vol r=$4 clusters=(-s 1) n=$3
	[ "$fs" != fat12 ] || clusters=()
	if [ "$fs$r" = fat321 ]; then
		r=2 n=$((n + 1))
	fi
	make_files "$2"
	truncate -s $((n * SECTOR)) "$vol"
	mkfs.fat -F "${fs#fat}" "${clusters[@]}" -g 1/1 -S "$SECTOR" -R $r -h "$5" -n "$2" "$vol" >"$WORK/mkfs.log" ||
		fail "mkfs.fat could not make $2: $(cat "$WORK/mkfs.log")"
	mcopy -i "$vol" "$WORK/files.$2"/* :: || fail "mcopy could not fill $2"
	[ $r != "$4" ] || return 0
	{ head -c 512 "$vol" && tail -c +1025 "$vol"; } >"$vol.cut"
	mv "$vol.cut" "$vol"
	poke "$vol" 14 '\001\000'
	poke "$vol" 48 '\000\000\000\000'
	poke "$vol" 32 "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($3 & 255)) $(($3 >> 8 & 255)) $(($3 >> 16 & 255)) 0)"
}

# poke FILE OFFSET PRINTF-BYTES
poke() {
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# warned IMAGE NUMBER START RESERVED: scan warns of the bytes in question; plain plan and fix have nothing to do.
warned() {
	local before
	before=$(state_of "$1")
	run 0 scan --json "${SOPTS[@]}" "$1"
	check_eq "the finding on $1" "warning $(($3 + $4)) $((8192 - $4)) true" "$(jq -r --arg id $FINDING --argjson n "$2" \
		'.findings[] | select(.id == $id and (.partition // 0) == $n) | "\(.severity) \(.start) \(.size) \(.fixable)"' out)"
	run 0 fix --yes "${SOPTS[@]}" "$1"
	check_eq "the image after scan and plain fix" "$before" "$(state_of "$1")"
}

# check_reserved IMAGE START OLD-RESERVED: enough reserved sectors, and no cluster more or less; START in old.img is $4.
check_reserved() {
	local ss r
	ss=$(le "$1" $(($2 + 11)) 2) r=$(le "$1" $(($2 + 14)) 2)
	[ $((r * ss)) -ge 8192 ] || fail "only $r reserved sectors at $2"
	check_eq "sectors in all, beside the reserved ones" $(($(total old.img "$4") - $3)) $(($(total "$1" "$2") - r))
}

total() {
	local n
	n=$(le "$1" $(($2 + 19)) 2)
	[ "$n" != 0 ] || n=$(le "$1" $(($2 + 32)) 4)
	echo "$n"
}

# mended IMAGE WAY...: repair $ONLY in the ways named, one for each volume; everything is checked, then undone.
mended() {
	local img=$1 before row number fs
	shift
	run 4 plan --json "${SOPTS[@]}" "${OPTS[@]}" --only $ONLY "$img"
	cp out plan.json
	check_eq "ways that are chosen" "$*" "$(jq -r '[.alternatives[] | select(.chosen).way] | join(" ")' plan.json)"
	jq -e 'all(.alternatives[] | select(.way == "back" or .way == "insert"); .feasible == false or .journal_bytes > 0)' \
		plan.json >jq.out || fail "a way costs no journal"
	cp "$img" old.img
	: >old.layout
	if [ "${VOLUMES[0]%%:*}" != 0 ]; then
		layout "$img" >old.layout
		label_id "$img" >old.id
	fi
	run 1 fix --yes "${SOPTS[@]}" "${OPTS[@]}" --only $ONLY "$img"
	checkplan old.img "$img" plan.json || fail "the new image is not what the plan says"
	if [ -s old.layout ]; then
		predicted old.layout plan.json >predicted.layout
		check_table "$img"
		check_volumes "$img"
	fi
	for row in "${VOLUMES[@]}"; do
		IFS=: read -r number fs _ <<<"$row"
		[ -s old.layout ] || break
		volume_place "$number"
		[ "${fs%[0-9][0-9]}" != fat ] || mdir -i "$img@@$VSTART" :: >mdir.out || fail "mdir cannot list partition $number"
	done
	run 0 scan --json "${SOPTS[@]}" "$img"
	check_eq "findings after the repair" "" "$(jq -r '.findings[].id' out)"
	before=$(state_of "$img")
	run 0 fix --yes "${SOPTS[@]}" "${OPTS[@]}" --only $ONLY "$img"
	check_eq "the image after a second fix" "$before" "$(state_of "$img")"
	cp "$img" new.img
	run 0 undo --yes "$img"
	cmp old.img "$img" || fail "undo does not give every byte back"
	check_eq "size after undo" "$(size_of old.img)" "$(size_of "$img")"
	no_journal "$img"
}

# new_start NUMBER, new_size NUMBER: as the plan says.
new_start() {
	jq ".partitions[] | select(.number == $1).new_start" plan.json
}

new_size() {
	jq ".partitions[] | select(.number == $1).size" plan.json
}

# says_plan REGEX: a note of the plan matches.
says_plan() {
	jq -r '.notes[]' plan.json | grep -qE "$1" || fail "no note of the plan matches /$1/: $(jq .notes plan.json)"
}

# refused IMAGE REGEX ARGUMENT...
refused() {
	local img=$1 regex=$2 before
	shift 2
	before=$(state_of "$img")
	run 4 fix --yes "$@" --only $ONLY "$img"
	says "the refusal" "$regex"
	check_eq "the image after the refusal" "$before" "$(state_of "$img")"
	no_journal "$img"
}

# mbr START SECTORS GAP TYPE [NEXT]: disk.img with one FAT partition, GAP free sectors and perhaps a partition of
# NEXT sectors behind it.
mbr() {
	rm -f disk.img
	truncate -s $((($1 + $2 + $3 + ${5:-0}) * 512)) disk.img
	mkmbr -c -i fa7fa7fa disk.img "$4:$1:$2" ${5:+83:$(($1 + $2 + $3)):$5}
}

# ---- each kind of FAT, each number of reserved sectors, both ways
for fs in fat12 fat16 fat32; do
	n=$(sectors_of $fs)
	for r in $(sample 1 "1 2 4"); do
		# no gap behind: it begins sooner
		mbr 2048 $n 0 c 64
		make_fat $fs FATVOL $n $r 2048
		place FATVOL disk.img $MIB
		warned disk.img 1 $MIB $((r * 512))
		VOLUMES=(1:$fs:FATVOL:abs)
		mended disk.img back
		check_eq "start" $((MIB - (16 - r) * 512)) "$(new_start 1)"
		cmp -i $((MIB + r * 512)) old.img new.img || fail "something behind the reserved sectors moved"
		check_reserved new.img "$(new_start 1)" $r $MIB

		# at byte 8192, a gap behind: the data moves
		mbr 16 $n 15 c 64
		make_fat $fs FATVOL $n $r 16
		place FATVOL disk.img 8192
		mended disk.img insert
		check_eq "start and size" "8192 $(((n + 16 - r) * 512))" "$(new_start 1) $(new_size 1)"
		check_reserved new.img 8192 $r 8192
	done
done

# ---- the unused end of the partition, as far as it reaches; more than 65535 sectors
n=65530
mbr 16 $((n + 8)) 64 6 64
make_fat fat16 FATVOL $n 1 16
place FATVOL disk.img 8192
poke disk.img $((8192 + (n + 2) * 512)) 'left over'
VOLUMES=(1:fat16:FATVOL:abs)
mended disk.img insert
says_plan 'belong to no file system, are not zero'
check_eq "size" $(((n + 15) * 512)) "$(new_size 1)"
check_eq "total sectors in 16 and 32 bits" "0 $((n + 15))" "$(le new.img 8211 2) $(le new.img 8224 4)"

# ---- bytes in the gap that somebody left there are not written over without need
n=4096
mbr 2048 $n 64 1
make_fat fat12 FATVOL $n 1 2048
place FATVOL disk.img $MIB
VOLUMES=(1:fat12:FATVOL:abs)
poke disk.img $((MIB - 600)) 'something'
mended disk.img insert

# ---- nothing before, nothing behind: the image grows, or it is refused with a figure that is right
mbr 17 $n 0 1
make_fat fat12 FATVOL $n 1 17
place FATVOL disk.img 8704
mended disk.img insert
check_eq "size of the image" $(((17 + n + 15) * 512)) "$(size_of new.img)"
refused disk.img '7168 bytes are missing before it, and 7680 bytes are missing behind it' --no-grow
truncate -s $(((17 + n + 14) * 512)) disk.img
refused disk.img '512 bytes are missing behind it' --no-grow
truncate -s $(((17 + n + 15) * 512)) disk.img
OPTS=(--no-grow)
mended disk.img insert
OPTS=()

# ---- an end on a cylinder border stays on one
n=$((2 * 16065 - 16))
mbr 16 $n 0 6
make_fat fat16 FATVOL $n 1 16
place FATVOL disk.img 8192
VOLUMES=(1:fat16:FATVOL:abs)
mended disk.img insert
check_eq "new end" $((3 * 16065 * 512)) $(($(new_start 1) + $(new_size 1)))
says_plan 'partition 1 grows from'

# ---- logical partitions: between EBR and EBR. The first counts its position from its EBR.
n=4096 ext=2048
ebr5=$ext l5=$((ext + 63)) ebr6=$((ext + 63 + n)) l6=$((ext + 64 + n)) ebr7=$((ext + 64 + 2 * n + 20))
rm -f disk.img
truncate -s $(((ebr7 + 1 + n + 20) * 512)) disk.img
mkmbr -c disk.img f:$ext:$((ebr7 + 1 + n + 20 - ext)) L:1:$ebr5:$l5:$n L:1:$ebr6:$l6:$n L:1:$ebr7:$((ebr7 + 1)):$n
make_fat fat12 FATFIVE $n 1 63
make_fat fat12 FATSIX $n 2 $l6
make_fat fat12 FATSEVEN $n 4 $((ebr7 + 1))
place FATFIVE disk.img $((l5 * 512))
place FATSIX disk.img $((l6 * 512))
place FATSEVEN disk.img $(((ebr7 + 1) * 512))
VOLUMES=(5:fat12:FATFIVE:ebr 6:fat12:FATSIX:abs 7:fat12:FATSEVEN:abs)
mended disk.img back insert insert
check_eq "starts" "$(((l5 - 15) * 512)) $((l6 * 512)) $(((ebr7 + 1) * 512))" "$(new_start 5) $(new_start 6) $(new_start 7)"
check_eq "sectors in the link to the second EBR" $((1 + n + 14)) "$(le new.img $((ebr5 * 512 + 474)) 4)"

# ---- logical ones in an extended partition that moves as a whole
ext=1 l5=64 ebr6=$((64 + n))
rm -f disk.img
truncate -s $(((ebr6 + 3000) * 512)) disk.img
mkmbr -c disk.img f:1:$((ebr6 + 20)) L:1:1:$l5:$n L:83:$ebr6:$((ebr6 + 1)):10
make_fat fat12 FATFIVE $n 1 $l5
place FATFIVE disk.img $((l5 * 512))
VOLUMES=(5:fat12:FATFIVE:abs)
ONLY=partition-in-reserved-area,$FINDING
mended disk.img push back
ONLY=$FINDING

# ---- GPT: before the first usable sector of sfdisk's table; behind it; with growth, where the backup moves
gpt_is_good() {
	sgdisk -v "$1" >sgdisk.out 2>&1 && grep -q 'No problems found' sgdisk.out ||
		fail "sgdisk -v finds problems: $(cat sgdisk.out)"
}

n=4096
rm -f disk.img
truncate -s $(((2048 + 2 * n + 33) * 512)) disk.img
printf 'label: gpt\nfirst-lba: 2048\nstart=2048,size=%d,name=one\nstart=%d,size=%d,name=two\n' $n $((2048 + n)) $n |
	sfdisk -q disk.img
gpt_is_good disk.img
make_fat fat12 FATONE $n 1 2048
make_fat fat12 FATTWO $n 2 $((2048 + n))
place FATONE disk.img $MIB
place FATTWO disk.img $(((2048 + n) * 512))
VOLUMES=(1:fat12:FATONE:abs 2:fat12:FATTWO:abs)
mended disk.img back insert
gpt_is_good new.img
check_eq "size of the image" $(((2048 + 2 * n + 14 + 33) * 512)) "$(size_of new.img)"
refused disk.img '7168 bytes are missing before it, and 7168 bytes are missing behind it' --no-grow

rm -f disk.img
truncate -s $(((34 + n + 100) * 512)) disk.img
mkgpt -n 128 disk.img "34:$n:one"
gpt_is_good disk.img
make_fat fat12 FATONE $n 4 34
place FATONE disk.img $((34 * 512))
VOLUMES=(1:fat12:FATONE:abs)
mended disk.img insert
gpt_is_good new.img

# a hybrid MBR: its protective entry reaches up to the partition, and its other entry follows
rm -f disk.img
truncate -s $(((2048 + n + 100) * 512)) disk.img
sgdisk -n "1:2048:+${n}s" -t 1:0700 -h 1 disk.img >sgdisk.out 2>&1 || fail "sgdisk makes no hybrid MBR: $(cat sgdisk.out)"
check_eq "start of the mirrored entry" 2048 "$(le disk.img 470 4)"
make_fat fat12 FATONE $n 4 2048
place FATONE disk.img $MIB
mended disk.img insert
gpt_is_good new.img
check_eq "the mirrored entry" "2048 $((n + 12))" "$(le new.img 470 4) $(le new.img 474 4)"

# ---- a volume without a table
rm -f disk.img
make_fat fat16 FATVOL 12288 1 0
mv FATVOL.vol disk.img
warned disk.img 0 0 512
VOLUMES=(0:fat16:FATVOL:abs)
mended disk.img insert
check_eq "size of the image" $(((12288 + 15) * 512)) "$(size_of new.img)"
check_reserved new.img 0 1 0
check_fs fat16 new.img FATVOL
mdir -i new.img :: >mdir.out || fail "mdir cannot list the volume"
refused disk.img '7680 bytes are missing behind it' --no-grow
run 1 fix --yes --add-table=gpt --only $FINDING --output table.img disk.img
gpt_is_good table.img
cut_out table.img $MIB $(((12288 + 15) * 512)) cut.vol
check_position fat16 cut.vol 2048 FATVOL
check_fs fat16 cut.vol FATVOL
rm table.img cut.vol

# ---- a volume at byte 4096, which moves as well
rm -f disk.img
truncate -s $((4096 + 12288 * 512)) disk.img
make_fat fat16 FATVOL 12288 1 8
place FATVOL disk.img 4096
VOLUMES=(0:fat16:FATVOL:abs)
ONLY=volume-in-reserved-area,$FINDING
mended disk.img push insert
check_reserved new.img $MIB 1 4096
cut_out new.img $MIB $(((12288 + 15) * 512)) cut.vol
check_position fat16 cut.vol 2048 FATVOL
check_fs fat16 cut.vol FATVOL
ONLY=$FINDING

# ---- together with a move: with room behind it keeps its alignment, without it begins sooner
n=12288
ONLY=partition-in-reserved-area,$FINDING
for next in "" 4096; do
	mbr 1 $n 0 6 $next
	make_fat fat16 FATVOL $n 1 1
	place FATVOL disk.img 512
	VOLUMES=(1:fat16:FATVOL:abs)
	if [ -z "$next" ]; then
		mended disk.img push insert
		check_eq "start and size" "$MIB $(((n + 15) * 512))" "$(new_start 1) $(new_size 1)"
	else
		mended disk.img push back
		check_eq "start and size" "$((MIB - 15 * 512)) $(((n + 15) * 512))" "$(new_start 1) $(new_size 1)"
	fi
	check_reserved new.img "$(new_start 1)" 1 512
done
ONLY=$FINDING

# ---- boot code that would not find its way
mbr 2048 4096 64 1
make_fat fat12 FATVOL 4096 1 2048
place FATVOL disk.img $MIB
VOLUMES=(1:fat12:FATVOL:abs)
cp disk.img plain.img
poke disk.img $((MIB + 3)) SYSLINUX
refused disk.img 'SYSLINUX.*unknown-boot-code'
OPTS=(--allow=unknown-boot-code)
mended disk.img back
says_plan 'syslinux must be installed again'
OPTS=()
cp plain.img disk.img
poke disk.img $((MIB + 62)) '\270\001\002\273\000\176\271\005\000\272\200\000\315\023\352\000\176\000\000'
refused disk.img 'code that imgmend does not know'
for name in 'NTLDR      ' 'BOOTMGR    ' 'IO      SYSMSDOS   SYS' 'KERNEL  SYS'; do
	poke disk.img $((MIB + 400)) "$name"
	run 4 plan --only $FINDING disk.img
done
mended disk.img back

# ---- sectors of 4096 bytes
SECTOR=4096 SOPTS=(--sector-size 4096)
rm -f disk.img
truncate -s $(((256 + 8192 + 64) * 4096)) disk.img
mkmbr -s 4096 -c disk.img 6:256:8192
make_fat fat16 FATVOL 8192 1 256
place FATVOL disk.img $MIB
warned disk.img 1 $MIB 4096
VOLUMES=(1:fat16:FATVOL:abs)
mended disk.img back
check_eq "reserved sectors" 2 "$(le new.img $(($(new_start 1) + 14)) 2)"
check_reserved new.img "$(new_start 1)" 1 $MIB
