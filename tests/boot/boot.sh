# boot.sh - what the boot tests share: disks that boot, qemu that boots them, and the round of repair and undo.
#
# Sourced by every script of this folder. A test makes a disk with a real chain of boot loaders at whose end the line
# "BOOTED TOKEN" goes to the first serial port; boot_cycle then has qemu boot it before the repair, after it and after
# undo. qemu emulates the processor, so the tests need no KVM and behave everywhere the same, only slower or faster. The
# disk is opened as a snapshot: a boot writes nothing into it. Environment, beside that of tests/image/lib.sh:
#	BOOT_LIMIT	seconds until a disk that has not said its line is called dead (300); a machine that is only slow
#			reaches the line all the same, so this decides nothing but how long a failure takes
#	BOOT_KEEP	a folder that keeps the disks as they were before the repair, to be looked at

. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
BOOT=$HERE/../boot
BOOT_LIMIT=${BOOT_LIMIT:-300}
TOKEN=$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
FIRMWARE=()		# arguments of qemu beside the disk's
GEOMETRY=		# the disk's to the BIOS, ",lcyls=CYLINDERS,lheads=HEADS,lsecs=SECTORS"; where unset, it guesses
VOLUMES=()		# "NUMBER:FS" of the partitions that their own checker is to see: fat, ext or ntfs
LOOKS=true		# a function that looks at the repaired image, given as its argument
FIX=()			# options of plan and fix
FOUND=4			# the exit status of scan: 0 where all that is found is a warning
STAGE=set-up
case $(uname -m) in
x86_64 | i?86) ;;
*) skip "the boot loaders of PCs are packaged for PCs only" ;;
esac
needs qemu-system-x86_64 sfdisk jq
find_helpers

# Every failure says where on the way it happened.
fail() {
	echo "FAIL: $STAGE: $*" >&2
	exit 1
}

stage() {
	STAGE=$1
	echo "stage: $1 (after $SECONDS s)"
}

# ---- making disks

# assemble NAME [DEFINITION]...: the file $WORK/NAME.bin from NAME.S of this folder, real-mode code that begins at 0x7C00.
assemble() {
	local definition definitions=("-DTOKEN=\"$TOKEN\"")
	for definition in "${@:2}"; do definitions+=("-D$definition"); done
	${CC:-gcc} -m16 -c -x assembler-with-cpp "${definitions[@]}" "$BOOT/$1.S" -o "$WORK/$1.o" &&
		ld -m elf_i386 -Ttext=0x7c00 -e _start --oformat binary "$WORK/$1.o" -o "$WORK/$1.bin" ||
		fail "$1.S cannot be assembled"
}

# put FILE IMAGE SECTOR: write the file to the image from that sector on; its zeros are taken to be there already.
put() {
	dd if="$1" of="$2" bs=512 seek="$3" conv=notrunc,sparse status=none
}

# boot_code FILE IMAGE [SECTOR]: the code in the file's first 440 bytes becomes that of the master boot record; or
# that of another boot sector, whose bytes 3 to 89, where volumes describe themselves, stay.
boot_code() {
	if [ "${3:-0}" = 0 ]; then
		head -c 440 "$1" | dd of="$2" conv=notrunc status=none
		return
	fi
	head -c 3 "$1" | dd of="$2" bs=512 seek="$3" conv=notrunc status=none
	head -c 440 "$1" | tail -c +91 | dd of="$2" bs=1M oflag=seek_bytes seek=$(($3 * 512 + 90)) conv=notrunc status=none
}

