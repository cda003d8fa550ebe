# containers-lib.sh - what the tests on containers share. Sourced after lib.sh.
#
#	FORMAT, C	the format and the file of the container under test

# make_container FORMAT IMAGE: C, with that inside
make_container() {
	local options=()
	C=disk.$1
	rm -f "$C"
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

# stop_server PIDFILE
stop_server() {
	local pid
	pid=$(cat "$1")
	kill "$pid"
	while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
	rm -f "$1" "$WORK/sock"
}
