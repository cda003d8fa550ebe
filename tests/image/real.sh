#!/usr/bin/env bash
# real.sh - real images of other people: each is read as its index says, and repaired, left alone or refused rightly.
#
# What to expect of an image is a row of the table below: name, table types and file systems
# that are right (of the first region that has one; "-": not looked at), and its case:
#	good	nothing wrong, or so by design: no error finding, fix writes nothing
#	bad	a partition below 8192: a right repair
#	either	a partition below 8192 on a disk that is cut off or tiny, or boots by absolute
#		position: a right repair or a refusal
#	NAME	a container of that name that cannot be opened as it is: said so
#	any	hostile or meaningless content: any answer, no crash
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/cycle.sh"
needs xz jq sfdisk fdisk qemu-nbd
find_helpers
images=${IMGMEND_SHARED_IMAGES:-$HERE/../../../shared/images}
[ -e "$images/INDEX.tsv" ] || skip "the shared images are not here"

expectations() {
	cat <<-'END'
		hdc-linux011-2017.img dos minix bad
		linux011-kernel-floppy.img none|dos - good
		lgf-mbr-ext2-lba1.img dos ext2 bad
		dfir-mbr4096-p1e1.bin dos - good
		dfir-mbr512-p1e2.bin dos - either
		dfir-mbr512-p1.bin dos - either
		mbrman-disk1.img dos - either
		ul-exfat-lba1.img none exfat good
		grub-rescue-floppy-2.06.img dos iso9660|- either
		ipxe-1.0-isohybrid.iso dos|none iso9660 good
		memtest-6.10-ia32.iso dos|none iso9660 good
		dftt10-ntfs-ext2-ufs-disk.dd dos - good
		dftt7-undel-ntfs.dd none ntfs good
		vr-ntfs-4k.raw none ntfs good
		dfir-ntfs-2k.raw dos ntfs good
		tsk-mmls1-2ntfs.raw dos ntfs good
		ntfs-2m-clusters-win10.raw dos ntfs good
		ntfs-ptrn256m-win10.raw dos ntfs good
		vsstest.qcow2 none ntfs good
		tiny-ntfs-512.dd none ntfs good
		etcher-gpt-win.img gpt fat32 good
		vr-gpt-ntfs-win2022.vhdx gpt ntfs good
		btrfs-win10.vhdx dos btrfs good
		swap-superfloppy-win2016.vhdx none swap good
		vhdx-log-replay-win10.vhdx - - vhdx
		disk2vhd.vhdx dos - good
		hyperv2012r2-dynamic.vhd none - good
		win8-child.vhd - - vhd
		vbox-41909760.vhd none - good
		vmware-streamopt.vmdk none - good
		afl9.vmdk - - vmdk
		ext2.qcow2 none ext2 good
		exfat-win-512.raw none exfat good
		exfat-mbr-linux.raw dos exfat good
		exfat-gpt-macos.img gpt exfat good
		exfat-bad-bootcsum.img none exfat good
		bitlk-cbc128-4k.img none bitlocker good
		bitlk-togo-cbc.img none bitlocker good
		bitlk-clearkey.img none bitlocker good
		bitlk-win7-blkid.img none bitlocker good
		refs-3.14-head.bin none refs good
		ldm-2003r2-simple.img dos ntfs good
		ldm-2008r2-spanned2-gpt.img gpt - good
		luks1.img none luks good
		efilib-valid.img gpt - good
		efilib-invalid-primary-hdr-checksum.img gpt - any
		efilib-invalid-backup-hdr-checksum.img gpt - any
		syz-gpt-shuffled.img gpt - good
		syz-gpt-700entries.img gpt - good
		syz-mbr-unordered-bsd.img dos - good
		syz-sgi.img sgi - good
		gptman-512.img gpt - good
		gptman-4k.img gpt - good
		node-gpt-exfat-head.bin gpt - any
		rpi-mbr.bin dos - good
		jnode-mbr-dos-3-to-6.dd dos - good
		jnode-mbr-linux-kernel.dd none|dos - any
		jnode-mbr-win-vista.dd dos - good
		ul-dos+bsd.img dos - good
		ul-sun.img sun - good
		ul-hpfs.img none hpfs good
		ul-hfsplus.img none hfsplus good
		ul-xfs-v5.img none xfs good
		ul-ext4.img none ext4 good
		ul-erofs-minix-magic.img none - good
		ul-ddf-raid.img none - good
		ul-mdraid-1.img none md good
		ul-udf-hdd-win7.img none udf good
		ul-fat16_noheads.img none fat16 good
		ul-fat32_label_64MB.img none fat32 good
		ul-bcachefs.img none - good
		dftt1-extend-part.dd dos fat16 good
		dftt6-undel-fat.dd none fat16 good
		dftt5-daylight.dd none fat12 good
		fat64-mbr.raw dos - good
		fat12-4096bps.raw none fat12 good
		wh-umlauts-win.img none fat16 good
		sdmmc-disk.img dos fat16 good
		mikeos.flp none fat12 good
		geodsp1s.img none|dos - good
		dftt-iso-endian.iso none iso9660 good
		ossfuzz-53142.bin - - any
		ossfuzz-371061095.bin - - any
	END
}

