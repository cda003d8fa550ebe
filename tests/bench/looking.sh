# looking.sh - the groups of bench.sh that look at images, and that of memory. Sourced.

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
