# hosts.sh - the groups of bench.sh in which the image lies on a file system of its own. Sourced.

# left_out WHAT: a group that cannot be run here, with the reason in `out`
left_out() {
	echo "left out: $1 ($(cat out))"
	return 1
}

# make_fs FS DEVICE: without a discard, which would take from a file what was reserved for it
make_fs() {
	case $1 in
	ext4) mkfs.ext4 -q -E nodiscard "$2" ;;
	xfs) mkfs.xfs -q -K "$2" ;;
	btrfs) mkfs.btrfs -q -K "$2" ;;
	esac >out 2>&1
}

# mount_on FS FILE: a new file system of that kind at mnt, on what is as near to a disk as can be had: a loop device that goes past the
# page cache, so that requests do not wait for each other
mount_on() {
	LOOP=$(losetup -f --show --direct-io=on "$2" 2>out) || left_out "$1" || return 1
	LOOPS=("$LOOP")
	mkdir -p mnt
	if [ "$(cat "/sys/block/${LOOP##*/}/loop/dio")" = 0 ]; then
		echo "a loop device cannot go past the page cache here" >out
	elif make_fs "$1" "$LOOP" && mount -o nodiscard "$LOOP" mnt 2>out; then
		MOUNTS+=("$WORK/mnt")
		return 0
	fi
	losetup -d "$LOOP"
	LOOPS=()
	left_out "$1"
}

unmount() {
	umount mnt
	losetup -d "$LOOP"
	LOOPS=()
}

# host_on FS GIB: that file system at mnt. The file has its blocks, as a disk has, so that nobody's flush waits for those.
host_on() {
	{ dd if=/dev/zero of=store bs=4M count=$(($2 * 256)) conv=fsync status=none 2>out || left_out "$1"; } &&
		mount_on "$1" store && return 0
	rm -f store
	return 1
}

host_off() {
	unmount
	MOUNTS=()
	rm -f store
}

bench_hosts() {
	local fs wanted AGAINST='<= 1'
	for fs in ext4 xfs btrfs; do
		wanted='<= 1.1'
		[ $fs != ext4 ] || wanted='<= 1.25'
		host_on $fs $((MIB / 1024 * 3 + 4)) || continue
		partition mnt/disk.img 1 "$MIB"
		duel_on mnt "$fs 7680" mnt/disk.img 1 16 8K "$MIB" "$wanted" sfdisk
		duel_on mnt "$fs 1M-512" mnt/disk.img 1 2048 1M "$MIB" '<= 1.15' sfdisk
		host_off
	done
}

# duel_on FOLDER ...: the journal beside the image
duel_on() {
	local folder=$1
	shift
	journal_folder=$folder duel "$@"
}

# host_slow FS MIB: that file system at mnt, on a disk that reads and writes 100 MB/s
host_slow() {
	: >slow
	nbdfuse slow --command nbdkit -s --filter=rate memory size="$2M" rate=800M burstiness=0.1 &
	SLOW=$!
	until [ -s slow ]; do
		kill -0 $SLOW 2>/dev/null || { echo "left out: a throttled disk (nbdfuse and nbdkit's rate filter)"; return 1; }
		sleep 0.1
	done
	MOUNTS=("$WORK/slow")
	mount_on "$1" slow || { slow_ends; return 1; }
}

slow_off() {
	unmount
	slow_ends
}

slow_ends() {
	until umount slow; do sleep 0.1; done
	MOUNTS=()
	wait $SLOW || true
	rm -f slow
}

bench_throttled() {
	local fs
	for fs in ext4 xfs btrfs; do
		host_slow $fs $((MIB * 2 + 512)) || continue
		partition mnt/disk.img 1 "$MIB"
		duel_on mnt "$fs throttled 7680" mnt/disk.img 1 16 8K "$MIB" '<= 1.15'
		slow_off
	done
}

# extents FILE GIB N: a partition at LBA 8 of which N pieces are data, and as many holes
extents() {
	local step=$(($2 * 1073741824 / $3))
	rm -f "$1"
	truncate -s $((4096 + $2 * 1073741824)) "$1"
	echo start=8, type=83 | sfdisk -q "$1"
	perl -e 'my ($file, $n, $step) = @ARGV; open(my $f, "+<", $file) or die $!; my $data = "\xa5" x 4096;
		for (0 .. $n - 1) { sysseek($f, 4096 + $_ * $step, 0); syswrite($f, $data) == 4096 or die $!; }' "$1" "$3" "$step"
	sync "$1"
}

# round_trip FILE: NS is what fix takes
round_trip() {
	local took
	timed 1 "$PROGRAM" fix --yes -q "$1"
	took=$NS
	timed 0 "$PROGRAM" undo --yes -q "$1"
	NS=$took
}

# insertion FILE: milliseconds that moving its blocks takes, which is all that is not opening, journalling and listing the extents
# for the journal
insertion() {
	timed 1 strace -f -qq -T -e trace=fallocate -o calls "$PROGRAM" fix --yes -q "$1"
	awk -F '[<>]' '/INSERT_RANGE/ { s += $(NF - 1) } END { print s * 1000 }' calls
	timed 0 "$PROGRAM" undo --yes -q "$1"
}

# By extents, not by bytes; and what they take more than an image of one piece.
bench_extents() {
	local gib n turn one
	host_on ext4 36 || return 0
	for gib in 1 4 16; do
		extents mnt/one.img $gib 1
		for n in 8192 32768; do
			extents mnt/disk.img $gib $n
			rm -f took.*
			for turn in $(seq "$TURNS"); do
				round_trip mnt/one.img
				one=$NS
				round_trip mnt/disk.img
				echo $((NS / 1000000)) >>took.all
				echo $(((NS - one) / 1000000)) >>took.more
				insertion mnt/disk.img >>took.insertion
			done
			figure "metadata only, $gib GiB of $n extents" "$(median took.all)" ms -
			figure "metadata only, $gib GiB of $n, beyond one" "$(median took.more)" ms -
			figure "metadata only, $gib GiB of $n, insertion" "$(median took.insertion)" ms '<= 50'
		done
	done
	host_off
}

bench_metadata() {
	local fs AGAINST='<= 0.02'
	for fs in ext4 xfs btrfs; do
		host_on $fs $((MIB / 1024 * 3 + 4)) || continue
		partition mnt/disk.img 8 "$MIB"
		duel_on mnt "$fs blocks" mnt/disk.img 8 2048 1M "$MIB" - sfdisk
		host_off
	done
}
