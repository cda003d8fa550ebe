#!/usr/bin/env bash
# report.sh - the HTML page: valid, of one piece, complete, and nothing on an image breaks out of it.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
. "$HERE/ntfs-lib.sh"
find_ntfs_helpers
needs tidy

# valid: the page in out, by a validator
valid() {
	tidy -q -e --show-warnings yes out 2>tidy.err || { cat tidy.err; fail "$1: not valid HTML"; }
	! grep -qE '(src|href)="(https?:)?//' out || fail "$1: the page wants another file"
	"$PYTHON" "$HERE/../support/page.py" out || fail "$1: not for everybody to read"
}

# has WHAT REGEX
has() {
	grep -qE -- "$2" out || fail "the page lacks $1 ($2)"
}

truncate -s $((64 * MIB)) disk.img
mkmbr -c -i c0ffee21 disk.img 83:1:16384 83:65536:60000
make_volume ext4 'A<B>&C' $((16384 * 512)) 0
place 'A<B>&C' disk.img 512
before=$(state_of disk.img)
run 4 report disk.img
check_eq "the image after a report" "$before" "$(state_of disk.img)"
valid "the page of one image"
has "the finding" '<li class="error"><strong>error</strong>: partition 1 .*<code>partition-in-reserved-area</code>'
has "the label, escaped" 'A&lt;B&gt;&amp;C'
! grep -q 'A<B>' out || fail "a label breaks out of the page"
check_eq "drawings" 2 "$(grep -c '<svg ' out)"
has "what the drawing shows, in words" 'Partition 1 goes from byte 512 to byte 1048576'
check_eq "sectors that are in the way" 15 "$(grep -c 'class="cell wrong"' out)"
for start in $("$IMGMEND" plan --json disk.img | jq -r '.segments[].start'); do
	has "the segment at $start" "<tr><td class=\"n\">$start</td>"
done
has "the fingerprint" "$("$IMGMEND" plan --json disk.img | jq -r .fingerprint)"

# several: a plan, a journal with a manifest, a sound one, one that is none, a volume with a file in its boot area
ntfs_format 4096 $((16 * MIB))
quiet ntfsfill vol plain /plain 100000
quiet mkbadntfs -o /plain vol
run 4 plan -o saved.plan disk.img
cp disk.img fixed.img
run 1 fix --yes --manifest m.json fixed.img
run 12 report vol saved.plan fixed.img.imgmend-journal fixed.img nowhere.img
valid "the page of several"
has "the summary" '<table class="sortable">'
check_eq "sections" 5 "$(grep -c '<section ' out)"
has "sectors of the volume with others' data" 'class="cell wrong".*>D<'
has "the saved plan" 'A saved plan of a repair'
has "the journal's state" 'its state: repaired'
has "the manifest" "$(jq -r .new_sha256 m.json)"
has "the sound one" 'class="verdict good">Nothing to repair'
has "the one that is none" 'It cannot be looked at'

cp out page

# a batch: the same page whatever the number of jobs, of a folder, of a list; a bad one stops none of the others
mkdir batch
for i in 1 2 3 4 5 6; do cp fixed.img batch/$i.img; done
cp disk.img batch/3.img
printf 'QFI\373' >batch/4.qcow2
run 12 report batch
cp out batch.html
valid "the page of a folder"
check_eq "sections of the folder" 7 "$(grep -c '<section ' out)"
check_eq "the bad one is named" 1 "$(grep -c 'batch/4.qcow2' err)"
# a sanitizer's allocator is not made for a fork beside threads: its child may wait for ever
case ${MUTANT_CFLAGS-} in
*-fsanitize*) several=1 ;;
*) several='2 5 64' ;;
esac
for jobs in $several; do
	run 12 report --jobs=$jobs batch
	cmp out batch.html || fail "the page is another one with $jobs jobs"
done
find batch -type f -print0 | sort -z >list
run 12 report -j $jobs --files0-from=list
cmp out batch.html || fail "the page of a list is another one than that of the folder"
"$IMGMEND" report -j $jobs --files0-from=- <list >out 2>err || true
cmp out batch.html || fail "the page of a list on standard input is another one"

# an image without a plan is drawn as it is; a pipe is not waited for
truncate -s $((16385 * 512)) full.img
mkmbr -c -i c0ffee24 full.img 83:1:16384
run 4 report --no-grow full.img
valid "the page of an image without a plan"
has "the disk as it is" 'Partition 1 begins at byte 512'
mkfifo pipe
run 16 report pipe

# into a file, and where that cannot be
run 12 report -o page.html vol saved.plan fixed.img.imgmend-journal fixed.img nowhere.img
cmp page page.html || fail "the page in a file is another one than on standard output"
run 8 report -o nowhere/page.html fixed.img
says "a place that is not there" "cannot save the report"
