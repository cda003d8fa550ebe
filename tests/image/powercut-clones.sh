#!/usr/bin/env bash
# powercut-clones.sh - a repair, its undo, and clones of the disk below at random moments, made by the kernel alone.
#
#	powercut-clones.sh FS CLONES [CASE...]	FS: ext4, xfs or btrfs
#
# As powercut.sh, but the disk is a loop device on a file of an xfs, which clones that file (FICLONE) while imgmend
# runs, again and again. A clone holds all that was written, flushed or not: less than powercut.sh makes of a log, but
# nothing of it is our own making. Flushes are slowed down, so that a run lasts for many clones.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/ntfs-lib.sh"
FS=$1 CLONES=$2
shift 2
if [ $# = 0 ]; then
	set -- direct journalled ntfs inside
	[ "$FS" = ext4 ] || set -- "$@" writeonce reflink
	[ "$FS" = btrfs ] || set -- "$@" insert
fi
. "$HERE/powercut-lib.sh"

outer_on() {
	truncate -s 4G outer.img
	quiet mkfs.xfs -q -m reflink=1 outer.img
	mkdir -p outer
	attach_loop outer.img
	OUTER_LOOP=$LOOP
	mount -t xfs "$OUTER_LOOP" outer || skip "the file system xfs, which makes the clones, is not to be had here"
	MOUNTS=("$WORK/outer")
}

# store_on: base as a file of the outer file system, a loop device on it, the inner file system at mnt
store_on() {
	rm -rf outer/*
	cp --sparse=always base outer/store
	attach_loop outer/store
	STORE_LOOP=$LOOP
	mount -t "$FS" -o "$FS_OPTIONS" "$STORE_LOOP" mnt
	MOUNTS=("$WORK/mnt" "$WORK/outer")
}

store_off() {
	umount mnt
	MOUNTS=("$WORK/outer")
	detach_loop "$STORE_LOOP"
}

# cloned ARGUMENT...: run imgmend on the image, slowly, and clone the store until it ends. N goes up.
cloned() {
	local pid
	strace -f -qq -o /dev/null -e trace=fdatasync -e inject=fdatasync:delay_exit=30000 "$IMGMEND" "$@" $IMG \
		>out 2>err </dev/null &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		sleep "0.0$((RANDOM % 10))"
		cp --reflink=always outer/store "outer/clone.$N"
		N=$((N + 1))
	done
	wait $pid || [ $? = 1 ] || fail "imgmend $* failed: $(cat err)"
}

clone_repairs() {
	local N=0 i
	store_on
	STATE=(none)
	LAST=(imgmend fix)
	while [ $N -lt "$CLONES" ]; do
		cloned fix --yes --plan saved.plan
		is new.img || report_loss
		cloned undo --yes
		is old.img || report_loss
	done
	store_off
	for i in $(seq 0 $((N - 1))); do
		BASE=outer/clone.$i
		try_disk 0 || report_loss
		rm "$BASE"
	done
	BASE=base
	note "$FS, $CASE: $N clones"
}

power_setup
outer_on
for CASE; do
	make_case
	clone_repairs
done
power_summary
