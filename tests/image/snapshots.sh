#!/usr/bin/env bash
# snapshots.sh - shadow copies that Windows made: shown, brought back, and spared by repairs.
#
# The volume is a real one (shared images, vsstest.qcow2: NTFS with clusters of 4 KiB and two snapshots), damaged here. What is in
# its snapshots is judged by libvshadow: vshadowinfo lists them, vshadowmount reads them.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/ntfs-lib.sh"
. "$HERE/vss-lib.sh"
images=${IMGMEND_SHARED_IMAGES:-$HERE/../../../shared/images}
[ -e "$images/vsstest.qcow2.xz" ] || skip "the shared images are not here"
find_ntfs_helpers
needs vshadowinfo vshadowmount qemu-img xz
has_ntfs_mount || skip "FUSE, which shows the snapshots, is not to be had here"

CATALOG=115539968			# where its catalog and the lists of its stores are
VOLUME_ID=600f0b64-5bdf-11e3-9d6c-005056c00008
LIST=(827736064 115621888)		# the first block of each store's list of blocks, by age
BITMAP=(827768832 115671040)
TAIL=15616				# the last descriptor in use of the second one, bytes of its block
FREE=(7913472 123518976)		# where that store goes on: in the store, on the volume

xz -dc "$images/vsstest.qcow2.xz" >vsstest.qcow2
qemu-img convert -O raw vsstest.qcow2 real.img
rm vsstest.qcow2

fresh() {
	rm -f vol vol.imgmend-journal* was.img
	cp --sparse=always real.img vol
}

# remember: vol as it is before imgmend
remember() {
	cp --sparse=always vol was.img
}

# stores IMAGE [OFFSET [NUMBER]]: the digest of what every snapshot shows, or one of them, one a line
stores() {
	local i
	mkdir -p snap
	vshadowmount -o "${2:-0}" "$1" snap >vshadow.log 2>&1 || fail "vshadowmount: $(cat vshadow.log)"
	MOUNTS+=("$WORK/snap")
	for i in snap/vss${3-*}; do digest "$i"; done
	umount snap
	MOUNTS=()
}

listed() {
	vshadowinfo "$1" 2>&1 | grep -c '^Store:' || true
}

# undone: undo gives what was remembered
undone() {
	run 0 undo --yes vol
	alike vol was.img || fail "undo is not byte-equal: $1"
}

# ---- as Windows left it

fresh
run 0 snapshots --json vol
cp out real.json
vshadowinfo vol >info
check_eq "snapshots" "$(grep -c '^Store:' info)" "$(jq '.volumes[0].snapshots | length' real.json)"
check_eq "identifiers of the stores" "$(sed -n 's/^\tIdentifier[^:]*: //p' info | tr '\n' ' ')" \
	"$(jq -r '.volumes[0].snapshots[].id | ascii_downcase' real.json | tr '\n' ' ')"
check_eq "identifiers of the copies" "$(sed -n 's/^\tShadow copy ID[^:]*: //p' info | tr '\n' ' ')" \
	"$(jq -r '.volumes[0].snapshots[].shadow_copy | ascii_downcase' real.json | tr '\n' ' ')"
check_eq "identifiers of the sets" "$(sed -n 's/^\tShadow copy set ID[^:]*: //p' info | tr '\n' ' ')" \
	"$(jq -r '.volumes[0].snapshots[].set | ascii_downcase' real.json | tr '\n' ' ')"
check_eq "volume sizes" "$(sed -n 's/.*(\([0-9]*\) bytes)$/\1/p' info | tr '\n' ' ')" \
	"$(jq -r '.volumes[0].snapshots[].volume_size' real.json | tr '\n' ' ')"
check_eq "attributes" "$(sed -n 's/^\tAttribute flags[^:]*: 0x//p' info | tr '\n' ' ')" \
	"$(jq -r '.volumes[0].snapshots[].attributes' real.json | xargs printf '%08x ')"
run 0 snapshots vol
for when in "2013-12-03 06:35:09" "2013-12-03 06:37:48"; do says "the time of a snapshot" "$when"; done
check_eq "states" "true true valid header" \
	"$(jq -r '.volumes[0] | [.snapshots[].sound, .header, .catalog_found_by] | join(" ")' real.json)"
