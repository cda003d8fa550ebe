# bad-image.sh - what the tests of the installed packages share: a bad image, and ways to complain.
#
# The image is an MBR disk whose FAT16 volume begins in sector 1, inside the boot area, and holds one file.

PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C.UTF-8
cd "${AUTOPKGTEST_TMP:?autopkgtest sets it}" || exit 1

fat_sectors=49152

fail() {
	echo "FAILED: $*"
	exit 1
}

# ends STATUS COMMAND...: the command must end with this status. What it says is shown, and kept in the file said.
ends() {
	wanted=$1
	shift
	got=0
	"$@" > said 2>&1 < /dev/null || got=$?
	sed 's/^/  /' said
	[ "$got" -eq "$wanted" ] || fail "$* ended with $got, not $wanted"
}

sum() { sha256sum < "$1" | cut -d ' ' -f 1; }

# make_bad_image FILE: and the file inside it, as inside.txt
make_bad_image() {
	seq 100000 > inside.txt
	truncate -s $(((1 + fat_sectors + 2048) * 512)) "$1"
	printf 'label: dos\nunit: sectors\nstart=1, size=%s, type=6\n' $fat_sectors |
		sfdisk -q --no-reread --no-tell-kernel "$1" || fail "sfdisk could not make the table"
	truncate -s $((fat_sectors * 512)) fat.volume
	mkfs.fat -F 16 -R 16 -h 1 -n CARD fat.volume > /dev/null || fail "mkfs.fat could not make the volume"
	mcopy -i fat.volume inside.txt ::INSIDE.TXT || fail "mcopy could not fill the volume"
	dd if=fat.volume of="$1" bs=512 seek=1 conv=notrunc status=none
	rm fat.volume
}

# holds_the_file FILE START: the FAT volume that begins at byte START of FILE still has what make_bad_image put there.
holds_the_file() {
	mcopy -n -i "$1@@$2" ::INSIDE.TXT found.txt || fail "$1 has no FAT volume with the file at byte $2"
	cmp inside.txt found.txt || fail "the file in $1 is not what it was"
	rm found.txt
}
