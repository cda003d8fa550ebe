#!/usr/bin/env bash
# many.sh - folders, lists, a bad image among good ones, the summary, the metrics, and lines of JSON in one piece.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
needs jq strace
find_helpers

mkdir -p images/deeper/deepest
make() {
	truncate -s $((2 * MIB)) "$1"
	mkmbr -c -i c0ffee19 "$1" "83:$2:2048"
}
make images/a.img 8
make images/b.img 2048
make images/deeper/c.img 1
make "images/deeper/deepest/d d.img" 2048
: >images/empty.img
printf 'QFI\373' >images/bad.qcow2
head -c 1000 /dev/zero >>images/bad.qcow2
cp images/a.img images/a.img.imgmend-journal
ln -s ../images/b.img images/link.img
ln -s . images/deeper/around

run 12 scan --json --metrics-file=sums.prom images
check_eq "images of the folder" "images/a.img images/b.img images/deeper/c.img images/deeper/deepest/d d.img" \
	"$(jq -r .image out | paste -sd ' ')"
check_eq "the one that cannot be read" 1 "$(grep -c 'images/bad.qcow2' err)"
grep -q '^imgmend: 5 images: 2 with errors, 1 that could not be scanned, 2 fine$' err || fail "the summary: $(cat err)"
for line in "imgmend_images 5" "imgmend_images_with_errors 2" "imgmend_images_failed 1" 'imgmend_findings{severity="error"} 2'; do
	grep -qxF "$line" sums.prom || fail "the metrics lack \"$line\": $(cat sums.prom)"
done
[ "$(awk '$1 == "imgmend_last_scan_timestamp_seconds" { print $2 }' sums.prom)" -gt 1700000000 ] || fail "the metrics have no time"
[ ! -e sums.prom.new ] || fail "half of the metrics was left"

# a list that is not there is missing from no sum
run 8 scan --quiet --files0-from=nowhere --metrics-file=none.prom
grep -qxF "imgmend_images_failed 1" none.prom || fail "the metrics of a list that is not there: $(cat none.prom)"

# a list, several at a time, in its order
printf '%s\0' images/b.img "images/deeper/deepest/d d.img" images/a.img >list
run 4 scan --json -j 2 --files0-from=list
check_eq "images of the list" "images/b.img images/deeper/deepest/d d.img images/a.img" "$(jq -r .image out | paste -sd ' ')"
"$IMGMEND" scan --json --files0-from=- images/b.img <list >out 2>err || true
check_eq "images of both" 4 "$(wc -l <out)"
run 8 scan --files0-from=nowhere
says "a list that is not there" "nowhere: cannot read the list"
run 16 scan
run 8 scan images/empty.img
says "an image without a byte" "images/empty.img: 0 bytes are less than a sector"
mkdir nothing
run 8 scan nothing
says "a folder without images" "no images in it"
run 12 scan -q images
! grep -q "2 fine" err || fail "--quiet has a summary"

# each line is one write, whatever its length; a sanitizer cannot look for leaks in what is traced
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
strace -f -qq -e trace=write -e write=none -o writes "$IMGMEND" scan --json images/a.img images/b.img | cat >out
check_eq "writes of documents" 2 "$(grep -c 'write(1, "{' writes)"
# (in the build tree a shell script starts the program, and writes as well)
check_eq "bytes in them" "$(wc -c <out)" "$(sed -n 's/.*write(1, "{.* = \([0-9]*\)$/\1/p' writes | awk '{ n += $1 } END { print n }')"
