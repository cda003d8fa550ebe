#!/usr/bin/env bash
# po.sh - every file with messages is listed, and every catalog is whole: nothing untranslated or fuzzy, and no format that fills in
# something else than the program gives it.
#
#	po.sh [FOLDER]		judge the catalogs in FOLDER (default: po/ of the sources); a translator's check
#
# Before that it shows itself that it refuses what it should.
set -eu
export LC_ALL=C LANGUAGE=
. "$(dirname "${BASH_SOURCE[0]}")/support/messages.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/imgmend-po.XXXXXX")
trap 'rm -rf "$work"' EXIT
bad=0

fault() {
	echo "FAIL: $*"
	bad=1
}

for tool in xgettext msgfmt msgmerge msgen msgattrib; do
	command -v $tool >/dev/null || { echo "FAIL: the test needs $tool (package gettext)"; exit 1; }
done
make_pot "$work/pot"

# judge CATALOG: prints what is wrong with it, one a line; nothing: it is whole
judge() {
	local what n
	msgfmt --check -o /dev/null "$1" 2>&1 || true
	msgmerge --quiet --no-fuzzy-matching -o "$work/merged" "$1" "$work/pot" 2>&1 || return 0
	for what in untranslated only-fuzzy; do
		# of each message the first line; what goes on with msgstr at once is the head of the file
		msgattrib --$what --no-obsolete --no-wrap "$work/merged" |
			awk 'open && /^"/ { print "msgid " $0 } { open = $0 == "msgid \"\"" } /^msgid "./ && !open' >"$work/missing"
		n=$(wc -l <"$work/missing")
		[ "$n" = 0 ] || echo "$n ${what#only-}, the first: $(head -n 1 "$work/missing")"
	done
}

# ---- the test of this test

msgen "$work/pot" | sed 's/^"Language: .*/"Language: en\\n"/' >"$work/whole.po"
judge "$work/whole.po" | grep -v 'warning: ' >"$work/said" || true
[ ! -s "$work/said" ] || fault "a whole catalog is refused: $(cat "$work/said")"
sed 's/^msgstr "out of memory"$/msgstr ""/' "$work/whole.po" >"$work/hole.po"
judge "$work/hole.po" | grep -q '^1 untranslated, the first: msgid "out of memory"' || fault "a hole in a catalog is not seen"
msgattrib --set-fuzzy "$work/whole.po" >"$work/all.po"
judge "$work/all.po" | grep -q "^$(grep -c '^msgid ' "$work/pot" | awk '{ print $1 - 1 }') fuzzy, " || fault "not every message counts"
sed 's/^msgid "out of memory"$/#, fuzzy\n&/' "$work/whole.po" >"$work/fuzzy.po"
judge "$work/fuzzy.po" | grep -q '^1 fuzzy, ' || fault "a fuzzy message is not seen"
sed 's/^msgstr "partition %d"$/msgstr "partition %s"/' "$work/whole.po" >"$work/format.po"
judge "$work/format.po" | grep -q 'error' || fault "a wrong format is not seen"

# ---- the sources

sed -n 's/^#: //p' "$work/pot" | tr ' ' '\n' | sed 's/:[0-9]*$//' | sort -u >"$work/with"
grep -v '^#' "$SOURCES/po/POTFILES.in" | sort >"$work/listed"
[ -s "$work/with" ] || fault "no messages were found"
comm -23 "$work/with" "$work/listed" >"$work/unlisted"
[ ! -s "$work/unlisted" ] || fault "with messages, but not in po/POTFILES.in:" $(cat "$work/unlisted")
comm -13 "$work/with" "$work/listed" >"$work/idle"
[ ! -s "$work/idle" ] || fault "in po/POTFILES.in, but without messages:" $(cat "$work/idle")
! grep -n '^msgid.*[a-z](s)' "$work/pot" || fault "\"(s)\" is no plural: plural_of and im_plural make one"

# ---- the catalogs

po=${1:-$SOURCES/po}
for file in "$po"/*.po; do
	[ -e "$file" ] || continue
	judge "$file" >"$work/said"
	msgfmt --statistics -o /dev/null "$file" 2>&1 | sed "s|^|${file##*/}: |"
	[ ! -s "$work/said" ] || { sed 's/^/	/' "$work/said"; fault "${file##*/} is not whole"; }
	grep -v '^#' "$po/LINGUAS" 2>/dev/null | tr ' ' '\n' | grep -qx "$(basename "$file" .po)" || fault "${file##*/} is not in LINGUAS"
done
for language in $(grep -v '^#' "$po/LINGUAS" 2>/dev/null || true); do
	[ -e "$po/$language.po" ] || fault "LINGUAS has $language, but there is no $language.po"
done
[ $bad = 0 ] || exit 1
echo "po: $(grep -c '^msgid ' "$work/pot" | awk '{ print $1 - 1 }') messages in $(wc -l <"$work/with") files"
