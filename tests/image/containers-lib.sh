# containers-lib.sh - what the tests on containers share. Sourced after lib.sh.
#
#	FORMAT, C	the format and the file of the container under test

# make_container FORMAT IMAGE: C, with that inside
make_container() {
	local options=()
	C=disk.$1
	rm -f "$C" "$C".imgmend-journal*
	[ "$1" != vpc ] || options=(-o force_size=on)
	qemu-img convert -f raw -O "$1" ${options[@]+"${options[@]}"} "$2" "$C" || fail "qemu-img could not make $C"
}

# inside WHAT IMAGE: the container holds what IMAGE does, and is sound; but where a server was killed (LEAKS) there may be blocks
# that nobody uses
LEAKS=
inside() {
	local rc=0
	qemu-img compare -f "$FORMAT" -F raw "$C" "$2" >compare.log 2>&1 || fail "$1: what is inside is not $2: $(cat compare.log)"
	check_eq "$1: the size of what is inside" "$(size_of "$2")" "$(qemu-img info --output json -f "$FORMAT" "$C" | jq '."virtual-size"')"
	case $FORMAT in
	qcow2 | vdi | vmdk | vhdx) qemu-img check -q -f "$FORMAT" "$C" >check.log 2>&1 || rc=$? ;;
	esac
	[ $rc = 0 ] || { [ $rc = 3 ] && [ -n "$LEAKS" ]; } || fail "$1: qemu-img check: $(cat check.log)"
}

same_scan() {
	jq -S 'del(.image, .format)'
}

same_plan() {
	jq -S 'del(.image, .cost, .strategy, .alternatives, .undo_bytes, .scratch_bytes, .journal_bytes) | .notes -= [.notes[] | select(test("file itself grows"))]'
}

wait_for() {
	local i
	for i in $(seq 200); do
		[ ! -s "$1" ] || return 0
		sleep 0.05
	done
	fail "$1 does not come"
}

# serve ARGUMENT...: nbdkit with these, serve_qemu ARGUMENT...: qemu-nbd; at $WORK/sock, until stop_server
serve() {
	nbdkit -U "$WORK/sock" -P server.pid "$@"
	wait_for server.pid
	CHILDREN+=("$(cat server.pid)")
}

serve_qemu() {
	qemu-nbd -t -k "$WORK/sock" --pid-file=server.pid "$@" &
	CHILDREN+=($!)
	wait_for server.pid
}

stop_server() {
	local pid
	pid=$(cat server.pid)
	kill "$pid"
	while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
	rm -f server.pid "$WORK/sock"
}

# raw IMAGE: what imgmend makes of the raw image, and says of it
raw() {
	rm -f new.raw new.raw.imgmend-journal
	cp --sparse=always "$1" new.raw
	run 4 scan --json "$1"
	same_scan <out >raw.scan
	run 4 plan --json "$1"
	same_plan <out >raw.plan
	run 1 fix --yes new.raw
}

# as_raw FORMAT IMAGE NAME: the round, on a container of that format, or on an export
as_raw() {
	local name=$3
	run 4 scan --json "$name"
	same_scan <out | diff raw.scan - || fail "$1: the scan is not that of the raw image (above)"
	run 4 plan --json "$name"
	same_plan <out | diff raw.plan - || fail "$1: the plan is not that of the raw image (above)"
	run 1 fix --yes "$name"
	inside "$1" new.raw
	run 0 fix --yes "$name"
	run 0 status "$name"
	says "$1: status" "repaired"
	run 0 undo --yes "$name"
	inside "$1" "$2"
}

# container_round IMAGE: in every container, and over NBD
container_round() {
	raw "$1"
	for FORMAT in qcow2 vpc vhdx vmdk vdi; do
		make_container $FORMAT "$1"
		as_raw $FORMAT "$1" "$C"
		no_journal "$C"
		rm "$C"
	done
	as_export "$1"
}

# as_export IMAGE: over NBD, from a server that somebody else has started
as_export() {
	local uri="nbd+unix:///?socket=$WORK/sock"
	cp --sparse=always "$1" export.img
	serve file export.img
	FORMAT=raw C=export.img
	as_raw export "$1" "$uri"
	stop_server
	rm export.img
}
