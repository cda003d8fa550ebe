# lib.sh - what the benchmarks share: a clock, caches, medians, and the table of results. Sourced.
#
# Machines are noisy: competitors take turns, and only the ratios within a turn count. A result is one line of
# results.ndjson in $OUT: the case, who was measured against whom, and the median, least and greatest ratio.

export LC_ALL=C
PATH=${IMGMEND_TEST_SUPPORT:+$IMGMEND_TEST_SUPPORT:}$PATH:/usr/sbin:/sbin
IMGMEND=${IMGMEND:-imgmend}
WORK=$(mktemp -d "${TMPDIR:-/var/tmp}/imgmend-bench.XXXXXX")
LOOPS=() MOUNTS=() GROUP=

clean_up() {
	local i
	for i in ${MOUNTS[@]+"${MOUNTS[@]}"}; do umount "$i" 2>/dev/null || true; done
	for i in ${LOOPS[@]+"${LOOPS[@]}"}; do losetup -d "$i" 2>/dev/null || true; done
	# what these lay on
	for i in ${MOUNTS[@]+"${MOUNTS[@]}"}; do umount "$i" 2>/dev/null || true; done
	if [ -n "$GROUP" ]; then
		echo $$ >"${GROUP%/*}/cgroup.procs"
		rmdir "$GROUP"
	fi
	rm -rf "$WORK"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
cd "$WORK"

stop() {
	echo "bench: $*" >&2
	exit 1
}

find_program() {
	local other
	PROGRAM=$(command -v "$IMGMEND") || stop "there is no program $IMGMEND"
	for other in floor sfdisk jq xxh128sum; do
		command -v $other >/dev/null || stop "there is no program $other"
	done
}

# limit_memory MIB: of this shell and all that it runs; by the memory controller of either version
limit_memory() {
	local root=/sys/fs/cgroup limit=memory.max
	[ ! -d /sys/fs/cgroup/memory ] || { root=/sys/fs/cgroup/memory; limit=memory.limit_in_bytes; }
	mkdir "$root/imgmend-bench" 2>out || stop "memory cannot be limited here: $(cat out)"
	GROUP=$root/imgmend-bench
	{ echo $(($1 * 1048576)) >"$GROUP/$limit" && echo $$ >"$GROUP/cgroup.procs"; } 2>out ||
		stop "memory cannot be limited here: $(cat out)"
}

# Drop the caches where that is allowed, then load the programs again: those are not measured.
cold() {
	sync
	[ -w /proc/sys/vm/drop_caches ] && echo 3 >/proc/sys/vm/drop_caches
	{
		"$PROGRAM" plan "$WORK/warm.img"
		floor time took true
		sfdisk -d "$WORK/warm.img"
		blkid -p "$WORK/warm.img"
		dd if=/dev/null of=/dev/null
		sh -c :
		ntfscluster --version
	} >/dev/null 2>&1 || true
}

# timed STATUS COMMAND...: NS and KIB of it; its exit status must be one of STATUS ("0|1")
timed() {
	local want=$1 rc
	shift
	floor time took "$@" >out 2>&1 || stop "cannot run $1"
	read -r NS KIB rc <took
	case "|$want|" in
	*"|$rc|"*) ;;
	*) cat out >&2; stop "\"$*\" ended with $rc" ;;
	esac
}

median() { sort -n "$@" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

median_ms() { median "$1" | awk '{ print $1 / 1e6 }'; }

# ratio CASE A B NS-A NS-B: one turn's ratio of A to B
ratio() {
	awk "BEGIN { print $4 / $5 }" >>"ratios.$1.$2.$3"
	echo "$4" >>"ns.$1.$2"
	echo "$5" >>"ns.$1.$3"
}

# result CASE A B WANTED: sum up and print the turns so far; WANTED is what the ratio should be, as text, or -
result() {
	local file="ratios.$1.$2.$3" m least most
	[ -e "$file" ] || return 0
	m=$(median "$file")
	least=$(sort -n "$file" | head -n 1)
	most=$(sort -n "$file" | tail -n 1)
	printf '%-34s %-9s / %-18s %8.3f  (%.3f-%.3f)  %9.1f / %.1f ms  wanted %s\n' "$1" "$2" "$3" "$m" "$least" "$most" \
		"$(median_ms "ns.$1.$2")" "$(median_ms "ns.$1.$3")" "$4"
	jq -cn --arg case "$1" --arg a "$2" --arg b "$3" --arg wanted "$4" --argjson m "$m" --argjson l "$least" --argjson g "$most" \
		--argjson n "$(wc -l <"$file")" \
		'{ case: $case, measured: $a, against: $b, median: $m, least: $l, greatest: $g, turns: $n, wanted: $wanted }' \
		>>"$OUT/results.ndjson"
}

# figure NAME VALUE UNIT WANTED: a number that is no ratio
figure() {
	printf '%-34s %s %s  wanted %s\n' "$1" "$2" "$3" "$4"
	jq -cn --arg case "$1" --argjson value "$2" --arg unit "$3" --arg wanted "$4" \
		'{ case: $case, value: $value, unit: $unit, wanted: $wanted }' >>"$OUT/results.ndjson"
}

random_bytes() {
	head -c "$1" /dev/urandom
}
