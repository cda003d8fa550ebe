# lib.sh - what the image tests share: work folder, assertions, makers of volumes, foreign checkers.
#
# Sourced by every script of this folder. The images are made by the real tools and judged by
# them; imgmend's own word counts only for what it says itself. cycle.sh adds the full round of
# scan, plan, fix and undo. Environment:
#	IMGMEND				the program (default: imgmend on PATH)
#	IMGMEND_TEST_SUPPORT		folder of the built helpers mkmbr, mkgpt, checkplan, exfatpos
#	IMGMEND_SHARED_IMAGES		folder of other people's images, for the scripts that use them
#	IMGMEND_WHOLE_TESTS		not empty: campaigns take all that they know; make check-long sets it
# A script that cannot run here leaves with 77 and the reason.

export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
IMGMEND=${IMGMEND:-imgmend}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SECTOR=${SECTOR:-512}
MIB=1048576
PYTHON=${PYTHON:-/usr/bin/python3}	# the one that Debian's packages are for
LOOPS=()
MOUNTS=()
CHILDREN=()
LAST=(imgmend)

cleanup() {
	local i rc=$?
	for i in ${CHILDREN[@]+"${CHILDREN[@]}"}; do kill -9 "$i" 2>/dev/null || true; done
	for i in ${MOUNTS[@]+"${MOUNTS[@]}"}; do umount "$i" 2>/dev/null || umount -l "$i" 2>/dev/null || true; done
	for i in ${LOOPS[@]+"${LOOPS[@]}"}; do
		partx -d "$i" 2>/dev/null || true
		losetup -d "$i" 2>/dev/null || true
	done
	[ $rc != 0 ] || check_documents || rc=1
	rm -rf "$WORK"
	[ $rc = 0 ] || exit $rc
}

# Whatever a test had printed with --json must be what the schemas say.
check_documents() {
	[ -s "$WORK/documents" ] || return 0
	"$PYTHON" -c 'import jsonschema' 2>/dev/null || { echo "FAIL: the test needs python3-jsonschema, which is not installed" >&2; return 1; }
	"$PYTHON" "$HERE/../support/schema.py" "$HERE/../../schema" "$WORK/documents" >&2
}

WORK=$(mktemp -d "${TMPDIR:-/tmp}/imgmend-image.XXXXXX")
trap cleanup EXIT
trap 'exit 130' INT TERM
cd "$WORK"

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

skip() {
	echo "SKIP: $*"
	exit 77
}

note() {
	echo "note: $*"
}

# check_eq WHAT EXPECTED GOT
check_eq() {
	[ "$2" = "$3" ] || fail "$1: expected \"$2\", got \"$3\""
}

# needs TOOL...: a tool of the test that is missing is a fault of the set-up, never a pass.
needs() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null || fail "the test needs the program $tool, which is not installed"
	done
}

# of digest: without it nothing would be compared with nothing
needs xxh128sum

# Put the built helpers on PATH; started by hand from a source tree, build them here.
find_helpers() {
	local name libs
	PATH=${IMGMEND_TEST_SUPPORT:+$IMGMEND_TEST_SUPPORT:}$PATH:$HERE/../support:$WORK/bin
	mkdir -p "$WORK/bin"
	for name in mkmbr mkgpt checkplan exfatpos; do
		command -v "$name" >/dev/null && continue
		libs=
		[ $name = checkplan ] && libs=-ljson-c
		${CC:-cc} -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 "$HERE/../support/$name.c" \
			-o "$WORK/bin/$name" $libs || fail "the helper $name is neither built nor can it be built"
	done
}

# run STATUS ARGUMENT...: run imgmend; its exit status must be STATUS ("4|8" allows two). Output in
# $WORK/out and $WORK/err.
run() {
	local want=$1 rc=0
	shift
	LAST=(imgmend "$@")
	"$IMGMEND" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || rc=$?
	case "|$want|" in
	*"|$rc|"*)
		case " $* " in *" --json "*) grep '^{' "$WORK/out" >>"$WORK/documents" || true ;; esac
		return 0
		;;
	esac
	show_last
	fail "\"imgmend $*\": expected exit status $want, got $rc"
}

