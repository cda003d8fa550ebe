# powercut-lib.sh - what the tests that cut the power share: the disk, what it must be good for, images to repair.
#
# Sourced after lib.sh and ntfs-lib.sh, with FS set to ext4, xfs or btrfs.
#	power_setup		finds what is needed, or skips
#	make_case		for the case CASE: old.img, the plan for it, new.img, and the disk base with the old image
#	disk_on, disk_off	a disk after power cuts, mounted at mnt; what is written to it is logged
#	try_disk		that disk must be good for status, resume and undo; further cuts in these
#	report_loss		the end, when it is not
# SEED chooses the cuts; POWERCUT_KEEP names a folder in which the disk of a loss is kept.

SEED=${SEED:-4}
RANDOM=$SEED
IMG=mnt/disk.img
BASE=base
declare -A STATES
TRIED=0
EXPECT=

trap 'disk_off 2>/dev/null || true; cleanup' EXIT

find_powercut() {
	command -v powercut >/dev/null && return
	${CC:-cc} -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 "$HERE/../support/powercut.c" -o "$WORK/bin/powercut" ||
		fail "the helper powercut is neither built nor can it be built"
}

# What this machine must have for it.
can_cut() {
	[ "$(id -u)" = 0 ] || skip "loop devices need root"
	losetup -f >/dev/null 2>&1 || skip "loop devices are not to be had here"
	[ -c /dev/fuse ] || skip "FUSE, which serves the disk, is not to be had here"
	needs "mkfs.$FS" strace
	grep -qw "$FS" /proc/filesystems || modprobe "$FS" 2>/dev/null || skip "the file system $FS is not in this kernel"
	make_base
	disk_on log.base 2>disk.err || skip "the file system $FS on a disk of our own is not to be had here ($(cat disk.err))"
	disk_off
}

# ---- the disk

# xfs wants 300 MiB, and btrfs room for copies of its trees; both are sparse. Blocks smaller than those of the journal,
# and data that is not ordered with the metadata, are what is hardest. ext4 writes its super block of two sectors in
# place, outside of its log, and with checksums it does not mount one of which only one sector came through.
make_base() {
	local size=320 options=(-q) block=$((RANDOM % 2 ? 1024 : 4096)) data=(ordered writeback journal)
	FS_OPTIONS=defaults
	# so many extents, and so small a log, that the file system cannot do the step of a repair at once
	if [ "${CASE:-}" = insert ] || [ "${CASE:-}" = fills ]; then
		block=1024
		options+=($([ "$FS" != ext4 ] || echo -J size=1))
	fi
	case $FS in
	ext4)
		size=160
		# room for a gap of 64 MiB, and then some
		[ "${CASE:-}" != fills ] || size=400
		options+=(-F -b $block -O ^metadata_csum)
		FS_OPTIONS=data=${data[RANDOM % 3]}
		;;
	xfs) options+=(-b size=$block) ;;
	esac
	note "$FS: ${options[*]}, $FS_OPTIONS"
	rm -f base
	truncate -s ${size}M base
	mkdir -p mnt
	: >disk
	quiet "mkfs.$FS" "${options[@]}" base
}

# disk_on LOG [CUT...]: the disk with FS on it at mnt, after these power cuts. What is written from now on is logged.
disk_on() {
	: >"$1"
	powercut serve "$BASE" "$1" "$WORK/disk" "${@:2}" || return
	DISK=$WORK/disk
	LOOP=$(losetup -f --show "$DISK") || return
	DISK_LOOP=$LOOP
	mount -t "$FS" -o "$FS_OPTIONS" "$LOOP" mnt || return
	DISK_MOUNT=$WORK/mnt
}

disk_off() {
	local try
	[ -z "${DISK_MOUNT:-}" ] || umount "$DISK_MOUNT"
	DISK_MOUNT=
	[ -z "${DISK_LOOP:-}" ] || losetup -d "$DISK_LOOP"
	DISK_LOOP=
	# the loop device lets go of its file a moment later
	for try in 1 2 3 4 5 6 7 8 9 10; do
		[ -n "${DISK:-}" ] || return 0
		if umount "$DISK" 2>umount.err; then DISK=; else sleep "0.$try"; fi
	done
	cat umount.err
	return 1
}

records() {
	powercut list "$1" | wc -l
}

# begin, end: the first and the last cut that hit the run between them
begin() {
	FROM=$(records "$1")
}
end() {
	TO=$(records "$1")
}

random_below() {
	RANDOM_BELOW=$(((RANDOM << 15 | RANDOM) % $1))
}

# random_cut LOG FROM TO: sets CUT
random_cut() {
	local modes=(none all prefix random random) mode
	random_below $(($3 - $2 + 1))
	mode=${modes[RANDOM % 5]}
	# btrfs writes its super block as a whole and trusts in that
	if [ "$mode" = random ] && [ "$FS" = btrfs ]; then mode=random4k; fi
	CUT=$1:$(($2 + RANDOM_BELOW)):$mode:$RANDOM
}

# ---- what a disk must be good for

