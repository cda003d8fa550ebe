#!/usr/bin/env bash
# powercut.sh - the power is cut in a repair of an image on a real file system, again and again.
#
#	powercut.sh FS CUTS [CASE...]		FS: ext4, xfs or btrfs; CASE: all of them
#
# The image and its journal lie on FS, on a loop device, on a disk with a volatile cache (support/powercut.c), which
# keeps a log of every write and flush. So one repair gives any number of disks as a power cut could have left them:
# what was flushed, and of the rest nothing, all, a beginning, or any part in any order, torn between sectors. On
# each, FS replays its own journal first; then
#	status		knows where the repair stands; without a journal the image is the old one, untouched
#	resume		ends in exactly the repaired image (where nothing had begun: fix does), and undo of that in the
#			old one
#	undo		on the same disk once more: ends in exactly the old image, and leaves no journal
# and the power is cut in these too. What a run has promised by its end must be there whatever survives.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/ntfs-lib.sh"
FS=$1 CUTS=$2
shift 2
if [ $# = 0 ]; then
	set -- direct journalled ntfs inside batches
	[ "$FS" = ext4 ] || set -- "$@" writeonce reflink
	[ "$FS" = btrfs ] || set -- "$@" insert fills
fi
. "$HERE/powercut-lib.sh"

# repair [COMMAND...]: the run in which the power is cut, its cuts FROM to TO of log
repair() {
	disk_on log || fail "the disk does not mount"
	begin log
	STATE=(none)
	LAST=("$@" imgmend fix)
	"$@" "$IMGMEND" fix --yes --plan saved.plan $IMG >out 2>err </dev/null || true
	end log
	is new.img || report_loss
}

cut_repairs() {
	local from to i
	repair
	disk_off || fail "the disk cannot be taken away"
	from=$FROM to=$TO
	promised repaired "log:$to:none:1" || report_loss
	for i in $(seq "$CUTS"); do
		random_cut log "$from" "$to"
		try_disk 1 "$CUT" || report_loss
	done
	FROM=$from TO=$to
	note "$FS, $CASE ($(jq -r .strategy plan.json)): $((to - from)) writes and flushes in the repair"
}

# size_after CUT: of the image on the disk after it
size_after() {
	disk_on log.look "$1" 2>disk.err || fail "the disk after $1 does not mount: $(cat disk.err)"
	SIZE_AFTER=$(stat -c %s $IMG)
	disk_off || fail "the disk cannot be taken away"
}

# The power is cut where the file system is at the step that inserts blocks, which is seen by the image's size.
cut_steps() {
	local to=$TO i=$FROM old step=4
	old=$(stat -c %s old.img)
	while size_after "log:$i:all:1" && [ "$SIZE_AFTER" = "$old" ]; do
		i=$((i + step))
		[ $i -le "$to" ] || fail "the image was never longer than it is"
	done
	for i in $(seq $((i - step)) $((i + 6))); do
		try_disk 0 "log:$i:all:1" || report_loss
	done
}

# The test of the test: a repair whose flushes do nothing must be caught. btrfs, and ext4 with journalled data, are no
# use for that: they commit what was written to all files at once.
cut_blind_repairs() {
	local from to i before=$TRIED
	[ "$FS" != ext4 ] || FS_OPTIONS=data=ordered
	repair strace -f -qq -o /dev/null -e trace=fsync,fdatasync -e inject=fsync,fdatasync:retval=0
	sync -f mnt
	end log
	disk_off || fail "the disk cannot be taken away"
	from=$FROM to=$TO
	for i in $(seq 60); do
		random_cut log "$from" "$to"
		if ! try_disk 0 "$CUT"; then
			note "$FS, $CASE without flushes: lost after $((TRIED - before)) disks, as it must be"
			TRIED=$before
			return
		fi
	done
	fail "$CASE on $FS: no loss on 60 disks, though no flush of the repair was one: this test finds nothing"
}

power_setup
for CASE; do
	make_case
	cut_repairs
	case $CASE in insert | fills) cut_steps ;; esac
	[ "$FS" = btrfs ] || [ "$CASE" != journalled ] || cut_blind_repairs
done
power_summary
