#!/usr/bin/env bash
# refusals.sh - what fix must not touch: containers, images in use, read-only ones, foreign plans, unsafe journals.
#
# Each refusal: exit status 4 (8 where opening fails), a sentence that says why, not a byte written,
# no journal left.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs jq mkfs.fat mcopy mke2fs qemu-img qemu-nbd xz gzip zstd flock setpriv
find_helpers
chmod 755 "$WORK"

# refused WHAT FILE REGEX ARGUMENT...: "imgmend ARGUMENT..." is refused and leaves FILE alone.
refused() {
	local what=$1 file=$2 regex=$3 before
	shift 3
	before=$(state_of "$file")
	run '4|8' "$@"
	says "$what" "$regex"
	check_eq "$what: the file after the refusal" "$before" "$(state_of "$file")"
	no_journal "$file"
}

# The bad image that everything below would repair if it could.
fat=24576
truncate -s $(((1 + fat + 4096) * 512)) disk.img
mkmbr -c disk.img 6:1:$fat
make_volume fat16 FATVOL $((fat * 512)) 1
place FATVOL disk.img 512
run 4 plan disk.img

# ---- containers taken for raw images, and what qemu does not write: named, and nothing written
convert() {
	qemu-img convert -f raw "$@" disk.img "$out" 2>qemu.err || fail "qemu-img could not make $out: $(cat qemu.err)"
}
out=c.qcow2 && convert -O qcow2 && refused "a qcow2 image" $out qcow2 fix --yes --format raw $out
out=dyn.vhd && convert -O vpc && refused "a dynamic VHD" $out 'vhd|virtual hard disk' fix --yes --format raw $out
out=fixed.vhd && convert -O vpc -o subformat=fixed,force_size=on
check_eq "first 4 bytes of the footer of a fixed VHD" cone "$(tail -c 512 $out | head -c 4)"
refused "a fixed VHD, known by its footer only" $out 'vhd|virtual hard disk' fix --yes --format raw $out
out=c.vhdx && convert -O vhdx && refused "a VHDX image" $out vhdx fix --yes --format raw $out
out=sparse.vmdk && convert -O vmdk && refused "a sparse VMDK" $out vmdk fix --yes --format raw $out
out=stream.vmdk && convert -O vmdk -o subformat=streamOptimized && refused "a stream-optimised VMDK" $out vmdk fix --yes $out
out=flat.vmdk && convert -O vmdk -o subformat=monolithicFlat
refused "the descriptor of a flat VMDK" flat.vmdk vmdk fix --yes flat.vmdk
refused "the flat extent that a descriptor beside it names" flat-flat.vmdk vmdk fix --yes flat-flat.vmdk
out=c.vdi && convert -O vdi && refused "a VDI image" $out 'vdi|virtualbox' fix --yes --format raw $out
gzip -k -c disk.img >c.gz && refused "a gzip file" c.gz gzip fix --yes c.gz
xz -0 -k -c disk.img >c.xz && refused "an xz file" c.xz xz fix --yes c.xz
zstd -q -c disk.img >c.zst && refused "a zstd file" c.zst zstd fix --yes c.zst
{ printf 'EVF\011\015\012\377\000\001\001\000\000\000' && head -c 4083 /dev/zero; } >c.e01
refused "an EWF file" c.e01 'ewf|e01|encase|expert witness' fix --yes c.e01
{ cat disk.img && printf 'koly\000\000\000\004\000\000\002\000' && head -c 500 /dev/zero; } >c.dmg
refused "a DMG image, known by its trailer only" c.dmg 'dmg|apple disk image|udif' fix --yes c.dmg
rm -f c.* dyn.vhd fixed.vhd sparse.vmdk stream.vmdk flat.vmdk flat-flat.vmdk

# ---- in use by others
(exec 9<>disk.img && flock -x 9 && exec sleep 60) &
CHILDREN+=($!)
while flock -n disk.img true; do sleep 0.05; done
refused "an image that another process has locked" disk.img 'in use|lock|busy' fix --yes disk.img
kill "${CHILDREN[0]}" && wait "${CHILDREN[0]}" 2>/dev/null || true