# lost WHAT: one disk is not what it should be
lost() {
	LOSS="$CASE on $FS, $BASE, cuts ${STATE[*]}: $*"
	return 1
}

# verb STATUS ARGUMENT...: run imgmend on the disk's image
verb() {
	local want=$1 rc=0
	shift
	LAST=(imgmend "$@")
	"$IMGMEND" "$@" $IMG >out 2>err </dev/null || rc=$?
	case "|$want|" in
	*"|$rc|"*) return 0 ;;
	esac
	lost "\"imgmend $*\": exit status $rc, not $want"
}

is() {
	cmp -s "$1" $IMG || lost "after \"${LAST[*]}\" the image is not $1"
}

without_journal() {
	# a clone that was made before the journal is the next fix's to remove
	[ ! -e $IMG.imgmend-journal ] && { [ $KNOWN = none ] || [ ! -e $IMG.imgmend-journal.imgmend-clone ]; } || lost "\"${LAST[*]}\" left the journal behind"
}

# sets KNOWN, the state that status reports
status() {
	verb 0 status --json || return
	KNOWN=$(jq -r .state out)
	[ -z "$EXPECT" ] || [ "$KNOWN" = "$EXPECT" ] || lost "status says $KNOWN, but $EXPECT was promised" || return
	case $KNOWN in
	none) is old.img ;;
	repaired) is new.img ;;
	not-started) cmp -s -n "$(size_of old.img)" old.img $IMG || lost "not started, but the image is not the old one" ;;
	repairing | undoing | undone) ;;
	*) lost "status says $KNOWN" ;;
	esac
}

finish() {
	case $KNOWN in
	none | not-started) verb 4 resume --yes && verb 1 fix --yes --plan saved.plan && is new.img ;;
	repairing) verb 1 resume --yes && is new.img ;;
	repaired) verb 0 resume --yes && is new.img ;;
	undoing | undone) verb 0 resume --yes && is old.img && without_journal ;;
	esac
}

take_back() {
	case $KNOWN in
	none) verb 4 undo --yes ;;
	*) verb 0 undo --yes ;;
	esac && is old.img && without_journal
}

# with_disk LOG COMMAND: a loss when the disk after the cuts STATE does not mount
with_disk() {
	local rc=0
	if disk_on "$1" "${STATE[@]}" 2>disk.err; then
		"$2" "$1" || rc=1
	else
		lost "the file system does not mount: $(cat disk.err)" || rc=1
	fi
	disk_off || fail "the disk cannot be taken away"
	return $rc
}

resumed_and_undone() {
	status || return
	STATES[$KNOWN]=$((${STATES[$KNOWN]:-0} + 1))
	begin "$1"
	finish || return
	end "$1"
	case $KNOWN in
	undoing | undone) KNOWN=none ;;
	*) KNOWN=repaired ;;
	esac
	RESUMED="$1 $FROM $TO $KNOWN"
	begin "$1"
	take_back || return
	end "$1"
	RETAKEN="$1 $FROM $TO none"
}

undone() {
	status || return
	begin "$1"
	take_back || return
	end "$1"
	UNDONE="$1 $FROM $TO none"
}

# try_disk DEPTH CUT...: the disk after these power cuts; further ones below while DEPTH says so
try_disk() {
	local depth=$1 runs run log from to leaves
	STATE=("${@:2}")
	TRIED=$((TRIED + 1))
	with_disk "log.$depth.resume" resumed_and_undone || return
	with_disk "log.$depth.undo" undone || return
	[ "$depth" -gt 0 ] || return 0
	runs=("$RESUMED" "$RETAKEN" "$UNDONE")
	for run in "${runs[@]}"; do
		read -r log from to leaves <<<"$run"
		if [ $((RANDOM % 3)) = 0 ]; then
			promised "$leaves" "${@:2}" "$log:$to:none:1" || return
		else
			random_cut "$log" "$from" "$to"
			try_disk $((depth - 1)) "${@:2}" "$CUT" || return
		fi
	done
}

# promised STATE CUT...: the last cut is behind the end of a run, which has said that it is done
promised() {
	local rc=0
	EXPECT=$1
	try_disk 0 "${@:2}" || rc=1
	EXPECT=
	return $rc
}

# ---- the cases: each makes old.img

make_direct() {
	truncate -s $((8193 * 512)) old.img
	mkmbr -c -i d1d1d1d1 old.img 6:1:8192
	make_volume fat16 FATVOL $((8192 * 512)) 1 && place FATVOL old.img 512
}

make_journalled() {
	OPTS=(--align 8K)
	truncate -s $((4 * MIB)) old.img
	mkmbr -c -i 83838383 old.img 83:1:6144
	make_volume ext4 EXTVOL $((6144 * 512)) 0 && place EXTVOL old.img 512
	STRATEGY=journalled
}

make_ntfs() {
	truncate -s $((8193 * 512)) old.img
	mkmbr -c -i 7a7a7a7a old.img 7:1:8192
	make_volume ntfs NTFSVOL $((8192 * 512)) 1 && place NTFSVOL old.img 512
}

