#!/usr/bin/env bash
# share-log.sh - a file of btrfs that takes blocks over is logged in whole at every flush: commits in between keep that short, and take
# no flush's place.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs sfdisk mkfs.btrfs strace truncate awk

mib=400 # 25 batches of the largest

# calls_of STATUS COMMAND...: `events` are what it does to the image, as lines: takes, commits, flushes
calls_of() {
	local want=$1
	shift
	under_strace -y -e trace=ioctl,fdatasync -- "$@" --yes -q mnt/disk.img
	[ $rc = "$want" ] || { show_last; fail "imgmend $1 ended with $rc"; }
	awk '{ sub(/^[0-9]+ +/, "") }
		/^ioctl\([0-9]+<[^>]*disk[.]img>, [^,]*FICLONERANGE/ && !/src_length=4096,/ { print "takes" }
		/^ioctl\([0-9]+<[^>]*disk[.]img>, BTRFS_IOC_START_SYNC/ { print "commits" }
		/^fdatasync\([0-9]+<[^>]*disk[.]img>/ { print "flushes" }' calls >events
}

# log_is_short WHAT: a flush has no more to log than eight times, and the one behind a commit is made as well
log_is_short() {
	awk '/takes/ { n++; all++; if (lying++) print "blocks are taken over twice without a flush" }
		/commits/ { commits++; n = 0; open = 1 }
		/flushes/ { if (n > most) most = n; lying = open = 0 }
		END {
			if (all < 20) print "blocks are taken over only " all + 0 " times"
			if (most >= 8) print "a flush has " most " times to log"
			if (commits > all / 8) print commits " commits, for " all " times"
			if (lying || open) print "no flush stands at the end"
		}' events >complaint
	[ ! -s complaint ] || fail "$1: $(cat complaint)"
}

head -c $((mib * MIB)) /dev/urandom >data
truncate -s 1280M store
mkfs.btrfs -q store >mkfs.log 2>&1 || fail "mkfs.btrfs: $(cat mkfs.log)"
mkdir mnt
mount -o loop store mnt 2>out || skip "the file system btrfs is not to be had here"
MOUNTS=("$WORK/mnt")
truncate -s $((512 + (mib + 4) * MIB)) mnt/disk.img
echo "start=1, size=$((mib * 2048)), type=83" | sfdisk -q mnt/disk.img
dd if=data of=mnt/disk.img bs=1M seek=512 oflag=seek_bytes conv=notrunc status=none
old=$(digest mnt/disk.img)
calls_of 1 fix --align 8K --strategy write-once
log_is_short fix
cmp -n $((mib * MIB)) -i 8192:0 mnt/disk.img data || fail "the data is not where it should be"
calls_of 0 undo
log_is_short undo
check_eq "the image after undo" "$old" "$(digest mnt/disk.img)"
