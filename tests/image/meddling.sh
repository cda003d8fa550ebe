#!/usr/bin/env bash
# meddling.sh - somebody truncates, renames, replaces or removes the image or its journal while a repair or undo runs.
#
# The program is stopped before a chosen write, the files are meddled with, and it goes on. It must say what was done
# to it; what still exists must lead to the planned and to the old image; other people's files stay as they are.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/fault-lib.sh"
needs jq mkfs.fat mcopy cmp
find_helpers
find_shim

make_fat bad.img 8193
make_case direct bad.img
make_fat bad.img 8300
make_case journalled bad.img --align 8K
head -c 300000 /dev/urandom >other

# begin VERB WHICH N: the case's repair, or its undo, stands before the Nth write to WHICH
begin() {
	POINT="$CASE: $1 before write $3 to the $2"
	if [ "$1" = fix ]; then
		put_state "$CASE" old
		stop_at write "$2" "$3" "$IMGMEND" fix --yes --plan "$WORK/$CASE/plan.json" "$DISK"
	else
		put_state "$CASE" repaired
		stop_at write "$2" "$3" "$IMGMEND" undo --yes "$DISK"
	fi
}

# tells WHAT REGEX: it did not end well, and says why
tells() {
	case $RC in
	4 | 8) says "$POINT: $1" "$2" ;;
	*) oops "$1: ended with $RC" ;;
	esac
}

# untouched WHAT FILE: neither resume nor undo nor fix writes to FILE and the journal at hand; they say why
untouched() {
	local verb before
	before=$(digest "$DISK")
	for verb in resume undo fix; do
		run "4|8" $verb --yes "$DISK"
		[ -s "$WORK/err" ] || [ $verb = fix ] || oops "$1: $verb says nothing"
		check_eq "$POINT: $1: the image after $verb" "$before" "$(digest "$DISK")"
	done
}

# ---- the image is truncated

image_truncated() {
	local size=$3
	begin "$1" image "$2"
	cp --sparse=always "$DISK" whole
	truncate -s "$size" "$DISK"
	go_on
	# the write that it stood before may have gone through
	[ "$(size_of "$DISK")" -lt "$(size_of whole)" ] || { LAST=(imgmend); oops "grown again to $(size_of "$DISK") bytes"; }
	tells "the image truncated to $size" "truncated"
	run 0 status --json "$DISK"
	[ "$(jq -r .state out)" = foreign ] || oops "the image is truncated, and status says $(jq -r .state out)"
	untouched "the image truncated"
	# what was cut off comes back
	dd if=whole of="$DISK" bs=512 skip=$((size / 512)) seek=$((size / 512)) conv=notrunc status=none
	both_ways
}

# ---- another file takes the image's name

image_replaced() {
	begin "$1" image "$2"
	mv "$DISK" "$T/moved.img"
	cp "$WORK/other" "$DISK"
	go_on
	tells "the image renamed" "renamed or replaced"
	cmp "$WORK/other" "$DISK" || oops "the file that took the image's name: not the same bytes"
	[ -e "$JOURNAL" ] || oops "the journal of the image that was renamed is gone"
	rm "$DISK"
	mv "$T/moved.img" "$DISK"
	if [ "$1" = fix ]; then is_new; else is_old; fi || oops "the work on the image that was renamed is not complete"
	both_ways
}

# ---- the journal is truncated, removed or replaced

journal_truncated() {
	begin fix journal "$1"
	cp --sparse=always "$JOURNAL" whole
	truncate -s 8192 "$JOURNAL"
	go_on
	tells "the journal truncated" "truncated"
	dd if=whole of="$JOURNAL" bs=4096 skip=2 seek=2 conv=notrunc status=none
	both_ways
}

journal_removed() {
	begin "$1" image "$2"
	if [ -n "$3" ]; then cp "$WORK/other" "$T/own"; mv "$T/own" "$JOURNAL"; else rm "$JOURNAL"; fi
	go_on
	if [ "$1" = fix ]; then
		tells "the journal removed" "removed or replaced its journal"
		is_new || oops "without its journal the repair did not come to its end"
	elif [ -n "$3" ]; then
		tells "the journal replaced" "replaced"
		is_old || oops "with its journal replaced the undo did not come to its end"
	else
		[ $RC = 0 ] && is_old || oops "undo (status $RC) while its journal was removed"
	fi
	[ -z "$3" ] || cmp "$WORK/other" "$JOURNAL" || oops "somebody's own file in the journal's place was changed"
}

# The repair was cut off half-way, and then its journal goes astray.
journal_astray() {
	begin fix image "$1"
	kill -KILL "$PID"
	go_on 2>/dev/null
	mv "$JOURNAL" "$T/astray"
	run 0 status "$DISK"
	says "$POINT: status without the journal" "interrupted"
	says "$POINT: status without the journal" "journal.*was not found"
	untouched "the journal astray"
	says "$POINT: fix without the journal" "was begun and has not ended"
	cp "$DISK" half
	run 1 resume --yes --journal "$T/astray" "$DISK"
	is_new || oops "resume with the journal named is not the planned image"
	run 0 undo --yes --journal "$T/astray" "$DISK"
	is_old || oops "undo with the journal named is not the old image"
	[ ! -e "$T/astray" ] || oops "undo has left its journal"
}

for CASE in direct journalled; do
	size=$(size_of "$WORK/$CASE/old.img")
	for n in $(sample 3 "2 3 5"); do
		for cut in 1048576 $((size / 2 / 512 * 512)) $((size - 512)); do
			image_truncated fix $n "$cut"
			image_truncated undo $n "$cut"
		done
		image_replaced fix $n
		image_replaced undo $n
		journal_removed fix $n ""
		journal_removed fix $n own
		journal_removed undo $n ""
		journal_removed undo $n own
		journal_astray $n
	done
	for n in $(sample 15 "13 15 17"); do journal_truncated $n; done
done
echo "meddling: all well"
