#!/usr/bin/env bash
# usage.sh - wrong calls are refused with 16 and write nothing; help and version answer; streams are kept apart.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
needs jq mkfs.fat
find_helpers

VERBS="scan plan fix status resume undo discard"

# usage ARGUMENT...: exit status 16, a message on standard error, nothing on standard output.
usage() {
	run 16 "$@"
	[ -s "$WORK/err" ] || fail "\"imgmend $*\" says nothing on standard error"
	[ ! -s "$WORK/out" ] || fail "\"imgmend $*\" has written to standard output"
}

truncate -s $(((1 + 16384 + 2048) * 512)) disk.img
mkmbr -c -i c0ffee16 disk.img 6:1:16384
truncate -s $((16384 * 512)) fat.vol
mkfs.fat -F 16 -s 1 -h 1 fat.vol >/dev/null || fail "mkfs.fat could not make the volume"
place fat disk.img 512
cp disk.img plain.img
before=$(state_of disk.img)

# ---- wrong calls

usage
usage frobnicate disk.img
usage --frobnicate
for verb in $VERBS; do
	usage $verb --frobnicate disk.img
	usage $verb -Z disk.img
	usage $verb
	usage $verb --color=blue disk.img
	usage $verb --progress=loud disk.img
	usage $verb --sector-size=513 disk.img
	usage $verb --sector-size disk.img
	[ $verb = scan ] || usage $verb disk.img plain.img
done
for verb in plan fix; do
	for align in x 0 -1 1Q 1MB 99999999999999999999; do
		usage $verb --align=$align disk.img
	done
	for table in foo MBR ''; do
		run 16 $verb --add-table="$table" disk.img # known only where the plan is made
	done
done
for verb in plan fix resume undo discard; do
	usage $verb --allow=nonsense disk.img
	usage $verb --allow=changed,nonsense disk.img
	usage $verb --allow= disk.img
done
usage scan --jobs=0 disk.img
usage scan --jobs=x disk.img
usage scan --yes disk.img
usage plan --yes disk.img
usage status --yes disk.img
usage fix --json disk.img

run 4 plan -q -o p disk.img
for change in "--align 64K" --no-grow "--only partition-in-reserved-area" "--add-table mbr"; do
	usage fix --plan p $change disk.img
done

# ---- help and version

for verb in "" $VERBS; do
	run 0 $verb --help
	grep -q '^Usage: imgmend' "$WORK/out" || fail "\"imgmend $verb --help\" does not show the usage"
	[ ! -s "$WORK/err" ] || fail "\"imgmend $verb --help\" writes to standard error"
	run 0 $verb -h
	run 0 $verb --version
	grep -qE '^imgmend [0-9]' "$WORK/out" || fail "\"imgmend $verb --version\" does not show the version"
	run 0 $verb -V
done
run 0 scan --help disk.img

# ---- no terminal, and no --yes

run 16 fix disk.img
says "fix without a terminal" "--yes"
run 16 fix --output new.img disk.img
for verb in resume undo discard; do
	run 16 $verb disk.img
	says "$verb without a terminal" "--yes"
done
[ ! -e new.img ] || fail "fix --output has written without being told to"
no_journal disk.img
check_eq "state of the image after all wrong calls" "$before" "$(state_of disk.img)"

# ---- what cannot be read

for verb in scan plan "fix --yes" status; do
	run 8 $verb missing.img
	says "$verb of a missing file" "missing\.img"
done
mkdir folder
run "8|16" scan folder
run "8|16" plan folder
# root reads everything: look on as somebody else then, if that can run the program at all
as=()
[ "$(id -u)" != 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
chmod 0 plain.img
chmod 755 .
if ${as[@]+"${as[@]}"} "$IMGMEND" --version >/dev/null 2>&1; then
	for verb in scan plan "fix --yes"; do
		rc=0
		${as[@]+"${as[@]}"} "$IMGMEND" $verb plain.img >out 2>err </dev/null || rc=$?
		check_eq "exit status of $verb of a file that may not be read" 8 $rc
		grep -q 'plain\.img' err || fail "$verb of a file that may not be read does not name it"
	done
else
	note "the program does not run as another user here; files that may not be read are left out"
fi
chmod 600 plain.img
run "8|12" scan missing.img disk.img
says "scan of a good file beside a missing one" "partition-in-reserved-area"

# ---- standard output and standard error

for verb in scan plan; do
	run 4 $verb --json --verbose disk.img
	jq -e . "$WORK/out" >/dev/null || fail "$verb --json --verbose: standard output is not JSON alone"
	run 4 $verb --json --progress=json --color=always disk.img
	jq -e . "$WORK/out" >/dev/null || fail "$verb --json --progress=json: standard output is not JSON alone"
	check_eq "documents of $verb --json --progress=json" 1 "$(jq -c . "$WORK/out" | wc -l)"
	run 8 $verb --json missing.img
	[ -s "$WORK/err" ] || fail "$verb --json of a missing file says nothing on standard error"
	jq . "$WORK/out" >/dev/null || fail "$verb --json of a missing file: standard output is not JSON"
done
run 0 status --json --verbose disk.img
jq -e . "$WORK/out" >/dev/null || fail "status --json: standard output is not JSON alone"

esc=$(printf '\033')
run 4 scan --color=always disk.img
grep -q "$esc" "$WORK/out" || fail "scan --color=always has no colour"
run 4 scan --color=never disk.img
! grep -q "$esc" "$WORK/out" || fail "scan --color=never has colour"
run 4 scan disk.img
! grep -q "$esc" "$WORK/out" || fail "scan has colour where there is no terminal"

# ---- standard output on a full disk

# full STATUS FILE ARGUMENT...: says so, once, and ends with that
full() {
	local want=$1 file=$2 rc=0
	shift 2
	"$IMGMEND" "$@" >"$file" 2>err </dev/null || rc=$?
	check_eq "exit status of \"imgmend $*\" to $file, on a full disk" "$want" $rc
	check_eq "times that \"imgmend $*\" says so" 1 "$(grep -c "stdout: " err)"
	! grep -q "Input/output error" err || fail "\"imgmend $*\" takes a full disk for a faulty one: $(cat err)"
}

for call in --help --version --completion=bash "scan --help"; do
	full 8 /dev/full $call
done
for call in scan "scan --json" report; do
	full 12 /dev/full $call disk.img
done
for call in plan "plan --json" "status --json" "fix --yes" "fix --dry-run"; do
	full 8 /dev/full $call disk.img
done
# more than what is kept before it is written, and a cause that is known no more
names=(disk.img)
for i in $(seq 200); do names+=(plain.img); done
full 12 /dev/full scan "${names[@]}"
full 12 /dev/full scan --json "${names[@]}"
full 8 /dev/full plan --json --verbose disk.img
# a regular file, to which JSON goes otherwise than to a device
mkdir small
if mount -t tmpfs -o size=8k none small 2>/dev/null; then
	MOUNTS+=("$WORK/small")
	full 12 small/out scan --json "${names[@]}"
	check_eq "bytes on the full disk" 8192 "$(stat -c %s small/out)"
	umount small
else
	note "no file system can be mounted here; a full one is left out"
fi
no_journal disk.img
check_eq "state of the image at the end" "$before" "$(state_of disk.img)"

# a repair that says what it does elsewhere is not stopped by that
run 1 fix --yes disk.img
"$IMGMEND" undo --yes disk.img >/dev/full 2>err </dev/null || fail "undo ended with $?: $(cat err)"
alike disk.img plain.img
echo "usage: all well"
