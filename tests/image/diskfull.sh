#!/usr/bin/env bash
# diskfull.sh - the file system under the journal, or under a sparse image, has too little room, at several fill levels.
#
# Either the repair goes through; or it is refused and nothing was written or left behind; or it stops in the
# middle, and once there is room it goes on or back.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/fault-lib.sh"
needs jq mkfs.fat mcopy cmp mkfs.ext4
find_helpers

# small_fs MIB: an ext4 of that size, mounted at $WORK/small; nothing is reserved for root
small_fs() {
	rm -f fs.img
	truncate -s "$1M" fs.img
	mkfs.ext4 -q -F -m 0 -O ^has_journal fs.img || fail "mkfs.ext4 could not make the small file system"
	attach_loop fs.img
	mkdir -p small
	mount "$LOOP" small || skip "the loop device cannot be mounted here"
	MOUNTS+=("$WORK/small")
}

end_fs() {
	umount small
	MOUNTS=()
	detach_loop "$LOOP"
}

# leave KIB: fill the small file system until only so much is free
leave() {
	local free
	rm -f small/fill
	sync -f small
	free=$(df --output=avail -k small | tail -n 1)
	[ "$free" -le "$1" ] || fallocate -l $((free - $1))K small/fill 2>/dev/null ||
		head -c $(((free - $1) * 1024)) /dev/zero >small/fill 2>/dev/null || true
	sync -f small
}

# ---- the journal's file system

# journal_in KIB OPTION...: a repair with the journal on a file system with so much room
journal_in() {
	local rc=0
	leave "$1"
	cp --sparse=always bad.img disk.img
	"$IMGMEND" fix --yes "${@:2}" --journal small/journal disk.img >out 2>err </dev/null || rc=$?
	LAST=(imgmend fix, "$1" KiB free, "${@:2}")
	if [ $rc = 1 ]; then
		through=$((through + 1))
		leave 0
		run 0 undo --yes --journal small/journal disk.img
	else
		refused=$((refused + 1))
		[ $rc = 4 ] || { show_last; fail "$1 KiB for the journal: fix ended with $rc"; }
		says "$1 KiB for the journal" "small/journal.*no space left"
	fi
	cmp bad.img disk.img || fail "$1 KiB for the journal: not the old image"
	[ ! -e small/journal ] || fail "$1 KiB for the journal: one is left behind"
}

make_fat bad.img 8193
small_fs 48
through=0 refused=0
for free in 0 4 8 16 32 64 128 256 292 296 300 304 308 312 316 320 400 1000; do
	journal_in $free
	journal_in $free --align 8K
done
for free in 20000 33000 33100 33200 34000 36000; do journal_in $free --align 8K; done
note "the journal's file system: $through repairs went through, $refused were refused"
[ $through -ge 3 ] && [ $refused -ge 10 ] || fail "the fill levels are not around what a journal needs"
end_fs

# ---- the image's file system

# undone: undo without room for what was punched may stop, but goes on when there is some
undone() {
	run "0|4|8" undo --yes --journal journal small/disk.img
	if [ -e journal ]; then
		says "undo without room" "small/disk.img.*no space left"
		run 0 status --json --journal journal small/disk.img
		case $(jq -r .state out) in
		repairing | undoing) ;;
		repaired) cmp "$NEW" small/disk.img || fail "status says repaired, but it is not the planned image" ;;
		*) fail "undo stopped, and status says $(jq -r .state out)" ;;
		esac
		waited=$((waited + 1))
		rm small/fill
		run 0 undo --yes --journal journal small/disk.img
	fi
	cmp bad.img small/disk.img || fail "undo is not the old image"
	[ ! -e journal ] || fail "undo has left its journal"
}

# image_in KIB OPTION...: a sparse image on a file system with so much room, the journal elsewhere
image_in() {
	local rc=0
	rm -f small/disk.img small/fill journal
	cp --sparse=always bad.img small/disk.img
	leave "$1"
	"$IMGMEND" fix --yes "${@:2}" --journal journal small/disk.img >out 2>err </dev/null || rc=$?
	LAST=(imgmend fix, "$1" KiB free, "${@:2}")
	case $rc in
	1) through=$((through + 1)) ;;
	4)
		refused=$((refused + 1))
		says "$1 KiB for the image" "small/disk.img.*no space left"
		cmp bad.img small/disk.img || fail "$1 KiB for the image: refused, but it is not the old one"
		[ ! -e journal ] || fail "$1 KiB for the image: refused, but a journal is left behind"
		return
		;;
	8)
		stopped=$((stopped + 1))
		says "$1 KiB for the image" "small/disk.img.*no space left"
		run 0 status --json --journal journal small/disk.img
		check_eq "state with $1 KiB for the image" repairing "$(jq -r .state out)"
		cp --sparse=always small/disk.img half.img
		cp journal half.journal
		undone
		# and with room the repair comes to its end
		rm -f small/disk.img small/fill
		cp --sparse=always half.img small/disk.img
		cp half.journal journal
		run 1 resume --yes --journal journal small/disk.img
		;;
	*)
		show_last
		fail "$1 KiB for the image: fix ended with $rc"
		;;
	esac
	cmp "$NEW" small/disk.img || fail "$1 KiB for the image: not the planned image"
	leave 0
	undone
}

# planned OPTION...: sets NEW, what the repair makes of bad.img
planned() {
	NEW=new.img
	rm -f new.img
	run 1 fix --yes "$@" --output new.img bad.img
}

small_fs 16
through=0 refused=0 stopped=0 waited=0
# growth is refused where there is no room for it
planned
for free in 0 64 500 1000 1040 1100 1600 3000 6000; do image_in $free; done
grown="$through through, $refused refused, $stopped stopped"
[ $refused -ge 3 ] && [ $through -ge 1 ] || fail "growth: $grown"
# holes are filled, as what is in front of them moves into them
rm bad.img
make_fat bad.img 10400
planned
for free in 0 4 64 256 512 1000 1500 2000 3000; do image_in $free; done
planned --align 8K
for free in 0 4 64; do image_in $free --align 8K; done
note "the image's file system: growth $grown; in all $through through, $refused refused, $stopped stopped; $waited undos waited for room"
[ $stopped -ge 2 ] || fail "no repair was stopped in the middle: the test says little"
end_fs
echo "diskfull: all well"
