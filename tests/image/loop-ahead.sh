#!/usr/bin/env bash
# loop-ahead.sh - the file behind a loop device is read into the page cache before the device is: what moves, at the right place of
# the file, and not where the device goes past the page cache.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs sfdisk strace losetup truncate awk

mib=192 before=3 # MiB of the partition, and of what is in front of the disk in the file
truncate -s $((512 + (mib + 4) * MIB)) disk
echo "start=1, size=$((mib * 2048)), type=83" | sfdisk -q disk
head -c $((mib * MIB)) /dev/urandom >data
dd if=data of=disk bs=1M seek=512 oflag=seek_bytes conv=notrunc status=none
{ head -c $((before * MIB)) /dev/zero; cat disk; } >disk.img
rm disk

# advice STATUS COMMAND...: what it asks the kernel for of the file, as lines of start and length, in that order; and that before it
# reads it, but for what is read first, which are up to three batches
advice() {
	local want=$1
	shift
	under_strace -y -e trace=/fadvise64,pread64 -- "$@" -q --yes --journal journal "$LOOP"
	[ $rc = "$want" ] || { show_last; fail "imgmend $1 ended with $rc"; }
	awk -F '[(,)]' -v before=$((before * MIB)) -v loop="<$LOOP>" -v unit=65536 -v most=$((52 * MIB)) '
		/disk[.]img.*WILLNEED/ { for (i = int($3 / unit); i <= int(($3 + $4) / unit); i++) asked[i] = 1; print $3 + 0, $4 + 0 }
		/pread64/ && index($2, loop) && match($0, /, [0-9]+, [0-9]+(\)| <)/) {
			split(substr($0, RSTART + 2), n, /[^0-9]+/)
			for (i = int((n[2] + before) / unit); n[1] > unit && i < int((n[2] + before + n[1]) / unit); i++)
				late += i in asked || seen[i]++ ? 0 : unit
		}
		END { if (length(asked) && late > most) print late " bytes are read before they are asked for" >"late" }' calls
	[ ! -s late ] || fail "imgmend $1: $(cat late)"
}

# covers FILE WHAT: nothing in front of the disk, nothing behind the partition's new end, all but what is read first; some of it twice,
# as the places that are written to are read as well
covers() {
	sort -n "$1" | awk -v first=$((before * MIB)) -v last=$(((before + mib + 1 + 16) * MIB)) -v least=$(((mib - 36) * MIB)) '
		$1 < first || $1 + $2 > last { print "bytes from " $1 " on are not what moves" }
		{ sum += $2; union += $1 + $2 > end ? $1 + $2 - ($1 > end ? $1 : end) : 0; end = $1 + $2 > end ? $1 + $2 : end }
		END { if (union < least || sum > 2 * union) print union + 0 " bytes are asked for, by " sum + 0 }' >complaint
	[ ! -s complaint ] || fail "$2: $(cat complaint)"
}

attach_loop -o $((before * MIB)) disk.img
old=$(digest "$LOOP")
for strategy in direct journalled; do
	advice 1 fix --align 1M --strategy $strategy >ranges
	covers ranges "fix, $strategy"
	[ "$(head -n 1 ranges | cut -d ' ' -f 1)" -gt "$(tail -n 1 ranges | cut -d ' ' -f 1)" ] || fail "a move to the right is read from its end"
	cmp -n $((mib * MIB)) -i $MIB:0 "$LOOP" data || fail "$strategy: the data is not where it should be"
	advice 0 undo >ranges
	covers ranges "undo, $strategy"
	[ "$(head -n 1 ranges | cut -d ' ' -f 1)" -lt "$(tail -n 1 ranges | cut -d ' ' -f 1)" ] || fail "a move to the left is read from its start"
	check_eq "the disk after undo, $strategy" "$old" "$(digest "$LOOP")"
done

# another file where the kernel says that it is
cp --sparse=always disk.img "disk.img (deleted)"
ln disk.img same.img
rm disk.img
grep -q "disk.img (deleted)$" "/sys/block/$(basename "$LOOP")/loop/backing_file" || fail "the kernel calls it something else"
advice 1 fix --align 1M >ranges
[ ! -s ranges ] || fail "another file is read: $(cat ranges)"
advice 0 undo >ranges
[ ! -s ranges ] || fail "another file is read: $(cat ranges)"
detach_loop "$LOOP"
mv same.img disk.img

attach_loop --direct-io=on -o $((before * MIB)) disk.img
[ "$(cat "/sys/block/$(basename "$LOOP")/loop/dio")" = 1 ] || skip "loop devices cannot go past the page cache here"
advice 1 fix --align 1M >ranges
[ ! -s ranges ] || fail "a device that goes past the page cache has its file read into it: $(cat ranges)"
cmp -n $((mib * MIB)) -i $MIB:0 "$LOOP" data || fail "the data is not where it should be"
