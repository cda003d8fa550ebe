#!/usr/bin/env bash
# progress.sh - a bar on a terminal, lines of JSON, a line for SIGUSR1; Ctrl-C, once or twice, stops at a safe point.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
needs jq pgrep strace script
strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
find_helpers
# a sanitizer cannot look for leaks in what is traced
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"

truncate -s $((33 * MIB + 512)) old.img
mkmbr -c -i c0ffee17 old.img 83:1:65536
head -c $((32 * MIB)) /dev/urandom | dd of=old.img bs=1M oflag=seek_bytes seek=512 conv=notrunc status=none
fresh() {
	rm -f disk.img*
	cp old.img disk.img
}

# In a shell of its own: the repair takes its time: each flush of the image waits. Batches of 64 KiB are many.
slowly() {
	exec strace -f -qq -o /dev/null -e trace=fdatasync -P "$WORK/disk.img" -e inject=fdatasync:delay_enter=20000 "$@"
}

# slow_fix OPTION...: a repair in the background, known to be at work when its journal is there; its PID in FIX
slow_fix() {
	local i
	slowly "$IMGMEND" fix --yes --strategy direct --align 8K "$@" disk.img >out 2>err </dev/null &
	TRACER=$!
	CHILDREN=("$TRACER")
	for i in $(seq 200); do
		FIX=$(pgrep -P $TRACER || true)
		[ -z "$FIX" ] || [ ! -s disk.img.imgmend-journal ] || break
		sleep 0.05
	done
	[ -n "$FIX" ] || fail "the repair did not begin"
	sleep 0.5
}

# ended STATUS
ended() {
	local rc=0
	wait $TRACER || rc=$?
	CHILDREN=()
	check_eq "the exit status" "$1" $rc
}

# ---- SIGUSR1

fresh
slow_fix --progress=none
kill -USR1 "$FIX"
sleep 0.5
grep -qE '^imgmend: moving: +[0-9]+%.* so far$' err || fail "SIGUSR1 printed no line: $(cat err)"
check_eq "lines for one SIGUSR1" 1 "$(grep -c 'so far' err)"

# ---- Ctrl-C: as often as it comes

kill -INT "$FIX"
kill -INT "$FIX"
ended 32
grep -q "imgmend resume" err && grep -q "imgmend undo" err || fail "what can be done after Ctrl-C is not said: $(cat err)"
check_eq "the state after Ctrl-C" repairing "$("$IMGMEND" status --json disk.img | jq -r .state)"
run 0 undo --yes disk.img
cmp disk.img old.img || fail "undo after Ctrl-C is not byte-equal"

# ---- JSON, and the bar

run 1 fix --yes --progress=json disk.img
grep '^{' err >lines
[ "$(jq -s 'map(select(.phase == "move" and .done == .total)) | length' lines)" = 1 ] || fail "the last line of progress lacks"
jq -es '[.[].done] | . == sort' lines >/dev/null || fail "progress goes back"
run 0 undo --yes disk.img
(slowly script -qec "$IMGMEND fix --yes --strategy direct --align 64K disk.img" terminal </dev/null >/dev/null) || true
tr '\r' '\n' <terminal >frames
grep -qE '^\[#+ *\] +[0-9]+%  [0-9]+ MiB/s  .*left' frames || fail "the bar shows no rate and no time that is left"
grep -qE '^\[#{40}\] 100%' frames || fail "the bar does not come to its end"
