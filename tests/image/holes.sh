#!/usr/bin/env bash
# holes.sh - data between long holes: what stands in one group is written in few waves, wherever the repair stops it can go on or be
# taken back, the image stays as sparse as it was, and the plan expects no more than the data takes.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs sfdisk jq strace cmp qemu-img
find_helpers
strace -f -qq -o /dev/null -e trace=none true 2>strace.err || skip "strace may not trace here ($(cat strace.err))"
N=20 STRIDE=$((25 * MIB + 4096)) START=512 SIZE=$((512 * MIB))

# put OFFSET LENGTH: random bytes in the partition
put() {
	head -c "$2" /dev/urandom | dd of=disk.img bs=1M oflag=seek_bytes seek=$((START + $1)) conv=notrunc iflag=fullblock status=none
}

# content FILE START: what the partition holds
content() {
	dd if="$1" bs=1M iflag=skip_bytes,count_bytes skip="$2" count=$SIZE status=none | sha256sum
}

# pieces of 1 MiB, which is a little more than the shift; some that are shorter, some with a short hole in them, and some longer
truncate -s $((START + SIZE)) disk.img
printf 'label: dos\nstart=1, size=%d, type=83\n' $((SIZE / 512)) | sfdisk -q disk.img
for ((i = 0; i < N; i++)); do
	case $((i % 8)) in
	2) put $((i * STRIDE)) 5000; put $((i * STRIDE + 300000)) 70000 ;;
	3) put $((i * STRIDE + 1234)) $((3 * MIB)) ;;
	*) put $((i * STRIDE)) $MIB ;;
	esac
done
sync disk.img
blocks=$(stat -c %b disk.img)
[ "$blocks" -lt $((SIZE / 512 / 4)) ] || skip "there are no holes on this file system"
cp --sparse=always disk.img old.img
sum=$(content disk.img $START)

run 4 plan --json --strategy direct disk.img
check_eq strategy direct "$(jq -r .strategy out)"
data=$(jq '.cost.direct_ns' out)
head -c $((START + SIZE)) /dev/urandom >dense.img
dd if=disk.img of=dense.img bs=512 count=1 conv=notrunc status=none
run 4 plan --json --strategy direct dense.img
[ "$data" -lt "$(jq '.cost.direct_ns / 4 | floor' out)" ] || fail "the plan takes holes for data: $data ns"
rm dense.img

# a piece is three batches or more: of the image, and not of the journal, there are fewer flushes than that
strace -f -y -qq -e trace=fdatasync -o calls "$IMGMEND" fix --yes --strategy direct disk.img >out 2>err </dev/null && fail "fix changed nothing"
flushes=$(grep -c 'fdatasync(.*/disk\.img>' calls)
[ "$flushes" -lt $((N * 2)) ] || fail "$flushes flushes for $N pieces of data"
check_eq "the partition's content" "$sum" "$(content disk.img $MIB)"
[ "$(stat -c %b disk.img)" -le $((blocks + 2 * 2048 + N * 16)) ] || fail "less sparse: $(stat -c %b disk.img) blocks, $blocks before"
run 0 undo --yes disk.img
alike old.img disk.img || fail "undo is not byte-equal to the old image"

# stopped at flushes of the image, from where its batches begin; strace counts those of each thread, and of other files as well
main=$(awk '/fdatasync\(.*\/disk\.img>/ { print $1; exit }' calls)
first=$(awk -v main="$main" '$1 == main && /fdatasync\(/ { n++; if (/\/disk\.img>/ && ++image == 4) { print n; exit } }' calls)
for ((when = first; when < first + 20; when += 14)); do
	for verb in resume undo; do
		under_strace -e trace=fdatasync -e inject=fdatasync:signal=KILL:when=$when -- fix --yes --strategy direct disk.img
		[ $rc != 0 ] || fail "fix was not interrupted at flush $when"
		run 0 status disk.img
		says "status at flush $when" interrupted
		if [ $verb = resume ]; then
			run 1 resume --yes disk.img
			check_eq "the content resumed at flush $when" "$sum" "$(content disk.img $MIB)"
			run 0 undo --yes disk.img
		else
			run 0 undo --yes disk.img
		fi
		alike old.img disk.img || fail "$verb at flush $when, taken back: not byte-equal to the old image"
	done
done
[ "$(stat -c %b disk.img)" -le $((blocks + N * 16)) ] || fail "less sparse in the end: $(stat -c %b disk.img) blocks, $blocks before"
