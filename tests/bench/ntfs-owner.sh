#!/usr/bin/env bash
# ntfs-owner.sh - `imgmend scan` that names the owner of a boot-area cluster, beside ntfscluster and a read of the MFT.
#
#	ntfs-owner.sh [FILES [TURNS]]	files on the volume (default 200000), interleaved runs (default 7)
#
# The three take turns, each with the page cache dropped where that is permitted, and then with everything in it.
# Only the ratios within a turn mean something. In the end: what a repair of one cluster changes.
set -eu

files=${1:-200000}
turns=${2:-7}
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
find_program
command -v ntfsfill >/dev/null || { echo "SKIP: libntfs-3g, which makes the volume, is not here"; exit 0; }

# 1 KiB of MFT and about 100 bytes of index for a file, the journal, and room.
truncate -s $((files * 1500 + 128 * 1048576)) vol
mkntfs -F -q -f -c 4096 vol >out 2>&1 || { cat out; exit 1; }
ntfsfill vol plain /owner 100000 many /many "$files"
mkbadntfs -o /owner vol
ntfsmap -r vol 2>/dev/null | awk -F'\t' '$1 == 0 && $2 == "0x80" { print $5 * 4096, $6 * 4096 }' >ranges

now() { date +%s%N; }

# Run the rest of the arguments; leave the microseconds in $took.
timed() {
	local t0
	[ "$cache" = warm ] || { sync; echo 3 >/proc/sys/vm/drop_caches; }
	t0=$(now)
	"$@" >out 2>&1 || [ $? = 4 ] || { cat out >&2; exit 1; }
	took=$((($(now) - t0) / 1000))
}

ours() { "$PROGRAM" scan vol; }
peer() { ntfscluster -f -c 1 vol; }
read_mft() {
	local start size
	while read -r start size; do
		dd if=vol of=/dev/null bs=1M iflag=skip_bytes,count_bytes skip="$start" count="$size" status=none
	done <ranges
}

spread() { sort -n | awk '{ v[NR] = $1 } END { printf "%.2f-%.2f", v[1], v[NR] }'; }

measure() {
	local turn a b c
	cache=$1
	: >r.peer
	: >r.read
	printf '%4s %12s %14s %14s %18s %14s\n' \
		turn 'imgmend us' 'ntfscluster us' 'MFT read us' imgmend/ntfscluster imgmend/read
	for turn in $(seq "$turns"); do
		timed ours
		a=$took
		grep -q owner out || { echo "bench: imgmend does not name the owner" >&2; exit 1; }
		timed peer
		b=$took
		grep -q owner out || { echo "bench: ntfscluster does not name the owner" >&2; exit 1; }
		timed read_mft
		c=$took
		awk "BEGIN { print $a / $b }" >>r.peer
		awk "BEGIN { print $a / $c }" >>r.read
		printf '%4d %12d %14d %14d %18.3f %14.2f\n' "$turn" $a $b $c "$(tail -n 1 r.peer)" "$(tail -n 1 r.read)"
	done
	printf '%d files, MFT of %.0f MiB in %d runs, %s cache, medians of %d turns:\n' "$files" \
		"$(awk '{ n += $2 } END { print n / 1048576 }' ranges)" "$(wc -l <ranges)" "$cache" "$turns"
	printf '  imgmend scan / ntfscluster -c 1: %.3f (%s)\n' "$(median <r.peer)" "$(spread <r.peer)"
	printf '  imgmend scan / reading the MFT:  %.2f (%s)\n' "$(median <r.read)" "$(spread <r.read)"
}

[ ! -w /proc/sys/vm/drop_caches ] || measure cold
ours >/dev/null 2>&1 || true
measure warm

cp --sparse=always vol old
rc=0
"$IMGMEND" fix --yes -q vol >out 2>&1 || rc=$?
if [ $rc = 1 ]; then
	changed=$(cmp -l old vol | awk '{ n[int(($1 - 1) / 512)] } END { print length(n) }')
	echo "a repair of one cluster changes $changed sectors"
else
	echo "no repair (exit status $rc): $(tail -n 1 out)"
fi
