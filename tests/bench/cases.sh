# cases.sh - the groups of bench.sh. Sourced.

# ---- moving a partition

# partition FILE LBA MIB: a disk with one partition of random data, and 36 MiB of room behind it
partition() {
	truncate -s $(($2 * 512 + ($3 + 36) * 1048576)) "$1"
	printf 'label: dos\nstart=%d, size=%d, type=83\n' "$2" $(($3 * 2048)) | sfdisk -q "$1" >out 2>&1 || stop "sfdisk: $(cat out)"
	random_bytes $(($3 * 1048576)) | tee >(sha256sum >data.sum) |
		dd of="$1" bs=1M seek=$(($2 * 512)) oflag=seek_bytes iflag=fullblock conv=notrunc status=none
	dd if="$1" of=table bs=512 count=1 status=none
	sync "$1"
}

# moved WHO IMAGE LBA MIB: the data must be there now
moved() {
	dd if="$2" bs=1M skip=$(($3 * 512)) count=$(($4 * 1048576)) iflag=skip_bytes,count_bytes status=none | sha256sum |
		cmp -s - data.sum || stop "$1 moved the data wrongly"
}

# there IMAGE LBA TO MIB [REQUEST]: the floor's way, by transfers of REQUEST bytes
there() {
	timed 0 floor move "$1" $(($2 * 512)) $(($3 * 512)) $(($4 * 1048576)) "${5:-$REQUEST}"
}

# find_request IMAGE LBA TO MIB: the floor is the fastest simple loop: which transfers are that, here and now?
find_request() {
	local try turn
	rm -f request.*
	for turn in 1 2 3; do
		for try in 1048576 4194304; do
			cold
			there "$@" $try
			echo "$NS" >>request.$try
			REQUEST=$try
			back "$@"
		done
	done
	[ "$(median request.1048576)" -gt "$(median request.4194304)" ] || REQUEST=1048576
}

# back IMAGE LBA TO MIB: the floor's way back, and the old table; what was measured before stays NS
back() {
	local NS KIB

	there "$1" "$3" "$2" "$4"
	dd if=table of="$1" conv=notrunc status=none
	sync "$1"
}

# What is wanted against sfdisk, for the duels of a group.
AGAINST=-
wanted_of() {
	case $1 in
	sfdisk*) echo "$AGAINST" ;;
	*) echo - ;;
	esac
}

# duel CASE IMAGE LBA TO ALIGN MIB WANTED [PEER...]: TURNS turns of imgmend, the floor and the peers
duel() {
	local name=$1 image=$2 lba=$3 to=$4 align=$5 mib=$6 wanted=$7 turn ours peer
	shift 7
	find_request "$image" "$lba" "$to" "$mib"
	for turn in $(seq "$TURNS"); do
		cold
		timed 1 "$PROGRAM" fix --yes -q --align "$align" --journal "${journal_folder:-.}/journal" "$image"
		ours=$NS
		moved imgmend "$image" "$to" "$mib"
		timed 0 "$PROGRAM" undo --yes -q --journal "${journal_folder:-.}/journal" "$image"
		moved "imgmend undo" "$image" "$lba" "$mib"
		cold
		there "$image" "$lba" "$to" "$mib"
		ratio "$name" imgmend floor "$ours" "$NS"
		back "$image" "$lba" "$to" "$mib"
		for peer; do
			cold
			"peer_$peer" "$image" "$lba" "$to" "$mib"
			ratio "$name" imgmend "$peer" "$ours" "$NS"
		done
	done
	result "$name" imgmend floor "$wanted"
	for peer; do
		result "$name" imgmend "$peer" "$(wanted_of "$peer")"
	done
}

peer_sfdisk() {
	timed 0 sh -c "echo start=$3 | sfdisk --no-reread --force -q --move-data -N 1 $1 && sync $1"
	moved sfdisk "$1" "$3" "$4"
	back "$1" "$2" "$3" "$4"
}

peer_sfdisk-fsync() {
	timed 0 sh -c "echo start=$3 | sfdisk --no-reread --force -q --move-data --move-use-fsync -N 1 $1"
	moved sfdisk "$1" "$3" "$4"
	back "$1" "$2" "$3" "$4"
}

peer_dd-copy() {
	rm -f copy.img
	timed 0 dd if="$1" of=copy.img bs=1M skip=$(($2 * 512)) iflag=skip_bytes conv=fsync status=none
	rm -f copy.img
}