# under_strace STRACE-OPTION... -- ARGUMENT...: run imgmend, with the calls that strace sees in `calls`; sets rc. Where strace has it
# killed, only the shell between says so, to `killed`.
under_strace() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	LAST=(imgmend "$@")
	rc=0
	# where somebody traces, leaks cannot be looked for
	(ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" strace -f -qq -o calls "${options[@]}" "$IMGMEND" "$@" >out 2>err </dev/null; exit $?) 2>killed || rc=$?
}

# compiler_of BUILD: the C compiler that this build folder was made with
compiler_of() {
	sed -n 's/^CC="\(.*\)"$/\1/p' "$1/libtool" | tail -n 1
}

show_last() {
	echo "--- ${LAST[*]}: standard output (first lines)"
	cut -c1-400 "$WORK/out" | head -n 30
	echo "--- standard error (first lines)"
	head -n 30 "$WORK/err"
	echo "---"
}

# says WHAT REGEX: the last run must have printed a line that matches, whatever the case.
says() {
	grep -qiE -- "$2" "$WORK/out" "$WORK/err" && return
	show_last
	fail "$1: no line of \"${LAST[*]}\" matches /$2/"
}

# sample FEW ALL: prints what a campaign takes: a sample, or in make check-long all there is
sample() {
	if [ -n "${IMGMEND_WHOLE_TESTS-}" ]; then echo "$2"; else echo "$1"; fi
}

# alike FILE FILE: byte-equal, as cmp says it; large holes cost nothing. Where they are not, it says where.
alike() {
	check_eq "the size of $2" "$(size_of "$1")" "$(size_of "$2")"
	qemu-img compare -f raw -F raw "$1" "$2" >alike.log 2>&1 || { cat alike.log; return 1; }
}

# digest FILE: to see whether it has changed. What cannot be read is never the same twice.
digest() {
	local sum
	sum=$(xxh128sum <"$1") || sum=$EPOCHREALTIME
	echo "${sum%% *}"
}

size_of() {
	if [ -b "$1" ]; then blockdev --getsize64 "$1"; else stat -L -c %s "$1"; fi
}

# What must not change when nothing is written: content, size, time of last change.
state_of() {
	if [ -b "$1" ]; then
		echo "$(digest "$1") $(size_of "$1")"
	else
		echo "$(digest "$1") $(stat -L -c '%s %y' "$1")"
	fi
}

# no_journal IMAGE: none of the default names beside it exists.
no_journal() {
	local j
	for j in "$1".imgmend-journal*; do
		[ ! -e "$j" ] || fail "a journal \"$j\" was left behind"
	done
}

# attach_loop LOSETUP-ARGUMENT...: sets LOOP; SKIP where loop devices are not to be had.
attach_loop() {
	[ "$(id -u)" = 0 ] || skip "loop devices need root"
	LOOP=$(losetup -f --show "$@" 2>"$WORK/losetup.err") ||
		skip "loop devices are not to be had here ($(cat "$WORK/losetup.err"))"
	LOOPS+=("$LOOP")
}

# Once detached, the name may be another process's: forget it.
detach_loop() {
	local i
	partx -d "$1" 2>/dev/null || true
	losetup -d "$1" || fail "cannot detach $1"
	for i in "${!LOOPS[@]}"; do
		[ "${LOOPS[i]}" != "$1" ] || unset "LOOPS[i]"
	done
}

# ---- files and volumes

