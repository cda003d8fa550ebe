#!/usr/bin/env bash
# ntfs-random.sh - boot areas of NTFS volumes with random owners, several at once: the full round on each.
#
#	ntfs-random.sh [ROUNDS [SEED]]		default: 100 rounds, a seed from the clock
#
# A failure names its round; the same seed makes the same volumes.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/ntfs-lib.sh"
find_ntfs_helpers
rounds=${1:-100}
seed=${2:-$(date +%s)}
RANDOM=$((seed % 32768))

pool() {
	cat <<-'END'
		/plain data 190
		/plain:extra data 110
		/sparse data 20
		/compressed data 10
		/encrypted data 90
		/encrypted:$EFS efs 1
		/fragmented data 38
		/shattered data 1990
		/shattered list 1
		/streams list 2
		/dir index 30
		/dir/inner data 8
		5 index 1
		0 data 1
		0 bitmap 1
		1 data 1
		2 data 500
		6 data 2
		9:$SDS data 100
	END
}

# random N: below N
random() {
	echo $(((RANDOM * 32768 + RANDOM) % $1))
}

shuffled() {
	awk -v seed=$RANDOM 'BEGIN { srand(seed) } { print rand() "\t" $0 }' pool | sort | cut -f2-
}

# Sets options: owners of one cluster or two until the area is full. The pool tells the VCNs that
# there are with clusters of 512 bytes; what has its number of fragments has it with all. $MFT keeps
# the default.
choose() {
	local left=$((8192 / CLUSTER - BOOT_LEFT / CLUSTER)) n owner type vcns
	options=(-s "$BOOT_LEFT")
	while read -r owner type vcns && [ $left -gt 0 ]; do
		n=1
		[ $left = 1 ] || [ "$vcns" -le 8 ] || n=$(($(random 3) / 2 + 1))
		case $owner:$type in
		/fragmented:data | /shattered:data) ;;
		*) vcns=$((vcns * 512 / CLUSTER)) ;;
		esac
		options+=(-o "$owner" -t "$type" -n $n)
		[ "$vcns" -lt 2 ] || options+=(-v "$(random $((vcns - 1)))")
		left=$((left - n))
	done < <(shuffled)
}

pool >pool
for c in 512 1024 2048; do
	ntfs_make $c
	ntfs_remember
	mv vol healthy.$c
	mv healthy.list list.$c
	mv healthy.map map.$c
done
for i in $(seq "$rounds"); do
	CLUSTER=$((512 << $(random 3)))
	BOOT_LEFT=$((CLUSTER << $(random 2)))
	choose
	note "seed $seed, round $i: clusters of $CLUSTER, mkbadntfs ${options[*]}"
	cp --sparse=always healthy.$CLUSTER vol
	cp list.$CLUSTER healthy.list
	cp map.$CLUSTER healthy.map
	ntfs_spoil "${options[@]}"
	ntfs_round
done
