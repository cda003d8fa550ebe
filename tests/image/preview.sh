#!/usr/bin/env bash
# preview.sh - the corrected view, served before anything is repaired: equal to what --output writes, and nothing done to it
# reaches the image.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
find_helpers
needs jq sfdisk nbdkit nbdcopy qemu-io qemu-img
"$IMGMEND" preview --help >out 2>&1 || fail "this imgmend has no verb preview"

fat=24576
truncate -s $(((1 + fat + 4096) * 512)) disk.img
mkmbr -c disk.img 6:1:$fat
make_volume fat16 FATVOL $((fat * 512)) 1
place FATVOL disk.img 512
run 1 fix --yes --output copy.img disk.img
before=$(state_of disk.img)

# what cannot be said is not served
rc=0
timeout -s INT 60 "$IMGMEND" preview disk.img >/dev/full 2>err </dev/null || rc=$?
check_eq "exit status of a preview that cannot be announced" 8 $rc
grep -q "No space left on device" err || fail "it does not say why: $(cat err)"
check_eq "state of the image" "$before" "$(state_of disk.img)"

# preview_on ARGUMENT...: a server, whose URI goes into URI
preview_on() {
	rm -f said
	"$IMGMEND" preview -q "$@" >said 2>err </dev/null &
	PREVIEW=$!
	CHILDREN+=($PREVIEW)
	local i
	for i in $(seq 200); do
		[ ! -s said ] || break
		sleep 0.05
	done
	URI=$(cat said)
	case $URI in
	"nbd+unix:///?socket="*) return ;;
	esac
	LAST=(imgmend preview "$@")
	show_last
	fail "preview does not say where it serves"
}

preview_off() {
	local rc=0 socket=${URI#*socket=}
	kill -INT $PREVIEW
	wait $PREVIEW || rc=$?
	check_eq "the exit status of preview" 0 $rc
	[ ! -e "$socket" ] || fail "preview left its socket behind: $socket"
	[ ! -d "$(dirname "$socket")" ] || [ "$(dirname "$socket")" = "$WORK" ] || fail "preview left its folder behind"
}

preview_on disk.img
rm -f view.img
nbdcopy "$URI" view.img
cmp view.img copy.img || fail "the preview is not what --output writes"
qemu-io -f raw -c "write -P 0xab 0 64k" -c "read -P 0xab 0 64k" "$URI" >io.log 2>&1 || fail "a write to the preview: $(cat io.log)"
! grep -q "failed" io.log || fail "what was written to the preview does not read back: $(cat io.log)"
preview_off
check_eq "the image after writes to its preview" "$before" "$(state_of disk.img)"
preview_on disk.img
nbdcopy "$URI" view.img
cmp view.img copy.img || fail "a second preview shows what was written to the first"
preview_off

preview_on --read-only --socket "$WORK/socket" disk.img
check_eq "the URI of a preview with --socket" "nbd+unix:///?socket=$WORK/socket" "$URI"
qemu-io -f raw -c "write 0 64k" "$URI" >io.log 2>&1 && ! grep -qi "read.only\|failed\|permitted" io.log && fail "a preview --read-only takes writes"
preview_off

# a file that is there is not taken for a socket, nor removed
echo precious >"$WORK/precious"
run 8 preview --socket "$WORK/precious" disk.img
check_eq "the file that was to be the socket" precious "$(cat "$WORK/precious")"
preview_on --socket "$WORK/a b" disk.img
check_eq "a URI with a blank" "nbd+unix:///?socket=$WORK/a%20b" "$URI"
run 8 preview --socket "$WORK/a b" disk.img
nbdcopy "$URI" view.img || fail "a second preview on its socket harms the first one"
URI=${URI/\%20/ }
preview_off

# a container, and a saved plan
qemu-img convert -f raw -O qcow2 disk.img disk.qcow2
run 4 plan -o saved.plan disk.qcow2
before=$(state_of disk.qcow2)
preview_on --plan saved.plan disk.qcow2
nbdcopy "$URI" view.img
cmp view.img copy.img || fail "the preview of a qcow2 is not what --output writes"
preview_off
check_eq "the qcow2 after its preview" "$before" "$(state_of disk.qcow2)"

# the plan is for another image, or there is nothing to repair
cp disk.img other.img
printf x | dd of=other.img bs=1 seek=3 conv=notrunc status=none
rm -f said
preview_on --plan saved.plan other.img
nbdcopy "$URI" view.img >copy.log 2>&1 && fail "a plan for another image is served"
kill -INT $PREVIEW
wait $PREVIEW || true
run 0 preview copy.img
says "a good image" "nothing to repair"
no_journal disk.img
