#!/usr/bin/env bash
# containers-refused.sh - containers that are not opened, or not repaired: a sentence each, and not a byte written or read
# elsewhere.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/containers-lib.sh"
find_helpers
needs qemu-img qemu-nbd nbdkit jq strace

truncate -s $((20480 * 512)) disk.img
mkmbr -c disk.img 83:1:8192
head -c $((8192 * 512)) /dev/urandom | dd of=disk.img bs=512 seek=1 conv=notrunc iflag=fullblock status=none
echo "nobody may read this" >host-file
truncate -s 1M host-file

# refused WHAT FILE REGEX VERB [ARGUMENT...]
refused() {
	local before
	before=$(state_of "$2")
	run '4|8' "${@:4}" "$2"
	says "$1" "$3"
	check_eq "$1: the file after the refusal" "$before" "$(state_of "$2")"
	no_journal "$2"
}

# both WHAT FILE REGEX: scan and fix
both() {
	refused "$1" "$2" "$3" scan
	refused "$1" "$2" "$3" fix --yes
}

# unread WHAT FILE: no program that imgmend starts so much as opens the file that the container names
unread() {
	strace -f -qq -e trace=open,openat,execve -o trace "$IMGMEND" scan "$2" >out 2>err </dev/null && fail "$1 was scanned"
	! grep -q host-file trace || fail "$1: the host's file was opened: $(grep host-file trace)"
	! grep -q 'execve.*qemu' trace || fail "$1: qemu was started on it"
}

# ---- qcow2
qemu-img create -q -f qcow2 -b "$WORK/host-file" -F raw backed.qcow2 || fail "no qcow2 with a backing file"
both "a backing file" backed.qcow2 "backing file.*--allow=backing-file"
unread "a backing file" backed.qcow2
qemu-img create -q -f qcow2 -b disk.img -F raw overlay.qcow2
refused "a backing file" overlay.qcow2 "backing file" scan
sum=$(digest disk.img)
run 1 fix --yes --allow=backing-file overlay.qcow2
check_eq "the backing file after a repair of its overlay" "$sum" "$(digest disk.img)"
run 0 undo --yes --allow=backing-file overlay.qcow2
qemu-img compare -q overlay.qcow2 disk.img || fail "undo of an overlay: not what its backing file holds"
qemu-img create -q -f qcow2 -o data_file="$WORK/host-file" data.qcow2 1M
head -c 1M /dev/zero >host-file
both "a data file" data.qcow2 "another file.*--allow=data-file"
unread "a data file" data.qcow2
qemu-img convert -f raw -O qcow2 disk.img snap.qcow2
qemu-img snapshot -c one snap.qcow2
run 4 scan snap.qcow2
refused "internal snapshots" snap.qcow2 "internal snapshots" fix --yes
qemu-img convert -f raw -O qcow2 disk.img luks.qcow2
printf '\002' | dd of=luks.qcow2 bs=1 seek=35 conv=notrunc status=none
both "encryption" luks.qcow2 "encrypted"
qemu-img convert -f raw -O qcow2 disk.img corrupt.qcow2
printf '\002' | dd of=corrupt.qcow2 bs=1 seek=79 conv=notrunc status=none
both "a corrupt mark" corrupt.qcow2 "marked as corrupt"

# ---- VMDK
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk.img stream.vmdk
run 4 scan stream.vmdk
refused "a stream-optimized VMDK" stream.vmdk "stream-optimi[sz]ed" fix --yes
qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat disk.img flat.vmdk
both "a descriptor" flat.vmdk "descriptor.*--allow=data-file"
run 1 fix --yes --allow=data-file flat.vmdk
run 0 undo --yes --allow=data-file flat.vmdk
refused "the data that a descriptor names" flat-flat.vmdk "VMDK" fix --yes
qemu-img convert -f raw -O vmdk -o subformat=twoGbMaxExtentSparse disk.img two.vmdk
sed -i 's/^RW .*/&\n&/' two.vmdk
both "several extents" two.vmdk "several extents"
both "one extent of several" two-s001.vmdk "one extent of a VMDK"
printf '# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2048 FLAT "%s" 0\n' \
	"$WORK/host-file" >hostile.vmdk
