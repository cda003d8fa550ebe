# owner.sh - the group of bench.sh that looks for the owner of a cluster. Sourced.

OWNER_FILES=200000

# names_owner WHO: what was run last must have found it
names_owner() {
	grep -q owner out || stop "$1 does not name the owner"
}

# owner_turn CASE: each with the page cache dropped, or with everything in it
owner_turn() {
	local ours
	before_owner "$1"
	timed 4 "$PROGRAM" scan vol
	names_owner imgmend
	ours=$NS
	echo "$KIB" >>"kib.$1"
	before_owner "$1"
	timed 0 ntfscluster -f -c 1 vol
	names_owner ntfscluster
	ratio "owner, $1" imgmend ntfscluster "$ours" "$NS"
	before_owner "$1"
	timed 0 sh ./read-mft
	ratio "owner, $1" imgmend "reading the MFT" "$ours" "$NS"
}

before_owner() {
	if [ "$1" = cold ]; then cold; else cat vol >/dev/null; fi
}

# `imgmend scan` that names the owner of a boot-area cluster, beside ntfscluster and a read of the MFT; and what a repair of one
# cluster changes.
bench_owner() {
	local turn cache changed
	command -v ntfsfill >/dev/null || { echo "left out: owner (libntfs-3g, which makes the volume, is not here)"; return 0; }
	# 1 KiB of MFT and about 100 bytes of index for a file, the journal, and room
	truncate -s $((OWNER_FILES * 1500 + 128 * 1048576)) vol
	mkntfs -F -q -f -c 4096 vol >out 2>&1 || stop "mkntfs: $(cat out)"
	ntfsfill vol plain /owner 100000 many /many $OWNER_FILES
	mkbadntfs -o /owner vol
	# as few programs as there are runs of the MFT
	ntfsmap -r vol 2>/dev/null | awk -F'\t' '$1 == 0 && $2 == "0x80" {
		printf "dd if=vol of=/dev/null bs=1M iflag=skip_bytes,count_bytes skip=%d count=%d status=none\n", $5 * 4096, $6 * 4096 }' >read-mft
	[ -s read-mft ] || stop "ntfsmap does not say where the MFT is"
	for cache in cold warm; do
		for turn in $(seq "$TURNS"); do
			owner_turn $cache
		done
		result "owner, $cache" imgmend ntfscluster -
		result "owner, $cache" imgmend "reading the MFT" '<= 1.4'
		figure "owner, $cache, memory" "$(median kib.$cache)" KiB '< 8192'
	done
	cp --sparse=always vol old
	timed 1 "$PROGRAM" fix --yes -q vol
	changed=$(cmp -l old vol | awk '{ n[int(($1 - 1) / 512)] } END { print length(n) }')
	figure "owner, repair changes" "$changed" sectors -
	rm -f vol old vol.imgmend-journal read-mft kib.*
}
