# fault-lib.sh - faults of system calls, put under the real program by tests/support/faultshim.c.
#
# Sourced after lib.sh. A case is a small image with its plan, in $WORK/NAME: old.img, new.img, plan.json.
# The image under test is $WORK/t/disk.img, its journal lies beside it.

T=$WORK/t
DISK=$T/disk.img
JOURNAL=$DISK.imgmend-journal

# find_module NAME: sets MODULE, a shared object of tests/support; started by hand from a source tree, builds it here
find_module() {
	MODULE=${IMGMEND_TEST_SUPPORT:-$HERE/../support}/.libs/$1.so
	[ ! -e "$MODULE" ] || return 0
	MODULE=$WORK/$1.so
	${CC:-cc} -std=gnu17 -D_GNU_SOURCE -O2 -shared -fPIC -o "$MODULE" "$HERE/../support/$1.c" ||
		fail "the helper $1 is neither built nor can it be built"
}

# find_shim: sets SHIM and PROGRAM
find_shim() {
	find_module faultshim
	SHIM=$MODULE
	PROGRAM=$(command -v "$IMGMEND") || fail "there is no program $IMGMEND"
	! ldd "$PROGRAM" | grep -q libasan || skip "a sanitizer's memory does not go together with the shim"
	IMGMEND=$PROGRAM
	mkdir -p "$T"
}

# file_of WHICH: the pattern of the files that count
file_of() {
	case $1 in
	image) echo "$DISK" ;;
	journal) echo "$JOURNAL" ;;
	folder) echo "$T" ;;
	*) echo "-" ;;
	esac
}

# shim KIND WHICH N HOW COMMAND...: HOW as of faultshim.c; with a + behind it all calls from the Nth on fail
shim() {
	local times=1
	[ "$4" = "${4%+}" ] || times=0
	rm -f "$WORK/report"
	FAULT_KIND=$1 FAULT_FILE=$(file_of "$2") FAULT_N=$3 FAULT_HOW=${4%+} FAULT_TIMES=$times \
		FAULT_REPORT=$WORK/report LD_PRELOAD=$SHIM "${@:5}"
}

# shim_counts COMMAND...: counts gets "KIND WHICH CALLS" of every kind of call on image, journal and folder
shim_counts() {
	rm -f "$WORK/report"
	FAULT_KIND=count FAULT_FILE=$(file_of image):$(file_of journal):$(file_of folder) FAULT_REPORT=$WORK/report \
		LD_PRELOAD=$SHIM "$@" || return
}

# calls_of KIND WHICH: how many the last shim_counts saw
calls_of() {
	awk -v k="$1" -v w="$2" 'BEGIN { split("image journal folder", name) }
		$1 == k && (w == "any" || name[$2 + 1] == w) { n = $3 } END { print n + 0 }' "$WORK/report"
}

