#!/usr/bin/env bash
# manifest.sh - fix --manifest and --verify: every hash is what sha256sum says of the same bytes, before and after.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
needs jq sfdisk mkfs.fat sha256sum
find_helpers

make_disk() {
	rm -f disk.img disk.img.imgmend-journal*
	truncate -s $((8 * MIB)) disk.img
	mkmbr -c -i 4096b8b8 disk.img 6:1:16000
	truncate -s $((16000 * 512)) vol
	mkfs.fat -F 16 -s 1 -R 16 -h 1 vol >/dev/null
	head -c 3000000 /dev/urandom >file.bin
	mcopy -i vol file.bin ::
	dd if=vol of=disk.img bs=1M oflag=seek_bytes seek=512 conv=notrunc status=none
}

# part FILE START SIZE: SHA-256 of what of the range the file has
part() {
	tail -c +$(($2 + 1)) "$1" | head -c "$3" | sha256sum | cut -d' ' -f1
}

make_disk
cp disk.img old.img
run 1 fix --yes --verify --manifest m.json disk.img
check_eq "schema" imgmend.manifest/1 "$(jq -r .schema m.json)"
check_eq "SHA-256 of the old image" "$(part old.img 0 "$(size_of old.img)")" "$(jq -r .old_sha256 m.json)"
check_eq "SHA-256 of the new image" "$(part disk.img 0 "$(size_of disk.img)")" "$(jq -r .new_sha256 m.json)"
check_eq "old size" "$(size_of old.img)" "$(jq .old_size m.json)"
check_eq "new size" "$(size_of disk.img)" "$(jq .new_size m.json)"
n=$(jq '.ranges | length' m.json)
[ "$n" -ge 4 ] || fail "only $n ranges in the manifest"
jq -r '.ranges[] | [.start, .size, .old_sha256, .new_sha256] | @tsv' m.json |
	while IFS=$'\t' read -r start size old new; do
		check_eq "old SHA-256 of the range at $start" "$(part old.img "$start" "$size")" "$old"
		check_eq "new SHA-256 of the range at $start" "$(part disk.img "$start" "$size")" "$new"
	done
# what is in no range did not change
jq -r '.ranges[] | [.start, .size] | @tsv' m.json >ranges
cmp -l old.img disk.img 2>/dev/null | awk 'NR == FNR { s[NR] = $1; e[NR] = $1 + $2; n = NR; next }
	{ ok = 0; for (i = 1; i <= n; i++) ok = ok || ($1 - 1 >= s[i] && $1 - 1 < e[i]); if (!ok) { print $1; exit 1 } }' ranges - ||
	fail "a byte changed that is in no range"

# the journal keeps it
jq -S 'del(.journal)' m.json >want.json
for named in disk.img disk.img.imgmend-journal; do
	run 0 status --manifest again.json $named
	jq -S 'del(.journal)' again.json | cmp want.json - || fail "the journal, by $named, holds another manifest"
done
run 0 undo --yes disk.img
cmp old.img disk.img || fail "undo of a repair with a manifest"

# without --manifest there is none, and that is said
run 1 fix --yes disk.img
run "4|8" status --manifest none.json disk.img
says "a journal without a manifest" 'no manifest'
[ ! -e none.json ] || fail "a file was made for a manifest that is not there"
run 0 undo --yes disk.img

# an interrupted repair is verified when it is resumed, but only where there is something to verify by
run 16 fix --yes --verify --output new.img disk.img
says "--verify with --output" 'in place'
run 8 fix --yes --manifest /nonexistent/m.json disk.img
says "a manifest that cannot be saved" 'cannot save the manifest'
run 0 status --manifest m.json disk.img
run 0 undo --yes disk.img
cmp old.img disk.img
