#!/usr/bin/env bash
# layouts.sh - the crash campaign over plans of the planner itself: random tables, partitions, sizes and shifts.
#
#	layouts.sh [DISKS [SEED]]
#
# Disks of up to six partitions, primary and logical, MBR and GPT, with gaps or without, some of them holding FAT or ext,
# the first ones at fault; repaired with alignments from 8 KiB to 1 MiB. For each the power is cut at points spread over
# the repair, as campaign --image does it.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../image/lib.sh"
needs jq mkfs.fat mke2fs
find_helpers

disks=${1:-8} RANDOM=${2:-11}
states=0

# between LOW HIGH
between() {
	echo $(($1 + (RANDOM * 32768 + RANDOM) % ($2 - $1 + 1)))
}

# content START SECTORS: random bytes, a FAT or an ext volume there
content() {
	rm -f vol
	truncate -s $(($2 * 512)) vol
	case $((RANDOM % 3)) in
	0) head -c $(($2 * 512)) /dev/urandom >vol ;;
	1) mkfs.fat -F 12 -R 16 -h "$1" vol >/dev/null 2>&1 || return 0 ;;
	2) mke2fs -q -F vol >/dev/null 2>&1 || return 0 ;;
	esac
	dd if=vol of=disk.img bs=512 seek="$1" conv=notrunc,sparse status=none
}

# partitions COUNT END: "START SIZE" lines from sector FIRST on, END goes to the file end
partitions() {
	local at=$2 i size
	for i in $(seq "$1"); do
		size=$(between 200 1500)
		echo "$at $size"
		at=$((at + size + (RANDOM % 2) * $(between 1 400)))
	done
	echo "$at" >end
}

mbr_disk() {
	local entries=() start size n logical=() ext at
	partitions "$(between 1 3)" "$(between 1 15)" >parts
	while read -r start size; do entries+=("83:$start:$size"); done <parts
	if [ $((RANDOM % 2)) = 0 ]; then
		ext=$(($(cat end) + 10)) at=$ext
		for n in $(seq "$(between 1 3)"); do
			size=$(between 200 800)
			logical+=("L:83:$at:$((at + 2)):$size")
			echo "$((at + 2)) $size" >>parts
			at=$((at + 2 + size + $(between 0 20)))
		done
		entries+=("f:$ext:$((at - ext))" "${logical[@]}")
		echo "$at" >end
	fi
	truncate -s $((($(cat end) + (RANDOM % 2) * 3000) * 512)) disk.img
	mkmbr -c disk.img "${entries[@]}"
}

gpt_disk() {
	local entries=() start size n=0
	partitions "$(between 1 5)" 8 >parts
	while read -r start size; do n=$((n + 1)); entries+=("$start:$size:part$n"); done <parts
	truncate -s $((($(cat end) + 8 + (RANDOM % 2) * 3000) * 512)) disk.img
	mkgpt -n 8 -f 4 disk.img "${entries[@]}"
}

for i in $(seq "$disks"); do
	rm -f disk.img disk.plan
	if [ $((RANDOM % 3)) = 0 ]; then gpt_disk; else mbr_disk; fi
	while read -r start size; do content "$start" "$size"; done <parts
	align=$(between 0 3)
	align=$((8192 << (align * 7 / 3)))
	rc=0
	"$IMGMEND" plan --align "$align" -o disk.plan disk.img >plan.log 2>&1 || rc=$?
	[ $rc = 4 ] || fail "disk $i: plan ends with $rc: $(tail -n 1 plan.log)"
	[ -s disk.plan ] || { echo "disk $i: refused: $(tail -n 1 plan.log)"; continue; }
	"$IMGMEND_TEST_SUPPORT/../crash/campaign" --seed "$((RANDOM + i))" --cuts 12 --image disk.img --plan disk.plan \
		>campaign.log 2>&1 || fail "disk $i ($align): $(cat campaign.log)"
	n=$(sed -n 's/^crash states: \([0-9]*\),.*/\1/p' campaign.log)
	states=$((states + n))
done
echo "crash states over plans of the planner: $states, lost: 0"
[ $states -gt $((disks * 20)) ] || fail "too few crash states"