run 0 rescue --yes vol
alike vol real.img || fail "rescue of a sound volume wrote to it"
stores vol >before

# ---- the header is lost

fresh
dd if=/dev/zero of=vol bs=512 seek=15 count=1 conv=notrunc status=none
check_eq "what vshadowinfo finds without the header" 0 "$(listed vol)"
remember
run 4 snapshots --json vol
check_eq "what is said of a lost header" "absent file true 2" \
	"$(jq -r '.volumes[0] | [.header, .catalog_found_by, .can_rescue, (.snapshots | length)] | map(tostring) | join(" ")' out)"
run 4 rescue --dry-run vol
alike vol was.img || fail "a dry run wrote to the image"
run 1 rescue --yes vol
check_eq "snapshots after rescue" 2 "$(listed vol)"
cp --sparse=always vol beside.img
dd if=was.img of=beside.img bs=512 skip=15 seek=15 count=1 conv=notrunc status=none
alike beside.img was.img || fail "rescue wrote beside the header"
undone "a header made anew"
run 16 rescue --volume-id 12345 --yes vol
run 1 rescue --yes --volume-id $VOLUME_ID vol
alike vol real.img || fail "with the volume's identifier the header is not what it was"
stores vol >after
cmp before after || fail "the snapshots show something else after the header was put back"
undone "a header with a given identifier"

# ---- it is overwritten, and a store has a copy of the first block

# Volsnap makes one when the block is first written to.
copy_of_block_0() {
	put vol $((LIST[1] + TAIL + 32)) "$(number 0 8)" "$(number ${FREE[0]} 8)" "$(number ${FREE[1]} 8)" "$(number 0 8)"
	dd if=real.img of=vol bs=16384 count=1 oflag=seek_bytes seek=${FREE[1]} conv=notrunc status=none
}

fresh
copy_of_block_0
stores vol 0 2 >before.copy
check_eq "the newest snapshot with a copy of the first block" "$(tail -n 1 before)" "$(cat before.copy)"
head -c 4096 /dev/urandom | dd of=vol bs=4096 seek=1 conv=notrunc status=none
check_eq "what vshadowinfo finds behind somebody's data" 0 "$(listed vol)"
remember
run 4 snapshots --json vol
check_eq "what is said of an overwritten header" "overwritten ${FREE[1]}" \
	"$(jq -r '.volumes[0] | [.header, .header_copy - 7680] | map(tostring) | join(" ")' out)"
run 1 rescue --yes vol
says "where the header is from" "copy of the first block at byte ${FREE[1]}"
cmp -n 512 -i 7680:7680 vol real.img || fail "the header is not the one that the copy has"
stores vol 0 2 >after
cmp before.copy after || fail "the snapshots show something else after the header was put back from a copy"
undone "a header from a copy"
run 1 rescue --yes --volume-id 11111111-2222-3333-4444-555555555555 vol
check_eq "an identifier that is not the copy's" 11111111222233334444555555555555 \
	"$(od -An -tx1 -j $((7680 + 64)) -N 16 vol | tr -d ' ')"
undone "a header with another identifier than the copy's"

# ---- a file has its place

head -c 100000 /dev/urandom >file

# with_file [OPTION...]: a file in the boot area, by mkbadntfs
with_file() {
	fresh
	quiet ntfscp -f vol file newfile.bin
	quiet mkbadntfs "$@" -o /newfile.bin vol
}

# in_use STORE BLOCK: does this snapshot (0: the oldest) know the block to be in use?
in_use() {
	local byte
	byte=$(od -An -tu1 -j $((BITMAP[$1] + 128 + $2 / 8)) -N 1 real.img)
	[ $((byte >> ($2 % 8) & 1)) = 0 ]
}

