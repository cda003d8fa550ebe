# grub-lib.sh - GRUB 2 on the disks of the tests, placed sector by sector.
#
# Sourced after boot.sh. grub-bios-setup writes to mounted disks only and chooses the place itself; what it writes is
# three things, which are written here the same way: boot.img's code with the sector of core.img (byte 0x5C),
# core.img, and in the first sector of core.img, which is diskboot.img, the list of the others (from byte 0x1F4
# downwards: first sector u64, number of sectors u16, segment to load them to u16). grub-setup.sh has the real one do
# it.

GRUB_DIR=/usr/lib/grub/i386-pc
needs grub-mkimage
[ -e $GRUB_DIR/boot.img ] || fail "the test needs the package grub-pc-bin, which is not installed"

# grub_core PREFIX FILE MODULE...: core.img in whole sectors, and core.raw as grub-mkimage made it; it takes FILE from
# the disk, from the folder PREFIX, to the serial port. So the line comes only when GRUB has found the partition and
# read its file system.
grub_core() {
	local prefix=$1 file=$2
	shift 2
	printf 'serial --unit=0\nterminal_output serial\ncat $prefix/%s\n' "$file" >early.cfg
	grub-mkimage -O i386-pc -p "$prefix" -c early.cfg -o core.raw biosdisk serial terminal cat "$@" ||
		fail "grub-mkimage makes no core.img"
	cp core.raw core.img
	truncate -s %512 core.img
	CORE_SECTORS=$(($(stat -c %s core.img) / 512))
}

# grub_install IMAGE SECTOR FIRST:COUNT...: core.img goes to these runs of sectors of the disk, in this order, and
# boot.img to SECTOR, which is 0 or the first one of a partition; all but the code of what is there stays.
grub_install() {
	local image=$1 at=$2 run first count done=0 entry=500 segment
	shift 2
	dd if=/dev/zero of=core.img bs=1 seek=480 count=32 conv=notrunc status=none
	for run; do
		first=${run%:*} count=${run#*:}
		if [ $done = 0 ]; then
			boot_code $GRUB_DIR/boot.img "$image" "$at"
			write_number "$image" $((at * 512 + 92)) 8 "$first"
			write_number "$image" $((at * 512 + 510)) 2 $((0xaa55))
			done=1 first=$((first + 1)) count=$((count - 1))
		fi
		[ $count -gt 0 ] || continue
		segment=$((0x800 + done * 32))
		write_number core.img $entry 8 "$first"
		write_number core.img $((entry + 8)) 2 "$count"
		write_number core.img $((entry + 10)) 2 "$segment"
		entry=$((entry - 12)) done=$((done + count))
	done
	[ $done = "$CORE_SECTORS" ] || fail "core.img has $CORE_SECTORS sectors, the list names $done"
	done=0
	for run; do
		first=${run%:*} count=${run#*:}
		dd if=core.img of="$image" bs=512 skip=$done seek="$first" count="$count" conv=notrunc status=none
		done=$((done + count))
	done
}

# ext_runs VOLUME FILE SECTOR: the file's blocks as FIRST:COUNT of the disk on which the volume begins at that sector,
# no more than core.img needs.
ext_runs() {
	local size i
	size=$(dumpe2fs -h "$1" 2>/dev/null | awk '/^Block size/ { print $3 / 512 }')
	for ((i = 0; i * size < CORE_SECTORS; i++)); do echo "bmap $2 $i"; done >bmap
	debugfs -f bmap "$1" 2>/dev/null | grep -x '[0-9]*' | runs_of "$size" "$3"
}

# fat_runs VOLUME FILE SECTOR: the same of a FAT volume.
fat_runs() {
	local cluster data
	cluster=$(le "$1" 13 1)
	data=$(($(le "$1" 14 2) + $(le "$1" 16 1) * $(le "$1" 22 2) + $(le "$1" 17 2) / 16))
	mshowfat -i "$1" "::$2" | tr ' ,' '\n\n' | grep -o '<[0-9-]*>' | tr -d '<>' |
		awk -F- '{ for (i = $1; i <= $NF; i++) print i - 2 }' | runs_of "$cluster" $(($3 + data))
}

# ntfs_runs VOLUME FILE SECTOR: the same of an NTFS volume, with clusters of 4096 bytes.
ntfs_runs() {
	ntfscluster -f -F "$2" "$1" 2>/dev/null | awk '/0x80 - non-resident/ { data = 1 }
		data && NF == 3 && $1 ~ /^[0-9]+$/ { for (i = 0; i < $3; i++) print $2 + i }' | runs_of 8 "$3"
}

# runs_of SECTORS FIRST: numbers of blocks of so many sectors, the first of which is at that sector, joined to runs.
runs_of() {
	awk -v size="$1" -v base="$2" -v left="$CORE_SECTORS" '
		function out() { if (count > left) count = left; if (count > 0) print first ":" count; left -= count }
		{ at = base + $1 * size
		  if (NR > 1 && at == first + count) { count += size; next }
		  if (NR > 1) out()
		  first = at; count = size }
		END { out() }'
}
