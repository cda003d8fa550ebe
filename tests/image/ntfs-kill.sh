#!/usr/bin/env bash
# ntfs-kill.sh - SIGKILL at points spread over the repair of an NTFS boot area; half resumed, half undone, byte-equal.
#
# Such a repair takes milliseconds: the clock starts when its journal appears. What a power cut
# between any two writes does is the crash campaign's business.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/ntfs-lib.sh"
find_ntfs_helpers
points=40

ntfs_make 512
quiet mkbadntfs -o /plain -n 2 -o /shattered -v 1900 -n 2 -o 0 -n 1 -o 1 -n 1 -o '9:$SDS' -n 1 -o 6 -n 1 vol
ntfs_remember
ntfs_map vol >bad.map
cp vol old.img

# wait_for_journal PID: false when the repair ended first
wait_for_journal() {
	while [ ! -e vol.imgmend-journal ]; do
		kill -0 "$1" 2>/dev/null || return 1
	done
}

now() {
	date +%s%N
}

# An unkilled run: what the repair makes, and how long it takes from its journal on.
"$IMGMEND" fix --yes vol >out 2>err </dev/null &
wait_for_journal $! || fail "no journal is beside the volume while it is repaired"
started=$(now)
rc=0
wait $! || rc=$?
whole=$((($(now) - started) / 1000))
check_eq "exit status of an unkilled repair" 1 $rc
ntfs_good vol
ntfs_same_files vol bad.map
cp vol new.img
run 0 undo --yes vol
cmp old.img vol || fail "undo of an unkilled repair did not restore the image"

# killed_fix MICROSECONDS: true where the kill came before the end
killed_fix() {
	local pid rc=0
	"$IMGMEND" fix --yes vol >out 2>err </dev/null &
	pid=$!
	wait_for_journal $pid && sleep "$(printf '0.%06d' "$1")"
	kill -KILL $pid 2>/dev/null || true
	wait $pid 2>/dev/null || rc=$?
	[ $rc = 137 ] && return 0
	[ $rc = 1 ] || { show_last; fail "a repair that was not killed ended with status $rc"; }
	return 1
}

# resumed POINT: the planned image; a repair that had not begun is begun again
resumed() {
	"$IMGMEND" resume --yes vol >out 2>err </dev/null || true
	cmp -s old.img vol && run 1 fix --yes vol
	cmp new.img vol || { show_last; fail "point $1: after resume the image is not the planned one"; }
	run 0 undo --yes vol
}

killed=0 touched=0
for i in $(seq $points); do
	if killed_fix $((whole * i / points)); then
		killed=$((killed + 1))
		cmp -s old.img vol || touched=$((touched + 1))
	fi
	if [ $((i % 2)) = 1 ]; then
		resumed "$i"
	else
		"$IMGMEND" undo --yes vol >out 2>err </dev/null || true
	fi
	cmp old.img vol || { show_last; fail "point $i: undo is not byte-equal to the old image"; }
	no_journal vol
done
note "$killed of $points repairs were cut off, $touched of them half done; one takes $((whole / 1000)) ms"
[ $touched -ge 3 ] || fail "only $touched of $points kills hit a half-written image: the test says little"
