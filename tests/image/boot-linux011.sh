#!/usr/bin/env bash
# boot-linux011.sh - the Linux 0.11 hard disk (partition 1 at LBA 2) boots to its prompt before and after the repair.
#
# Part of check-long. The kernel comes from a floppy and finds its root on the disk's first
# partition through the CHS and LBA fields that the repair rewrites. The screen is read from the
# VGA text buffer, through qemu's monitor; the disk is opened as a snapshot, so that a boot
# writes nothing into it.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs qemu-system-i386 xz od
images=${IMGMEND_SHARED_IMAGES:-$HERE/../../../shared/images}
[ -e "$images/hdc-linux011-2017.img.xz" ] || skip "the shared images are not here"
prompt='^\[/usr/root\]# *$'

xz -dc "$images/hdc-linux011-2017.img.xz" >disk.img
xz -dc "$images/linux011-kernel-floppy.img.xz" >floppy.img

# The text of an 80x25 screen dump, one line a row.
screen_text() {
	od -An -v -t u1 -w2 "$1" | awk '{ printf "%c", ($1 > 31 && $1 < 127) ? $1 : 32
		if (NR % 80 == 0) print "" }' | sed 's/ *$//'
}

# boot_screen NAME: boots disk.img, leaves the screen in NAME.txt once the prompt is there, or as
# it is after five minutes at least.
boot_screen() {
	local try pid
	rm -f monitor && mkfifo monitor
	qemu-system-i386 -accel tcg -m 16 -display none -vga std -nic none -no-reboot -boot a \
		-drive if=floppy,format=raw,snapshot=on,file=floppy.img \
		-drive if=ide,index=0,media=disk,format=raw,snapshot=on,file=disk.img \
		-monitor stdio <monitor >qemu.out 2>&1 &
	pid=$!
	CHILDREN+=("$pid")
	exec 8>monitor
	for try in $(seq 150); do
		sleep 2
		kill -0 "$pid" 2>/dev/null || fail "qemu ended by itself: $(tail -n 5 qemu.out)"
		echo 'pmemsave 0xb8000 4000 screen.bin' >&8
		sleep 0.3
		[ -s screen.bin ] || continue
		screen_text screen.bin >"$1.txt"
		! grep -q "$prompt" "$1.txt" || break
	done
	echo quit >&8
	exec 8>&-
	wait "$pid" || true
	grep -q "$prompt" "$1.txt" || {
		cat "$1.txt"
		fail "the disk $1 does not boot to its prompt in $((try * 2)) seconds (screen above)"
	}
}

old=$(digest disk.img)
boot_screen before
run 1 fix --yes disk.img
[ "$(le disk.img 454 4)" -ge 16 ] || fail "partition 1 still starts at sector $(le disk.img 454 4)"
boot_screen after
# Free memory and buffers are the same machine's; what the kernel says of the disk must not differ.
for line in 'Partition table' 'free blocks' 'free inodes'; do
	check_eq "the kernel's line on \"$line\"" "$(grep "$line" before.txt)" "$(grep "$line" after.txt)"
done
run 0 undo --yes disk.img
check_eq "content after undo" "$old" "$(digest disk.img)"
boot_screen undone
