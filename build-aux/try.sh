#!/bin/sh
# try.sh - builds imgmend in build/ and shows it at work.
#
#	try.sh			on a bad image that it makes: scan, plan and fix, the result judged by
#				sfdisk, blkid, fsck.fat, ntfscluster and ntfsfix, files compared, undo,
#				SHA-256 compared
#	try.sh IMAGE		on an image of yours: scan and plan, neither of which writes
#
# Missing Debian packages are installed first (as root, or through sudo); nothing else needs root:
# nothing is mounted and no loop device is used. Exit status: 0 when everything came out as it
# should, else 1.
set -u
export LC_ALL=C.UTF-8

top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
faults=0
compared=0

give_up() {
	printf 'try.sh: %s\n' "$*" >&2
	exit 1
}

# ---- building

build_from_nothing() {
	(cd "$top" && autoreconf -fi) && rm -rf "$top/build" && mkdir "$top/build" &&
		(cd "$top/build" && ../configure) && make -C "$top/build" -j"$(nproc)"
}

build() {
	if [ -f "$top/config.status" ]; then
		echo "this tree was configured in place: run make distclean first"
		return 1
	fi
	[ -f "$top/build/Makefile" ] && make -C "$top/build" -j"$(nproc)" || build_from_nothing || return
	# spoils the NTFS volume of the image below
	make -C "$top/build" tests/support/mkbadntfs
}

prepare() {
	sh "$top/build-aux/deps.sh" build test || give_up "packages are missing"
	echo "Building in $top/build ..."
	log=$(mktemp) || give_up "no temporary file"
	if ! build > "$log" 2>&1; then
		cat "$log"
		rm -f "$log"
		give_up "the build failed"
	fi
	rm -f "$log"
	PATH=$top/build/src:$top/build/tests/support:$PATH:/usr/sbin:/sbin
}

# ---- showing and comparing

wrong() {
	printf '!! %s\n' "$*"
	faults=$((faults + 1))
}

say() { printf '\n# %s\n' "$*"; }

# show STATUS COMMAND...: the command, its output, and a complaint when it ends otherwise.
show() {
	wanted=$1
	shift
	printf '\n$ %s\n' "$*"
	"$@" < /dev/null 2>&1
	status=$?
	[ $status -eq 0 ] || echo "[exit status $status]"
	[ $status -eq "$wanted" ] || wrong "exit status $wanted was expected"
}

# same WHAT FOUND EXPECTED
same() {
	compared=$((compared + 1))
	if [ "$2" = "$3" ]; then
		printf '= %s: %s, as it should be\n' "$1" "$2"
	else
		wrong "$1: found '$2', expected '$3'"
	fi
}

# Standard input to its SHA-256.
sum() { sha256sum | cut -d ' ' -f 1; }

# The little-endian 32-bit number at byte $2 of file $1.
le32_at() { od -An -t u4 -j "$2" -N 4 "$1" | tr -d ' '; }

# ---- the bad image: FAT16 in sector 1, NTFS right behind it with a file in its boot area, nothing left at the end

fat_start=1 fat_size=49152
ntfs_start=49153 ntfs_size=81920
total=131073

make_image() {
	head -c 9000000 /dev/urandom > PHOTO.RAW && cp "$top/COPYING" COPYING.TXT &&
		head -c 17000000 /dev/urandom > archive.bin && cp "$top/configure.ac" notes.txt &&

		truncate -s $((fat_size * 512)) fat.img &&
		mkfs.fat -F 16 -R 16 -h $fat_start -n CARD fat.img &&
		mcopy -i fat.img PHOTO.RAW COPYING.TXT :: &&

		truncate -s $((ntfs_size * 512)) ntfs.img &&
		mkntfs -F -Q -s 512 -H 255 -S 63 -p $ntfs_start -L WORK ntfs.img &&
		ntfscp ntfs.img archive.bin /archive.bin &&
		ntfscp ntfs.img notes.txt /notes.txt &&
		mkbadntfs -o /archive.bin ntfs.img &&

		truncate -s $((total * 512)) disk.img &&
		printf 'label: dos\nunit: sectors\nstart=%s, size=%s, type=6, bootable\nstart=%s, size=%s, type=7\n' \
			$fat_start $fat_size $ntfs_start $ntfs_size |
		sfdisk -q --no-reread --no-tell-kernel disk.img &&
		dd if=fat.img of=disk.img bs=1M oflag=seek_bytes seek=$((fat_start * 512)) conv=notrunc,sparse &&
		dd if=ntfs.img of=disk.img bs=1M oflag=seek_bytes seek=$((ntfs_start * 512)) conv=notrunc,sparse &&
		rm fat.img
}

# part NUMBER FIELD: a number of the table, as sfdisk reads it, in sectors.
part() { sfdisk -J disk.img | jq ".partitiontable.partitions[$1 - 1].$2"; }

