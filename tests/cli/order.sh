#!/usr/bin/env bash
# order.sh - what is durable when: writes and flushes of fix, resume, undo and discard as strace sees them.
#
# No campaign finds a folder that is not synced where the file system happens to do that along with the file. Rules:
#	whenever the image is written to	the journal's entry in its folder is durable, PREPARED has been
#						written, and everything in the journal is durable; once there are slots,
#						everything but the last of them, and the durable ones announce all
#						waves that were begun
#	whenever a slot is written		the slot before it is durable, and so is every wave that was begun but
#						the last; and all that were announced have begun, but for the last
#	whenever a phase is recorded		everything in the image is durable
#	when the journal is removed, at the end	everything in the image is durable
#	behind the removal of a journal		its folder is synced, before a new one is made and before the end
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
needs strace mkfs.fat
find_helpers
calls=openat,pwrite64,pwritev,write,ftruncate,fallocate,fsync,fdatasync,unlink,unlinkat,rename,renameat2
strace -f -qq -o /dev/null -e trace=none true 2>strace.err || skip "strace may not trace here ($(cat strace.err))"

# traced STATUS ARGUMENT...: as run; the calls in the file trace
traced() {
	local want=$1 rc=0
	shift
	LAST=(imgmend "$@")
	# a leak checker would want to trace as well
	ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" strace -f -y -qq -x -s 104 -o trace.hex -e trace=$calls "$IMGMEND" "$@" \
		>out 2>err </dev/null || rc=$?
	[ "$rc" = "$want" ] || { show_last; fail "\"imgmend $*\": expected exit status $want, got $rc"; }
	readable <trace.hex >trace
}

# readable: of phase records and slots their name, and how many waves of batches a slot announces, which stands at its byte 96
readable() {
	awk '
	function digit(c) { return index("0123456789abcdef", c) - 1 }
	BEGIN {
		phase = "\"\\x49\\x4d\\x50\\x48\\x41\\x53\\x45\\x0a"
		slot = "\"\\x49\\x4d\\x53\\x4c\\x4f\\x54\\x0a\\x00"
	}
	(at = index($0, slot)) || (at = index($0, phase)) {
		is_slot = index($0, slot)
		n = substr($0, at + 1 + 4 * 96 + 2, 2)
		rest = substr($0, at + 1 + 4 * 104)
		$0 = substr($0, 1, at - 1) (is_slot ? "\"IMSLOT announces " digit(substr(n, 1, 1)) * 16 + digit(substr(n, 2, 1)) : "\"IMPHASE") rest
	}
	{ print }'
}

