#!/usr/bin/env bash
# strategies.sh - every way that a repair's data can take, on ext4, xfs and btrfs, and what becomes of the file.
#
# A partition at LBA 1, which moves by no whole blocks, and one at LBA 8, which does. Whatever the way: the new image is
# what the plan says, undo gives every byte back, nothing lies beside the image in the end; and the file stays the same
# one, with its hard links, its owner and its attributes, as sparse as it was.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs sfdisk jq mkfs.ext4 mkfs.xfs mkfs.btrfs setfattr getfattr filefrag strace
find_helpers
[ "$(id -u)" = 0 ] || skip "loop devices need root"
losetup -f >/dev/null 2>&1 || skip "loop devices are not to be had here"
I=mnt/disk.img
SECOND=
J=$I.imgmend-journal

# make_image LBA: 24 MiB of data with a hole of 8 MiB in the middle; with a second partition (SECOND) 4 MiB behind the first
make_image() {
	rm -f mnt/disk.img* mnt/link old.img
	truncate -s $((($1 + 65536) * 512)) old.img
	if [ -z "$SECOND" ]; then
		mkmbr -c -i 57a7e619 old.img "83:$1:65536"
	else
		mkmbr -c -i 57a7e619 old.img "83:$1:65536" "83:75776:16384"
		head -c $((8 * MIB)) /dev/urandom | dd of=old.img bs=1M oflag=seek_bytes seek=$((75776 * 512)) conv=notrunc iflag=fullblock status=none
	fi
	head -c $((12 * MIB)) /dev/urandom | dd of=old.img bs=1M oflag=seek_bytes seek=$(($1 * 512)) conv=notrunc iflag=fullblock status=none
	head -c $((12 * MIB)) /dev/urandom | dd of=old.img bs=1M oflag=seek_bytes seek=$(($1 * 512 + 20 * MIB)) conv=notrunc iflag=fullblock status=none
	cp --sparse=always old.img $I
	ln $I mnt/link
	chown 12:34 $I
	chmod 640 $I
	setfattr -n user.note -v kept $I
	sync -f mnt
}

file_state() {
	stat -c '%i %h %u:%g %a' $I
	getfattr --only-values -n user.note $I
}

# allocated FILE: bytes
allocated() {
	echo $(($(stat -c '%b * %B' "$1")))
}

nothing_left() {
	check_eq "files beside the image, $1" "disk.img link lost+found" "$(cd mnt && ls -A | grep -v lost+found | tr '\n' ' ')lost+found"
}

# cycle FS LBA WAY NAME: fix that way, which the plan calls NAME; look at the result, take it back
cycle() {
	local before space
	make_image "$2"
	before=$(file_state)
	space=$(allocated $I)
	run 4 plan --json --strategy "$3" $I
	cp out plan.json
	check_eq "the strategy of $*" "$4" "$(jq -r .strategy plan.json)"
	check_eq "the file system of $*" "$1" "$(jq -r .cost.file_system plan.json)"
	check_eq "the journal of the way that $* takes" "$(jq .journal_bytes plan.json)" \
		"$(jq '.alternatives[] | select(.chosen) | .journal_bytes' plan.json)"
	run 1 fix --yes --strategy "$3" $I
	checkplan old.img $I plan.json || fail "$*: the new image is not what the plan says"
	check_eq "the file after $*" "$before" "$(file_state)"
	[ "$(allocated $I)" -le $((space + 2 * MIB)) ] || fail "$*: $(allocated $I) bytes are allocated, $space were"
	[ ! -e $J.imgmend-clone ] || fail "$*: the clone is still there"
	run 0 undo --yes $I
	cmp old.img $I || fail "$*: undo is not byte-equal to the old image"
	check_eq "the file after undo of $*" "$before" "$(file_state)"
	[ "$(allocated $I)" -le $((space + MIB)) ] || fail "undo of $*: $(allocated $I) bytes are allocated, $space were"
	nothing_left "after undo of $*"
}

# refused LBA WAY REASON
refused() {
	make_image "$1"
	run "${4:-4}" fix --yes --strategy "$2" $I
	says "$2 at sector $1" "$3"
	cmp old.img $I || fail "$2 at sector $1 was refused, but the image changed"
	nothing_left "after $2 was refused"
}

# killed CALL N ARGUMENTS…: imgmend is killed behind its Nth call of that name on the image; sets rc, and lists the calls in `calls`
killed() {
	local call=$1 n=$2
	shift 2
	under_strace -e trace="$call" -P "$WORK/$I" -e inject="$call":signal=KILL:when="$n" -- "$@" $I
}

