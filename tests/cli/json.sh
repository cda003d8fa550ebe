#!/usr/bin/env bash
# json.sh - what scan, plan and status print with --json: one document per image, the promised keys, always valid.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
needs jq mkfs.fat iconv
find_helpers

# check_json WHAT FILTER: jq's FILTER must be true of the last run's output.
check_json() {
	jq -e "$2" "$WORK/out" >/dev/null && return
	show_last
	fail "$1: not true of the document: $2"
}

# documents WHAT NUMBER: standard output has NUMBER lines, each one JSON document in UTF-8.
documents() {
	local line
	check_eq "lines of $1" "$2" "$(wc -l <"$WORK/out")"
	iconv -f UTF-8 -t UTF-8 "$WORK/out" >/dev/null 2>&1 || fail "$1: not UTF-8"
	while IFS= read -r line; do
		check_eq "documents in a line of $1" 1 "$(jq -c . <<<"$line" | wc -l)"
	done <"$WORK/out"
}

# make_disk IMAGE START-SECTOR: an MBR disk with one FAT16 partition.
make_disk() {
	truncate -s $(((16384 + 4096) * 512)) "$1"
	mkmbr -c -i c0ffee16 "$1" "6:$2:16384"
	truncate -s $((16384 * 512)) fat.vol
	mkfs.fat -F 16 -s 1 -h "$2" -n FATVOL fat.vol >/dev/null || fail "mkfs.fat could not make the volume"
	place fat "$1" $(($2 * 512))
}

make_disk a.img 1
make_disk b.img 2048
make_disk c.img 8
before="$(state_of a.img) $(state_of b.img) $(state_of c.img)"

# ---- scan: a line an image, in the order given

for order in "a b c" "c b a" "b a c"; do
	for jobs in 1 4; do
		images=$(printf '%s.img ' $order)
		run 4 scan --json --jobs $jobs $images
		documents "scan --jobs $jobs $order" 3
		check_eq "order of scan --jobs $jobs" "$images" "$(jq -r .image "$WORK/out" | tr '\n' ' ')"
	done
done
run 4 scan --json --jobs=4 a.img a.img b.img c.img b.img a.img
documents "scan of six images" 6
check_eq "order of six images" "a.img a.img b.img c.img b.img a.img " "$(jq -r .image "$WORK/out" | tr '\n' ' ')"
run 12 scan --json a.img missing.img b.img
documents "scan with an image that is missing" 2

for image in a b c; do
	run "0|4" scan --json $image.img
	check_json "scan of $image" '.schema == "imgmend.scan/1" and .format == "raw" and .size == 10485760
		and .sector_size == 512 and .table.type == "dos" and (.table.id | type) == "string"
		and (.regions | length) > 0 and (.findings | type) == "array"'
	check_json "regions of $image" '.size as $size | [.regions[] | select((.depth // 0) == 0)] |
		all(.[]; (.start | type) == "number" and .size > 0 and (.kind | type) == "string")
		and (reduce .[] as $r (0; if . == $r.start then . + $r.size else -1 end)) == $size'
	check_json "the partition of $image" '[.regions[] | select(.kind == "partition")] | length == 1 and
		(.[0] | .number == 1 and .fs == "fat16" and .label == "FATVOL" and .size == 8388608)'
	check_json "findings of $image" '.size as $size | all(.findings[]; (.id | test("^[a-z0-9]+(-[a-z0-9]+)+$"))
		and (.severity | IN("error", "warning", "info")) and .start >= 0 and .start + .size <= $size
		and (.message | length) > 0 and (.fixable | type) == "boolean")'
done

run 4 scan --json a.img
check_json "the finding" '[.findings[] | select(.severity == "error")] | length == 1 and (.[0] |
	.id == "partition-in-reserved-area" and .start == 512 and .size == 7680 and .partition == 1 and .fixable)'
run 0 scan --json b.img
check_json "a clean image" '[.findings[] | select(.severity == "error")] == []'

# ---- plan

run 4 plan --json a.img
documents plan 1
check_json "plan" '.schema == "imgmend.plan/1" and .image == "a.img" and .old_size == 10485760
	and .new_size >= .old_size and (.findings | length) >= 1 and (.strategy | type) == "string"
	and (.alternatives | type) == "array" and (.notes | type) == "array" and (.fingerprint | length) > 0'
check_json "what the plan costs" 'all(.bytes_moved, .literal_bytes, .undo_bytes, .scratch_bytes, .journal_bytes;
	type == "number" and . >= 0 and . == floor) and .journal_bytes == .undo_bytes + .scratch_bytes
	and .literal_bytes == ([.segments[] | select(.kind == "bytes") | .size] | add)
	and .bytes_moved == ([.segments[] | select(.kind == "from") | .size] | add)'
check_json "partitions" '.partitions | length == 1 and (.[0] |
	.number == 1 and .old_start == 512 and .new_start == 1048576 and .size == 8388608)'
check_json "segments" '.new_size as $size | (.segments | length) > 0 and all(.segments[];
	.size > 0 and .start >= 0 and .start + .size <= $size and (.reason | length) > 0
	and (.kind | IN("keep", "from", "bytes", "zero")) and (.kind != "from" or (.from | type) == "number")
	and (.kind != "bytes" or (.data | length) == ((.size + 2) / 3 | floor) * 4))
	and ([.segments[].start] | . == sort)'
run 4 plan --json --align 64K a.img
check_json "--align" '.partitions[0].new_start == 65536'
run 4 plan --json --align 64K -o saved a.img
jq -e '.schema == "imgmend.plan/1"' saved >/dev/null || fail "plan -o has not saved the plan"

run 0 plan --json b.img
documents "plan of a clean image" 1
check_json "plan of a clean image" '.schema == "imgmend.plan/1" and .segments == [] and .old_size == .new_size
	and .bytes_moved == 0 and .literal_bytes == 0'
run 0 fix --yes b.img
check_eq "states of the images" "$before" "$(state_of a.img) $(state_of b.img) $(state_of c.img)"
no_journal b.img

# ---- status

run 0 status --json a.img
documents status 1
check_json "status before" '.schema == "imgmend.status/1" and .image == "a.img" and .state == "none"'
run 1 fix --yes a.img
run 0 status --json a.img
documents status 1
check_json "status after" '.state == "repaired" and (.journal | endswith("a.img.imgmend-journal"))
	and .old_size == 10485760 and (.uuid | length) == 36'
run 0 status --json a.img.imgmend-journal
check_json "status of the journal" '.state == "repaired"'
run 0 undo --yes a.img
run 0 status --json a.img
check_json "status after undo" '.state == "none"'

# ---- odd names of files, and odd labels

odd=$(printf 'q"uote\\ new\nline \001 bad\377byte <&>\303\244.img')
cp c.img "$odd"
run 4 scan --json "$odd" c.img
documents "scan of an odd name" 2
run 4 plan --json "$odd"
documents "plan of an odd name" 1
run 1 fix --yes "$odd"
run 0 status --json "$odd"
documents "status of an odd name" 1
check_json "status of an odd name" '.state == "repaired"'
run 0 undo --yes "$odd"
cmp -s c.img "$odd" || fail "undo has not brought back the image with the odd name"

cp c.img label.img
printf 'A"\\\377\001\nB\n\t ' | dd of=label.img bs=1 seek=$((8 * 512 + 43)) conv=notrunc status=none
run 4 scan --json label.img
documents "scan of an odd label" 1
run "4|8" plan --json label.img
jq . "$WORK/out" >/dev/null || fail "plan of an odd label is no JSON"
echo "json: all well"
