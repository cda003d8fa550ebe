#!/usr/bin/env bash
# sparse.sh - a sparse image stays sparse, through growth, both ways of moving, and undo.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs mke2fs e2fsck debugfs qemu-img
find_helpers

sectors=2097152 # a partition of 1 GiB, with some 10 MiB in it
kib() { du -k "$1" | cut -f1; }

truncate -s $(((8 + sectors) * 512)) disk.img
mkmbr -c -i 5fa45e00 disk.img "83:8:$sectors"
make_volume ext4 SPARSE $((sectors * 512)) 8
place SPARSE disk.img 4096
cp --sparse=always disk.img old.img
cp --sparse=always old.img disk.img
before=$(kib disk.img)
[ "$before" -lt 65536 ] || skip "the file system under the test makes no sparse files"

for align in 1M 8K; do
	run 1 fix --yes --align $align disk.img
	[ "$(size_of disk.img)" -gt "$(size_of old.img)" ] || fail "the image was to grow"
	after=$(kib disk.img)
	# what moves is rounded to blocks at both ends of each run of data, and the image grows by 1 MiB
	[ "$after" -le $((before + 4096)) ] || fail "$align: $before KiB became $after KiB"
	cut_out disk.img $(($(le disk.img 454 4) * 512)) $((sectors * 512)) vol
	check_fs ext4 vol SPARSE
	run 0 undo --yes disk.img
	alike old.img disk.img || fail "$align: undo is not byte-equal"
	[ "$(kib disk.img)" -le $((before + 4096)) ] || fail "$align: $before KiB became $(kib disk.img) KiB by undo"
done