both "a descriptor that names a host's file" hostile.vmdk "--allow=data-file"
unread "a descriptor that names a host's file" hostile.vmdk
# a parent that only qemu would follow: in its place in the second sector, while the header says that the descriptor is elsewhere
qemu-img convert -f raw -O vmdk disk.img hint.vmdk
printf 'parentFileNameHint="%s"\n' "$WORK/host-file" | dd of=hint.vmdk bs=1 seek=$((0x200 + 400)) conv=notrunc status=none
both "a VMDK with a hint at a parent" hint.vmdk "child of another disk"
unread "a VMDK with a hint at a parent" hint.vmdk
qemu-img convert -f raw -O vmdk disk.img moved.vmdk
printf '\040' | dd of=moved.vmdk bs=1 seek=28 conv=notrunc status=none
both "a VMDK whose descriptor is elsewhere" moved.vmdk "not where it always is"
# a guest may have written a container's mark into its fixed VHD
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on disk.img two-marks.vhd
dd if=hint.vmdk of=two-marks.vhd bs=64K count=1 conv=notrunc status=none
both "two marks" two-marks.vhd "--format says which"
unread "two marks" two-marks.vhd
run '0|4|8' scan --format vpc two-marks.vhd
! grep -q "says which" err || fail "--format vpc does not say which"
# a header without a capacity, behind which qemu takes a descriptor at its word
qemu-img convert -f raw -O vmdk disk.img nocap.vmdk
head -c 8 /dev/zero | dd of=nocap.vmdk bs=1 seek=12 conv=notrunc status=none
both "a VMDK without a capacity" nocap.vmdk "one extent of a VMDK"

# ---- VHD, VHDX, VDI: children of other disks, by their headers
qemu-img convert -f raw -O vpc disk.img child.vhd
printf '\004' | dd of=child.vhd bs=1 seek=63 conv=notrunc status=none
both "a differencing VHD" child.vhd "differencing"
qemu-img convert -f raw -O vdi disk.img child.vdi
printf '\004' | dd of=child.vdi bs=1 seek=76 conv=notrunc status=none
both "a differencing VDI" child.vdi "differencing"
qemu-img convert -f raw -O vhdx disk.img child.vhdx
# the flags of the file parameters stand behind the size of a block, 32 MiB here: found by that
at=$(grep -obUaP '\x00\x00\x80\x00\x00\x00\x00\x00' child.vhdx | head -n 1 | cut -d: -f1)
if [ -n "$at" ]; then
	printf '\002' | dd of=child.vhdx bs=1 seek=$((at + 4)) conv=notrunc status=none
	both "a differencing VHDX" child.vhdx "differencing"
else
	fail "the block size of the VHDX was not found"
fi

# ---- names, locks, formats
qemu-img convert -f raw -O qcow2 disk.img named.raw
run 4 scan --json named.raw
check_eq "the format by its mark, whatever the name" qcow2 "$(jq -r .format out)"
both "the format given and its mark" child.vdi "differencing"
run '4|8' scan --format vmdk named.raw
says "a wrong --format" "no vmdk.*qcow2"
run '4|8' scan --format qcow2 disk.img
says "a raw image as qcow2" "no qcow2"
run 16 scan --format wim disk.img
refused "a container as raw" named.raw "qcow2" fix --yes --format raw
serve_qemu -f qcow2 named.raw
refused "a container that a qemu has open" named.raw "qemu.*has it open" fix --yes
stop_server
# a server that exports for reading only
serve_qemu -f raw -r disk.img
run 4 scan "nbd+unix:///?socket=$WORK/sock"
run '4|8' fix --yes "nbd+unix:///?socket=$WORK/sock"
says "an export for reading only" "for reading only"
stop_server
run 8 scan "nbd+unix:///?socket=$WORK/sock"
says "no server" "cannot connect"
# with TLS, and a key that the URI names; a journal does not make anybody connect
echo "alice:$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')" >keys.psk
cp disk.img export.img
serve --tls=require --tls-psk="$WORK/keys.psk" file export.img
uri="nbds+unix://alice@/?socket=$WORK/sock&tls-psk-file=$WORK/keys.psk"
run '4|8' scan "nbd+unix:///?socket=$WORK/sock"
run 1 fix --yes --journal tls.journal "$uri"
run 0 status --journal tls.journal "$uri"
says "status over TLS" "repaired"
run 0 status tls.journal
says "status of a journal whose image is an export" "name that"
run 0 undo --yes --journal tls.journal "$uri"
cmp export.img disk.img || fail "undo over TLS: not the old image"
stop_server
# qemu-nbd is not there
mkdir empty
rc=0
PATH=$WORK/empty "$(command -v "$IMGMEND")" scan named.raw >out 2>err || rc=$?
[ $rc = 4 ] || [ $rc = 8 ] || fail "a scan without qemu-nbd: exit status $rc"
says "no qemu-nbd" "is it installed"
# libnbd cannot be loaded: what is raw never wanted it
mkdir broken
echo "no library" >broken/libnbd.so.0
# run sees the variable, the shell's other programs do not
broken() { LD_LIBRARY_PATH=$WORK/broken${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} run "$@"; }
broken 4 scan disk.img
broken 8 scan "nbd+unix:///?socket=$WORK/sock"
says "no libnbd" "cannot be loaded.*libnbd0"
qemu-img convert -f raw -O qcow2 disk.img whole.qcow2
broken 8 scan whole.qcow2
says "a container and no libnbd" "^imgmend: whole.qcow2: NBD.*cannot be loaded"
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on disk.img whole.vhd
broken 4 scan whole.vhd
