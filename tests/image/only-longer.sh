#!/usr/bin/env bash
# only-longer.sh - a repair killed between making room at the end of the image and its first write into it: plan, fix, and a copy go by
# the image as it was; what somebody wrote behind its end stays, and is refused.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/fault-lib.sh"
needs jq mkfs.fat mcopy fsck.fat sfdisk cmp
find_helpers
find_shim

# killed_early ARGUMENT...: fix of the image under test, killed in place of its first write to it
killed_early() {
	local rc=0
	(shim write image 1 KILL "$IMGMEND" fix --yes "$@" "$DISK" >out 2>err </dev/null; exit $?) 2>killed || rc=$?
	check_eq "status of a repair that is killed" 137 $rc
	[ -e "$JOURNAL" ] || fail "the kill came before the journal"
	grown=$(($(size_of "$DISK") - $(size_of case/old.img)))
	[ $grown -gt 0 ] || fail "the kill came before there was room"
	run 0 status --json "$DISK"
	check_eq "state" not-started "$(jq -r .state out)"
}

# judged: by others, the repaired image is sound
judged() {
	sfdisk --verify "$DISK" >sfdisk.log 2>&1 || fail "sfdisk: $(cat sfdisk.log)"
	cut_out "$DISK" "$(jq '.partitions[0].new_start' case/plan.json)" "$(jq '.partitions[0].size' case/plan.json)" volume
	fsck.fat -n volume >fsck.log 2>&1 || fail "fsck.fat: $(cat fsck.log)"
}

# round OPTION...: everything that may follow such a kill, with these options for plan and fix
round() {
	mkdir case copy
	cp "$DISK" case/old.img
	run 4 plan "$@" -o case/plan.json "$DISK"
	run 1 fix --yes --plan case/plan.json "$DISK"
	judged
	cp "$DISK" case/new.img
	run 0 undo --yes "$DISK"

	killed_early "$@"
	run 4 plan "$@" -o again.json "$DISK"
	check_eq "fingerprint and figures of the plan" "$(jq '[.fingerprint, .old_size, .new_size, .segments]' case/plan.json)" \
		"$(jq '[.fingerprint, .old_size, .new_size, .segments]' again.json)"
	run 1 fix --yes "$@" --output copy/new.img "$DISK"
	cmp case/new.img copy/new.img || fail "the corrected copy is not the planned image"
	run 4 resume --yes "$DISK"
	says "resume" "made $grown bytes longer.*imgmend fix"
	run 1 fix --yes "$@" "$DISK"
	cmp case/new.img "$DISK" || fail "fix after an early kill does not give the planned image"
	judged
	run 0 undo --yes "$DISK"
	cmp case/old.img "$DISK" || fail "undo does not give the old image"
	no_journal "$DISK"

	killed_early "$@"
	run 1 fix --yes --plan again.json "$DISK"
	cmp case/new.img "$DISK" || fail "fix by a plan made after the kill does not give the planned image"
	run 0 undo --yes "$DISK"

	killed_early "$@"
	printf x | dd of="$DISK" bs=1 seek=$(($(size_of "$DISK") - 1)) conv=notrunc status=none
	before=$(state_of "$DISK")
	run 4 fix --yes "$@" "$DISK"
	says "fix where somebody wrote behind the end" "in the way: drop it with .imgmend discard.*(somebody wrote behind the old end|has been written to since)"
	check_eq "the image" "$before" "$(state_of "$DISK")"
	run 0 discard --yes "$DISK"
	no_journal "$DISK"
	rm -r case copy
}

make_fat "$DISK" 8193
round
make_fat "$DISK" 8193
round --align 4K

# on the longer image its backup table would stand at the wrong place
rm "$DISK"
truncate -s 16M "$DISK"
mkgpt -n 4 -f 4 "$DISK" 6:32000:data
make_volume fat16 DATA $((32000 * 512)) 6
place DATA "$DISK" $((6 * 512))
round
