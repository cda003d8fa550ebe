#!/usr/bin/env bash
# embed.sh - the library in another program: the example repairs an image that it keeps itself, and takes the repair back; what the
# library exports is what its map of symbols says, and what its header declares.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
needs mkfs.fat nm
find_helpers
top=$HERE/../..
embed=$IMGMEND_TEST_SUPPORT/../../examples/embed
[ -x "$embed" ] || fail "the example is not built"

truncate -s $(((1 + 16384) * 512)) disk.img
mkmbr -c -i c0ffee18 disk.img 6:1:16384
truncate -s $((16384 * 512)) fat.vol
mkfs.fat -F 16 -s 1 -h 1 fat.vol >/dev/null || fail "mkfs.fat could not make the volume"
place fat disk.img 512

"$embed" disk.img journal new.img >said || fail "the example failed"
grep -q '^partition-in-reserved-area: ' said || fail "the example shows no finding: $(cat said)"
grep -q 'repaired and taken back: equal' said || fail "the example's image is not what it was: $(cat said)"
[ "$(sed -n 's/.* \([0-9]*\) flushes.*/\1/p' said)" -ge 6 ] || fail "the storage was hardly ever flushed: $(cat said)"
[ "$(stat -c %s new.img)" -gt "$(stat -c %s disk.img)" ] || fail "the storage did not grow"
run 0 scan new.img
run 1 fix --yes disk.img
cmp disk.img new.img || fail "in storage of its own the image became another one than in a file"
[ ! -e journal ] || fail "undo left the journal there"

# ---- what is exported

lib=$(ls "$IMGMEND_TEST_SUPPORT"/../../.libs/libimgmend.so)
nm -D --defined-only "$lib" | awk '$2 ~ /[TDBR]/ { print $3 }' | sed 's/@@.*//' | sort >exported
sed -n 's/^\t\(imgmend_[a-z0-9_]*\);$/\1/p' "$top/lib/libimgmend.map" | sort >mapped
grep -oE '\bimgmend_[a-z0-9_]+\(' "$top/lib/imgmend.h" | tr -d '(' | sort -u >declared
diff mapped declared || fail "lib/libimgmend.map and lib/imgmend.h differ (above)"
grep -vx 'IMGMEND_[0-9.]*' exported | diff mapped - || fail "the library does not export what its map says (above)"
nm -D --defined-only "$lib" | grep -q 'imgmend_fix@@IMGMEND_0.1' || fail "the symbols have no version"