# one_of WHAT ALLOWED GOT: ALLOWED is "a|b", or "-" for anything; an allowed "-" among others
# stands for none.
one_of() {
	[ "$2" = - ] || [[ "|$2|" = *"|${3:--}|"* ]] || { problem "$1: expected $2, got \"$3\""; return 1; }
}

# A fault of one image does not hide those of the others.
problems=0
problem() {
	echo "FAIL: $name: $*" >&2
	problems=$((problems + 1))
}

# The times of the last change tell a write, and spare hashing gigabytes twice.
stamp() {
	stat -c '%s %y %z' "$name"
}

# is_refused REGEX COMMAND...: exit status 4 or 8 with a sentence, the image untouched.
is_refused() {
	local regex=$1 rc=0
	shift
	"$IMGMEND" "$@" "$name" >out 2>err </dev/null || rc=$?
	[ $rc = 4 ] || [ $rc = 8 ] || problem "imgmend $*: expected a refusal (status 4 or 8), got $rc"
	grep -qiE "$regex" out err || problem "imgmend $*: no line matches /$regex/: $(head -n 3 err)"
}

check_container() {
	is_refused "$1|virtual hard disk" scan
	is_refused "$1|virtual hard disk" fix --yes
}

check_good() {
	local rc=0
	[ "$(jq '[.findings[] | select(.severity == "error")] | length' scan.json)" = 0 ] ||
		problem "an error finding on an image without a fault: $(jq -c '.findings[]' scan.json | head -n 2)"
	"$IMGMEND" fix --yes "$name" >out 2>err </dev/null || rc=$?
	[ $rc = 0 ] || problem "fix --yes: expected exit status 0, got $rc: $(head -n 3 err)"
}

# A repair judged by sfdisk and by checkplan; what undo leaves must be the old image.
check_repair() {
	local rc=0
	[ "$(jq '[.partitions[] | select(.new_start < 8192)] | length' plan.json)" = 0 ] ||
		problem "the plan leaves a partition below 8192"
	cp "$name" old.img
	layout "$name" >old.layout
	"$IMGMEND" fix --yes "$name" >out 2>err </dev/null || rc=$?
	[ $rc = 1 ] || { problem "fix --yes: expected exit status 1, got $rc: $(head -n 3 err)"; return; }
	checkplan old.img "$name" plan.json || problem "the new image is not what the plan says"
	predicted old.layout plan.json >predicted.layout
	layout "$name" | diff -u predicted.layout - || problem "sfdisk does not read the planned layout (above)"
	rc=0
	"$IMGMEND" scan "$name" >out 2>err </dev/null || rc=$?
	[ $rc = 0 ] || problem "scan after fix: expected exit status 0, got $rc"
	[ "$name" != hdc-linux011-2017.img ] || check_contents
	rc=0
	"$IMGMEND" undo --yes "$name" >out 2>err </dev/null || rc=$?
	[ $rc = 0 ] || problem "undo --yes: expected exit status 0, got $rc: $(head -n 3 err)"
	cmp old.img "$name" || problem "undo is not byte-equal to the old image"
}

