#!/usr/bin/env bash
# forking.sh - the readers' processes are forked beside other threads: none of them begins with a lock that another thread had taken.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
. "$HERE/fault-lib.sh"
needs mkfs.fat
find_helpers
find_shim
find_module busynbd
mkdir busy batch
cp "$MODULE" busy/libnbd.so.0

make_low_fat disk.img
for i in 1 2 3 4; do cp disk.img batch/$i.img; done
run 4 report batch
cp out page

# a container among them: libnbd is loaded beside the readers
printf 'QFI\373' >batch/0.qcow2
export LD_LIBRARY_PATH=$WORK/busy${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
run 12 report --jobs=2 batch
says "the container, by a library that was busy and has nothing in it" "0.qcow2.*undefined symbol: nbd_"
check_eq "readers that abstain" "$(grep -c abstains page)" "$(grep -c abstains out)"