# make_files NAME: the folder $WORK/files.NAME with files of several sizes and its files.NAME.sha
make_files() {
	local dir=$WORK/files.$1
	mkdir -p "$dir"
	echo "the volume $1" >"$dir/id.txt"
	: >"$dir/empty.txt"
	head -c 700001 /dev/urandom >"$dir/random.bin"
	yes "a line of the volume $1" | head -c 300000 >"$dir/lines.txt"
	head -c 5000 /dev/urandom >"$dir/small.bin"
	(cd "$dir" && sha256sum ./*) >"$WORK/files.$1.sha"
}

# The exFAT driver in user space asks for a block device.
has_fuse_exfat() {
	command -v mount.exfat-fuse >/dev/null && [ -c /dev/fuse ] && [ "$(id -u)" = 0 ] && losetup -f >/dev/null 2>&1
}

# with_exfat VOLUME OPTIONS COMMAND...: run COMMAND in the mounted volume.
with_exfat() {
	local vol=$1 options=$2 rc=0
	shift 2
	mkdir -p "$WORK/mnt"
	attach_loop "$vol"
	mount.exfat-fuse -o "$options" "$LOOP" "$WORK/mnt" >"$WORK/fuse.log" 2>&1 ||
		fail "mount.exfat-fuse refuses $vol: $(cat "$WORK/fuse.log")"
	MOUNTS+=("$WORK/mnt")
	(cd "$WORK/mnt" && "$@") || rc=$?
	umount "$WORK/mnt"
	detach_loop "$LOOP"
	return $rc
}

# make_volume FS NAME BYTES HIDDEN: the file $WORK/NAME.vol, a volume of BYTES that holds the
# files of make_files and records the position HIDDEN (in sectors of $SECTOR bytes).
make_volume() {
	local fs=$1 name=$2 vol=$WORK/$2.vol f clusters=()
	make_files "$name"
	truncate -s "$3" "$vol"
	case $fs in
	fat*)
		[ "$fs" = fat12 ] || clusters=(-s 1) # small clusters, or there are too few for FAT16 and FAT32
		mkfs.fat -F "${fs#fat}" "${clusters[@]}" -S "$SECTOR" -h "$4" -n "$name" "$vol" >/dev/null ||
			fail "mkfs.fat could not make $name"
		mcopy -i "$vol" "$WORK/files.$name"/* :: || fail "mcopy could not fill $name"
		;;
	ntfs)
		mkntfs -F -q -f -s "$SECTOR" -c 4096 -p "$4" -H 255 -S 63 -L "$name" "$vol" >/dev/null 2>&1 ||
			fail "mkntfs could not make $name"
		for f in "$WORK/files.$name"/*; do
			ntfscp -q "$vol" "$f" "$(basename "$f")" 2>"$WORK/ntfscp.err" ||
				fail "ntfscp could not fill $name: $(cat "$WORK/ntfscp.err")"
		done
		;;
	ext*)
		mke2fs -q -F -t "$fs" -L "$name" -d "$WORK/files.$name" "$vol" || fail "mke2fs could not make $name"
		;;
	exfat)
		mkfs.exfat -L "$name" "$vol" >/dev/null || fail "mkfs.exfat could not make $name"
		if has_fuse_exfat; then
			with_exfat "$vol" rw cp "$WORK/files.$name"/* .
		else
			: >"$WORK/files.$name.sha"
			note "exFAT holds no files here: that needs root, /dev/fuse and mount.exfat-fuse"
		fi
		exfatpos "$vol" "$4" || fail "cannot set the PartitionOffset of $name"
		;;
	*) fail "no maker for $fs" ;;
	esac
}

# place NAME IMAGE START: copy the volume into the image at the byte START.
place() {
	dd if="$WORK/$1.vol" of="$2" bs=1M oflag=seek_bytes seek="$3" conv=notrunc,sparse status=none
	rm "$WORK/$1.vol"
}

# fat16_then_ntfs IMAGE FREE: MBR, FAT16 at LBA 1, NTFS right behind it, and FREE sectors
fat16_then_ntfs() {
	local fat=16384 ntfs=24576 # sectors
	truncate -s $(((1 + fat + ntfs + $2) * 512)) "$1"
	mkmbr -c -i c0ffee16 "$1" 6:1:$fat 7:$((1 + fat)):$ntfs:active
	make_volume fat16 FATVOL $((fat * 512)) 1
	make_volume ntfs NTFSVOL $((ntfs * 512)) $((1 + fat))
	place FATVOL "$1" 512
	place NTFSVOL "$1" $(((1 + fat) * 512))
}

# cut IMAGE START SIZE FILE
cut_out() {
	rm -f "$4"
	dd if="$1" of="$4" bs=1M iflag=skip_bytes,count_bytes skip="$2" count="$3" conv=sparse status=none
	truncate -s "$3" "$4"
}

# le IMAGE OFFSET BYTES: a little-endian number of the image.
le() {
	od -An -v -t u1 -j "$2" -N "$3" "$1" | tr -s ' \n' '\n\n' |
		awk 'NF { v += $1 * 2 ^ (8 * n++) } END { printf "%.0f\n", v }'
}

# same_bytes FILE A B LENGTH
same_bytes() {
	cmp -s -n "$4" -i "$2:$3" "$1" "$1"
}

# ---- foreign checkers

# check_fs FS VOLUME NAME: the file system's own checker is content, every file has its old SHA-256.
check_fs() {
	local fs=$1 vol=$2 name=$3 cmd dir=$WORK/got.$3
	case $fs in
	fat*) cmd=(fsck.fat -n "$vol") ;;
	ntfs) cmd=(ntfsfix -n "$vol") ;;
	ext*) cmd=(e2fsck -fn "$vol") ;;
	exfat) cmd=(fsck.exfat -n "$vol") ;;
	esac
	"${cmd[@]}" >"$WORK/fsck.log" 2>&1 || {
		cat "$WORK/fsck.log"
		fail "\"${cmd[0]} ${cmd[1]}\" is not content with the volume $name"
	}
	rm -rf "$dir"
	mkdir "$dir"
	read_files "$fs" "$vol" "$name" "$dir"
	(cd "$dir" && sha256sum --quiet -c "$WORK/files.$name.sha" 2>&1) ||
		fail "files of the volume $name ($fs) have not their old SHA-256"
	rm -rf "$dir"
}

# read_files FS VOLUME NAME FOLDER
read_files() {
	local f names
	names=$(sed 's/^[0-9a-f]* .\.\///' "$WORK/files.$3.sha")
	[ -n "$names" ] || return 0
	case $1 in
	exfat) with_exfat "$2" ro cp -r . "$4/" ;;
	*)
		for f in $names; do
			case $1 in
			fat*) mcopy -n -i "$2" "::$f" "$4/$f" ;;
			ntfs) ntfscat -f "$2" "$f" >"$4/$f" 2>"$WORK/ntfscat.err" ;; # -f: it may be marked dirty
			ext*) debugfs -R "dump $f $4/$f" "$2" >/dev/null 2>"$WORK/debugfs.err" ;;
			esac || fail "cannot read the file $f of the volume $3 ($1)"
		done
		;;
	esac
}

# check_position FS VOLUME HIDDEN NAME: the position that the volume records, in both boot sectors.
check_position() {
	local fs=$1 vol=$2 name=$4 last got backup
	case $fs in
	fat* | ntfs)
		check_eq "hidden sectors of $name ($fs)" "$3" "$(le "$vol" 28 4)"
		if [ "$fs" = ntfs ]; then
			last=$(($(le "$vol" 40 8) * SECTOR))
			same_bytes "$vol" 0 $last "$SECTOR" ||
				fail "the backup boot sector of $name (NTFS) differs from the primary"
		elif [ "$fs" = fat32 ]; then
			backup=$(($(le "$vol" 50 2) * SECTOR))
			same_bytes "$vol" 0 $backup "$SECTOR" ||
				fail "the backup boot sector of $name (FAT32) differs from the primary"
		fi
		;;
	exfat)
		got=$(exfatpos "$vol") || fail "a boot region of $name (exFAT) is wrong"
		check_eq "PartitionOffset of $name" "$3" "$got"
		;;
	esac
}
