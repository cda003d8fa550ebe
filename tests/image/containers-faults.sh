#!/usr/bin/env bash
# containers-faults.sh - servers that die, fail or dawdle in the middle of a repair: it stops with a sentence, and resume or undo
# end it, byte for byte.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/containers-lib.sh"
find_helpers
needs qemu-img qemu-nbd nbdkit jq strace

# 24 MiB that move by 1 MiB - 512, and by 7680: some 24 batches without a journal, and 2 with one.
truncate -s $((49152 * 512 + 4 * MIB)) disk.img
mkmbr -c -i dead5e4f disk.img 83:1:49152
head -c $((24 * MIB)) /dev/urandom | dd of=disk.img bs=1M oflag=seek_bytes seek=512 conv=notrunc iflag=fullblock status=none
cp disk.img new.img
run 1 fix --yes --align 1M new.img
FORMAT=qcow2 LEAKS=yes

# A qemu-nbd that is killed at its Nth write, punch or flush, N being in the file when.
real=$(command -v qemu-nbd)
cat >bin/qemu-nbd <<END
#!/bin/sh
[ ! -s "$WORK/when" ] || exec strace -D -f -qq -o /dev/null -e trace=pwrite64,pwritev,fallocate,fdatasync \\
	-e inject=pwrite64,pwritev,fallocate,fdatasync:signal=KILL:when=\$(cat "$WORK/when") $real "\$@"
exec $real "\$@"
END
chmod 755 bin/qemu-nbd
PATH=$WORK/bin:$PATH

# a call is counted in the thread that makes it
kills=0
for n in $(sample "1 4 7 12" "1 2 3 4 5 6 7 8 9 10 12 14"); do
	for verb in resume undo; do
		make_container qcow2 disk.img
		echo $n >when
		rc=0
		"$IMGMEND" fix --yes --align 1M "$C" >out 2>err </dev/null || rc=$?
		LAST=(imgmend fix "qemu-nbd killed at its call $n")
		: >when
		if [ $rc = 1 ]; then	# it had no such call
			inside "fix" new.img
			continue
		fi
		[ $rc = 8 ] || { show_last; fail "qemu-nbd was killed at its call $n, and fix ended with $rc"; }
		kills=$((kills + 1))
		says "fix without its server" "imgmend resume"
		[ -e "$C.imgmend-journal" ] || fail "fix left no journal"
		run 0 status --json "$C"
		state=$(jq -r .state out)
		if [ $verb = resume ] && [ "$state" != not-started ]; then
			run '0|1' resume --yes "$C"
			inside "resume after call $n ($state)" new.img
		fi
		run 0 undo --yes "$C"
		inside "$verb after call $n ($state)" disk.img
		no_journal "$C"
	done
done

[ $kills -ge "$(sample 6 20)" ] || fail "qemu-nbd was only killed $kills times"

uri="nbd+unix:///?socket=$WORK/sock"
journal=export.journal

# two repairs of one export at once: one of them is refused
cp --sparse=always disk.img export.img
serve --filter=delay file export.img rdelay=5ms wdelay=5ms
"$IMGMEND" fix --yes --align 1M --journal $journal "$uri" >out1 2>err1 </dev/null &
FIRST=$!
rc=0 first=0
"$IMGMEND" fix --yes --align 1M --journal $journal "$uri" >out 2>err </dev/null || rc=$?
wait $FIRST || first=$?
check_eq "the statuses of two repairs at once" "1 4" "$(printf '%s\n' $rc $first | sort -n | tr '\n' ' ' | sed 's/ $//')"
cmp export.img new.img || fail "two repairs of one export at once: not the corrected image"
stop_server
[ ! -e $journal.lock ] || fail "the lock is left behind"
rm -f $journal

# a repair that runs: status says so
make_container qcow2 disk.img
"$IMGMEND" fix --yes --align 1M "$C" >out1 2>err1 </dev/null &
FIRST=$!
# before it has the container open, a status beside it may have: then it is the repair that is refused
wait_for "$C.imgmend-journal"
state=
for i in $(seq 200); do
	state=$("$IMGMEND" status --json "$C" 2>err | jq -r .state) || fail "status beside a repair: $(cat err)"
	[ "$state" != repairing ] || break
	kill -0 $FIRST 2>/dev/null || break
done
note "status beside a repair saw: $state"
wait $FIRST || [ $? = 1 ] || fail "the repair: $(cat err1)"
rm -f "$C"*

# the server of the errors: some requests fail, and all take their time
failures=0
for seed in $(sample "1 2" "1 2 3"); do
	for what in pwrite pread zero; do
		cp --sparse=always disk.img export.img
		serve --filter=error --filter=delay file export.img error-$what-rate=8% error=EIO rdelay=1ms wdelay=2ms
		rc=0
		"$IMGMEND" fix --yes --align 1M --journal $journal "$uri" >out 2>err </dev/null || rc=$?
		LAST=(imgmend fix "with failing $what, $seed")
		[ $rc = 1 ] || { failures=$((failures + 1)) && says "a request that failed" "could not|cannot|Input/output error"; }
		stop_server
		serve file export.img
		if [ $rc = 1 ]; then
			cmp export.img new.img || fail "$what failed, fix went well, but this is not what it should have made"
		elif [ ! -e $journal ]; then
			cmp export.img disk.img || fail "$what failed before the journal was there, but something was written"
		elif [ $((seed % 2)) = 0 ]; then
			run '1|4' resume --yes --journal $journal "$uri"
			grep -q 'nothing was written' err || cmp export.img new.img || fail "resume after failing $what: not the corrected image"
		fi
		if [ -e $journal ]; then
			run 0 undo --yes --journal $journal "$uri"
			cmp export.img disk.img || fail "undo after failing $what: not the old image"
		fi
		stop_server
		rm -f $journal
	done
done
[ "$failures" -gt "$(sample 1 2)" ] || fail "only $failures repairs met a failing request: this test finds nothing"
note "$failures repairs met a failing request"