# Both partitions of the Linux 0.11 disk hold no position of their own: byte-equal.
check_contents() {
	local number start size new
	while read -r number start size _; do
		new=$(awk -v n="$number" '$1 == n { print $2 }' predicted.layout)
		cmp -n "$size" -i "$start:$new" old.img "$name" ||
			problem "the contents of partition $number changed"
	done <old.layout
}

check_bad() {
	local rc=0
	[ "$(jq '[.findings[] | select(.severity == "error")] | length' scan.json)" -gt 0 ] || {
		[ "$1" = either ] && check_good || problem "no error finding, though a partition starts below 8192"
		return
	}
	[ "$(jq -r '[.findings[] | select(.severity == "error")][0].id' scan.json)" = partition-in-reserved-area ] ||
		problem "the first error finding is not partition-in-reserved-area"
	"$IMGMEND" plan --json "$name" >plan.json 2>err </dev/null || rc=$?
	[ $rc = 4 ] || { problem "plan: expected exit status 4, got $rc: $(head -n 3 err)"; return; }
	if [ "$(jq -s 'map(.segments | length) | add // 0' plan.json)" -gt 0 ]; then
		check_repair
	elif [ "$1" = either ]; then
		is_refused . fix --yes
		note "$name is refused: $(cat err out | grep -v '^ *$' | tail -n 1)"
	else
		problem "there is no plan: $(head -n 3 err)"
	fi
}

check_image() {
	local table=$1 fs=$2 case=$3 rc=0 before
	xz -dc "$images/$name.xz" | cp --sparse=always /dev/stdin "$name"
	before=$(stamp)
	"$IMGMEND" scan --json "$name" >scan.json 2>err </dev/null || rc=$?
	[ $rc -le 12 ] || problem "scan crashed or gave up: status $rc: $(head -n 3 err)"
	case $case in
	any) "$IMGMEND" plan "$name" >out 2>err </dev/null || rc=$?
		[ $rc -le 12 ] || problem "plan crashed or gave up: status $rc: $(head -n 3 err)" ;;
	good | bad | either) jq -e .regions scan.json >out 2>&1 || problem "scan gives no JSON (status $rc): $(head -n 3 err)" ;;
	*) check_container "$case" ;;
	esac
	if [ -s scan.json ] && jq -e .table scan.json >out 2>&1; then
		one_of "table type" "$table" "$(jq -r .table.type scan.json)" || true
		one_of "file system" "$fs" "$(jq -r '[.regions[] | .fs // empty | select(. != "")][0] // ""' scan.json)" || true
	fi
	[ "$case" != good ] || check_good
	[[ $case != bad && $case != either ]] || check_bad "$case"
	[ -e old.img ] || [ "$before" = "$(stamp)" ] || problem "the image was written to"
	no_journal "$name"
	rm -f "$name" old.img
}

expectations >expected
while read -r name table fs case; do
	[ -e "$images/$name.xz" ] || { problem "listed in this test, but not there"; continue; }
	check_image "$table" "$fs" "$case"
done <expected
# Every image of the index has its row.
while IFS=$'\t' read -r name _; do
	[ "$name" = name ] || grep -q "^$name " expected || problem "in the index, but not in this test"
done <"$images/INDEX.tsv"
[ $problems = 0 ] || fail "$problems problems with real images (above)"