make_inside() {
	ntfs_format 4096 $((4 * MIB)) -p 8 -H 255 -S 63
	quiet ntfsfill vol plain /plain 100000
	quiet mkbadntfs -o /plain vol
	mv vol old.img
}

# The journalled strategy in several batches.
make_batches() {
	OPTS=(--align 8K)
	truncate -s $((42 * MIB)) old.img
	mkmbr -c -i ba7c4e50 old.img 83:1:81920
	head -c $((40 * MIB)) /dev/urandom |
		dd of=old.img bs=1M oflag=seek_bytes seek=512 conv=notrunc iflag=fullblock status=none
}

# The same by sharing the journal's blocks, and one of whole blocks by a clone of the image: xfs and btrfs alone.
make_writeonce() {
	make_batches
	STRATEGY=write-once
}

make_reflink() {
	truncate -s $((8 * MIB)) old.img
	mkmbr -c -i 4ef11e4c old.img 83:8:16368
	head -c $((16368 * 512)) /dev/urandom |
		dd of=old.img bs=1M oflag=seek_bytes seek=4096 conv=notrunc iflag=fullblock status=none
	STRATEGY=reflink
}

# By moving blocks: ext4 and xfs alone. Every other block is a hole; what is behind the partition stays where it is.
make_insert() {
	truncate -s $((108 * MIB)) old.img
	mkmbr -c -i 1e5e4700 old.img 83:8:200000 83:204800:16384
	perl -e 'for (1 .. 49152) { print pack("N", $_) x 256, "\0" x 1024 }' |
		dd of=old.img bs=1M oflag=seek_bytes seek=4096 conv=notrunc count=95 iflag=fullblock status=none
	head -c $((8 * MIB)) /dev/urandom | dd of=old.img bs=1M oflag=seek_bytes seek=$((204800 * 512)) conv=notrunc iflag=fullblock status=none
	STRATEGY=insert-range
}

# Through a gap, ext4 and xfs alone: more parts than it holds. Data, some of it every other block, stands at both ends and
# where the first of them is overwritten.
make_fills() {
	truncate -s $((108 * MIB)) old.img
	mkmbr -c -i 1e5e4701 old.img 83:1:200000 83:204800:16384
	perl -e 'for (1 .. 8192) { print pack("N", $_) x 256, "\0" x 1024 }' |
		dd of=old.img bs=1M oflag=seek_bytes seek=$((26 * MIB + 512)) conv=notrunc iflag=fullblock status=none
	head -c $((3 * MIB)) /dev/urandom | dd of=old.img bs=1M oflag=seek_bytes seek=512 conv=notrunc iflag=fullblock status=none
	head -c $((3 * MIB)) /dev/urandom | dd of=old.img bs=1M oflag=seek_bytes seek=$((94 * MIB + 512)) conv=notrunc iflag=fullblock status=none
	head -c $((8 * MIB)) /dev/urandom | dd of=old.img bs=1M oflag=seek_bytes seek=$((204800 * 512)) conv=notrunc iflag=fullblock status=none
	OPTS=(--align 8K)
	STRATEGY=write-once
}

# make_case: old.img, the plan for it, new.img, and base with the old image on it
make_case() {
	OPTS=() STRATEGY=
	rm -f old.img new.img saved.plan
	"make_$CASE"
	run 4 plan --json "${OPTS[@]}" old.img
	# it is carried out elsewhere than where it was made
	if [ -n "$STRATEGY" ]; then jq -c --arg s "$STRATEGY" '.strategy = $s' out >plan.json; else cp out plan.json; fi
	cp plan.json saved.plan
	cp --sparse=always old.img new.img
	run 1 fix --yes --plan saved.plan new.img
	rm new.img.imgmend-journal
	make_base
	attach_loop base
	mount -t "$FS" -o "$FS_OPTIONS" "$LOOP" mnt
	MOUNTS=("$WORK/mnt" ${MOUNTS[@]+"${MOUNTS[@]}"})
	cp --sparse=always old.img saved.plan mnt/
	mv mnt/old.img $IMG
	# no room for a gap: then blocks are shared
	[ "$CASE $FS" != "writeonce xfs" ] || fallocate -l $(($(df -B1 --output=avail mnt | tail -n 1) - 120 * MIB)) mnt/filler
	umount mnt
	MOUNTS=("${MOUNTS[@]:1}")
	detach_loop "$LOOP"
}

report_loss() {
	show_last
	if [ -n "${POWERCUT_KEEP:-}" ]; then cp --sparse=always "$BASE" log* old.img new.img saved.plan "$POWERCUT_KEEP/"; fi
	fail "LOST: $LOSS (seed $SEED)"
}

power_setup() {
	find_helpers
	find_ntfs_helpers
	find_powercut
	can_cut
}

power_summary() {
	local i
	for i in "${!STATES[@]}"; do note "$FS: ${STATES[$i]} disks were found $i"; done
	echo "$FS: $TRIED disks after power cuts, none lost (seed $SEED)"
}