# shown_alike WHAT [used]: every snapshot shows the same in was.img and in vol; used: the oldest at least in the blocks that it knows
# to be in use
shown_alike() {
	local b
	mkdir -p snap snap.was
	vshadowmount was.img snap.was >vshadow.log 2>&1 || fail "vshadowmount: $(cat vshadow.log)"
	vshadowmount vol snap >vshadow.log 2>&1 || fail "vshadowmount: $(cat vshadow.log)"
	MOUNTS+=("$WORK/snap" "$WORK/snap.was")
	# what the oldest shows goes through the stores of both
	for b in $(if [ -n "${2-}" ]; then echo 2; else sample 1 "1 2"; fi); do
		check_eq "$1: what snapshot $b shows" "$(digest snap.was/vss$b)" "$(digest snap/vss$b)"
	done
	if [ -n "${2-}" ]; then
		(cmp -l snap/vss1 snap.was/vss1 || true) |
			awk '{ b = int(($1 - 1) / 16384); if (b != last) { print b; last = b } }' | sort -nu >differ
		while read -r b; do
			! in_use 0 "$b" || fail "$1: the oldest snapshot shows something else in its block $b"
		done <differ
	fi
	umount snap
	umount snap.was
	MOUNTS=()
}

with_file
check_eq "what vshadowinfo finds behind a file" 0 "$(listed vol)"
remember
run 4 fix --yes vol
says "a repair that cannot spare snapshots" "imgmend rescue"
alike vol was.img || fail "a repair was refused, but wrote"
run 4 snapshots vol
says "who has the header's place" "overwritten; .newfile.bin has its place"
run 1 rescue --yes --volume-id $VOLUME_ID vol
check_eq "snapshots after the file was moved away" 2 "$(listed vol)"
ntfs_good vol
ntfscat -f vol newfile.bin 2>/dev/null | cmp - file || fail "the file that was moved away is not what it was"
run 0 scan vol
check_eq "the header after the file was moved away" "$(dd if=real.img bs=512 skip=15 count=1 status=none | sha256sum)" \
	"$(dd if=vol bs=512 skip=15 count=1 status=none | sha256sum)"
undone "a file moved away"

# ---- a repair inside the volume spares them

with_file -V $CATALOG
check_eq "snapshots under a collision" 2 "$(listed vol)"
remember
run 1 fix --yes vol
says "what becomes of the snapshots" "2 snapshots .* show the same before and after, in every byte"
ntfs_good vol
shown_alike "a repair inside the volume"
undone "a repair that spares snapshots"
run 1 fix --yes --allow=snapshots vol
says "what becomes of the snapshots when that is allowed" "today's content"
undone "a repair that does not spare snapshots"

# a list of blocks that is full goes on in a new block
with_file -V $CATALOG
for ((at = TAIL + 32; at < 16384; at += 32)); do
	put vol $((LIST[1] + at)) "$(number 0 24)" "$(number 4 4)" "$(number 0 4)"
done
remember
run 1 fix --yes vol
shown_alike "a repair that needs a new block of the list"
[ "$(le vol $((LIST[1] + 40)) 8)" != 0 ] || fail "the full list of blocks does not go on"
undone "a repair with a new block of the list"

# with_room BLOCKS: a file in the boot area, and the newest store has room for that many blocks more
with_room() {
	with_file -V $CATALOG
	head -c $((16384 - 128)) /dev/zero |
		dd of=vol bs=16384 iflag=fullblock oflag=seek_bytes seek=$((115638272 + 128)) conv=notrunc status=none
	put vol $((115638272 + 128)) "$(number 115654656 8)" "$(number 49152 8)" "$(number $((FREE[0] - 49152 + $1 * 16384)) 8)"
}

# a store with room for what is in use, but not for hiding that something was kept
with_room 2
remember
run 1 fix --yes vol
says "what a store with little room holds" "show the same before and after, in all that they have in use"
shown_alike "a repair with little room in the store" used
undone "a repair with little room in the store"

# a store without room: nothing is done
with_room 0
remember
run 4 fix --yes vol
says "a store without room" "no room left"
alike vol was.img || fail "a repair without room in the store wrote"

# not_kept WHAT REASON: a repair inside is refused, and writes nothing
not_kept() {
	remember
	run 4 fix --yes vol
	says "$1" "$2"
	alike vol was.img || fail "$1: a repair was refused, but wrote"
}