# In place, which works to the left alone: from where the partition goes to where it was.
peer_dd-in-place() {
	there "$1" "$2" "$3" "$4"
	cold
	timed 0 dd if="$1" of="$1" bs=1M skip=$(($3 * 512)) seek=$(($2 * 512)) count=$(($4 * 1048576)) \
		iflag=skip_bytes,count_bytes oflag=seek_bytes conv=notrunc,fdatasync status=none
	moved dd "$1" "$2" "$4"
}

bench_dense() {
	local peers=(sfdisk sfdisk-fsync dd-copy dd-in-place) AGAINST='<= 1'
	partition disk.img 1 "$MIB"
	duel "dense 1M-512" disk.img 1 2048 1M "$MIB" '<= 1.15' "${peers[@]}"
	duel "dense 7680" disk.img 1 16 8K "$MIB" '<= 1.25' "${peers[@]}"
	duel "dense 16M-512" disk.img 1 32768 16M "$MIB" '<= 1.15' "${peers[@]}"
	partition disk.img 8 "$MIB"
	duel "dense 4096" disk.img 8 16 8K "$MIB" '<= 1.25' "${peers[@]}"
	rm -f disk.img
}

# Four times as much.
bench_large() {
	local mib=$((4 * MIB)) AGAINST='<= 0.67'
	partition disk.img 1 "$mib"
	duel "large 1M-512" disk.img 1 2048 1M "$mib" '<= 1.15' sfdisk sfdisk-fsync
	duel "large 7680" disk.img 1 16 8K "$mib" '<= 1.25' sfdisk
	rm -f disk.img
}

# host_on FS GIB: that file system at mnt
host_on() {
	truncate -s "$2G" store
	"mkfs.$1" -q store >out 2>&1 || stop "mkfs.$1: $(cat out)"
	mkdir -p mnt
	mount -o loop store mnt 2>out || { echo "left out: $1 ($(cat out))"; return 1; }
	MOUNTS=("$WORK/mnt")
}