# killed_at N: fix is killed at its Nth flush of the image, the 5th being behind what it takes from the clone
killed_at() {
	local rc
	make_image 8
	killed fdatasync "$1" fix --yes
	check_eq "the end of a fix that is killed" 137 $rc
	[ -e $J.imgmend-clone ] || fail "there is no clone while a repair is interrupted"
}

# interrupted VERB: killed while it goes by a clone, then resumed, or taken back
interrupted() {
	killed_at 5
	run 0 status --json $I
	check_eq "the state of an interrupted repair" repairing "$(jq -r .state out)"
	mv $J.imgmend-clone away
	run 4 "$1" --yes $I
	says "$1 without the clone" "clone of the image that this repair works from is not there"
	head -c "$(stat -c %s away)" /dev/zero >$J.imgmend-clone
	run 4 "$1" --yes $I
	says "$1 with another clone" "not the clone that the repair made"
	rm $J.imgmend-clone
	mv away $J.imgmend-clone
	if [ "$1" = resume ]; then
		run 1 resume --yes $I
		checkplan old.img $I plan.json || fail "resume by the clone: not what the plan says"
		run 0 undo --yes $I
	else
		run 0 undo --yes $I
	fi
	cmp old.img $I || fail "$1 by the clone, taken back: not byte-equal to the old image"
	nothing_left "after $1 by the clone"
}

# written_to: nothing is taken from a clone that somebody wrote to
written_to() {
	killed_at 5
	cp --preserve=all $J.imgmend-clone away
	dd if=/dev/zero of=$J.imgmend-clone bs=1M seek=2 count=4 conv=notrunc status=none
	for verb in resume undo; do
		run 4 $verb --yes $I
		says "$verb with a clone that was written to" "written to since"
	done
	cp --preserve=all away $J.imgmend-clone
	rm away
	run 0 undo --yes $I
	cmp old.img $I || fail "undo with the clone back in its place: not byte-equal to the old image"
}

# without_need: when all is done but the last sector, the clone is not needed any more
without_need() {
	make_image 8
	# the first write of the image itself is the fence, the second one the last sector
	strace -f -qq -o /dev/null -e trace=pwrite64 -P "$WORK/$I" -e inject=pwrite64:error=EIO:when=2 "$IMGMEND" fix --yes $I \
		>out 2>err </dev/null && fail "fix did not fail"
	check_eq "the state before the last sector" repairing "$("$IMGMEND" status --json $I | jq -r .state)"
	rm $J.imgmend-clone
	run 0 undo --yes $I
	cmp old.img $I || fail "undo of a repair that lacked its end, without the clone: not byte-equal to the old image"
	nothing_left "after undo without the clone"
}

# refused_undo: an undo that is refused leaves no clone behind
refused_undo() {
	make_image 8
	run 1 fix --yes $I
	printf x | dd of=$I bs=1 seek=8192 conv=notrunc status=none
	run 4 undo --yes $I
	says "undo of a used image" "has been used since"
	[ ! -e $J.imgmend-clone ] || fail "an undo that was refused left its clone behind"
	run 0 undo --yes --allow=changed $I
}

# in_the_middle CALL: killed behind the first change of the file's extents, of which CALL says whether it is the last one
in_the_middle() {
	local rc verb
	for verb in resume undo; do
		make_image 8
		killed fallocate "$1" fix --yes --strategy insert-range
		check_eq "the end of a fix that is killed" 137 $rc
		check_eq "the state of an interrupted move of blocks" repairing "$("$IMGMEND" status --json $I | jq -r .state)"
		cp $I copy.img
		cp $J copy.img.imgmend-journal
		run 4 $verb --yes copy.img
		says "$verb of a copy" "its blocks lie elsewhere"
		cmp $I copy.img || fail "$verb of a copy was refused, but wrote to it"
		rm copy.img*
		if [ $verb = resume ]; then
			run 1 resume --yes $I
			checkplan old.img $I plan.json || fail "resume of a move of blocks: not what the plan says"
		fi
		run 0 undo --yes $I
		cmp old.img $I || fail "a move of blocks, taken back after $verb: not byte-equal to the old image"
		nothing_left "after $verb of a move of blocks"
	done
}

# filled_until CALL: fix is killed behind this change of the file's extents
filled_until() {
	local rc
	make_image 1
	run 4 plan --json --strategy write-once $I
	cp out plan.json
	killed fallocate "$1" fix --yes --strategy write-once
	check_eq "the end of a fix that is killed" 137 $rc
	[ -e $J ] || fail "there is no journal"
}