# ranges that lead elsewhere than what is in use of the store
with_file -V $CATALOG
put vol 115638408 "$(number $((115654656 + 7913472 - 122667008 - 512)) 8)"
not_kept "ranges that are no multiples of blocks" "do not agree"
with_file -V $CATALOG
put vol 115638408 "$(number 53248 8)"
not_kept "ranges that lie elsewhere" "do not agree"

# the catalog's reference is that of another file, in whose clusters the store would go on
with_file -V $CATALOG
head -c $MIB /dev/urandom >victim
quiet ntfscp -f vol victim victim.bin
put vol 115638400 "$(number 115654656 8)" "$(number 49152 8)" "$(number 7864320 8)" \
	"$(number 492224512 8)" "$(number 7913472 8)" "$(number 983040 8)"
put vol 115540536 "$(number 65 8)"
not_kept "a store with another's file" "another file than the one of its store"

# stores that the catalog does not name: all entries of it are free
with_file -V $CATALOG
for ((at = 128; at < 640; at += 128)); do put vol $((CATALOG + at)) "$(number 1 8)"; done
not_kept "stores without a catalog entry" "stores that the catalog does not name"

# times that are no order
with_file -V $CATALOG
put vol $((CATALOG + 128 + 48)) "$(number 140000000000000000 8)"
not_kept "snapshots in an order that is not their time's" "do not agree"

# ---- versions of the file

with_file -V $CATALOG
remember
run 0 rescue --extract versions vol
alike vol was.img || fail "--extract wrote to the image"
ntfscat -f vol newfile.bin 2>/dev/null >damaged
cmp versions/volume.live.newfile.bin damaged || fail "the live version is not what ntfscat reads"
check_eq "what of the live version is lost" "3584 512" \
	"$(jq -r '.files[0].versions[0].lost[] | [.start, .size] | join(" ")' versions/manifest.json)"
check_eq "versions" "live snapshot snapshot" "$(jq -r '.files[0].versions[].source' versions/manifest.json | tr '\n' ' ' | sed 's/ $//')"
jq -r '.files[].versions[] | select(.file) | .sha256 + "  " + .file' versions/manifest.json >sums
(cd versions && sha256sum --quiet -c ../sums) || fail "the manifest's SHA-256 are not those of the files"
# what the newest snapshot does not know to be in use says nothing of the file as it was
[ "$(jq '[.files[0].versions[2].lost[] | select(.why | test("in use")) | .size] | add' versions/manifest.json)" -gt 90000 ] ||
	fail "blocks that a snapshot does not know are not named in the manifest"
run 8 rescue --extract versions vol
says "a folder that has such files" "cannot make this file"
fresh
run 4 rescue --extract none vol
says "nothing to extract" "nothing to extract"
[ ! -e none ] || fail "a folder without files was left"

# ---- the partition moves

truncate -s $((1073741824 + 4096)) disk.img
mkmbr -c -i 50a7c0de disk.img 7:8:2097152
dd if=real.img of=disk.img bs=1M oflag=seek_bytes seek=4096 conv=notrunc,sparse status=none
put disk.img $((4096 + 28)) "$(number 8 4)"
stores disk.img 4096 >before.moved
cp --sparse=always disk.img was.img
run 1 fix --yes disk.img
start=$(sfdisk -J disk.img | jq '.partitiontable.partitions[0].start * 512')
[ "$start" -gt 4096 ] || fail "the partition did not move"
check_eq "hidden sectors after the move" $((start / 512)) "$(le disk.img $((start + 28)) 4)"
stores disk.img "$start" >after
cmp before.moved after || fail "the snapshots show something else after the move"
run 0 undo --yes disk.img
alike disk.img was.img || fail "undo of a move with snapshots is not byte-equal"
rm disk.img

