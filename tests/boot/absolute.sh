#!/usr/bin/env bash
# absolute.sh - unknown boot code with its next stage at a fixed sector is refused; where that is allowed, it boots as long as the repair leaves
# the stage alone.
#
# Custom loaders keep a second stage between the master boot record and the first partition. It belongs to nobody, but
# a repair that moves the partition has no need to touch it.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/boot.sh"
needs mkfs.fat fsck.fat ld
sectors=32768

# left_alone IMAGE: all that was before the partition is there
left_alone() {
	cmp -n 440 old.img "$1" && cmp -i 512 -n $((7 * 512)) old.img "$1" ||
		fail "the boot code or its next stage has changed"
}

assemble payload
assemble absolute-mbr STAGE=4
truncate -s $(((8 + sectors) * 512)) disk.img
mkmbr -i ab501073 disk.img "6:8:$sectors:active"
boot_code absolute-mbr.bin disk.img
put payload.bin disk.img 4
truncate -s $((sectors * 512)) volume
mkfs.fat -F 16 -s 4 -h 8 -n DATA volume >/dev/null
put volume disk.img 8
VOLUMES=(1:fat)
LOOKS=left_alone
KNOWN="true false unknown"
cp --sparse=always disk.img copy.img
refused absolute-unknown copy.img 'may not boot.*unknown code in sector 0.*unknown-boot-code'
FIX=(--allow=unknown-boot-code)
boot_cycle absolute-stage-in-gap disk.img