# The volumes of disk.img: cut out, judged by blkid and their own checker, their files compared.
# judge_volume NUMBER FILE TYPE CHECKER
judge_volume() {
	start=$(part "$1" start)
	size=$(part "$1" size)
	show 0 blkid -p -O $((start * 512)) -S $((size * 512)) disk.img
	same "file system in partition $1" \
		"$(blkid -p -o value -s TYPE -O $((start * 512)) -S $((size * 512)) disk.img)" "$3"
	show 0 dd if=disk.img of="$2" bs=1M iflag=skip_bytes,count_bytes \
		skip=$((start * 512)) count=$((size * 512)) status=none
	show 0 "$4" -n "$2"
	same "hidden sectors in the boot sector of partition $1" "$(le32_at "$2" 28)" "$start"
}

# judge_boot_area FILE OWNERS: who has the first 8192 bytes of the NTFS volume, as ntfscluster says it.
judge_boot_area() {
	show 0 ntfscluster -f -c 0-1 "$1"
	same "owners of the first 8192 bytes of the NTFS volume" \
		"$(ntfscluster -f -c 0-1 "$1" 2> /dev/null | sed -n 's/^Inode //p' | sort | tr '\n' ' ')" "$2"
}

judge_files() {
	say "Every file still has its SHA-256."
	for file in PHOTO.RAW COPYING.TXT; do
		printf '\n$ mcopy -i part1.img ::%s - | sha256sum\n' $file
		same "$file" "$(mcopy -i part1.img ::$file - | sum)" "$(sum < $file)"
	done
	for file in archive.bin notes.txt; do
		printf '\n$ ntfscat -f part2.img /%s | sha256sum\n' $file
		same "$file" "$(ntfscat -f part2.img /$file 2> /dev/null | sum)" "$(sum < $file)"
	done
}

judge_repair() {
	say "What others say of the corrected image:"
	show 0 sfdisk -l disk.img
	show 0 sfdisk --verify disk.img
	same "size of partition 1 in sectors" "$(part 1 size)" $fat_size
	same "size of partition 2 in sectors" "$(part 2 size)" $ntfs_size
	same "partition 1 starts at byte 8192 or later" "$(test "$(part 1 start)" -ge 16 && echo yes)" yes
	judge_volume 1 part1.img vfat fsck.fat
	judge_volume 2 part2.img ntfs ntfsfix
	same "hidden sectors in the NTFS backup boot sector" \
		"$(le32_at part2.img $(((ntfs_size - 1) * 512 + 28)))" "$(part 2 start)"
	judge_boot_area part2.img '7 /$Boot/$DATA '
	judge_files
}

# ---- the two ways to run

on_given_image() {
	result=0
	for verb in scan plan; do
		printf '\n$ imgmend %s %s\n' $verb "$1"
		imgmend $verb "$1" 2>&1
		status=$?
		echo "[exit status $status]"
		case $status in
		0 | 4) ;;
		*) result=1 ;;
		esac
	done
	echo
	if [ $result -eq 0 ]; then
		echo "Nothing was written to the image; imgmend fix would carry out the plan above, if there is one."
	else
		echo "imgmend could not read or plan this image; nothing was written to it."
	fi
	exit $result
}

on_own_image() {
	say "A bad image: FAT16 in sector 1, NTFS right behind it, no room at the end, and a file where \$Boot should be."
	make_image > make.log 2>&1 || { cat make.log; give_up "the image could not be made"; }
	show 0 sfdisk -l disk.img
	judge_boot_area ntfs.img '64 /archive.bin/$DATA 7 /$Boot/$DATA '
	before=$(sum < disk.img)
	size_before=$(stat -c %s disk.img)
	printf '\n$ sha256sum disk.img PHOTO.RAW COPYING.TXT archive.bin notes.txt\n'
	sha256sum disk.img PHOTO.RAW COPYING.TXT archive.bin notes.txt

	show 4 imgmend scan disk.img
	show 4 imgmend plan disk.img
	same "SHA-256 of the image after scan and plan" "$(sum < disk.img)" "$before"
	show 1 imgmend fix --yes disk.img
	judge_repair
	show 0 imgmend scan disk.img

	say "And back again."
	show 0 imgmend undo --yes disk.img
	same "size of the image after undo" "$(stat -c %s disk.img)" "$size_before"
	same "SHA-256 of the image after undo" "$(sum < disk.img)" "$before"

	echo
	if [ $faults -gt 0 ]; then
		echo "$faults of the steps above did not come out as they should (marked !!)."
		exit 1
	fi
	echo "The image was repaired, its file systems and files are whole, and undo gave back the old image: all $compared comparisons hold."
}

case $# in
0) ;;
1)
	case $1 in
	-*) echo "usage: try.sh [IMAGE]" >&2; exit 16 ;;
	/*) image=$1 ;;
	*) image=$PWD/$1 ;;
	esac
	[ -r "$image" ] || give_up "$1 cannot be read"
	prepare
	on_given_image "$image"
	;;
*) echo "usage: try.sh [IMAGE]" >&2; exit 16 ;;
esac

prepare
# Not /tmp, which may be a tmpfs, where imgmend keeps no journal.
work=$(mktemp -d "${TMPDIR:-/var/tmp}/imgmend-try.XXXXXX") || give_up "no temporary folder"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP PIPE
cd "$work" || exit 1
on_own_image