# breaches IMAGE [journal]: what of the trace breaks the rules; journal: there was one before
breaches() {
	awk -v image="$WORK/$1" -v journal="$WORK/$1.imgmend-journal" -v folder="$WORK" -v before="${2:-}" '
	function breach(what) { print "line " NR ", " what ": " $0 }
	# a flush counts for what was written before it began, once it has come back
	function flushed(name) {
		if (name == image && begun[$1] == image_writes) is_image_clean = 1
		if (name == journal && begun[$1] == journal_writes) is_journal_clean = 1
		if (name == folder) { is_entry_durable = is_there; is_removal_durable = !is_there }
		# all is durable: a round of the executor ends, or there is none
		if (is_image_clean && is_journal_clean) { permitted = announced; under_way = has_written = 0 }
	}
	BEGIN {
		is_removal_durable = 1
		# what a killed run left may be in the page cache alone
		is_there = is_entry_durable = is_prepared = before == "journal"
		is_image_clean = is_journal_clean = !is_there
	}
	/<\.\.\. (fsync|fdatasync) resumed>/ { if (/= 0$/) flushed(flushing[$1]); next }
	$2 ~ /^(fsync|fdatasync)\(/ {
		split($0, part, /[<>]/)
		flushing[$1] = part[2]
		begun[$1] = part[2] == image ? image_writes : journal_writes
		if (/= 0$/) flushed(part[2])
		next
	}
	$2 ~ /^openat\(/ && /O_CREAT/ && index($0, "\"" journal) {
		if (!is_removal_durable) breach("the removal of the journal before this one is not durable")
		is_there = 1
		is_entry_durable = is_removal_durable = is_prepared = 0
	}
	$2 ~ /^unlink/ && index($0, "\"" journal) {
		if (!is_image_clean) breach("the image is not durable")
		is_there = is_removal_durable = 0
	}
	$2 ~ /^(pwrite64|pwritev|write|ftruncate|fallocate)\(/ {
		split($0, part, /[<>]/)
		if (part[2] == journal) {
			if (index($0, "\"IMPHASE")) {
				if (!is_image_clean) breach("the image is not durable")
				is_prepared = 1
				slots = announced = permitted = rounds = 0
			}
			if (match($0, /"IMSLOT announces [0-9]+/)) {
				if (++under_way > 1) breach("the slot before this one, or what it stands for, is not durable")
				if (announced > rounds + 1) breach("what the slots announced has not begun")
				announced += substr($0, RSTART + 18, RLENGTH - 18)
				slots++
			}
			journal_writes++
			is_journal_clean = 0
		}
		if (part[2] == image) {
			if (!is_entry_durable) breach("the folder of the journal is not durable")
			if (!is_prepared) breach("PREPARED is not written")
			if (slots && !has_written) rounds++
			has_written = 1
			if (slots ? rounds > permitted : !is_journal_clean) breach("the journal is not durable")
			image_writes++
			is_image_clean = 0
		}
	}
	END {
		if (!is_image_clean) breach("the image is not durable at the end")
		if (!is_journal_clean && is_there) breach("the journal is not durable at the end")
		if (!is_there && !is_removal_durable) breach("the removal of the journal is not durable")
		if (is_there && !is_entry_durable) breach("the folder of the journal is not durable at the end")
		print image_writes + 0 >"/dev/stderr"
	}' trace 2>image-writes
}

# in_order WHAT IMAGE MINIMUM [journal]: no breach in at least MINIMUM writes to the image
in_order() {
	breaches "$2" "${4:-}" >found
	[ ! -s found ] || { cat found; fail "$1: this order loses data when the power goes (above)"; }
	[ "$(cat image-writes)" -ge "$3" ] || fail "$1: only $(cat image-writes) writes to the image were seen"
}

# caught WHAT SED-SCRIPT [journal]: the trace changed in this way must be a breach
caught() {
	cp trace trace.true
	sed -E "$2" trace.true >trace
	! cmp -s trace trace.true || fail "$1: nothing to take out of the trace"
	breaches disk.img "${3:-}" >found
	[ -s found ] || fail "$1: not caught"
	cp trace.true trace
}

truncate -s $((8193 * 512)) disk.img
mkmbr -c -i 0d0d0d0d disk.img 6:1:8192
make_volume fat16 FATVOL $((8192 * 512)) 1
place FATVOL disk.img 512
cp disk.img old.img

for align in 1M 8K; do
	traced 1 fix --yes --align $align disk.img
	in_order "fix --align $align" disk.img 4
	caught "a folder that is not synced" "/ fsync\\(.*<${WORK//\//\\/}>/d"
	caught "a journal that is not flushed" '/(fsync|fdatasync)\(.*journal>/d'
	caught "batches that are not flushed" '/IMSLOT/,${/(fsync|fdatasync)\(.*disk\.img>/d}'
	caught "an image that is not flushed" '/(fsync|fdatasync)\(.*disk\.img>/d'
	[ $align != 1M ] || caught "waves that no slot announced" 's/announces [2-9]/announces 1/'
	caught "a slot before its time" 's/announces [1-9][0-9]*/announces 99/'
	caught "a flush that failed" '/(fsync|fdatasync)\(.*journal>/s/= 0$/= -1 EIO (Input\/output error)/'
	traced 0 undo --yes disk.img
	in_order "undo of fix --align $align" disk.img 4 journal
	caught "a folder that is not synced after undo" "/ fsync\\(.*<${WORK//\//\\/}>/d" journal
	cmp old.img disk.img || fail "undo is not byte-equal to the old image"
done

# interrupted at a flush in the middle, then resumed, or taken back
for verb in resume undo; do
	under_strace -e trace=fdatasync -e inject=fdatasync:signal=KILL:when=14 -- fix --yes disk.img
	[ $rc != 0 ] || fail "fix was not interrupted"
	run 0 status disk.img
	says "status of an interrupted repair" interrupted
	case $verb in
	resume)
		traced 1 resume --yes disk.img
		in_order "resume of an interrupted repair" disk.img 2 journal
		caught "resume that does not flush the journal it found" '0,/fdatasync\(.*journal>/{/fdatasync\(.*journal>/d}' journal
		run 0 undo --yes disk.img
		;;
	undo)
		traced 0 undo --yes disk.img
		in_order "undo of an interrupted repair" disk.img 2 journal
		;;
	esac
	cmp old.img disk.img || fail "$verb of an interrupted repair, taken back: not byte-equal to the old image"
done
traced 1 fix --yes disk.img
traced 0 discard --yes disk.img
in_order discard disk.img 0 journal
caught "a folder that is not synced after discard" "/ fsync\\(.*<${WORK//\//\\/}>/d" journal
cp old.img disk.img

# what was left of one whose making was interrupted goes first
: >disk.img.imgmend-journal
traced 1 fix --yes disk.img
in_order "fix beside an unfinished journal" disk.img 4
caught "an old journal whose removal is not durable" "0,/ fsync\\(.*<${WORK//\//\\/}>/{/ fsync\\(/d}"
traced 0 undo --yes disk.img

# --output: the new file, then its entry
traced 1 fix --yes --output new.img disk.img
awk -v new="$WORK/new.img" -v folder="$WORK" '
	$2 ~ /^(pwrite64|pwritev|write|ftruncate|fallocate)\(/ && index($0, "<" new ">") { is_written = 1; is_clean = 0 }
	$2 ~ /^(fsync|fdatasync)\(/ && index($0, "<" new ">") { is_clean = 1 }
	$2 ~ /^fsync\(/ && index($0, "<" folder ">") { is_entry_durable = is_clean }
	END { exit !(is_written && is_clean && is_entry_durable) }' trace ||
	fail "fix --output: the new file or its entry in the folder is not durable at the end"