# make_case NAME OLD OPTION...: takes the image OLD, keeps its plan, what it comes to, and the state "repaired"
make_case() {
	local dir=$WORK/$1
	mkdir "$dir"
	mv "$2" "$dir/old.img"
	rm -f "$T"/*
	cp --sparse=always "$dir/old.img" "$DISK"
	run 4 plan "${@:3}" -o "$dir/plan.json" "$DISK"
	run 1 fix --yes --plan "$dir/plan.json" "$DISK"
	cp --sparse=always "$DISK" "$dir/new.img"
	keep_state "$1" repaired
	run 0 undo --yes "$DISK"
	cmp "$dir/old.img" "$DISK" || fail "$1: undo without a fault is not byte-equal to the old image"
	no_journal "$DISK"
}

# keep_state CASE NAME: the image under test and its journal as CASE/NAME.*
keep_state() {
	cp --sparse=always "$DISK" "$WORK/$1/$2.img"
	cp --sparse=always "$JOURNAL" "$WORK/$1/$2.journal"
}

# put_state CASE NAME: an image of the case with its journal, if there is one, under test
put_state() {
	rm -rf "$T"
	mkdir "$T"
	cp --sparse=always "$WORK/$1/$2.img" "$DISK"
	[ ! -e "$WORK/$1/$2.journal" ] || { cp --sparse=always "$WORK/$1/$2.journal" "$JOURNAL"; chmod 600 "$JOURNAL"; }
}

# make_fat IMAGE SECTORS-OF-DISK: an MBR disk with one FAT16 volume of 8192 sectors at LBA 1
make_fat() {
	truncate -s $(($2 * 512)) "$1"
	mkmbr -c -i fa175001 "$1" 6:1:8192
	truncate -s $((8192 * 512)) fat.vol
	mkfs.fat -F 16 -s 1 -h 1 fat.vol >/dev/null || fail "mkfs.fat could not make the volume"
	head -c 1500000 /dev/urandom >file.bin
	mcopy -i fat.vol file.bin :: || fail "mcopy could not fill the volume"
	place fat "$1" 512
}

# make_low_fat IMAGE: an MBR disk of 16 MiB with one empty FAT16 volume at LBA 8
make_low_fat() {
	truncate -s 16M "$1"
	mkmbr "$1" 6:8:16384
	mkfs.fat -F 16 -s 1 --offset=8 "$1" 8192 >mkfs.log 2>&1 || fail "mkfs.fat: $(cat mkfs.log)"
}

is_old() { cmp -s "$WORK/$CASE/old.img" "$DISK"; }
is_new() { cmp -s "$WORK/$CASE/new.img" "$DISK"; }

# oops WHAT: fails, with the point and what the last run said
oops() {
	show_last
	fail "$POINT: $*"
}

# status_is_true: sets STATE; what status says fits the image
status_is_true() {
	run 0 status --json "$DISK"
	STATE=$(jq -r .state "$WORK/out")
	case $STATE in
	# the size may still be to come back; that loses nothing
	not-started | undone) cmp -s -n "$(size_of "$WORK/$CASE/old.img")" "$WORK/$CASE/old.img" "$DISK" ||
		oops "status says $STATE, but the image is not the old one" ;;
	none) is_old || oops "status says $STATE, but the image is not the old one" ;;
	repaired) is_new || oops "status says repaired, but the image is not the planned one" ;;
	repairing | undoing) ;;
	*) oops "status says $STATE" ;;
	esac
}

# can_be_had: from the state at hand one gets to the planned image by resume or fix, and back by undo
can_be_had() {
	local rc=0
	"$IMGMEND" resume --yes "$DISK" >"$WORK/out" 2>"$WORK/err" </dev/null || rc=$?
	LAST=(imgmend resume)
	case $STATE in
	repairing) [ $rc = 1 ] && is_new || oops "resume (status $rc) does not give the planned image" ;;
	repaired) [ $rc = 0 ] && is_new || oops "resume (status $rc) of a complete repair" ;;
	undoing | undone) [ $rc = 0 ] && is_old || oops "resume (status $rc) does not give the old image" ;;
	*)
		[ $rc = 4 ] || oops "resume (status $rc) where nothing was written"
		says "$POINT: resume where nothing was written" "nothing was written|no journal"
		[ "$(size_of "$DISK")" -le "$(size_of "$WORK/$CASE/old.img")" ] ||
			says "$POINT: resume where the image is only longer" "made [0-9]+ bytes longer"
		;;
	esac
	if ! is_new; then
		run 1 fix --yes --plan "$WORK/$CASE/plan.json" "$DISK"
		is_new || oops "another fix does not give the planned image"
	fi
	run 0 undo --yes "$DISK"
	is_old || oops "undo afterwards does not give the old image"
	no_journal "$DISK"
}

# can_be_undone: undo gives the old image, and leaves nothing behind
can_be_undone() {
	local rc=0
	"$IMGMEND" undo --yes "$DISK" >"$WORK/out" 2>"$WORK/err" </dev/null || rc=$?
	LAST=(imgmend undo)
	if [ "$STATE" = none ]; then
		[ $rc = 4 ] || oops "undo (status $rc) without a journal"
	else
		[ $rc = 0 ] || oops "undo (status $rc)"
	fi
	is_old || oops "undo does not give the old image"
	no_journal "$DISK"
}

# both_ways: the state at hand tells the truth, and leads to the planned and to the old image
both_ways() {
	status_is_true
	rm -f "$WORK/$CASE"/stopped.*
	cp --sparse=always "$DISK" "$WORK/$CASE/stopped.img"
	[ ! -e "$JOURNAL" ] || cp --sparse=always "$JOURNAL" "$WORK/$CASE/stopped.journal"
	can_be_had
	put_state "$CASE" stopped
	can_be_undone
}

# stop_at KIND WHICH N COMMAND...: starts the command and waits until it stands still before that call. PID
stop_at() {
	local state i
	FAULT_KIND=$1 FAULT_FILE=$(file_of "$2") FAULT_N=$3 FAULT_HOW=STOP LD_PRELOAD=$SHIM \
		"${@:4}" >"$WORK/out" 2>"$WORK/err" </dev/null &
	PID=$!
	CHILDREN+=("$PID")
	LAST=("${@:4}")
	for ((i = 0; i < 1000; i++)); do
		state=$(sed 's/.*) \(.\).*/\1/' "/proc/$PID/stat" 2>/dev/null) || state=gone
		[ "$state" != T ] || return 0
		[ "$state" != gone ] && [ "$state" != Z ] || break
		sleep 0.01
	done
	show_last
	fail "$1 $3 on the $2: the program does not stop there"
}

# go_on: lets it run to its end; RC is its exit status
go_on() {
	RC=0
	kill -CONT "$PID" 2>/dev/null || true
	wait "$PID" || RC=$?
	CHILDREN=()
}