# poke OFFSET: eight bytes of a user
poke() {
	printf USERDATA | dd of=$I bs=1 seek="$1" conv=notrunc status=none
}

# used_since: pieces of blocks that the journal keeps are not brought back over what was written there since
used_since() {
	rm -f mnt/disk.img* mnt/link old.img
	truncate -s $((84000 * 512)) old.img
	mkmbr -c -i 57a7e61a old.img 83:8:65533 83:67582:16384
	head -c $((40 * MIB)) /dev/urandom | dd of=old.img bs=1M oflag=seek_bytes seek=4096 conv=notrunc iflag=fullblock status=none
	cp old.img $I
	run 1 fix --yes --strategy insert-range $I
	poke $((67582 * 512 + 100))
	run 0 undo --yes $I
	printf USERDATA | dd of=old.img bs=1 seek=$((67582 * 512 + 100)) conv=notrunc status=none
	cmp old.img $I || fail "undo after the first sector of a partition that stays was used: not the old image with that in it"
	run 1 fix --yes --strategy insert-range $I
	poke $(((2048 + 65532) * 512 + 100))
	run 4 undo --yes $I
	run 0 undo --yes --allow=changed $I
	printf USERDATA | dd of=old.img bs=1 seek=$(((8 + 65532) * 512 + 100)) conv=notrunc status=none
	cmp old.img $I || fail "undo --allow=changed after the last sector of a moved partition was used: not the old image with that in it"
	ln $I mnt/link
	nothing_left "after undo of a used image"
}

# elsewhere: what was repaired by moving blocks can be taken back on any file system
elsewhere() {
	make_image 8
	run 1 fix --yes --strategy insert-range $I
	mkdir -p /dev/shm/imgmend.$$
	mv $I $J /dev/shm/imgmend.$$
	run 0 undo --yes /dev/shm/imgmend.$$/disk.img
	mv /dev/shm/imgmend.$$/disk.img $I
	rmdir /dev/shm/imgmend.$$ || fail "undo elsewhere left something behind"
	cmp old.img $I || fail "undo on another file system: not byte-equal to the old image"
}

# moves_blocks FS: by insertion alone, and with a second partition that stays where it is
moves_blocks() {
	refused 1 insert-range "not a multiple of its 4096 bytes"
	for SECOND in "" yes; do
		cycle $1 8 insert-range insert-range
		in_the_middle 1
	done
	in_the_middle 2
	SECOND=
	used_since
	elsewhere
}

# through_a_gap: data that moves by no whole blocks is written once, through a gap; killed at changes of the file
through_a_gap() {
	local verb call
	for SECOND in "" yes; do
		cycle "$1" 1 write-once write-once
	done
	SECOND=
	check_eq "what is said of a gap" "because --strategy asks for it" "$(jq -r .cost.why plan.json)"
	for verb in resume undo; do
		for call in 1 2; do
			filled_until $call
			check_eq "the state of an interrupted filling" repairing "$("$IMGMEND" status --json $I | jq -r .state)"
			if [ $verb = resume ]; then
				run 1 resume --yes $I
				checkplan old.img $I plan.json || fail "resume of a filling: not what the plan says"
			fi
			run 0 undo --yes $I
			cmp old.img $I || fail "a filling, taken back after $verb: not byte-equal to the old image"
			nothing_left "after $verb of a filling"
		done
	done
}

# make_longer: 180 MiB, so that a gap of 64 MiB goes through, and parts of it are overwritten by those behind
make_longer() {
	rm -f mnt/disk.img* mnt/link old.img
	truncate -s $((180 * MIB)) old.img
	mkmbr -c -i 57a7e61b old.img 83:1:360000
	for at in 0 50 62 115 120 174; do
		head -c $((3 * MIB)) /dev/urandom | dd of=old.img bs=1M oflag=seek_bytes seek=$((512 + at * MIB)) conv=notrunc iflag=fullblock status=none
	done
	cp --sparse=always old.img $I
	ln $I mnt/link
}

