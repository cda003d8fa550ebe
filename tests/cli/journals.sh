#!/usr/bin/env bash
# journals.sh - journals that do not fit, are damaged or are somebody's own file; undo of a used image; --output.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
needs jq mkfs.fat
find_helpers

SECTORS=8192 # of the partition
MOVED=1048576 # where the partition goes
JOURNAL=disk.img.imgmend-journal

# make_disk IMAGE LABEL: an MBR disk with one FAT16 partition at LBA 1.
make_disk() {
	truncate -s $(((1 + SECTORS + 4096) * 512)) "$1"
	mkmbr -c -i c0ffee16 "$1" 6:1:$SECTORS
	truncate -s $((SECTORS * 512)) fat.vol
	mkfs.fat -F 16 -s 1 -h 1 -n "$2" fat.vol >/dev/null || fail "mkfs.fat could not make the volume"
	place fat "$1" 512
	head -c 65536 /dev/urandom | dd of="$1" bs=4096 seek=1000 conv=notrunc status=none
}

# flip FILE OFFSET: change one byte.
flip() {
	local byte
	byte=$(od -An -t u1 -j "$2" -N 1 "$1" | tr -d ' ')
	printf "$(printf '\\x%02x' $((byte ^ 0x5a)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# repaired: disk.img and its journal as they were right after the repair.
repaired() {
	rm -f "$JOURNAL"*
	cp fixed.img disk.img
	cp fixed.journal $JOURNAL
	chmod 600 $JOURNAL
}

# refused STATUS WHAT FILE ARGUMENT...: the call fails with STATUS and a sentence; disk.img and FILE stay.
refused() {
	local want=$1 what=$2 file=$3
	shift 3
	cp disk.img before.img
	cp "$file" before.file
	run "$want" "$@"
	[ -s "$WORK/err" ] || fail "$what: imgmend $* says nothing"
	grep -qE '[a-z]+ [a-z]+ [a-z]+' "$WORK/err" || fail "$what: imgmend $* does not say a sentence"
	cmp before.img disk.img || fail "$what: imgmend $* has written to the image"
	[ -f "$file" ] || fail "$what: imgmend $* has removed $file"
	cmp before.file "$file" || fail "$what: imgmend $* has written to $file"
}

# nothing_fits WHAT: the journal and disk.img are not of one repair; undo refuses. A journal of a
# finished repair leaves resume nothing to write: with the same sector 0 it may also end well.
nothing_fits() {
	refused "4|8" "$1" $JOURNAL undo --yes disk.img
	refused "0|4|8" "$1" $JOURNAL resume --yes disk.img
}

# is_damaged WHAT: the journal cannot be believed; nothing that is allowed changes that.
is_damaged() {
	refused "4|8" "$1" $JOURNAL undo --yes disk.img
	refused "4|8" "$1" $JOURNAL resume --yes disk.img
	refused "4|8" "$1" $JOURNAL undo --yes --allow=changed disk.img
	refused "4|8" "$1" $JOURNAL resume --yes --allow=changed disk.img
}

make_disk old.img FIRST
make_disk other.img SECOND
cp old.img disk.img

# ---- the life of a journal

run 1 fix --yes disk.img
[ -f $JOURNAL ] || fail "fix has left no journal"
check_eq "mode of the journal" 600 "$(stat -c %a $JOURNAL)"
cp disk.img fixed.img
cp $JOURNAL fixed.journal
run 0 status disk.img
says "status" "repaired"
run 0 fix --yes disk.img
run 0 resume --yes disk.img
cmp fixed.img disk.img || fail "the image after a second fix and resume: not the same bytes"
[ ! -e $JOURNAL.1 ] || fail "a fix with nothing to do has made a journal"
run 0 discard --yes disk.img
no_journal disk.img
cmp fixed.img disk.img || fail "the image after discard: not the same bytes"
for verb in undo resume discard; do
	run 4 $verb --yes disk.img
	says "$verb without a journal" "no journal"
done
run 0 status disk.img
cmp fixed.img disk.img || fail "the image at the end: not the same bytes"

repaired
run 0 undo --yes disk.img
cmp old.img disk.img || fail "undo has not brought back the old image"
no_journal disk.img

# a repair that was taken back can be made again, and taken back again
repaired
run 0 undo --yes disk.img
run 1 fix --yes disk.img
run 0 undo --yes disk.img
cmp old.img disk.img || fail "the second undo has not brought back the old image"

# ---- undo of an image that was used since

for at in 4096 $((MOVED - 1)) $((MOVED + 28)); do
	repaired
	flip disk.img "$at"
	refused 4 "byte $at changed" $JOURNAL undo --yes disk.img
	run 0 undo --yes --allow=changed disk.img
	no_journal disk.img
	cmp -s -n $(((1 + SECTORS + 4096) * 512 - 8192)) -i 8192 old.img disk.img ||
		fail "undo --allow=changed after byte $at changed: the data is not back"
done
# another table is another disk, whatever is allowed
repaired
flip disk.img 446
refused 4 "byte 446 changed" $JOURNAL undo --yes disk.img
refused 4 "byte 446 changed" $JOURNAL undo --yes --allow=changed disk.img
refused 4 "byte 446 changed" $JOURNAL resume --yes disk.img
run 0 status --json disk.img
[ "$(jq -r .state out)" = foreign ] || fail "status of an image with another table: $(cat out)"
# what the volume itself holds moves back as it is now
repaired
flip disk.img $((MOVED + 4000000))
run "0|4" undo --yes --allow=changed disk.img
cp old.img want.img
flip want.img $((512 + 4000000))
cmp want.img disk.img || fail "undo --allow=changed has lost what was written since"

# ---- journals that do not fit

cp other.img disk.img
rm -f $JOURNAL*
run 1 fix --yes disk.img
cp $JOURNAL other.journal
cp disk.img other-fixed.img

repaired
cp other.journal $JOURNAL
nothing_fits "the journal of another image"

repaired
truncate -s $(($(size_of fixed.journal) / 2 / 4096 * 4096)) $JOURNAL
is_damaged "half a journal"

repaired
truncate -s 4096 $JOURNAL
is_damaged "only the head of a journal"

for at in 0 17 100 4000 4095; do
	repaired
	flip $JOURNAL $at
	is_damaged "a journal with byte $at flipped"
	refused "4|8" "a journal with byte $at flipped" $JOURNAL discard --yes disk.img
done

for at in 56 80 104 128; do # inside PLAN, SECTORS, SAVED and INDEX
	repaired
	flip $JOURNAL $(($(le fixed.journal "$at" 8) + 3))
	is_damaged "a journal with a flipped byte in the section of head byte $at"
done

repaired
log=$(le $JOURNAL 152 8)
dd if=/dev/zero of=$JOURNAL bs=4096 seek=$((log / 4096)) count=$(((($(size_of $JOURNAL)) - log) / 4096)) \
	conv=notrunc status=none
is_damaged "a journal without its log"

# ---- a head of which a power cut has left a part: nothing was written to the image yet

# half_made: the journal as a cut in its making leaves it, the image untouched. Zeros from $1 on in the head.
half_made() {
	repaired
	cp old.img disk.img
	dd if=/dev/zero of=$JOURNAL bs=1 seek="$1" count=$((4096 - $1)) conv=notrunc status=none
	dd if=/dev/zero of=$JOURNAL bs=4096 seek=$((log / 4096)) count=64 conv=notrunc status=none
}

for at in 512 1024 4092; do
	half_made $at
	run 0 status --json disk.img
	check_eq "state with half a head" not-started "$(jq -r .state out)"
	refused 4 "half a head" $JOURNAL resume --yes disk.img
	run 0 undo --yes disk.img
	cmp old.img disk.img || fail "undo with half a head has written to the image"
	no_journal disk.img
	half_made $at
	run 1 fix --yes disk.img
	cmp fixed.img disk.img || fail "fix with half a head in the way: not the same bytes"
	run 0 undo --yes disk.img
	half_made $at
	run 0 discard --yes disk.img
	no_journal disk.img
done
rm -f $JOURNAL
truncate -s 4096 $JOURNAL
run 1 fix --yes disk.img
run 0 undo --yes disk.img

repaired
cp old.img disk.img
nothing_fits "an image rolled back"
refused 4 "an image rolled back" $JOURNAL resume --yes disk.img
refused 4 "an image rolled back" $JOURNAL undo --yes --allow=changed disk.img
# a second repair gets a journal of its own number; it is the first to be undone
run 1 fix --yes disk.img
cmp fixed.img disk.img || fail "the second repair: not the same bytes"
cmp fixed.journal $JOURNAL || fail "the second repair has written to the first journal"
[ -f $JOURNAL.1 ] || fail "the second repair has no journal of its own number"
run 0 status --json disk.img
check_eq "state after the second repair" repaired "$(jq -r .state "$WORK/out")"
check_eq "journal of the second repair" $JOURNAL.1 "$(jq -r .journal "$WORK/out" | sed 's,.*/,,')"
run 0 undo --yes disk.img
cmp old.img disk.img || fail "undo of the second repair has not brought back the image"
[ ! -e $JOURNAL.1 ] || fail "undo has left the second journal"
refused "4|8" "an image whose second repair was undone" $JOURNAL undo --yes disk.img
run 1 fix --yes disk.img
run 0 discard --yes disk.img
[ ! -e $JOURNAL.1 ] || fail "discard has left the second journal"
cmp fixed.journal $JOURNAL || fail "discard of the second journal has touched the first"

repaired
cp other-fixed.img disk.img
# with the same sector 0; undo looks further, and resume of a repair that is over has nothing to write
refused "4|8" "another image in place" $JOURNAL undo --yes disk.img
refused "0|4|8" "another image in place" $JOURNAL resume --yes disk.img

repaired
truncate -s 1M disk.img
nothing_fits "an image cut short"

# ---- somebody's own file as the journal

head -c 100000 /dev/urandom >random.bin
head -c 100000 /dev/zero >zeros.bin
printf 'imgmend journal\nis a nice name for a diary\n' >text.bin
echo hello >short.bin
for own in random.bin zeros.bin text.bin short.bin; do
	cp old.img disk.img
	rm -f $JOURNAL
	refused "4|8" "$own" $own fix --yes --journal $own disk.img
	refused "4|8" "$own" $own undo --yes --journal $own disk.img
	refused "4|8" "$own" $own resume --yes --journal $own disk.img
	refused "4|8" "$own" $own discard --yes --journal $own disk.img
	no_journal disk.img
	repaired
	refused "4|8" "$own" $own undo --yes --journal $own disk.img
	refused "4|8" "$own" $own discard --yes --journal $own disk.img
	[ ! -e $own.1 ] || fail "a journal was made beside $own"
	cmp fixed.journal $JOURNAL || fail "the journal beside: not the same bytes"
done
cp old.img disk.img
rm -f $JOURNAL
refused "4|8" "the image itself" disk.img fix --yes --journal disk.img disk.img
refused "4|8" "no file" random.bin undo --yes --journal nowhere disk.img
mkdir folder
refused "4|8" "a folder" random.bin fix --yes --journal folder disk.img
ln -s random.bin link
refused "4|8" "a link" random.bin fix --yes --journal link disk.img
run 1 fix --yes --journal mine disk.img
no_journal disk.img
cmp fixed.img disk.img || fail "the image repaired with --journal: not the same bytes"
run 0 undo --yes --journal mine disk.img
cmp old.img disk.img || fail "undo --journal has not brought back the old image"
[ ! -e mine ] || fail "undo --journal has left the journal"

# ---- --output

rm -f new.img
before=$(state_of disk.img)
run 1 fix --yes --output new.img disk.img
check_eq "the image beside --output" "$before" "$(state_of disk.img)"
no_journal disk.img
no_journal new.img
cmp fixed.img new.img || fail "what --output wrote: not the same bytes"
old_blocks=$(stat -c %b disk.img)
new_blocks=$(stat -c %b new.img)
[ "$new_blocks" -le $((old_blocks + 4096)) ] ||
	fail "--output is not sparse: $new_blocks blocks of 512 bytes, the old image has $old_blocks"
refused "4|8" "--output to a file that is there" random.bin fix --yes --output random.bin disk.img
refused "4|8" "--output to the image itself" disk.img fix --yes --output disk.img disk.img
refused "4|8" "--output to a link" random.bin fix --yes --output link disk.img
refused "4|8" "--output into no folder" random.bin fix --yes --output nowhere/new.img disk.img
ln -s dangling-target dangling
refused "4|8" "--output to a dangling link" random.bin fix --yes --output dangling disk.img
[ ! -e dangling-target ] || fail "--output has followed a dangling link"
echo "journals: all well"
