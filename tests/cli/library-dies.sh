#!/usr/bin/env bash
# library-dies.sh - a foreign library that dies on an image is a finding of the plan, and nothing else changes.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
. "$HERE/fault-lib.sh"
needs sfdisk jq mkfs.fat
find_helpers
find_shim
find_module deadfdisk
make_low_fat disk.img

run 4 plan --json disk.img
check_eq "failures while libfdisk lives" 0 "$(jq '[.findings[] | select(.id == "library-failed")] | length' out)"
jq -S 'del(.findings, .notes)' out > living.json

LD_PRELOAD=$MODULE run 4 plan --json disk.img
check_eq "the finding" "warning libfdisk false" \
	"$(jq -r '.findings[] | select(.id == "library-failed") | "\(.severity) \(.owner) \(.fixable)"' out)"
says out "libfdisk failed on this image .on the disk as it is, its process died of signal"
jq -S 'del(.findings, .notes)' out > dead.json
cmp living.json dead.json || fail "the plan is another one without libfdisk"

LD_PRELOAD=$MODULE run 0 plan --only library-failed disk.img
cp disk.img old.img
LD_PRELOAD=$MODULE run 1 fix --yes disk.img
sfdisk --verify disk.img > verify 2>&1 || fail "sfdisk: $(cat verify)"
run 0 undo --yes disk.img
cmp old.img disk.img || fail "undo did not bring the old image back"