qemu-nbd -f raw -k "$WORK/nbd.sock" --pid-file="$WORK/nbd.pid" disk.img >nbd.log 2>&1 &
CHILDREN+=($!)
for _ in $(seq 100); do [ ! -S nbd.sock ] || break; sleep 0.05; done
[ -S nbd.sock ] || fail "qemu-nbd does not start: $(cat nbd.log)"
refused "an image that qemu has open" disk.img 'in use|lock|qemu|busy' fix --yes disk.img
kill "${CHILDREN[1]}" && wait "${CHILDREN[1]}" 2>/dev/null || true

# ---- plans for something else
run 4 plan -o saved.plan disk.img
cp disk.img other.img
printf 'X' | dd of=other.img bs=1 seek=$((512 + 43)) conv=notrunc status=none # the FAT volume's label
refused "a plan made for another image" other.img 'plan|changed|other' fix --yes --plan saved.plan other.img
cp disk.img kept.img
printf '\200' | dd of=disk.img bs=1 seek=446 conv=notrunc status=none # now active
refused "a plan made for another state of the image" disk.img 'changed|state|plan' fix --yes --plan saved.plan disk.img
cat kept.img >disk.img
head -c 100 saved.plan >torn.plan
refused "a plan that is cut off" disk.img plan fix --yes --plan torn.plan disk.img

# ---- journals
echo "somebody's own file" >mine
refused "a journal path that holds somebody's file" disk.img 'journal|exist' fix --yes --journal mine disk.img
check_eq "the file at the journal's path" "somebody's own file" "$(cat mine)"
ln -s mine link
refused "a journal path that is a symbolic link" disk.img 'journal|link|exist' fix --yes --journal link disk.img
check_eq "the file behind the link" "somebody's own file" "$(cat mine)"
if [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] && [ -w /dev/shm ]; then
	volatile=/dev/shm/imgmend-test.$$
	refused "a journal that a power cut would lose" disk.img 'tmpfs|volatile|memory' fix --yes --journal $volatile disk.img
	[ ! -e $volatile ] || { rm -f $volatile; fail "the refused journal was left on tmpfs"; }
else
	note "no tmpfs at /dev/shm: a volatile journal is not tested"
fi

# ---- --output over something
echo "somebody's own file" >taken
refused "an output that exists" disk.img 'exist' fix --yes --output taken disk.img
check_eq "the file at the output's path" "somebody's own file" "$(cat taken)"
refused "an output that is the image" disk.img 'exist|same' fix --yes --output disk.img disk.img

# ---- a journal of an unfinished repair
leave_journal() {
	local pid delay
	for delay in 0.01 0.02 0.03 0.05 0.08 0.12 0.17 0.25 0.4 0.6; do
		cp kept.img disk.img
		"$IMGMEND" fix --yes disk.img >out 2>err </dev/null &
		pid=$!
		sleep $delay
		kill -KILL $pid 2>/dev/null || true
		wait $pid 2>/dev/null || true
		[ -e disk.img.imgmend-journal ] && ! cmp -s kept.img disk.img &&
			"$IMGMEND" status disk.img >out 2>err </dev/null && grep -qi resume out err && return 0
		"$IMGMEND" undo --yes disk.img >out 2>err </dev/null || true
		rm -f disk.img.imgmend-journal*
	done
	return 1
}
# A larger image, so that the repair takes long enough to be killed in its midst.
big=$((200 * MIB / 512))
rm disk.img kept.img
truncate -s $(((1 + big) * 512)) kept.img
head -c $((big * 512)) /dev/urandom | dd of=kept.img bs=1M iflag=fullblock oflag=seek_bytes seek=512 conv=notrunc status=none
mkmbr -c kept.img da:1:$big
if leave_journal; then
	half=$(digest disk.img)
	run 4 fix --yes disk.img
	says "a leftover journal: the refusal offers resume" resume
	says "a leftover journal: the refusal offers undo" undo
	check_eq "the half-repaired image after the refusal" "$half" "$(digest disk.img)"
	# The fence: no tool takes the half-moved image for a disk.
	check_eq "what blkid makes of the half-repaired image" "" "$(blkid -p -s PTTYPE -o value disk.img || true)"
	# Another image, the same journal: nothing may be written.
	cp kept.img other.img
	before=$(state_of other.img)
	run '4|8' resume --yes --journal disk.img.imgmend-journal other.img
	run '4|8' undo --yes --journal disk.img.imgmend-journal other.img
	check_eq "another image after resume and undo with this journal" "$before" "$(state_of other.img)"
	run 0 undo --yes disk.img
	check_eq "content after undo of the unfinished repair" "$(digest kept.img)" "$(digest disk.img)"
	no_journal disk.img
