#!/usr/bin/env bash
# windows-boot.sh - Windows' boot configuration and drive letters follow partitions that move, or the repair is refused.
#
# The hives are made and judged by hivex. A disk with an MBR: NTFS at LBA 8 with \Boot\BCD, NTFS behind it with the SYSTEM hive.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/ntfs-lib.sh"
find_ntfs_helpers
needs hivexregedit hivexsh sfdisk mcopy
command -v mkhive >/dev/null || fail "the helper mkhive is not built"
has_ntfs_mount || skip "no FUSE, or not root: folders on NTFS need the driver"

SIGNATURE=12345678
BOOT_SECTORS=16384 BOOT_AT=8
WIN_SECTORS=24576 WIN_AT=$((BOOT_AT + BOOT_SECTORS))
MANAGER={9dea862c-5cdd-4e70-acc1-f32b344d4795}
LOADER={2f6eb7c4-0f10-11ec-9d3c-806e6f6e6963}

# ---- values, in hex

# number VALUE BYTES: little-endian
number() {
	local v=$1 i
	for ((i = 0; i < $2; i++)); do printf %02x $((v & 255)); v=$((v >> 8)); done
}

# device TYPE BYTE-OFFSET [SIGNATURE [STYLE]]: of 0x48 bytes, without the options in front
device() {
	number "$1" 4; number 0 4; number $((0x48)) 4; number 0 4; number "$2" 8; number 0 8
	number 0 4; number "${4-1}" 4; number "0x${3-$SIGNATURE}" 4; number 0 12; number 0 16
}

element() {
	number 0 16; device "$@"
}

# A file within a device (a RAM disk's): type 0, and the device that holds it, behind a head of its own.
nested() {
	number 0 16; number 0 4; number 0 4; number $((0x70)) 4; number 0 4; number 1 4; number 0 8
	device 6 "$1"
}

letter() {
	number "0x$1" 4; number "$2" 8
}

commas() {
	sed 's/../&,/g; s/,$//'
}

# ---- hives

# bcd MANAGER-DEVICE LOADER-DEVICE: the file bcd, with these values of 11000001 and 21000001 and others beside them
bcd() {
	local object
	rm -f bcd
	mkhive bcd
	{
		printf 'Windows Registry Editor Version 5.00\n\n[\\Objects]\n\n'
		for object in $MANAGER $LOADER; do printf '[\\Objects\\%s]\n\n[\\Objects\\%s\\Elements]\n\n' "$object" "$object"; done
		printf '[\\Objects\\%s\\Elements\\11000001]\n"Element"=hex:%s\n\n' $MANAGER "$(commas <<<"$1")"
		printf '[\\Objects\\%s\\Elements\\12000004]\n"Element"="Windows Boot Manager"\n\n' $MANAGER
		printf '[\\Objects\\%s\\Elements\\11000001]\n"Element"=hex:%s\n\n' $LOADER "$(commas <<<"$2")"
		printf '[\\Objects\\%s\\Elements\\21000001]\n"Element"=hex:%s\n\n' $LOADER "$(commas <<<"$2")"
		printf '[\\Objects\\%s\\Elements\\31000003]\n"Element"=hex:%s\n\n' $LOADER "$(nested $((WIN_AT * 512)) | commas)"
		printf '[\\Objects\\%s\\Elements\\21000005]\n"Element"=hex:%s\n\n' $LOADER "$(element 5 0 0 0 | commas)"
		printf '[\\Objects\\%s\\Elements\\11000043]\n"Element"=hex:%s\n\n' $LOADER "$(element 6 4096 aabbccdd | commas)"
	} >bcd.reg
	hivexregedit --merge --prefix '\' bcd bcd.reg || fail "hivexregedit cannot make the boot configuration"
}

system() {
	rm -f system
	mkhive system
	{
		printf 'Windows Registry Editor Version 5.00\n\n[\\MountedDevices]\n'
		printf '"\\\\DosDevices\\\\C:"=hex:%s\n' "$(letter $SIGNATURE $((WIN_AT * 512)) | commas)"
		printf '"\\\\??\\\\Volume{2f6eb7c4-0f10-11ec-9d3c-806e6f6e6963}"=hex:%s\n' "$(letter $SIGNATURE 4096 | commas)"
		printf '"\\\\DosDevices\\\\D:"=hex:%s\n' "$(letter aabbccdd 4096 | commas)"
		printf '"\\\\DosDevices\\\\E:"=hex:%s\n' "$(printf 'DMIO:ID:0123456789abcdef' | od -An -v -tx1 | tr -d ' \n' | commas)"
	} >system.reg
	hivexregedit --merge --prefix '\' system system.reg || fail "hivexregedit cannot make the registry"
}

