#!/usr/bin/env bash
# language.sh - in a language with a catalog, all that a person reads is in that language, and all that a machine reads is not.
#
# The catalog is made here: every message begins with a mark, which says in brackets which plural form it is. The locale, German for its
# decimal comma, is made here as well.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
. "$HERE/fault-lib.sh"
. "$HERE/../support/messages.sh"
needs xgettext msgen msgfmt localedef jq mkfs.fat
find_helpers
find_shim
find_module localedir

make_pot pot || fail "the template of the catalogs cannot be made"
mkdir -p locales share/de/LC_MESSAGES
# the mark goes in front of the first character that is no line feed; the first message is the head of the file
msgen --no-wrap pot | sed 's/^"Language: .*/"Language: de\\n"/' | awk '
	/^msgstr/ { mark = behind_head ? "»" : ""; behind_head = 1 }
	/^msgstr\[/ { mark = mark "[" substr($0, 8, 1) "]" }
	mark != "" && match($0, /"(\\n)*/) && substr($0, RSTART + RLENGTH) != "\"" {
		$0 = substr($0, 1, RSTART + RLENGTH - 1) mark substr($0, RSTART + RLENGTH)
		mark = ""
	}
	{ print }' >de.po
msgfmt --check -o share/de/LC_MESSAGES/imgmend.mo de.po 2>said || fail "the catalog: $(cat said)"
localedef --no-archive -i de_DE -f UTF-8 locales/de_DE.UTF-8 2>said || [ -d locales/de_DE.UTF-8 ] ||
	fail "the locale cannot be made (package locales): $(cat said)"

# german PROGRAM…: in that language
german() {
	LOCPATH=$WORK/locales LC_ALL=de_DE.UTF-8 LANGUAGE= TEST_LOCALEDIR=$WORK/share LD_PRELOAD=$MODULE "$@"
}

# say WHAT STATUS ARGUMENT…: out gets both outputs of imgmend in German; WHAT is for the complaint
say() {
	local rc=0
	german "$PROGRAM" "${@:3}" >out 2>&1 || rc=$?
	[ "$rc" = "$2" ] || fail "$1: exit status $rc, not $2: $(cat out)"
}

# has TEXT: out has it
has() {
	grep -qF -e "$1" out || fail "this is not said: $1; but: $(cat out)"
}

# same FILTER ARGUMENT…: the JSON of imgmend is the same in both languages; run in disk.img's folder
same() {
	"$PROGRAM" "${@:2}" 2>/dev/null | jq -S "$1" >english || true
	german "$PROGRAM" "${@:2}" 2>/dev/null | jq -S "$1" >german || true
	[ -s english ] || fail "no JSON: ${*:2}"
	cmp english german || fail "JSON depends on the language: ${*:2}"
}

truncate -s 64M disk.img
mkmbr -c -i c0ffee21 disk.img 6:1:16384
truncate -s $((16384 * 512)) fat.vol
mkfs.fat -F 16 -s 1 -h 1 -n CARD fat.vol >/dev/null || fail "mkfs.fat could not make the volume"
place fat disk.img 512
cp disk.img old.img

# ---- text

say "scan" 4 scan disk.img
has 'disk.img: »error: »partition 1 (»fat16 volume "CARD") starts at byte 512 (sector 1), inside the first 8192 bytes'
has '»disk.img: »67108864 bytes (64,0 MiB), sectors of 512 bytes'
has '»partition 1 '
[ "$(sed -n 's/ *»partition 1 .*//p' out | tail -n 1 | wc -m)" -gt 20 ] || fail "the table of regions: $(cat out)"

say "plan" 4 plan disk.img
has '»partition table: new positions'
has '»»partition 1 has left this place'
has 'boot sector'
has '»Notes:'
has '»because '
has '»  * push '

say "plan of a short reserved area" 4 plan --only fat-reserved-short disk.img
has '»[1]»partition 1 gets '

say "two images" 4 scan disk.img disk.img
has '»[1]imgmend: 2 images: 2 with errors'
say "a missing image" 8 scan missing.img
has 'imgmend: »missing.img: cannot'
say "a wrong option" 16 scan --jsom disk.img
has '»imgmend scan: there is no option "--jsom"; did you mean --json?'
say "help" 0 fix --help
has '»repair the image in place, with an undo journal'
has '»do not ask'
say "a page" 4 report -o page.html disk.img
grep -q '<html lang="»en">' page.html || fail "the language of the page: $(head -n 2 page.html)"
grep -q '»The disk before and after' page.html || fail "the page is not translated"
grep '<rect ' page.html | grep -q '[0-9]\.[0-9]' || fail "the page has no numbers with a point"
! grep '<rect ' page.html | grep -q '="[0-9]*,[0-9]' || fail "a drawing has numbers with a comma"

# columns are as wide in every language
say "plan" 4 plan disk.img
check_eq "where the reasons begin" 1 "$(sed -n '/^»\?$/d; /^ *[0-9]\+ \+[0-9]\+  »\(move\|write\|zero\)/p' out | LC_ALL=C.UTF-8 awk '{ print match($0, /»(move|write|zero)[a-z]* +/) + RLENGTH }' | sort -u | wc -l)"

# ---- what machines read

same . scan --json disk.img
same . plan --json disk.img
same . plan --json --only fat-reserved-short disk.img
same . snapshots --json disk.img
same . scan --json missing.img disk.img
"$PROGRAM" plan -q -o english.plan disk.img || true
german "$PROGRAM" plan -q -o german.plan disk.img || true
cmp english.plan german.plan || fail "a saved plan depends on the language"
"$PROGRAM" scan -q --metrics-file english.prom disk.img >/dev/null || true
german "$PROGRAM" scan -q --metrics-file german.prom disk.img >/dev/null || true
diff <(grep -v _timestamp_ english.prom) <(grep -v _timestamp_ german.prom) || fail "metrics depend on the language"
LC_ALL=C.UTF-8 grep -q '[^ -~]»' german.prom && fail "metrics are translated"

# a repair, its status and its manifest
"$PROGRAM" fix --yes -q --manifest english.json disk.img || [ $? = 1 ] || fail "fix"
same 'del(.uuid)' status --json disk.img
"$PROGRAM" undo --yes -q disk.img || fail "undo"
german "$PROGRAM" fix --yes -q --progress=json --manifest german.json disk.img 2>german.progress || [ $? = 1 ] || fail "fix in German"
diff <(jq -S 'del(.uuid, .created, .journal)' english.json) <(jq -S 'del(.uuid, .created, .journal)' german.json) ||
	fail "a manifest depends on the language"
jq . german.progress >/dev/null || fail "progress is no JSON: $(cat german.progress)"
german "$PROGRAM" undo --yes disk.img 2>out || fail "undo in German"
has '»imgmend: disk.img is as it was before the repair'
cmp disk.img old.img || fail "the repair was not taken back"
german "$PROGRAM" fix --yes disk.img >out 2>&1 || [ $? = 1 ] || fail "fix in German"
has '»imgmend: disk.img is repaired'
same . status --json disk.img
