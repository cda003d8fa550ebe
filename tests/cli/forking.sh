#!/usr/bin/env bash
# forking.sh - the readers' processes are forked beside other threads: none of them begins with a lock that another thread had taken.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
. "$HERE/fault-lib.sh"
needs mkfs.fat
find_helpers
find_shim
BUSY=${SHIM%/*}/busynbd.so
if [ ! -e "$BUSY" ]; then
	BUSY=$WORK/busynbd.so
	${CC:-cc} -std=gnu17 -D_GNU_SOURCE -shared -fPIC -o "$BUSY" "$HERE/../support/busynbd.c" || fail "busynbd.so cannot be built"
fi
mkdir busy batch
cp "$BUSY" busy/libnbd.so.0

truncate -s 16M disk.img
mkmbr disk.img 6:8:16384
mkfs.fat -F 16 -s 1 --offset=8 disk.img 8192 >mkfs.log 2>&1 || fail "mkfs.fat: $(cat mkfs.log)"
for i in 1 2 3 4; do cp disk.img batch/$i.img; done
run 4 report batch
cp out page

# a container among them: libnbd is loaded beside the readers
printf 'QFI\373' >batch/0.qcow2
export LD_LIBRARY_PATH=$WORK/busy${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
run 12 report --jobs=2 batch
says "the container, by a library that was busy and has nothing in it" "0.qcow2.*undefined symbol: nbd_"
check_eq "readers that abstain" "$(grep -c abstains page)" "$(grep -c abstains out)"
