# moving.sh - the groups of bench.sh in which a partition moves. Sourced.

# partition FILE LBA MIB: a disk with one partition of random data, and 36 MiB of room behind it
partition() {
	truncate -s $(($2 * 512 + ($3 + 36) * 1048576)) "$1"
	printf 'label: dos\nstart=%d, size=%d, type=83\n' "$2" $(($3 * 2048)) | sfdisk -q "$1" >out 2>&1 || stop "sfdisk: $(cat out)"
	random_bytes $(($3 * 1048576)) | dd of="$1" bs=1M seek=$(($2 * 512)) oflag=seek_bytes iflag=fullblock conv=notrunc status=none
	sum "$@" >data.sum
	dd if="$1" of=table bs=512 count=1 status=none
	sync "$1"
}

# sum IMAGE LBA MIB: of the data there
sum() {
	dd if="$1" bs=1M skip=$(($2 * 512)) count=$(($3 * 1048576)) iflag=skip_bytes,count_bytes status=none | xxh128sum
}

# moved WHO IMAGE LBA MIB: the data must be there now
moved() {
	sum "${@:2}" | cmp -s - data.sum || stop "$1 moved the data wrongly"
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

# What take their turns, each from a cold start: they leave NS, and the image as it was.

take_imgmend() {
	local took journal=${journal_folder:-.}/journal

	timed 1 "$PROGRAM" fix --yes -q --align "$5" --journal "$journal" "$1"
	took=$NS
	moved imgmend "$1" "$3" "$4"
	timed 0 "$PROGRAM" undo --yes -q --journal "$journal" "$1"
	moved "imgmend undo" "$1" "$2" "$4"
	NS=$took
}

take_floor() {
	there "$1" "$2" "$3" "$4"
	back "$1" "$2" "$3" "$4"
}

take_sfdisk() {
	timed 0 sh -c "echo start=$3 | sfdisk --no-reread --force -q --move-data -N 1 $1 && sync $1"
	moved sfdisk "$1" "$3" "$4"
	back "$1" "$2" "$3" "$4"
}

take_sfdisk-fsync() {
	timed 0 sh -c "echo start=$3 | sfdisk --no-reread --force -q --move-data --move-use-fsync -N 1 $1"
	moved sfdisk "$1" "$3" "$4"
	back "$1" "$2" "$3" "$4"
}

take_dd-copy() {
	rm -f copy.img
	timed 0 dd if="$1" of=copy.img bs=1M skip=$(($2 * 512)) iflag=skip_bytes conv=fsync status=none
	rm -f copy.img
}

# In place, which works to the left alone: from where the partition goes to where it was.
take_dd-in-place() {
	there "$1" "$2" "$3" "$4"
	cold
	timed 0 dd if="$1" of="$1" bs=1M skip=$(($3 * 512)) seek=$(($2 * 512)) count=$(($4 * 1048576)) \
		iflag=skip_bytes,count_bytes oflag=seek_bytes conv=notrunc,fdatasync status=none
	moved dd "$1" "$2" "$4"
}

# What is wanted against sfdisk, for the duels of a group.
AGAINST=-
wanted_of() {
	case $1 in
	sfdisk*) echo "$AGAINST" ;;
	*) echo - ;;
	esac
}

# duel CASE IMAGE LBA TO ALIGN MIB WANTED [PEER...]: TURNS turns of imgmend, the floor and the peers; each turn begins with another
# of them and every second one goes backwards, as what the one before has freed may still be on its way when the next begins
duel() {
	local name=$1 image=$2 lba=$3 to=$4 align=$5 mib=$6 wanted=$7 turn step i who
	local -A took
	shift 7
	set -- imgmend floor "$@"
	find_request "$image" "$lba" "$to" "$mib"
	for turn in $(seq "$TURNS"); do
		step=$((turn % 2 ? 1 : $# - 1))
		for ((i = 0; i < $#; i++)); do
			who=${*:(turn + i * step) % $# + 1:1}
			cold
			"take_$who" "$image" "$lba" "$to" "$mib" "$align"
			took[$who]=$NS
		done
		for who in "${@:2}"; do
			ratio "$name" imgmend "$who" "${took[imgmend]}" "${took[$who]}"
		done
	done
	result "$name" imgmend floor "$wanted"
	for who in "${@:3}"; do
		result "$name" imgmend "$who" "$(wanted_of "$who")"
	done
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
	duel "large 1M-512" disk.img 1 2048 1M "$mib" '<= 1.15' sfdisk
	duel "large 7680" disk.img 1 16 8K "$mib" '<= 1.25' sfdisk
	duel "large 16M-512" disk.img 1 32768 16M "$mib" '<= 1.15' sfdisk
	partition disk.img 8 "$mib"
	duel "large 4096" disk.img 8 16 8K "$mib" '<= 1.25' sfdisk
	rm -f disk.img
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
