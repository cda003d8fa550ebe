#!/usr/bin/env bash
# kill.sh - SIGKILL at points spread over a repair of 256 MiB; half resumed, half undone, byte-equal.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs jq cmp
find_helpers
points=$(sample 8 20)

size=$((256 * MIB))
truncate -s $((512 + size)) old.img
head -c $size /dev/urandom | dd of=old.img bs=1M oflag=seek_bytes seek=512 conv=notrunc iflag=fullblock status=none
mkmbr -c -i 6b111111 old.img da:1:$((size / 512))
cp --reflink=auto old.img disk.img

# An unkilled run: what the repair makes, and how long it takes.
now() {
	date +%s%N
}
started=$(now)
run 1 fix --yes disk.img
whole=$((($(now) - started) / 1000))
cp --reflink=auto disk.img new.img
run 0 undo --yes disk.img
cmp old.img disk.img || fail "undo of an unkilled repair did not restore the image"
no_journal disk.img

# killed_fix MICROSECONDS: true where the kill came before the end.
killed_fix() {
	local pid rc=0
	"$IMGMEND" fix --yes disk.img >out 2>err </dev/null &
	pid=$!
	sleep "$(printf '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000)))"
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || rc=$?
	[ $rc = 137 ] && return 0
	[ $rc = 1 ] || { show_last; fail "a repair that was not killed ended with status $rc"; }
	return 1
}

# The journal may not exist yet, or be too young to count: then nothing was written to the image, which may only be longer.
untouched() {
	cmp -s -n $((512 + size)) old.img disk.img && [ -z "$(tail -c +$((513 + size)) disk.img | tr -d '\0' | head -c 1)" ]
}

finish_by_resume() {
	local rc=0
	"$IMGMEND" resume --yes disk.img >out 2>err </dev/null || rc=$?
	LAST=(imgmend resume --yes disk.img)
	if cmp -s new.img disk.img; then
		[ $rc -le 1 ] || { show_last; fail "point $1: resume finished the repair but left with $rc"; }
	elif untouched; then
		[ $rc = 4 ] || { show_last; fail "point $1: resume left with $rc where nothing was written"; }
		run 1 fix --yes disk.img
		cmp new.img disk.img || fail "point $1: fix after an early kill is not byte-equal to the planned image"
	else
		show_last
		fail "point $1: after resume (status $rc) the image is neither the planned nor the old one"
	fi
	run 0 undo --yes disk.img
	cmp old.img disk.img || fail "point $1: undo after resume is not byte-equal to the old image"
}

finish_by_undo() {
	local rc=0
	"$IMGMEND" undo --yes disk.img >out 2>err </dev/null || rc=$?
	LAST=(imgmend undo --yes disk.img)
	cmp old.img disk.img || { show_last; fail "point $1: undo (status $rc) is not byte-equal to the old image"; }
	[ $rc = 0 ] || [ ! -e disk.img.imgmend-journal ] || { show_last; fail "point $1: undo left with $rc"; }
}

# A machine is faster one time than the other: where a repair ends before its kill comes, later ones come sooner; and it goes on until
# enough of them hit.
killed=0 touched=0 i=0
while [ $i -lt $points ] || { [ $i -lt $((5 * points)) ] && { [ $killed -lt $((points / 2)) ] || [ $touched -lt $((points / 4)) ]; }; }; do
	i=$((i + 1))
	if killed_fix $((whole * ((i - 1) % points + 1) / (points + 1))); then
		killed=$((killed + 1))
		untouched || touched=$((touched + 1))
	else
		whole=$((whole * 4 / 5))
	fi
	if [ $((i % 2)) = 1 ]; then
		finish_by_resume "$i"
	else
		finish_by_undo "$i"
	fi
	check_eq "size after point $i" "$(size_of old.img)" "$(size_of disk.img)"
	no_journal disk.img
done
note "$killed of $i repairs were cut off, $touched of them with the image half written; one took $((whole / 1000)) ms in the end"
[ $killed -ge $((points / 2)) ] || fail "only $killed of $i repairs were killed before they ended: the test says little"
[ $touched -ge $((points / 4)) ] || fail "only $touched of $i kills hit a half-written image: the test says little"