# write_number FILE OFFSET BYTES VALUE: a little-endian number of the file.
write_number() {
	local i bytes=
	for ((i = 0; i < $3; i++)); do bytes+=$(printf '\\x%02x' $((($4 >> 8 * i) & 255))); done
	printf '%b' "$bytes" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# ---- booting

# The end of what the machine said, to be read in the log of a failure.
show_boot() {
	echo "--- serial line of the boot \"$STAGE\" (its end)"
	tail -c 1500 serial | tr -d '\000' | sed 's/\x1b\[[0-9;]*[A-Za-z]//g' | tail -n 25
	echo "--- what the firmware logged (its end)"
	tail -n 8 firmware.log
	echo "--- qemu's own messages"
	tail -n 8 qemu.err
	echo "---"
}

# is_dead PID: the machine is gone, or its firmware has given up.
is_dead() {
	! kill -0 "$1" 2>/dev/null || grep -qa '^No bootable device' firmware.log
}

# says_line IMAGE: boot the image until the line is there; false when it never comes. The line is looked for once more
# after the end has been seen, as it may have come in between.
says_line() {
	local pid found=no end=$((SECONDS + BOOT_LIMIT))
	rm -f serial firmware.log
	: >serial
	: >firmware.log
	qemu-system-x86_64 -accel tcg -m 128 -display none -nic none -no-reboot -monitor none \
		-serial file:serial -debugcon file:firmware.log -global isa-debugcon.iobase=0x402 \
		-drive if=none,id=disk,format=raw,snapshot=on,file="$1" -device "ide-hd,drive=disk,bus=ide.0$GEOMETRY" \
		${FIRMWARE[@]+"${FIRMWARE[@]}"} </dev/null >qemu.err 2>&1 &
	pid=$!
	CHILDREN+=("$pid")
	until grep -qa "BOOTED $TOKEN" serial; do
		if is_dead "$pid" || [ "$SECONDS" -ge "$end" ]; then
			break
		fi
		sleep 0.2
	done
	! grep -qa "BOOTED $TOKEN" serial || found=yes
	kill -9 "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	unset "CHILDREN[-1]"
	[ $found = yes ]
}

# boots STAGE IMAGE: the image must boot to its line.
boots() {
	stage "$1"
	says_line "$2" && return
	show_boot
	fail "the line \"BOOTED $TOKEN\" never came to the serial port"
}

# ---- the round

# below_boot_area IMAGE: how many partitions begin in its first 8192 bytes.
below_boot_area() {
	sfdisk -J "$1" 2>/dev/null | jq '[.partitiontable.partitions[] | select(.start < 16)] | length'
}

# The partitions as sfdisk reads them are where the plan says, and their file systems are whole.
judge() {
	local row number start size
	sfdisk -J "$1" 2>/dev/null | jq -S '[.partitiontable.partitions[] | .start * 512]' >read.layout
	jq -S '[.partitions[].new_start]' plan.json | diff -u - read.layout >&2 ||
		fail "sfdisk does not read the partitions where the plan puts them (above: - planned, + read)"
	sfdisk -V "$1" >sfdisk.out 2>&1 || fail "sfdisk -V finds errors: $(cat sfdisk.out)"
	for row in ${VOLUMES[@]+"${VOLUMES[@]}"}; do
		number=${row%%:*}
		read -r start size < <(jq -r --argjson n "$number" \
			'.partitions[] | select(.number == $n) | "\(.new_start) \(.size)"' plan.json)
		cut_out "$1" "$start" "$size" cut.vol
		case ${row#*:} in
		fat)
			check_eq "hidden sectors of partition $number" $((start / 512)) "$(le cut.vol 28 4)"
			fsck.fat -n cut.vol >fsck.log 2>&1
			;;
		ext) e2fsck -fn cut.vol >fsck.log 2>&1 ;;
		ntfs) ntfsfix -n cut.vol >fsck.log 2>&1 ;;
		esac || fail "the checker of partition $number (${row#*:}) is not content: $(tail -n 5 fsck.log)"
		rm cut.vol
	done
}

# boot_cycle NAME IMAGE: it boots before the repair, after it, and after undo, and undo gives back every byte.
boot_cycle() {
	local name=$1 image=$2
	[ -z "${BOOT_KEEP:-}" ] || cp --sparse=always "$image" "$BOOT_KEEP/$name.img"
	cp --sparse=always "$image" old.img
	boots "$name: boot before the repair" "$image"
	stage "$name: scan and plan"
	run $FOUND scan --json "$image"
	cp out scan.json
	[ -z "${KNOWN-}" ] || check_eq "what scan knows of the boot code" "$KNOWN" \
		"$(jq -r '.boot | "\(.bios) \(.uefi) \(.code // "-")"' scan.json)"
	run 4 plan --json ${FIX[@]+"${FIX[@]}"} "$image"
	cp out plan.json
	cmp old.img "$image" || fail "scan and plan have written to the disk"
	stage "$name: repair"
	run 1 fix --yes ${FIX[@]+"${FIX[@]}"} "$image"
	run 0 scan "$image"
	[ "$(size_of "$image")" -le $(($(size_of old.img) + 16 * MIB)) ] ||
		fail "the repair has made $(size_of "$image") bytes of a disk of $(size_of old.img)"
	boots "$name: boot after the repair" "$image"
	stage "$name: what other tools say of the repaired disk"
	judge "$image"
	$LOOKS "$image"
	stage "$name: undo"
	run 0 undo --yes "$image"
	cmp old.img "$image" || fail "undo has not given back the old disk"
	no_journal "$image"
	boots "$name: boot after undo" "$image"
	rm -f "$image" old.img
}

# refused NAME IMAGE REGEX: fix refuses with that reason and writes nothing; the disk boots as before.
refused() {
	local name=$1 image=$2
	[ -z "${BOOT_KEEP:-}" ] || cp --sparse=always "$image" "$BOOT_KEEP/$name.img"
	cp --sparse=always "$image" old.img
	boots "$name: boot of the disk that is to be refused" "$image"
	stage "$name: refusal"
	run 4 fix --yes ${FIX[@]+"${FIX[@]}"} "$image"
	says "the reason of the refusal" "$3"
	cmp old.img "$image" || fail "the refused repair has written to the disk"
	no_journal "$image"
	rm -f "$image" old.img
}