# longer_than_the_gap: killed at the gap's insertion, in writes, and at both removals; turned round there, and the way back as well
longer_than_the_gap() {
	local i=0 at back rc
	make_longer
	killed fallocate 999 fix --yes --align 8K --strategy write-once
	mapfile -t removals < <(grep 'fallocate(' calls | grep -n COLLAPSE_RANGE | cut -d: -f1)
	check_eq "removals" 2 ${#removals[@]}
	cmp -i 512:8192 -n $((360000 * 512)) old.img $I || fail "through a gap: the data is not where it should be"
	run 0 undo --yes $I
	for at in "fallocate 1" "fallocate ${removals[0]}" "fallocate ${removals[1]}" $(sample "pwrite64=9" "pwrite64=4 pwrite64=7 pwrite64=9 pwrite64=12"); do
		killed ${at/=/ } fix --yes --align 8K --strategy write-once
		check_eq "the end of a fix that is killed at $at" 137 $rc
		check_eq "the state of a filling, killed at $at" repairing "$("$IMGMEND" status --json $I | jq -r .state)"
		i=$((i + 1))
		if [ $((i % 2)) = 0 ]; then
			run 1 resume --yes $I
			cmp -i 512:8192 -n $((360000 * 512)) old.img $I || fail "resume behind $at: the data is not where it should be"
		fi
		for back in 5 8; do
			killed pwrite64 $back undo --yes
		done
		[ ! -e $J ] || run 0 undo --yes $I
		cmp old.img $I || fail "a filling killed at $at, and its undo as well: not byte-equal to the old image"
	done
	nothing_left "after a long way through a gap"
	older_than_the_marks
}

# older_than_the_marks: an older copy of the journal does not have parts made from what is there no more
older_than_the_marks() {
	local rc verb n
	killed pwrite64 5 fix --yes --align 8K --strategy write-once
	cp $J older
	cp --sparse=always $I early.img
	killed fallocate 999 resume --yes
	check_eq "the end of a resume" 1 $rc
	n=$(grep 'fallocate(' calls | grep -n COLLAPSE_RANGE | head -n 1 | cut -d: -f1)
	# once more, until shortly before the gap is taken out; a part that is not recorded may be in a copy as well
	cp early.img $I
	cp older $J
	killed fallocate $((n - 1)) resume --yes
	check_eq "the end of a resume that is killed" 137 $rc
	mv $J newer
	cp $I late.img
	for verb in resume undo; do
		cp older $J
		run 4 $verb --yes $I
		says "$verb by an older journal" "has come further than the journal"
		cmp late.img $I || fail "$verb by an older journal was refused, but wrote to the image"
	done
	mv newer $J
	run 0 undo --yes $I
	cmp old.img $I || fail "undo by the journal itself: not byte-equal to the old image"
	rm early.img late.img older
}

# shares_without_room: where there is no room for a gap, xfs shares the blocks of the journal
shares_without_room() {
	local rc
	cycle xfs 1 write-once write-once
	fallocate -l $(($(df -B1 --output=avail mnt | tail -n 1) - 120 * MIB)) mnt/filler
	make_image 1
	# of data alone, as what has holes is not shared
	head -c $((8 * MIB)) /dev/urandom | tee >(dd of=$I bs=1M oflag=seek_bytes seek=$((512 + 12 * MIB)) conv=notrunc iflag=fullblock status=none) |
		dd of=old.img bs=1M oflag=seek_bytes seek=$((512 + 12 * MIB)) conv=notrunc iflag=fullblock status=none
	sync $I
	cmp old.img $I || fail "the image is not as it was made: a fault of the test"
	killed ioctl 999 fix --yes --strategy write-once
	check_eq "the end of a fix by shared blocks" 1 $rc
	grep -q FICLONERANGE calls || fail "no blocks are shared where there is no room for a gap"
	run 0 undo --yes $I
	cmp old.img $I || fail "undo of shared blocks: not byte-equal to the old image"
	rm mnt/filler
}

# without_room: no gap where there is no room for one, neither there nor back
without_room() {
	make_image 1
	run 1 fix --yes --strategy write-once $I
	fallocate -l $(($(df -B1 --output=avail mnt | tail -n 1) - 40 * MIB)) mnt/filler
	run 0 undo --yes $I
	cmp old.img $I || fail "undo without room for a gap: not byte-equal to the old image"
	run 4 plan --strategy write-once $I
	says "write-once without room" "free space"
	run 4 plan --json $I
	[ "$(jq -r .strategy out)" != write-once ] || fail "write-once is planned where there is no room for it"
	rm mnt/filler
	nothing_left "without room"
}

# mostly_holes: a gap's records are of all that it goes through, holes as well, so that no gap goes through those
mostly_holes() {
	local at
	rm -f $I
	truncate -s 65G $I
	mkmbr -c -i 57a7e61a $I 83:1:134217728
	for at in 1 9000 30000 65000; do
		head -c $MIB /dev/urandom | dd of=$I bs=1M seek=$at conv=notrunc status=none
	done
	run 4 plan --json --align 8K $I
	[ "$(jq -r .strategy out)" != write-once ] || fail "a gap is planned to go through 64 GiB of holes"
	rm $I
}

# unshared: xfs whose files share no blocks has the gap too
unshared() {
	umount mnt
	MOUNTS=()
	rm -f store
	truncate -s 1G store
	mkfs.xfs -q -m reflink=0 store >mkfs.log 2>&1 || fail "mkfs.xfs: $(cat mkfs.log)"
	mount -o loop store mnt
	MOUNTS=("$WORK/mnt")
	cycle xfs 1 write-once write-once
	cycle xfs 8 auto insert-range
	refused 8 reflink "files of one xfs or btrfs"
}

# measured FS: the disk is measured where data moves, and for nothing where none does
measured() {
	local lba
	for lba in 1 8; do
		truncate -s 200M mnt/large.img
		mkmbr mnt/large.img 83:$lba:300000
		run 4 plan --json mnt/large.img
		check_eq "measured on $1, from sector $lba" $([ $lba = 1 ] && echo true || echo false) "$(jq .cost.probed out)"
		[ $lba = 8 ] || check_eq "strands of holes on $1" 1 "$(jq .cost.strands out)"
		strands_are_said "holes on $1"
		[ $lba = 8 ] || head -c 140M /dev/urandom | dd of=mnt/large.img bs=1M seek=1 conv=notrunc status=none
		run 4 plan --json mnt/large.img
		strands_are_said "data on $1"
		[[ $(jq .cost.strands out) = [14] ]] || fail "data by 1 MiB on $1 has other strands than 4 in 4 MiB: $(jq .cost.strands out)"
		run 4 plan --json --align 4M mnt/large.img
		check_eq "strands of data by 4 MiB on $1" 1 "$(jq .cost.strands out)"
		strands_are_said "data by 4 MiB on $1"
		rm mnt/large.img
	done
}

# strands_are_said OF-WHAT: the plan in out says of strands, where there are any, how many and why
strands_are_said() {
	local n
	n=$(jq .cost.strands out)
	check_eq "strands of $1 are said" "$((n > 1))" "$(jq -r .cost.why out | grep -Ec "in up to $n strands.* takes only [0-9]+ us longer")"
}

# others_files WAY STATUS: a file that has the name of a clone, but is none, stays
others_files() {
	make_image 8
	cp old.img mnt/mine.imgmend-clone
	run "$2" fix --yes --strategy "$1" --journal mnt/mine $I
	cmp old.img mnt/mine.imgmend-clone || fail "$1: somebody's file is gone"
	[ "$2" != 1 ] || run 0 undo --yes --journal mnt/mine $I
	cmp old.img $I || fail "$1 beside somebody's file: the image is not the old one"
	cmp old.img mnt/mine.imgmend-clone || fail "undo of $1: somebody's file is gone"
	rm mnt/mine.imgmend-clone
	nothing_left "after $1 beside somebody's file"
}

for fs in ext4 xfs btrfs; do
	rm -f store
	truncate -s 1G store
	mkfs.$fs -q store >mkfs.log 2>&1 || fail "mkfs.$fs: $(cat mkfs.log)"
	mkdir -p mnt
	mount -o loop store mnt || skip "the file system $fs is not to be had here"
	MOUNTS=("$WORK/mnt")
	for lba in $(sample "$([ $fs != ext4 ] || echo 1 8)" "1 8"); do
		cycle $fs $lba direct direct
		cycle $fs $lba journalled journalled
	done
	measured $fs
	others_files direct 1
	refused 1 fast 'does not take "fast"' 16
	if [ $fs = ext4 ]; then
		refused 8 reflink "files of one xfs or btrfs"
		moves_blocks ext4
		through_a_gap ext4
		longer_than_the_gap
		mostly_holes
		without_room
		cycle $fs 8 auto insert-range
	else
		refused 1 reflink "not a multiple of its 4096 bytes"
		cycle $fs 1 write-once write-once
		cycle $fs 8 write-once write-once
		cycle $fs 1 auto write-once
		cycle $fs 8 reflink reflink
		cycle $fs 8 auto reflink
		interrupted resume
		interrupted undo
		written_to
		without_need
		refused_undo
		others_files reflink 8
		if [ $fs = xfs ]; then
			moves_blocks xfs
			through_a_gap xfs
			shares_without_room
			unshared
		else
			refused 8 insert-range "a file of ext4 or xfs"
		fi
	fi
	umount mnt
	MOUNTS=()
done
