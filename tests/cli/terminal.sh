#!/usr/bin/env bash
# terminal.sh - a repair of a slow disk, watched on a terminal: the bar, Ctrl-C once, twice, and followed by death, SIGUSR1, lines of JSON. No
# time is asserted: the disk is slow enough to come in between.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
. "$HERE/containers-lib.sh"
. "$HERE/../cli/terminal-lib.sh"
find_helpers
needs jq nbdkit qemu-img qemu-nbd

truncate -s $((24 * MIB + 64 * 1024)) old.img
mkmbr -c -i c0ffee22 old.img 83:1:49152
head -c $((24 * MIB)) /dev/urandom | dd of=old.img bs=1M oflag=seek_bytes seek=512 conv=notrunc iflag=fullblock status=none
cp old.img new.img
run 1 fix --yes --align 64K new.img
rm -f new.img.imgmend-journal

URI="nbd+unix:///?socket=$WORK/sock"
JOURNAL=$WORK/journal
BAR='[0-9]+%  [0-9]+ MiB/s  [0-9a-z]+ left'

# slow, fast: the server of disk.img
slow() {
	serve --filter=delay file disk.img wdelay=15ms
}
# (the slow one would wait for what nobody waits for any more)
fast() {
	kill -9 "$(cat server.pid)"
	rm -f server.pid sock
	serve file disk.img
}
fresh() {
	rm -f "$JOURNAL"* disk.img
	cp old.img disk.img
	slow
}

FIX=("$IMGMEND" fix --yes --quiet --progress=bar --strategy direct --align 64K --journal "$JOURNAL" "$URI")

# told: how to go on, with the journal
told() {
	grep -qF "the journal is $JOURNAL" lines || fail "the journal is not named: $(tail -n 3 lines)"
	grep -qF "imgmend resume $URI" lines && grep -qF "imgmend undo $URI" lines || fail "the way on is not told: $(tail -n 3 lines)"
}
# ends VERB IMAGE: that verb brings exactly this image
ends() {
	fast
	check_eq "the state before $1" repairing "$("$IMGMEND" status --json --journal "$JOURNAL" "$URI" | jq -r .state)"
	run "0|1" "$1" --yes --journal "$JOURNAL" "$URI"
	stop_server
	cmp disk.img "$2" || fail "$1 did not end in $2"
}

# Ctrl-C, once and twice; SIGUSR1 before it
fresh
on_terminal 32 "wait:$BAR" kill:USR1 'wait:imgmend: moving: +[0-9]+%.* so far' 'type:^C' -- "${FIX[@]}"
told
grep -qE "^\[#+ *\] +$BAR\$" lines || fail "no bar"
ends resume new.img
fresh
on_terminal 32 "wait:$BAR" 'type:^C^C' -- "${FIX[@]}"
told
ends undo old.img

# the second one follows at once, or death does
for verb in resume undo; do
	fresh
	on_terminal 137 "wait:$BAR" 'type:^C^C' kill:KILL -- "${FIX[@]}"
	ends $verb "$([ $verb = resume ] && echo new.img || echo old.img)"
done

# a narrow terminal
fresh
COLUMNS_WIDE=56
on_terminal 32 "wait:$BAR" 'type:^C' -- "${FIX[@]}"
COLUMNS_WIDE=80
check_eq "frames that are too wide" 0 "$(grep '^\[' lines | awk 'length($0) > 56' | wc -l)"
ends undo old.img

# resume and undo are stopped like that, too
fresh
on_terminal 32 "wait:$BAR" 'type:^C' -- "${FIX[@]}"
on_terminal 32 'wait:[0-9]+%' 'type:^C' -- "$IMGMEND" resume --yes --progress=bar --journal "$JOURNAL" "$URI"
grep -qF "imgmend undo $URI" lines || fail "after a stop of resume the way on is not told"
on_terminal 32 'wait:[0-9]+%' 'type:^C' -- "$IMGMEND" undo --yes --progress=bar --journal "$JOURNAL" "$URI"
fast
run 0 undo --yes --journal "$JOURNAL" "$URI"
cmp disk.img old.img || fail "undo after stops is not byte-equal"

# lines of JSON are what the schema says
rm -f "$JOURNAL"*
rc=0
"$IMGMEND" fix --yes --quiet --strategy direct --align 64K --journal "$JOURNAL" --progress=json "$URI" 2>json >out </dev/null || rc=$?
check_eq "the exit status of a repair with JSON lines" 1 $rc
"$PYTHON" "$SUPPORT/schema.py" "$HERE/../../schema" json || fail "lines of progress are not what the schema says"
stop_server

# the image is hashed first: that is shown, and can be stopped
rm -f "$JOURNAL"*
serve --filter=delay file disk.img rdelay=150ms
cp old.img disk.img
on_terminal 32 'wait:"hash"' kill:USR1 'wait:hashing' 'type:^C' -- "${FIX[@]}" --progress=json --manifest m.json
grep -q 'nothing was written' lines || fail "what Ctrl-C did while the image was hashed is not told: $(tail -n 3 lines)"
kill -9 "$(cat server.pid)"
rm -f server.pid sock
cmp disk.img old.img || fail "a repair that was stopped before it began has written"
[ ! -e "$JOURNAL" ] || fail "a repair that was stopped before it began left a journal"

# at the question: nothing was written
before=$(state_of old.img)
on_terminal 32 'wait:\[y/N\]' 'type:^C' -- "$IMGMEND" fix --quiet old.img
grep -q 'no image was written to' lines || fail "what Ctrl-C at the question did is not told"
check_eq "the image after Ctrl-C at the question" "$before" "$(state_of old.img)"
no_journal old.img

# in a container: the server of its own does not get the key
make_container qcow2 old.img
(FORMAT=qcow2 LEAKS=yes
	real=$(command -v qemu-nbd)
	printf '#!/bin/sh\nexec strace -D -f -qq -o /dev/null -e trace=pwrite64,pwritev,fdatasync -e inject=pwrite64,pwritev,fdatasync:delay_enter=20000 %s "$@"\n' \
		"$real" >bin/qemu-nbd
	chmod 755 bin/qemu-nbd
	PATH=$WORK/bin:$PATH
	on_terminal 32 "wait:$BAR" 'type:^C^C' -- "$IMGMEND" fix --yes --quiet --progress=bar --strategy direct --align 64K "$C"
	grep -q "imgmend resume" lines || fail "in a container the way on is not told"
	rm bin/qemu-nbd
	hash -r
	run 1 resume --yes "$C"
	inside "after Ctrl-C and resume" new.img)