host_off() {
	umount mnt
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

bench_loop() {
	local AGAINST='<= 0.4'
	partition disk.img 1 "$MIB"
	LOOP=$(losetup -f --show disk.img 2>out) || { echo "left out: loop ($(cat out))"; return 0; }
	LOOPS=("$LOOP")
	duel "loop 1M-512" "$LOOP" 1 2048 1M "$MIB" '<= 1.15' sfdisk sfdisk-fsync
	duel "loop 7680" "$LOOP" 1 16 8K "$MIB" '<= 1.25' sfdisk
	losetup -d "$LOOP"
	LOOPS=()
	rm -f disk.img
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
	LOOP=$(losetup -f --show --direct-io=on slow)
	LOOPS=("$LOOP")
	"mkfs.$1" -q "$LOOP" >out 2>&1 || stop "mkfs.$1: $(cat out)"
	mkdir -p mnt
	mount "$LOOP" mnt 2>out || { echo "left out: $1 ($(cat out))"; slow_off; return 1; }
	MOUNTS=("$WORK/slow" "$WORK/mnt")
}

slow_off() {
	umount mnt 2>/dev/null || true
	losetup -d "$LOOP"
	LOOPS=()
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

# 64 GiB of which one in a hundred MiB is data.
bench_sparse() {
	local mib=65536 i turn ours space
	truncate -s $((512 + (mib + 2) * 1048576)) disk.img
	printf 'label: dos\nstart=1, size=%d, type=83\n' $((mib * 2048)) | sfdisk -q disk.img
	dd if=disk.img of=table bs=512 count=1 status=none
	random_bytes 1048576 >piece
	for i in $(seq 0 100 $((mib - 1))); do
		dd if=piece of=disk.img bs=1M seek=$((512 + i * 1048576)) oflag=seek_bytes conv=notrunc status=none
	done
	sync disk.img
	for turn in $(seq "$TURNS"); do
		cold
		# the floor's ways there and back leave more and more blocks in use, as its pieces do not begin with blocks
		space=$(stat -c %b disk.img)
		timed 1 "$PROGRAM" fix --yes -q --journal journal disk.img
		ours=$NS
		cmp -n 1048576 -i $((1048576 + 100 * 1048576)):0 disk.img piece || stop "the data is not where it should be"
		[ "$(stat -c %b disk.img)" -le $((space + 2 * 2048 + 8 * (mib / 100 + 1))) ] || stop "the image is less sparse than before"
		timed 0 "$PROGRAM" undo --yes -q --journal journal disk.img
		cold
		timed 0 floor sparse disk.img 512 1048576 $((mib * 1048576)) 1048576
		ratio sparse imgmend floor "$ours" "$NS"
		timed 0 floor sparse disk.img 1048576 512 $((mib * 1048576)) 1048576
		dd if=table of=disk.img conv=notrunc status=none
	done
	result sparse imgmend floor '<= 1.2'
	cold
	timed 0 sh -c 'echo start=2048 | timeout 600 sfdisk --no-reread --force -q --move-data -N 1 disk.img'
	ratio sparse imgmend sfdisk "$ours" "$NS"
	result sparse imgmend sfdisk '<= 0.2'
	rm -f disk.img
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

# ---- looking

# before_scan CACHE: what each turn of each begins with is the same, down to the processor's caches
before_scan() {
	if [ "$1" = cold ]; then
		cold
	else
		"$PROGRAM" scan "${images[@]}" >out 2>&1 || true
		floor scan ranges "${images[@]}"
	fi
}

bench_scan() {
	local i turn cache jobs images
	mkdir -p many
	for i in $(seq 1000); do
		truncate -s 64M "many/$i.img"
		printf 'label: dos\nstart=%d, size=65536, type=83\n' $((i % 4 * 8 + 8)) | sfdisk -q "many/$i.img"
		mkfs.fat -F 16 --offset=$((i % 4 * 8 + 8)) "many/$i.img" 32768 >out 2>&1 || mkfs.fat -F 16 "many/$i.img" >out 2>&1
	done
	images=(many/*.img)
	# what a scan reads is what the fingerprint of a plan is taken of
	"$PROGRAM" plan --json many/1.img | jq -r '.fingerprint_ranges[] | "\(.start) \(.size)"' >ranges
	for cache in cold warm; do
		for turn in $(seq "$TURNS"); do
			for jobs in 1 2; do
				before_scan $cache
				timed '0|4' "$PROGRAM" scan --json --jobs $jobs "${images[@]}"
				ours=$NS
				[ "$(grep -c "^{" out)" = 1000 ] || stop "not every image was scanned"
				before_scan $cache
				timed 0 floor scan ranges "${images[@]}"
				ratio "scan $cache, $jobs jobs" imgmend floor "$ours" "$NS"
				[ $jobs = 1 ] || continue
				before_scan $cache
				timed '0|2|8' sh -c 'for i; do blkid -p "$i" >/dev/null; done' sh "${images[@]}"
				ratio "scan $cache, $jobs jobs" imgmend blkid "$ours" "$NS"
			done
		done
		for jobs in 1 2; do
			result "scan $cache, $jobs jobs" imgmend floor '<= 2'
			result "scan $cache, $jobs jobs" imgmend blkid '<= 0.2'
		done
	done
	rm -rf many
}

# deep CASE: disk.img, beside cp, which reads the same bytes
deep() {
	local turn ours
	for turn in $(seq "$TURNS"); do
		cold
		timed 0 "$PROGRAM" snapshots --deep --json disk.img
		ours=$NS
		[ "$(jq .records_found out)" = 0 ] || stop "shadow copies were found where there are none"
		cold
		timed 0 cp disk.img /dev/null
		ratio "$1" imgmend cp "$ours" "$NS"
	done
	result "$1" imgmend cp -
	rm -f disk.img
}

bench_deep() {
	local i
	partition disk.img 8 $((4 * MIB))
	deep "search of $((4 * MIB)) MiB"
	truncate -s 64G disk.img
	random_bytes 1048576 >piece
	for i in $(seq 0 100 65535); do
		dd if=piece of=disk.img bs=1M seek="$i" conv=notrunc status=none
	done
	sync disk.img
	deep "search, 64 GiB sparse"
}

bench_memory() {
	local way
	partition disk.img 1 256
	timed 4 "$PROGRAM" scan disk.img
	figure "memory of scan" "$KIB" KiB '< 16384'
	for way in direct write-once journalled; do
		timed 1 "$PROGRAM" fix --yes -q --strategy $way --journal journal disk.img
		figure "memory of fix, $way" "$KIB" KiB "<= 65536$([ $way = direct ] || echo ' and the buffers')"
		timed 0 "$PROGRAM" undo --yes -q --journal journal disk.img
	done
	rm -f disk.img journal
}

bench_owner() {
	bash "$here/ntfs-owner.sh"
}
