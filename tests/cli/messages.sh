#!/usr/bin/env bash
# messages.sh - what is said when something is wrong: which image or file, what is the matter, and what can be done about it; a word that is
# misspelt brings the right one.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
find_helpers
needs jq flock

truncate -s $((16 * MIB)) disk.img
mkmbr -c -i c0ffee25 disk.img 83:1:2048
cp disk.img kept.img
mkdir folder

# error STATUS NAME CAUSE STEP ARGUMENT...: one message, with all three
error() {
	local status=$1 name=$2 cause=$3 step=$4
	shift 4
	run "$status" "$@"
	grep -qF -- "$name" err || fail "\"imgmend $*\" does not name $name: $(cat err)"
	grep -qE -- "$cause" err || fail "\"imgmend $*\" does not say \"$cause\": $(cat err)"
	grep -qE -- "$step" err || fail "\"imgmend $*\" does not tell what to do, as \"$step\": $(cat err)"
}

for verb in scan plan "fix --yes" status "resume --yes" "undo --yes" "discard --yes" snapshots "rescue --yes" preview report; do
	error 8 missing.img 'No such file' 'is the name right' $verb missing.img
done
for verb in plan "fix --yes" status "resume --yes" "undo --yes" "discard --yes" snapshots preview; do
	error "8|16" folder 'folder|directory' 'name an image|name a file' $verb folder
done
error 8 folder 'no images' 'no images in it' scan folder

# values: what there is, and what may have been meant
error 16 --align '"3x"' 'SIZE' plan --align=3x disk.img
error 16 --jobs '"0"' 'N images at a time' scan --jobs=0 disk.img
meant() { # WORD ARGUMENT...
	local word=$1
	shift
	error 16 "" "did you mean \"?$word\"?\?" 'takes|lists' "$@"
}
meant json scan --progress=jsno disk.img
meant always scan --color=alway disk.img
meant 512 scan --sector-size=513 disk.img
meant qcow2 scan --format=qcow3 disk.img
meant vhdx fix --yes --output=new --output-format=vhdz disk.img
meant direct plan --strategy=dirct disk.img
meant gpt plan --add-table=gtp disk.img
meant in-use plan --allow=changed,in-used disk.img
meant partition-in-reserved-area plan --only=partition-in-reserved-are disk.img
meant scan sacn disk.img
meant undo undoo disk.img
meant --version --verison
meant --align plan --aling=1M disk.img
error 16 "" 'no option "--jobs=3"' 'goes with:.* scan' plan --jobs=3 disk.img
error 16 "" 'takes one image' 'one image' plan disk.img kept.img

# plans
echo '{"schema":"imgmend.plan/1"' >half.plan
echo hello >text.plan
error 8 half.plan 'ends too soon' 'not a plan' fix --yes --plan half.plan disk.img
error 8 text.plan 'not a plan' 'not a plan' fix --yes --plan text.plan disk.img
error 8 nowhere.plan 'No such file' 'is the name right' fix --yes --plan nowhere.plan disk.img
run 4 plan -q -o disk.plan disk.img
run 1 fix --yes -q disk.img
error 4 disk.img 'has changed' 'make a new plan' fix --yes --plan disk.plan disk.img

# journals: none, one that is none, one of something else
error 4 kept.img 'no journal' 'name it with --journal' undo --yes kept.img
error 4 text.plan 'no journal of imgmend' 'left alone' undo --yes --journal text.plan disk.img
error "4|8" kept.img 'journal' 'no use|another image|rolled back' undo --yes --journal disk.img.imgmend-journal kept.img
run 0 undo --yes disk.img
error 8 /nowhere 'No such file' 'is the name right' fix --yes --journal /nowhere/journal disk.img

# places to write to
error 8 kept.img 'exists' 'not there yet' fix --yes --output kept.img disk.img
for option in "plan -o" "scan --metrics-file" "report -o" "scan --files0-from"; do
	error "8|12" nowhere/file 'No such file' 'is the name right' $option nowhere/file disk.img
done
error 8 kept.img 'already' 'name another socket' preview --socket=kept.img disk.img

# somebody else has it
flock kept.img sleep 30 &
CHILDREN=($!)
until ! flock -n kept.img true; do sleep 0.05; done
error 4 kept.img 'lock|in use|uses' '.' fix --yes kept.img
kill "${CHILDREN[0]}"
CHILDREN=()

# somebody who may not
if [ "$(id -u)" = 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups "$IMGMEND" --version >/dev/null 2>&1; then
	chmod 755 .
	chmod 600 kept.img
	printf '#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups %s "$@"\n' "$IMGMEND" >other
	chmod 755 other
	IMGMEND=$WORK/other
	for verb in scan plan "fix --yes" report; do
		error "4|8" kept.img 'Permission denied' 'somebody who may' $verb kept.img
	done
	chmod 644 kept.img
	error "4|8" kept.img 'Permission denied' 'somebody who may' fix --yes kept.img
else
	note "what another user may not do is left out: the program does not run as one here"
fi
