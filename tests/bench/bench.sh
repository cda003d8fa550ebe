#!/usr/bin/env bash
# bench.sh - `imgmend fix` beside `sfdisk --move-data` and beside a plain copy of the same bytes.
#
#	bench.sh [MIB [PAIRS]]		size of the partition (default 1024), interleaved runs (default 7)
#
# A partition of dense random data at LBA 1 goes to 1 MiB. The three take turns, each on a fresh image; every
# result is checked. Machines are noisy: only the medians of the ratios within a turn mean something.
set -eu

IMGMEND=${IMGMEND:-imgmend}
mib=${1:-1024}
pairs=${2:-7}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/imgmend-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

sectors=$((mib * 2048))
size=$((sectors * 512 + 2 * 1048576))

# One partition at LBA 1 full of random bytes, and 2 MiB of room behind it.
make_image() {
	head -c $((sectors * 512)) /dev/urandom >data
	truncate -s "$size" master.img
	printf 'label: dos\nstart=1, size=%d, type=83\n' "$sectors" | sfdisk -q master.img >/dev/null 2>&1
	dd if=data of=master.img bs=1M seek=512 oflag=seek_bytes conv=notrunc status=none
}

fresh() {
	rm -f run.img run.img.imgmend-journal
	cp --reflink=never --sparse=never master.img run.img
	sync
	[ -w /proc/sys/vm/drop_caches ] && echo 3 >/proc/sys/vm/drop_caches
	return 0
}

now() { date +%s%N; }

# Run the rest of the arguments; leave the milliseconds in $took.
timed() {
	local t0
	t0=$(now)
	"$@" >out 2>&1 || [ $? = 1 ] || { cat out >&2; exit 1; }
	took=$((($(now) - t0) / 1000000))
}

check_moved() {
	cmp -n $((sectors * 512)) -i 1048576:0 "$1" data || { echo "bench: $2 moved the data wrongly" >&2; exit 1; }
}

ours() { "$IMGMEND" fix --yes -q run.img; }
peer() { echo 'start=2048' | sfdisk --no-reread --force -q --move-data -N 1 run.img && sync run.img; }
copy() { dd if=run.img of=copy.img bs=1M skip=512 iflag=skip_bytes conv=fsync status=none; }

median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
spread() { sort -n | awk '{ v[NR] = $1 } END { printf "%.2f-%.2f", v[1], v[NR] }'; }

make_image
printf '%4s %12s %12s %12s %16s %14s\n' turn 'imgmend ms' 'sfdisk ms' 'copy ms' imgmend/sfdisk imgmend/copy
: >r.sfdisk
: >r.copy
for turn in $(seq "$pairs"); do
	fresh
	timed ours
	a=$took
	check_moved run.img imgmend
	fresh
	timed peer
	b=$took
	check_moved run.img sfdisk
	fresh
	rm -f copy.img
	timed copy
	c=$took
	rm -f copy.img
	awk "BEGIN { print $a / $b }" >>r.sfdisk
	awk "BEGIN { print $a / $c }" >>r.copy
	printf '%4d %12d %12d %12d %16.2f %14.2f\n' "$turn" "$a" "$b" "$c" "$(tail -n 1 r.sfdisk)" "$(tail -n 1 r.copy)"
done
printf 'partition of %d MiB, shift 1048064 bytes, medians of %d turns:\n' "$mib" "$pairs"
printf '  imgmend fix / sfdisk --move-data: %.2f (%s)\n' "$(median <r.sfdisk)" "$(spread <r.sfdisk)"
printf '  imgmend fix / plain copy + fsync: %.2f (%s)\n' "$(median <r.copy)" "$(spread <r.copy)"
