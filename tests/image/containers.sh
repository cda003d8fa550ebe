#!/usr/bin/env bash
# containers.sh - bad images in qcow2, VHD, VHDX, VMDK and VDI, and over NBD: as raw ones, by what qemu-img reads.
#
# Scan and plan must be those of the raw image; what is inside after fix is byte for byte what fix makes of the raw one, after
# undo what was there before; qemu-img check finds nothing.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/ntfs-lib.sh"
. "$HERE/containers-lib.sh"
find_ntfs_helpers
needs sfdisk mkfs.fat mcopy mkntfs qemu-img qemu-nbd nbdkit nbdcopy jq

# raw IMAGE: what imgmend makes of the raw image, and says of it
raw() {
	rm -f new.raw new.raw.imgmend-journal
	cp --sparse=always "$1" new.raw
	run 4 scan --json "$1"
	same_scan <out >raw.scan
	run 4 plan --json "$1"
	same_plan <out >raw.plan
	run 1 fix --yes new.raw
}

# as_raw FORMAT IMAGE NAME: the round, on a container of that format, or on an export
as_raw() {
	local name=$3
	run 4 scan --json "$name"
	same_scan <out | diff raw.scan - || fail "$1: the scan is not that of the raw image (above)"
	run 4 plan --json "$name"
	same_plan <out | diff raw.plan - || fail "$1: the plan is not that of the raw image (above)"
	run 1 fix --yes "$name"
	inside "$1" new.raw
	run 0 fix --yes "$name"
	run 0 status "$name"
	says "$1: status" "repaired"
	run 0 undo --yes "$name"
	inside "$1" "$2"
}

# round IMAGE
round() {
	raw "$1"
	for FORMAT in qcow2 vpc vhdx vmdk vdi; do
		make_container $FORMAT "$1"
		as_raw $FORMAT "$1" "$C"
		no_journal "$C"
		rm "$C"
	done
	as_export "$1"
}

# as_export IMAGE: over NBD, from a server that somebody else has started
as_export() {
	local uri="nbd+unix:///?socket=$WORK/sock"
	cp --sparse=always "$1" export.img
	nbdkit -U "$WORK/sock" -P nbdkit.pid file export.img
	wait_for nbdkit.pid
	CHILDREN+=("$(cat nbdkit.pid)")
	FORMAT=raw C=export.img
	as_raw export "$1" "$uri"
	stop_server nbdkit.pid
	rm export.img
}

# Disk: FAT16 and NTFS without a gap, with room at the end.
fat=16384 ntfs=24576 # sectors
truncate -s $(((1 + fat + ntfs + 8192) * 512)) disk.img
mkmbr -c -i c0ffee16 disk.img 6:1:$fat 7:$((1 + fat)):$ntfs:active
make_volume fat16 FATVOL $((fat * 512)) 1
make_volume ntfs NTFSVOL $((ntfs * 512)) $((1 + fat))
place FATVOL disk.img 512
place NTFSVOL disk.img $(((1 + fat) * 512))
round disk.img

# Volume: a file in the boot area.
ntfs_format 4096 $((16 * MIB)) -p 8 -H 255 -S 63
quiet ntfsfill vol plain /plain 100000
quiet mkbadntfs -o /plain vol
round vol

# Growth: qcow2 can, and gives it back; the others are told to write a copy.
truncate -s $((8193 * 512)) full.img
mkmbr -c -i f0110001 full.img 83:1:8192
head -c $((8192 * 512)) /dev/urandom | dd of=full.img bs=512 seek=1 conv=notrunc iflag=fullblock status=none
raw full.img
FORMAT=qcow2 && make_container qcow2 full.img && as_raw qcow2 full.img "$C"
check_eq "the size of the qcow2 after undo" "$(size_of full.img)" "$(qemu-img info --output json "$C" | jq '."virtual-size"')"
for FORMAT in vpc vhdx vmdk vdi; do
	make_container $FORMAT full.img
	run 4 fix --yes "$C"
	says "growth of a $FORMAT" "may not grow.*--output"
	inside $FORMAT full.img
	rm -f copy
	run 1 fix --yes --output copy --output-format $FORMAT "$C"
	qemu-img compare -f $FORMAT -F raw copy new.raw >/dev/null || fail "--output-format $FORMAT: not what the repair of the raw image is"
	inside $FORMAT full.img
done
rm -f copy
run 1 fix --yes --output copy --output-format qcow2 full.img
qemu-img compare -f qcow2 -F raw copy new.raw >/dev/null || fail "--output-format qcow2: not what the repair of the raw image is"
run 16 fix --yes --output-format qcow2 full.img
run '4|8' fix --yes --output copy --output-format qcow2 full.img

# Sparse: what is a hole is not allocated.
truncate -s $((256 * MIB)) sparse.img
mkmbr -c -i 59a45e01 sparse.img 83:8:500000
dd if=/dev/urandom of=sparse.img bs=1M seek=3 count=2 conv=notrunc status=none
raw sparse.img
for FORMAT in qcow2 vmdk vdi vhdx; do
	make_container $FORMAT sparse.img
	before=$(stat -c %s "$C")
	run 4 plan "$C"
	says "growth of the $FORMAT's file" "the $FORMAT file itself grows by up to"
	run 1 fix --yes "$C"
	inside $FORMAT new.raw
	[ $(($(stat -c %s "$C") - before)) -le $((12 * MIB)) ] ||
		fail "the $FORMAT of 2 MiB of data grew by $(($(stat -c %s "$C") - before)) bytes"
done
