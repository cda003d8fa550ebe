#!/usr/bin/env bash
# columns.sh - labels and names that hold anything: Chinese, accents, emoji, escape sequences. None of it reaches the terminal as more than
# letters, no output is anything but valid UTF-8 (ASCII in the locale C), and columns stay straight.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
. "$HERE/ntfs-lib.sh"
needs jq iconv mkntfs mkfs.fat script
find_ntfs_helpers

# harmless FILE: letters and line ends only. plain FILE: those of ASCII.
harmless() {
	iconv -f UTF-8 -t UTF-8 "$1" >/dev/null || fail "$1 is no UTF-8"
	! LC_ALL=C.UTF-8 grep -qP '[\x{0}-\x{9}\x{b}-\x{1f}\x{7f}-\x{9f}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{feff}]' "$1" ||
		fail "$1 has controls: $(cat -v "$1")"
}
plain() {
	! LC_ALL=C grep -q '[^ -~]' "$1" || fail "$1 is not ASCII alone: $(cat -v "$1")"
}

# a GPT with a partition at sector 8; names that turn the direction, labels in Chinese, with accents, with emoji
name=$'\xe2\x80\xaename'
truncate -s $((64 * MIB)) disk.img
mkgpt -n 16 -f 6 disk.img "8:20000:plain" "20480:30000:$name" "51200:30000:third" "81920:30000:fourth"
label() { # FIRST SECTORS LABEL
	rm -f vol
	truncate -s $(($2 * 512)) vol
	mkntfs -q -F -Q -L "$3" -p "$1" -H 255 -S 63 vol >/dev/null 2>&1 || fail "mkntfs does not take the label $3"
	dd if=vol of=disk.img bs=512 seek="$1" conv=notrunc status=none
}
LC_ALL=C.UTF-8 label 20480 30000 "中文卷标"
LC_ALL=C.UTF-8 label 51200 30000 $'e\xcc\x81te\xcc\x81 \xf0\x9f\x92\xbe'
rm -f vol
truncate -s $((30000 * 512)) vol
mkfs.fat -n HARMLESS vol >/dev/null
# the label of a FAT volume is bytes: here they clear the screen
printf 'X\033[2JX\a\r \233\377' >bytes
for at in $(LC_ALL=C grep -abo HARMLESS vol | cut -d: -f1); do
	dd if=bytes of=vol bs=1 seek="$at" count=11 conv=notrunc status=none
done
dd if=vol of=disk.img bs=512 seek=81920 conv=notrunc status=none

for verb in scan plan report; do
	LC_ALL=C.UTF-8 run 4 $verb disk.img
	harmless out
	[ $verb = report ] || LC_ALL=C run 4 $verb disk.img
	[ $verb = report ] || plain out
done
LC_ALL=C.UTF-8 "$IMGMEND" scan disk.img >text || true
grep -qF '"中文卷标"' text || fail "the Chinese label is not shown"
grep -qF $'"e\xcc\x81te\xcc\x81 \xf0\x9f\x92\xbe"' text || fail "the label with accents and an emoji is not shown"
grep -qE '"X.*\[2JX' text || fail "the label of the FAT volume is not shown"
"$IMGMEND" scan disk.img >text || true
grep -qF '"\u4E2D\u6587\u5377\u6807"' text || fail "the Chinese label is not escaped in the locale C"
# what stands before the labels is of one width
check_eq "columns before labels" 1 "$(sed -n 's/^\(  *[0-9]* .*partition [234].*\) "[^"]*"$/\1/p' text | awk '{ print length($0) }' | sort -u | wc -l)"
check_eq "labels" 3 "$(grep -cE 'partition [234].* "[^"]*"$' text)"

# names of files: a folder of images that somebody else filled
mkdir in
evil=$'in/a\033]0;title\a\n\202\xe2\x80\xaeb.img'
cp disk.img "$evil"
printf 'QFI\373' >$'in/bad\033[31m.img'
for locale in C C.UTF-8; do
	LC_ALL=$locale run "8|12" scan in
	harmless out
	harmless err
	check_eq "the bad one is named ($locale)" 1 "$(grep -cF 'in/bad\x1B[31m.img' err)"
	grep -qF 'in/a\x1B]0;title\x07\x0A\x82' out || fail "the name of a file is not escaped ($locale)"
	LC_ALL=$locale run "8|12" report in
	harmless out
	harmless err
done
LC_ALL=C run 4 plan "$evil"
plain out
run 8 scan $'in/none\033[5m'
harmless err
run 16 fix "$evil"
harmless err
run 1 fix --yes -q "$evil"
harmless err
run 0 status "$evil"
harmless out
run 0 undo --yes "$evil"
harmless err
cmp disk.img "$evil" || fail "undo under a wild name"

# ASCII where there is no terminal, signs where there is one; colours there only, and not with NO_COLOR
on_terminal() {
	LC_ALL=${L:-C.UTF-8} script -qec "'$IMGMEND' $*" typescript </dev/null >/dev/null || true
}
on_terminal plan disk.img
grep -q '·' typescript && grep -q '→' typescript || fail "no signs on a terminal in UTF-8"
grep -q $'\033\[1;31m' typescript || fail "no colours on a terminal"
on_terminal scan disk.img
grep -q $'\033\[1;31merror' typescript || fail "no colours of scan on a terminal"
NO_COLOR=1 on_terminal scan disk.img
! grep -q $'\033' typescript || fail "colours in spite of NO_COLOR"
L=C on_terminal plan --color=never disk.img
! tail -n +2 typescript | tr -d '\r' | LC_ALL=C grep -q '[^ -~]' || fail "more than ASCII on a terminal in the locale C"
LC_ALL=C.UTF-8 run 4 plan disk.img
! grep -q '[·→…]' out || fail "signs where there is no terminal"