# what the volume says is free, snapshots may have in use: --used-only leaves none of it out
truncate -s $((1073741824 + 512)) disk.img
mkmbr -c -i 50a7c0de disk.img 7:1:2097152
dd if=real.img of=disk.img bs=1M oflag=seek_bytes seek=512 conv=notrunc,sparse status=none
run 4 plan --json --used-only disk.img
check_eq "free space left out of a volume with snapshots" null "$(jq -c .dropped out)"
jq -r '.notes[]' out | grep -q "shadow copies, which may have in use" || fail "why nothing is left out is not said"
rm disk.img

# ---- damaged, or hostile

# no_rescue WHAT REASON: without the header nothing is put back
no_rescue() {
	dd if=/dev/zero of=vol bs=512 seek=15 count=1 conv=notrunc status=none
	remember
	run 4 snapshots vol
	run 4 rescue --yes vol
	says "$1" "$2"
	alike vol was.img || fail "$1: rescue was refused, but wrote"
}

fresh
put vol $((CATALOG + 40)) "$(number $CATALOG 8)"
no_rescue "a catalog that runs in a circle" "catalog that was found is damaged"
fresh
put vol $((CATALOG + 32)) "$(number 0 8)"
no_rescue "a catalog from elsewhere" "catalog"
fresh
put vol $((LIST[0] + 40)) "$(number ${LIST[0]} 8)"
no_rescue "a list of blocks that runs in a circle" "does not hold together"
fresh
put vol $((LIST[1] + 32)) "$(number 16384 8)"
no_rescue "a list of blocks from elsewhere" "does not hold together"
fresh
# the entries of the two snapshots name each other's stores
put vol $((CATALOG + 256 + 16)) 6d0b0f60df5be3119d6c005056c00008
put vol $((CATALOG + 512 + 16)) 690b0f60df5be3119d6c005056c00008
no_rescue "stores that changed places" "does not hold together"
run 4 snapshots vol
says "the file of another store" "another file than the one of its store"

# somebody's file has the header's place, but its MFT record is damaged: whose it is cannot be known
with_file
put vol 357978622 dead
remember
run 4 rescue --yes vol
says "a header's place that nobody is known to have" "damaged|in use"
alike vol was.img || fail "rescue wrote over what may be a file"

# a catalog in free clusters is none of this volume
fresh
dd if=real.img of=vol bs=16384 skip=$((CATALOG / 16384)) count=1 oflag=seek_bytes seek=494927872 conv=notrunc status=none
put vol $((494927872 + 32)) "$(number 494927872 8)" "$(number 0 8)"
dd if=/dev/zero of=vol bs=16384 count=4 oflag=seek_bytes seek=$CATALOG conv=notrunc status=none
dd if=/dev/zero of=vol bs=512 seek=15 count=1 conv=notrunc status=none
remember
run 4 rescue --deep --yes vol
says "a catalog in free clusters" "damaged"
alike vol was.img || fail "rescue believed a catalog in free clusters"
run 4 snapshots --deep --json vol
check_eq "how that was found" "search a block of it does not lie in its file" \
	"$(jq -r '.volumes[0] | [.catalog_found_by, .catalog_fault] | join(" ")' out)"

# the finding can be asked for by its name
fresh
dd if=/dev/zero of=vol bs=512 seek=15 count=1 conv=notrunc status=none
run 4 plan --json --only shadow-header-lost vol
check_eq "what --only shadow-header-lost plans" "7680 512" "$(jq -r '.segments[] | [.start, .size] | join(" ")' out)"

# ---- by searching

# neither the header nor the files: \$MFT is gone from where the boot sector says
fresh
run 0 snapshots --deep --json vol
check_eq "strays on a sound volume" 0 "$(jq '.strays | length' out)"
truncate -s $((1073741824 + 3 * 512)) lost.img
dd if=real.img of=lost.img bs=1M oflag=seek_bytes seek=1536 conv=notrunc,sparse status=none
dd if=/dev/zero of=lost.img bs=512 seek=3 count=16 conv=notrunc status=none
run 0 snapshots --deep --json lost.img
check_eq "what a volume without a boot sector is known by" "1536 catalog store" \
	"$(jq -r '[(.strays | map(.volume_start) | unique | map(tostring))[], (.strays | map(.kind) | unique)[]] | join(" ")' out)"
