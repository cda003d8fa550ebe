#!/usr/bin/env bash
# image-g-loop-ext4.sh - a block device, which cannot grow: ext4 at LBA 2 with a gap behind it.
#
# Then the same with the kernel's partition devices present, which must not outlive the old table.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/cycle.sh"
needs sfdisk parted partx jq mke2fs e2fsck debugfs losetup blockdev
find_helpers

ext=32768 # sectors
truncate -s $((24 * MIB)) disk.img
mkmbr -c -i 100b100b disk.img 83:2:$ext:active
make_volume ext4 EXTVOL $((ext * 512)) 0
place EXTVOL disk.img 1024
attach_loop disk.img

VOLUMES=(1:ext4:EXTVOL:none)
JOPTS=(--journal "$WORK/loop.journal")
full_cycle "$LOOP" partition-in-reserved-area
check_eq "size of the device in the plan" "$(jq .old_size plan.json)" "$(jq .new_size plan.json)"
new_start=$(($(jq '.partitions[] | select(.number == 1) | .new_start' plan.json) / 512))
detach_loop "$LOOP"

# The kernel's view: where it reads DOS tables by itself, the new start must be known to it; in
# any case the old one must be gone.
attach_loop -P disk.img
node=$(basename "$LOOP")
kernel_reads=yes
if [ ! -e "/sys/block/$node/${node}p1" ]; then
	kernel_reads=no
	partx -a "$LOOP" 2>/dev/null || true
fi
if [ ! -e "/sys/block/$node/${node}p1" ]; then
	note "this kernel gives loop devices no partitions: that part is not tested"
	exit 0
fi

# kernel_start WHAT OLD NEW
kernel_start() {
	local got=none
	[ ! -e "/sys/block/$node/${node}p1" ] || got=$(cat "/sys/block/$node/${node}p1/start")
	[ "$got" != "$2" ] || fail "$1: the kernel still has partition 1 at sector $2"
	[ $kernel_reads = no ] && [ "$got" = none ] || check_eq "$1: start of partition 1 for the kernel" "$3" "$got"
}

check_eq "start of partition 1 for the kernel" 2 "$(cat "/sys/block/$node/${node}p1/start")"
run 1 fix --yes "${JOPTS[@]}" "$LOOP"
kernel_start "after fix" 2 "$new_start"
run 0 undo --yes "${JOPTS[@]}" "$LOOP"
check_eq "content after undo" "$OLD_SHA" "$(digest "$LOOP")"
kernel_start "after undo" "$new_start" 2
