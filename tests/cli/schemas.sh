#!/usr/bin/env bash
# schemas.sh - the JSON schemas are schemas, each document of the program is what its schema says, and a wrong one is found.
#
# What other tests print with --json is checked as well, at the end of each (image/lib.sh); here is what they do not print.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
needs jq sfdisk mkfs.fat
find_helpers
schemas=$HERE/../../schema

valid() {
	"$PYTHON" "$HERE/../support/schema.py" "$schemas" "$@" >faults 2>&1 || { cat faults; fail "$*: not what the schema says"; }
}

# invalid WHAT FILTER: the scan changed by jq's FILTER must not be valid
invalid() {
	jq -c "$2" scan.json >wrong.json
	! "$PYTHON" "$HERE/../support/schema.py" "$schemas" wrong.json >faults 2>&1 || fail "$1 is not found"
}

truncate -s $(((1 + 16384 + 2048) * 512)) disk.img
mkmbr -c -i c0ffee16 disk.img 6:1:16384
truncate -s $((16384 * 512)) fat.vol
mkfs.fat -F 16 -s 1 -h 1 fat.vol >/dev/null || fail "mkfs.fat could not make the volume"
place fat disk.img 512

run 4 scan --json disk.img
cp out scan.json
invalid "an unknown key" '.more = 1'
invalid "a text for a number" '.size = "1"'
invalid "a negative number" '.regions[0].start = -1'
invalid "an unknown kind" '.regions[0].kind = "hole"'
invalid "a key that lacks" 'del(.findings[0].message)'
run 4 plan --json disk.img
run 0 snapshots --json --deep disk.img
run 1 fix --yes --progress=json --manifest manifest.json disk.img
grep '^{' err >progress.json || fail "fix prints no progress"
valid scan.json manifest.json progress.json
run 0 status --json disk.img
run 0 undo --yes disk.img
run 0 status --json disk.img
valid documents
for name in scan plan status snapshots; do
	grep -q "\"imgmend.$name/1\"" documents || fail "no document of $name was checked"
done
# the documents that the manual pages describe are those that have schemas
diff <(cd "$schemas" && ls *.json | sed 's/-1\.schema\.json//') <(cat "$HERE"/../../man/imgmend*.8 | sed -n 's,^\.It Cm \(imgmend\.[a-z]*\)/1 .*,\1,p' | sort) ||
	fail "the manual pages do not describe just the documents that have schemas (above)"