else
	fail "no repair could be killed in its midst to leave a journal"
fi
cp kept.img disk.img

# ---- read-only, by permission
chmod 444 disk.img
if setpriv --reuid 65534 --regid 65534 --clear-groups "$IMGMEND" --version >out 2>&1; then
	program=$IMGMEND
	as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$program" "$@"; }
	IMGMEND=as_nobody
	refused "a file that may not be written" disk.img 'read-only|permission|denied' fix --yes disk.img
	IMGMEND=$program
else
	note "the program cannot be run as another user here: permissions are not tested"
fi
chmod 644 disk.img

# ---- open in qemu: qemu-io keeps the image, and qemu's locks on it, until its input ends
sleep 20 | qemu-io -f raw disk.img >/dev/null 2>&1 &
qemu=$!
for _ in $(seq 100); do
	ls -l "/proc/$qemu/fd" 2>/dev/null | grep -q disk.img && break
	sleep 0.1
done
refused "an image open in qemu" disk.img 'qemu' fix --yes disk.img
kill "$qemu"
wait "$qemu" 2>/dev/null || true

# ---- loop devices: by inode, not by name; mounted; read-only; a journal inside the device
attach_loop disk.img
refused "an image attached to a loop device" disk.img 'in use|loop|attached' fix --yes disk.img
ln disk.img hard.img
refused "the same under another name" hard.img 'in use|loop|attached' fix --yes hard.img
detach_loop "$LOOP"

truncate -s +2M disk.img # room enough: only the read-only state may stop it
attach_loop -r disk.img
before=$(digest "$LOOP")
run '4|8' fix --yes --journal "$WORK/j" "$LOOP"
says "a read-only device" 'read-only'
check_eq "the read-only device after the refusal" "$before" "$(digest "$LOOP")"
[ ! -e j ] || fail "a journal was left after the refusal of a read-only device"
detach_loop "$LOOP"

ext=40960
truncate -s 0 ext.img && truncate -s $((28 * MIB)) ext.img
mkmbr -c ext.img 83:2:$ext
make_volume ext4 EXTVOL $((ext * 512)) 0
place EXTVOL ext.img 1024
attach_loop -P ext.img
part=${LOOP}p1
[ -b "$part" ] || partx -a "$LOOP" 2>/dev/null || true
if [ -b "$part" ]; then
	mkdir -p mnt
	mount -t ext4 "$part" mnt && MOUNTS+=("$WORK/mnt")
	run '4|8' fix --yes --journal "$WORK/j" "$LOOP"
	says "a device with a mounted partition" 'in use|mounted|busy'
	run '4|8' fix --yes --journal "$WORK/mnt/j" "$LOOP"
	run '4|8' fix --yes --allow=in-use --journal "$WORK/mnt/j" "$LOOP"
	[ ! -e mnt/j ] || fail "a journal was written onto the device under repair"
	check_eq "start of the mounted partition in the table" 2 "$(le "$LOOP" 454 4)"
	umount mnt
else
	note "this kernel gives loop devices no partitions: mounted partitions are not tested"
fi
