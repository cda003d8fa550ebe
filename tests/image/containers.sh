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

# Disk: FAT16 and NTFS without a gap, with room at the end.
fat16_then_ntfs disk.img 8192
container_round disk.img

# Volume: a file in the boot area.
ntfs_format 4096 $((16 * MIB)) -p 8 -H 255 -S 63
quiet ntfsfill vol plain /plain 100000
quiet mkbadntfs -o /plain vol
container_round vol

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