# ---- the disk

# fill VOLUME SOURCE PATH...: copy files into folders of the volume
fill() {
	local vol=$1
	shift
	mkdir -p mnt
	quiet ntfs-3g "$vol" mnt
	MOUNTS+=("$WORK/mnt")
	while [ $# -gt 0 ]; do
		mkdir -p "mnt/$(dirname "$2")"
		cp "$1" "mnt/$2"
		shift 2
	done
	umount mnt
	MOUNTS=()
}

# disk [SOURCE PATH...]: disk.img and old.img; the files go into the second volume as well
disk() {
	rm -f disk.img* boot.vol win.vol
	truncate -s $(((WIN_AT + WIN_SECTORS) * 512)) disk.img
	mkmbr -c -i $SIGNATURE disk.img 7:$BOOT_AT:$BOOT_SECTORS:active 7:$WIN_AT:$WIN_SECTORS
	truncate -s $((BOOT_SECTORS * 512)) boot.vol
	truncate -s $((WIN_SECTORS * 512)) win.vol
	quiet mkntfs -F -q -f -s 512 -c 512 -p $BOOT_AT -H 255 -S 63 -L "System Reserved" boot.vol
	quiet mkntfs -F -q -f -s 512 -c 4096 -p $WIN_AT -H 255 -S 63 -L Windows win.vol
	fill boot.vol bcd Boot/BCD
	fill win.vol system Windows/System32/config/SYSTEM "$@"
	place boot disk.img $((BOOT_AT * 512))
	place win disk.img $((WIN_AT * 512))
	cp --sparse=always disk.img old.img
}

# part IMAGE NUMBER: its start and size in bytes, by sfdisk
part() {
	sfdisk -J "$1" 2>/dev/null | jq -r --argjson n "$2" '.partitiontable.partitions[$n - 1] | "\(.start * 512) \(.size * 512)"'
}

# hive_of IMAGE NUMBER PATH FILE
hive_of() {
	local start size
	read -r start size <<<"$(part "$1" "$2")"
	cut_out "$1" "$start" "$size" part.vol
	ntfscat part.vol "$3" >"$4" 2>ntfscat.err || fail "ntfscat cannot read $3: $(cat ntfscat.err)"
}

# value HIVE KEY NAME: its data in hex
value() {
	hivexregedit --export --prefix '\' "$1" "$2" 2>/dev/null | "$PYTHON" -c '
import sys
name = sys.argv[1].replace("\\", "\\\\")
for line in sys.stdin.read().replace("\\\n", "").splitlines():
    if line.startswith("\"%s\"=hex" % name):
        print(line.split(":", 1)[1] if not name.endswith(":") else line.rsplit(":", 1)[1])
' "$3" | tr -d ', ' || fail "hivexregedit cannot read $1"
}

# check_hives IMAGE BOOT-BYTE WIN-BYTE: what hivex reads names the partitions there; all else is what it was
check_hives() {
	hive_of "$1" 1 /Boot/BCD got.bcd
	hive_of "$1" 2 /Windows/System32/config/SYSTEM got.system
	check_eq "the manager's device" "$(element 6 "$2")" "$(value got.bcd "\\Objects\\$MANAGER\\Elements\\11000001" Element)"
	check_eq "the loader's device" "$(element 6 "$3")" "$(value got.bcd "\\Objects\\$LOADER\\Elements\\11000001" Element)"
	check_eq "the system's device" "$(element 6 "$3")" "$(value got.bcd "\\Objects\\$LOADER\\Elements\\21000001" Element)"
	check_eq "a nested device" "$(nested "$3")" "$(value got.bcd "\\Objects\\$LOADER\\Elements\\31000003" Element)"
	check_eq "the boot device" "$(element 5 0 0 0)" "$(value got.bcd "\\Objects\\$LOADER\\Elements\\21000005" Element)"
	check_eq "another disk's device" "$(element 6 4096 aabbccdd)" "$(value got.bcd "\\Objects\\$LOADER\\Elements\\11000043" Element)"
	check_eq "the letter C:" "$(letter $SIGNATURE "$3")" "$(value got.system '\MountedDevices' '\DosDevices\C:')"
	check_eq "a volume's name" "$(letter $SIGNATURE "$2")" \
		"$(value got.system '\MountedDevices' '\??\Volume{2f6eb7c4-0f10-11ec-9d3c-806e6f6e6963}')"
	check_eq "another disk's letter" "$(letter aabbccdd 4096)" "$(value got.system '\MountedDevices' '\DosDevices\D:')"
	printf 'cd \\MountedDevices\nlsval\n' | hivexsh got.system >shell.out 2>&1 || fail "hivexsh cannot read the registry: $(cat shell.out)"
	grep -qF 'DosDevices' shell.out || fail "hivexsh does not see the drive letters: $(cat shell.out)"
	printf 'cd \\Objects\\%s\\Elements\nls\n' "$LOADER" | hivexsh got.bcd >shell.out 2>&1 || fail "hivexsh cannot read the BCD: $(cat shell.out)"
	grep -qx 21000001 shell.out || fail "hivexsh does not see the system's device: $(cat shell.out)"
	check_eq "its size" "$(size_of bcd)" "$(size_of got.bcd)"
	check_eq "the registry's size" "$(size_of system)" "$(size_of got.system)"
}

# refused WHAT REGEX: neither plan nor fix does it, and nothing is written; allowed, it is a note
refused() {
	local before
	before=$(state_of disk.img)
	run 4 plan disk.img
	says "$1" "$2"
	says "$1 tells what to run instead" 'bcdboot'
	run 4 fix --yes disk.img
	check_eq "$1: the image" "$before" "$(state_of disk.img)"
	no_journal disk.img
	run 4 plan --allow=unknown-boot-code disk.img
	says "$1, allowed" "$2"
}

# ---- the records follow, and come back
bcd "$(element 6 4096)" "$(element 6 $((WIN_AT * 512)))"
system
disk
check_hives disk.img 4096 $((WIN_AT * 512))
run 4 plan disk.img
says "the plan names a record" "BCD.*$MANAGER.*11000001.* 4096 -> 1048576"
says "the plan names a letter" 'DosDevices.C:.*->'
run 1 fix --yes disk.img
read -r boot_at _ <<<"$(part disk.img 1)"
read -r win_at _ <<<"$(part disk.img 2)"
check_eq "the first partition's new place" 1048576 "$boot_at"
[ "$win_at" -gt $((WIN_AT * 512)) ] || fail "the second partition has not moved"
check_hives disk.img "$boot_at" "$win_at"
# nothing but the eight bytes of each of the four offsets may differ
[ "$(cmp -l bcd got.bcd | wc -l)" -le 32 ] || fail "more of the boot configuration than its offsets differs"
[ "$(cmp -l system got.system | wc -l)" -le 16 ] || fail "more of the registry than its offsets differs"
for number in 1 2; do
	read -r start size <<<"$(part disk.img $number)"
	cut_out disk.img "$start" "$size" part.vol
	quiet ntfsfix -n part.vol
done
run 0 fix --yes disk.img
run 0 undo --yes disk.img
cmp disk.img old.img || fail "undo did not bring the old disk back"
check_hives disk.img 4096 $((WIN_AT * 512))
cmp bcd got.bcd && cmp system got.system || fail "the hives are not the old ones after undo"

# ---- a boot configuration in an EFI system partition, which is FAT
esp=32768
rm -f disk.img* vol
truncate -s $(((8 + esp) * 512)) disk.img
mkmbr -c -i $SIGNATURE disk.img ef:8:$esp
truncate -s $((esp * 512)) vol
quiet mkfs.fat -F 16 -s 1 -h 8 vol
bcd "$(element 6 4096)" "$(element 6 4096)"
mmd -i vol ::/EFI ::/EFI/Microsoft ::/EFI/Microsoft/Boot
mcopy -i vol bcd ::/EFI/Microsoft/Boot/BCD
mv vol esp.vol
place esp disk.img 4096
cp disk.img old.img
run 1 fix --yes disk.img
read -r start size <<<"$(part disk.img 1)"
[ "$start" -gt 4096 ] || fail "the EFI system partition has not moved"
cut_out disk.img "$start" "$size" part.vol
mcopy -n -i part.vol ::/EFI/Microsoft/Boot/BCD got.bcd
check_eq "the device in an EFI system partition" "$(element 6 "$start")" \
	"$(value got.bcd "\\Objects\\$MANAGER\\Elements\\11000001" Element)"
quiet fsck.fat -n part.vol
run 0 undo --yes disk.img
cmp disk.img old.img || fail "undo did not bring the old disk back"

# ---- one hive under two names, and a partition that comes to lie where another one began: each record is read once
small=2040
after=2048
large=8192
rm -f disk.img* boot.vol win.vol
truncate -s $(((after + large) * 512)) disk.img
mkmbr -c -i $SIGNATURE disk.img 1:8:$small 7:$after:$large:active
truncate -s $((small * 512)) boot.vol
truncate -s $((large * 512)) win.vol
quiet mkfs.fat -F 12 -h 8 boot.vol
quiet mkntfs -F -q -f -s 512 -c 4096 -p $after -H 255 -S 63 win.vol
bcd "$(element 6 4096)" "$(element 6 $((after * 512)))"
fill win.vol bcd Boot/BCD
mkdir -p mnt
quiet ntfs-3g win.vol mnt
MOUNTS+=("$WORK/mnt")
mkdir -p mnt/EFI/Microsoft/Boot
ln mnt/Boot/BCD mnt/EFI/Microsoft/Boot/BCD
umount mnt
MOUNTS=()
place boot disk.img 4096
place win disk.img $((after * 512))
cp --sparse=always disk.img old.img
run 1 fix --yes disk.img
read -r first _ <<<"$(part disk.img 1)"
read -r second _ <<<"$(part disk.img 2)"
check_eq "where the first partition comes to lie" $((after * 512)) "$first"
hive_of disk.img 2 /Boot/BCD got.bcd
check_eq "the first partition, in a hive with two names" "$(element 6 "$first")" \
	"$(value got.bcd "\\Objects\\$MANAGER\\Elements\\11000001" Element)"
check_eq "the second partition, in a hive with two names" "$(element 6 "$second")" \
	"$(value got.bcd "\\Objects\\$LOADER\\Elements\\21000001" Element)"
run 0 undo --yes disk.img
cmp disk.img old.img || fail "undo did not bring the old disk back"

# ---- a device at 1 MiB has the bytes of another place among its own; it stays where it is, and its records are no strange ones
tail=16384
truncate -s $(((after + large + tail) * 512)) disk.img
run 1 fix --yes disk.img
check_eq "a partition at 1 MiB that need not move" $((after * 512)) "$(part disk.img 2 | cut -d' ' -f1)"
hive_of disk.img 2 /Boot/BCD got.bcd
check_eq "its record" "$(element 6 $((after * 512)))" "$(value got.bcd "\\Objects\\$LOADER\\Elements\\21000001" Element)"

# ---- what cannot be believed is refused
bcd "$(element 6 4096)" "$(element 6 $((WIN_AT * 512)))"
mkhive -d bcd
disk
refused "a dirty boot configuration" 'BCD.*dirty'

bcd "$(element 77 4096)" "$(element 6 $((WIN_AT * 512)))"
disk
refused "a device of a form that is not known" "$MANAGER.*11000001.*not known"

bcd "$(element 6 4096)" "$(element 6 $((WIN_AT * 512)))"
head -c 8192 /dev/urandom >bcd
disk
refused "a boot configuration that is none" 'BCD.*no registry hive'

bcd "$(element 6 4096)" "$(element 6 $((WIN_AT * 512)))"
mkhive -d system
disk
refused "a dirty registry" 'SYSTEM.*dirty'

system
head -c 4096 /dev/zero | tr '\0' x >hiberfil
printf hibr | dd of=hiberfil conv=notrunc status=none
disk hiberfil hiberfil.sys
refused "a hibernated system" 'hibernated'

# Windows leaves the file as long as memory is, of which only the first bytes were ever written.
bcd "$(element 6 4096)" "$(element 6 $((WIN_AT * 512)))"
printf 'hibr%04092d' 0 >hiberfil
truncate -s 1M hiberfil
disk hiberfil hiberfil.sys
refused "a hibernated system, in a long file" 'hibernated'
printf 'wake%04092d' 0 >hiberfil
disk hiberfil hiberfil.sys
run 4 plan disk.img

# a key beside the one that is looked for is spoiled
printf 'Windows Registry Editor Version 5.00\n\n[\\Setup]\n"x"=hex:01\n' >system.reg
hivexregedit --merge --prefix '\' system system.reg
"$PYTHON" - system <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at = data.index(b"Setup")
data[at - 0x4c:at - 0x4a] = b"xx"
open(sys.argv[1], "wb").write(data)
PY
disk
refused "a registry with a key that cannot be read" 'SYSTEM.*key of it cannot be read'

# more values than anybody needs: none is left out in silence
system
{
	printf 'Windows Registry Editor Version 5.00\n\n[\\MountedDevices]\n'
	for ((i = 0; i < 8300; i++)); do printf '"v%d"=hex:00,00,00,00,00,00,00,00,00,00,00,00\n' $i; done
	printf '"\\\\DosDevices\\\\C:"=hex:%s\n' "$(letter $SIGNATURE $((WIN_AT * 512)) | commas)"
} >system.reg
rm system
mkhive system
hivexregedit --merge --prefix '\' system system.reg
disk
refused "a registry with too many values" 'SYSTEM.*more values'

# ---- hostile hives: no crash, nothing written, whatever the bytes are
system
for seed in 1 2 3 4; do
	bcd "$(element 6 4096)" "$(element 6 $((WIN_AT * 512)))"
	"$PYTHON" - "$seed" bcd <<'PY'
import random, sys
random.seed(int(sys.argv[1]))
path = sys.argv[2]
data = bytearray(open(path, "rb").read())
for _ in range(40):
    data[random.randrange(4096, len(data))] = random.randrange(256)
open(path, "wb").write(data)
PY
	disk
	before=$(state_of disk.img)
	run 4 plan disk.img
	check_eq "the image after a plan with damaged hives" "$before" "$(state_of disk.img)"
done

# ---- on a GPT nothing is to be done, and that is said
rm -f disk.img* win.vol
truncate -s $(((8 + WIN_SECTORS + 64) * 512)) disk.img
mkgpt -n 4 -f 4 disk.img "8:$WIN_SECTORS:Windows"
truncate -s $((WIN_SECTORS * 512)) win.vol
quiet mkntfs -F -q -f -s 512 -c 4096 -p 8 -H 255 -S 63 win.vol
system
fill win.vol system Windows/System32/config/SYSTEM
place win disk.img 4096
run 4 plan disk.img
says "a GPT needs nothing" 'GPT by their GUIDs'
run 1 fix --yes disk.img
hive_of disk.img 1 /Windows/System32/config/SYSTEM got.system
cmp system got.system || fail "the registry of a disk with a GPT has changed"

# ---- a volume under BitLocker cannot be looked into
[ -d "${IMGMEND_SHARED_IMAGES-}" ] || exit 0
xz -dc "$IMGMEND_SHARED_IMAGES/bitlk-clearkey.img.xz" >locked.vol
locked=$(($(size_of locked.vol) / 512))
rm -f disk.img*
truncate -s $(((8 + locked) * 512)) disk.img
mkmbr -c -i $SIGNATURE disk.img 7:8:$locked
cp --sparse=always locked.vol data.vol
place data disk.img 4096
run 4 plan disk.img
says "data under BitLocker" 'partition 1: it is encrypted .BitLocker.; if a Windows'

rm -f disk.img* boot.vol
truncate -s $(((WIN_AT + locked) * 512)) disk.img
mkmbr -c -i $SIGNATURE disk.img 7:$BOOT_AT:$BOOT_SECTORS:active 7:$WIN_AT:$locked
truncate -s $((BOOT_SECTORS * 512)) boot.vol
quiet mkntfs -F -q -f -s 512 -c 512 -p $BOOT_AT -H 255 -S 63 boot.vol
bcd "$(element 6 4096)" "$(element 6 $((WIN_AT * 512)))"
fill boot.vol bcd Boot/BCD
place boot disk.img $((BOOT_AT * 512))
place locked disk.img $((WIN_AT * 512))
refused "a system under BitLocker" 'partition 2.*BitLocker'
