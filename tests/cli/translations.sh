#!/usr/bin/env bash
# translations.sh - imgmend in every language that it has a catalog for: scan, a plan and a plural are in that language.
#
# What a text is in that language is asked of gettext's own program. language.sh looks whether everything can be translated; this is
# about the catalogs that there are, and the locales that people have.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
. "$HERE/fault-lib.sh"
. "$HERE/../support/messages.sh"
needs gettext msgfmt localedef mkfs.fat
find_helpers
find_shim
find_module localedir
po=$SOURCES/po

# in_language COMMAND...
in_language() {
	LOCPATH=$WORK/locales LC_ALL=$locale.UTF-8 LANGUAGE= TEXTDOMAINDIR=$WORK/share TEST_LOCALEDIR=$WORK/share "$@"
}

# shown WHAT MSGID: the last output has what the catalog says for it, which is something else than the English
shown() {
	local text
	text=$(in_language gettext -e imgmend "$2")
	[ "$text" != "$(printf '%b' "$2")" ] || fail "$language: \"$2\" is not translated"
	# without the ends of lines and what is filled in
	text=$(printf '%s' "$text" | tr -d '\n' | sed 's/%.*//; s/^ *//')
	grep -qF -e "$text" out || fail "$language: $1 does not say \"$text\": $(cat out)"
}

# say STATUS ARGUMENT...
say() {
	local rc=0
	in_language env LD_PRELOAD="$MODULE" "$PROGRAM" "${@:2}" >out 2>&1 || rc=$?
	check_eq "$language: the status of imgmend ${*:2}" "$1" "$rc"
}

truncate -s 32M disk.img
mkmbr -c -i c0ffee21 disk.img 6:1:16384
truncate -s $((16384 * 512)) fat.vol
mkfs.fat -F 16 -s 1 -h 1 -n CARD fat.vol >/dev/null
place fat disk.img 512
cp disk.img two.img

languages=$(grep -v '^#' "$po/LINGUAS")
for language in $languages; do
	case $language in
	*_*) locale=$language ;;
	ja) locale=ja_JP ;;
	*) locale=${language}_$(echo "$language" | tr a-z A-Z) ;;
	esac
	mkdir -p locales "share/$language/LC_MESSAGES"
	msgfmt --check -o "share/$language/LC_MESSAGES/imgmend.mo" "$po/$language.po"
	localedef --no-archive -i "$locale" -f UTF-8 "locales/$locale.UTF-8" 2>said || [ -d "locales/$locale.UTF-8" ] ||
		fail "the locale $locale cannot be made (package locales): $(cat said)"

	say 4 scan disk.img
	shown scan 'size'
	shown scan '  boots: %s\n'
	! grep -qE 'starts at|inside the first|unpartitioned|partition table' out || fail "$language: scan speaks English: $(cat out)"
	say 4 plan disk.img
	shown plan '\nExactly these bytes of the image change:\n'
	shown plan '\nNotes:\n'
	! grep -qE 'moves right|new positions|has left|stays as it is' out || fail "$language: plan speaks English: $(cat out)"
	say 4 scan disk.img two.img
	grep -q '^imgmend.*2.*2.*0.*0' out || fail "$language: no summary of two images: $(cat out)"
	! grep -q 'images:\|with errors' out || fail "$language: the summary is English: $(cat out)"
	say 16 scan --jsom disk.img
	! grep -q 'there is no option' out || fail "$language: a complaint in English: $(cat out)"
done
echo "in $(echo "$languages" | wc -w) languages"
