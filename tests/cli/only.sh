#!/usr/bin/env bash
# only.sh - --only: repairs of warnings, which fix leaves alone unless they are named.
#
# A FAT16 volume that records a wrong position, and a GPT of which one copy is lost. Plain fix writes
# nothing; --only repairs that and nothing else; undo gives every byte back. That FAT16 volumes have but one
# reserved sector is tests/image/fat-reserved.sh's.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
needs sfdisk sgdisk jq mkfs.fat fsck.fat mcopy
find_helpers

# warned IMAGE FINDING: scan names it as a warning, plain plan and fix have nothing to do.
warned() {
	local before
	before=$(state_of "$1")
	run 0 scan --json "$1"
	check_eq "findings of $1" "$2 warning true" \
		"$(jq -r '.findings[] | select(.id != "fat-reserved-short") | "\(.id) \(.severity) \(.fixable)"' out)"
	run 0 plan "$1"
	run 0 fix --yes "$1"
	check_eq "the image after scan, plan and plain fix" "$before" "$(state_of "$1")"
	no_journal "$1"
}

# mended IMAGE FINDING: repair only that, by a plan that moves nothing.
mended() {
	cp "$1" old.img
	run 4 plan --json --only "$2" "$1"
	cp out plan.json
	check_eq "bytes that the plan moves" 0 "$(jq .bytes_moved plan.json)"
	run 1 fix --yes --only "$2" "$1"
	checkplan old.img "$1" plan.json || fail "the new image is not what the plan says"
	run 0 scan --json "$1"
	check_eq "findings after the repair" 0 "$(jq '[.findings[] | select(.id != "fat-reserved-short")] | length' out)"
}

# only_in IMAGE FIRST END: no byte outside FIRST to END (exclusive) differs from old.img, and one inside does.
only_in() {
	local n
	n=$(cmp -l old.img "$1" | awk -v a="$2" -v b="$3" '$1 <= a || $1 > b { out++ } { n++ } END { print n + 0, out + 0 }')
	[ "${n#* }" = 0 ] || fail "${n#* } bytes of $1 outside $2 to $3 changed"
	[ "${n% *}" != 0 ] || fail "nothing in $1 changed"
}

undone() {
	run 0 undo --yes "$1"
	check_eq "size after undo" "$(size_of old.img)" "$(size_of "$1")"
	check_eq "content after undo" "$(digest old.img)" "$(digest "$1")"
	no_journal "$1"
}

# ---- a FAT16 at 1 MiB that says it is at sector 0
fat=16384
truncate -s $((10 * MIB)) fat.img
printf 'label: dos\nstart=2048,size=%d,type=6\n' $fat | sfdisk -q fat.img
make_volume fat16 FATVOL $((fat * 512)) 0
place FATVOL fat.img $MIB
check_eq "hidden sectors of the new volume" 0 "$(le fat.img $((MIB + 28)) 4)"
warned fat.img hidden-sectors-mismatch
mended fat.img hidden-sectors-mismatch
only_in fat.img $((MIB + 28)) $((MIB + 32))
cut_out fat.img $MIB $((fat * 512)) cut.vol
check_position fat16 cut.vol 2048 FATVOL
check_fs fat16 cut.vol FATVOL
undone fat.img

# ---- a GPT without its backup header, and one without its primary header
gpt_is_good() {
	sfdisk -V "$1" >sfdisk.out 2>&1 && grep -q 'No errors detected' sfdisk.out ||
		fail "sfdisk -V finds errors: $(cat sfdisk.out)"
	sgdisk -v "$1" >sgdisk.out 2>&1 && grep -q 'No problems found' sgdisk.out ||
		fail "sgdisk -v finds problems: $(cat sgdisk.out)"
}

truncate -s $((16 * MIB)) gpt.img
printf 'label: gpt\nstart=2048,size=8192,name=one\nstart=12288,size=4096,name=two\n' | sfdisk -q gpt.img
gpt_is_good gpt.img
last=$((16 * MIB / 512 - 1))
for copy in primary:1 backup:$last; do
	sector=${copy#*:} finding=gpt-${copy%:*}-damaged
	cp gpt.img hurt.img
	dd if=/dev/zero of=hurt.img bs=512 seek="$sector" count=1 conv=notrunc status=none
	warned hurt.img "$finding"
	mended hurt.img "$finding"
	only_in hurt.img $((sector * 512)) $((sector * 512 + 512))
	gpt_is_good hurt.img
	check_eq "the GPT with its mended ${copy%:*}" "$(sfdisk -d gpt.img | grep -v '^device' | sed 's/^[^ ]*img//')" \
		"$(sfdisk -d hurt.img | grep -v '^device' | sed 's/^[^ ]*img//')"
	cmp gpt.img hurt.img || fail "the mended ${copy%:*} is not what it was before the damage"
	undone hurt.img
done

# ---- a finding that is not there, and one that does not exist
before=$(state_of fat.img)
run 0 fix --yes --only gpt-backup-damaged fat.img
for verb in plan "fix --yes"; do
	run 16 $verb --only nonsense fat.img
	says "an unknown finding" nonsense
	run 16 $verb --only hidden-sectors-mismatch,nonsense fat.img
done
check_eq "the image after all that" "$before" "$(state_of fat.img)"
no_journal fat.img
