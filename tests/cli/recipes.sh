#!/usr/bin/env bash
# recipes.sh - the recipes of imgmend-many(7) do what the page says, and so do the jobs for Kubernetes.
#
# Those for Ansible are followed by ansible.sh.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
. "$HERE/../cli/recipe-lib.sh"
needs jq parallel strace setpriv systemd-analyze
find_helpers
kubernetes=$HERE/../../contrib/kubernetes
# The recipes say imgmend.
PATH=$(dirname "$(command -v "$IMGMEND")"):$PATH
export HOME=$WORK/home
mkdir "$HOME"
chmod 755 "$WORK"
# a sanitizer cannot look for leaks in what is traced
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"

# disk IMAGE SECTOR: with a partition of 1 MiB there, the image having 2.5 MiB
disk() {
	truncate -s $((5 * MIB / 2)) "$1"
	head -c $MIB /dev/urandom | dd of="$1" bs=1M oflag=seek_bytes seek=$(($2 * 512)) conv=notrunc iflag=fullblock status=none
	mkmbr -c -i c0ffee30 "$1" "da:$2:2048"
}

# is_moved IMAGE SECTOR OLD: its partition is where it should be, with what it held
is_moved() {
	check_eq "where the partition of $1 begins" 2048 "$(sfdisk -J "$1" | jq '.partitiontable.partitions[0].start')"
	cmp -n $MIB -i $MIB:$(($2 * 512)) "$1" "$3" || fail "the data of $1 is not what it was"
}

# interrupt IMAGE: a repair of it is killed behind its first flush
interrupt() {
	local rc
	under_strace -e trace=fdatasync -P "$1" -e inject=fdatasync:signal=KILL:when=2 -- fix --yes "$1"
	check_eq "a fix that is killed" 137 $rc
	check_eq "its state" repairing "$("$IMGMEND" status --json "$1" | jq -r .state)"
}

odd="images/deeper/b \"b\" '\$x'.img"
make_images() {
	rm -rf images old
	mkdir -p images/deeper old
	disk images/a.img 8
	disk "$odd" 1
	disk images/good.img 2048
	disk images/cut.img 1
	truncate -s $MIB images/cut.img
	: >images/empty.img
	cp images/a.img old/a.img
	cp "$odd" old/b.img
	cp images/cut.img old/cut.img
	touch -d '3 days ago' images/good.img images/empty.img
}

# ---- folders, lists, JSON

make_images
printf 'QFI\373' >images/broken.qcow2
head -c 1000 /dev/zero >>images/broken.qcow2
follow 12 scan
grep '^imgmend: .*broken.qcow2' err >/dev/null || fail "the image that cannot be scanned is not named: $(cat err)"
check_eq "lines of the scan" 4 "$(wc -l <findings.ndjson)"
rm images/broken.qcow2
follow 4 scan
follow 4 list
check_eq "images since yesterday" "images/a.img images/cut.img $odd" "$(jq -r .image new.ndjson | sort | paste -sd ' ')"
follow 0 names
check_eq "names" "images/a.img images/cut.img $odd" "$(paste -sd ' ' out)"
follow 0 bad
printf '%s\0' images/a.img images/cut.img "$odd" | cmp - bad.list || fail "the list is $(tr '\0' '|' <bad.list)"
follow 0 count
grep -qx ' *3 error partition-in-reserved-area' out || { show_last; fail "the counts"; }
grep -qx ' *1 warning partition-past-end' out || { show_last; fail "the counts"; }
follow 0 table
check_eq "rows of the table" 4 "$(wc -l <findings.csv)"
grep -qxF "\"images/a.img\",\"error\",\"partition-in-reserved-area\",4096,4096,\"unknown content\"" findings.csv || fail "the table: $(cat findings.csv)"
follow 0 plans
check_eq "bytes that would move" $((2 * MIB)) "$(cat out)"
grep -q 'images/cut.img: .*cut off' refused.txt || fail "the refusals: $(cat refused.txt)"
follow 4 report
[ "$(grep -c 'images/a.img' images.html)" -gt 0 ] || fail "the page has no a.img"

# ---- GNU parallel

cp findings.ndjson serial.ndjson
follow 1 parallel-scan
diff <(sort serial.ndjson) <(sort findings.ndjson) || fail "parallel scans give something else"
recipe mend.sh >mend.sh
interrupt "$odd"
# One of the list was never begun: the run was cut short. The one that is refused is in the log as such.
cp bad.list whole.list
printf '%s\0' images/a.img images/cut.img >bad.list
follow 1 parallel-fix
check_eq "the log" "0 4" "$(tail -n +2 fix.log | sort -n | cut -f 7 | paste -sd ' ')"
grep 'images/cut.img: .*cut off' err >/dev/null || { show_last; fail "the refusal is not shown"; }
is_moved images/a.img 8 old/a.img
cp whole.list bad.list
before=$(state_of images/a.img)
truncate -s $((5 * MIB / 2)) images/cut.img old/cut.img
follow 0 parallel-resume
check_eq "images that were tried again" 2 "$(($(wc -l <fix.log) - 3))"
check_eq "the one that was repaired before" "$before" "$(state_of images/a.img)"
is_moved "$odd" 1 old/b.img
is_moved images/cut.img 1 old/cut.img
follow 0 status
check_eq "states" "$(printf 'repaired\t%s\n' images/a.img images/cut.img "$odd")" "$(cat out)"
follow 0 undo
cmp images/a.img old/a.img && cmp "$odd" old/b.img && cmp images/cut.img old/cut.img || fail "undo"
rm fix.log
follow 0 parallel-fix
follow 0 discard
follow 3 discard
is_moved images/a.img 8 old/a.img
! find images -name '*.imgmend-*' | grep . || fail "journals were left"

# ---- Prometheus

make_images
mkdir metrics
recipe imgmend-scan.timer >imgmend-scan.timer
recipe imgmend-scan.service | sed "s|/usr/sbin/imgmend|$(command -v imgmend)|; s|/var/lib/prometheus/node-exporter|$WORK/metrics|
	s|/srv/images|$WORK/images|" >imgmend-scan.service
systemd-analyze verify "$WORK/imgmend-scan.service" "$WORK/imgmend-scan.timer" >units 2>&1 || fail "systemd: $(cat units)"
! grep 'imgmend-scan\.' units || fail "systemd has something to say"
"$PYTHON" - imgmend-scan.service <<-'END' >scan.sh
	import configparser, sys
	unit = configparser.ConfigParser(interpolation=None)
	unit.optionxform = str
	unit.read_string(open(sys.argv[1]).read().replace("\\\n", ""))
	print(unit["Service"]["ExecStart"])
END
rc=0
sh scan.sh >out 2>err || rc=$?
check_eq "the status that the unit takes for a success" "SuccessExitStatus=$rc" "$(grep ^SuccessExitStatus imgmend-scan.service)"
recipe rules.yml >rules.yml
"$PYTHON" -c 'import sys, yaml
for rule in yaml.safe_load(sys.stdin)["groups"][0]["rules"]:
    assert sorted(rule) == ["alert", "expr"]
    print(rule["expr"])' <rules.yml >expressions || fail "rules.yml"
check_eq "rules" 3 "$(wc -l <expressions)"
for name in $(grep -o 'imgmend_[a-z_]*' expressions | sort -u); do
	grep -q "^$name [0-9]" metrics/imgmend.prom || fail "a rule speaks of $name, which the metrics have not"
done

# ---- Kubernetes

"$PYTHON" "$HERE/../support/kube.py" check "$kubernetes"/*.yaml || fail "a job for Kubernetes"
sed 's/claimName/claimname/' "$kubernetes/scan-job.yaml" >wrong.yaml
! "$PYTHON" "$HERE/../support/kube.py" check wrong.yaml 2>/dev/null || fail "kube.py sees no fault"
cat "$kubernetes"/*.yaml | grep -o 'registry.example.org/imgmend:[a-z]*' | sort -u >tags
check_eq "names of the container image" "registry.example.org/imgmend:latest" "$(cat tags)"

# Without any privilege, as in a pod, where this is root and others may run the program.
pod=(setpriv --no-new-privs)
as_other=(setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all)
if [ "$(id -u)" = 0 ] && "${as_other[@]}" "$IMGMEND" --version >out 2>&1 && "${as_other[@]}" ls -d "$WORK" >>out 2>&1; then
	pod=("${as_other[@]}")
else
	note "the jobs ran as this user"
fi

# job FILE NAME=VALUE...: run the container's script; log and status
job() {
	local file=$kubernetes/$1
	shift
	LAST=("$file")
	[ "${#pod[@]}" = 2 ] || chown -R 1000:1000 images journals
	status=0
	"${pod[@]}" env "$@" /bin/sh -c "$("$PYTHON" "$HERE/../support/kube.py" script "$file")" >out 2>err </dev/null || status=$?
	cat out err >log
}

# kubectl for the recipe: apply runs the job at once
mkdir bin-kube journals
cat >bin-kube/kubectl <<-'END'
	#!/bin/sh
	case $1 in
	apply) [ "$3" = scan-job.yaml ] && [ -e "$3" ] ;;
	wait) [ "$4" = "job/$(cat name)" ] && [ "$(cat status)" = 0 ] ;;
	logs) cat log ;;
	esac
END
chmod +x bin-kube/kubectl
cp "$kubernetes/scan-job.yaml" .
sed -n '/^metadata:/,/^spec:/s/^  name: //p' scan-job.yaml >name
chmod -R a-w images
job scan-job.yaml IMAGES=images
chmod -R u+w images
echo $status >status
PATH=$WORK/bin-kube:$PATH follow 0 kubernetes
diff <(jq -c '[.image, .findings[].id]' serial.ndjson | sort) <(jq -c '[.image, .findings[].id]' findings.ndjson | sort) ||
	fail "the job's findings are not those of the scan"
printf 'QFI\373' >images/broken.qcow2
head -c 1000 /dev/zero >>images/broken.qcow2
job scan-job.yaml IMAGES=images
check_eq "a scan with an image that cannot be scanned" 12 $status
rm images/broken.qcow2

# a repair: one that was interrupted, one that is refused, the others
mv "$odd" images/b.img
interrupt images/b.img
job fix-job.yaml IMAGES=images
check_eq "the job with a refusal: $(cat log)" 4 $status
is_moved images/a.img 8 old/a.img
is_moved images/b.img 1 old/b.img
cmp -n $MIB images/cut.img old/cut.img || fail "the refused image has changed"
grep -q 'images/cut.img: .*cut off' log || fail "the refusal is not in the log"
rm images/cut.img
before=$(state_of images/a.img; state_of images/b.img)
job fix-job.yaml IMAGES=images
check_eq "the job once more: $(cat log)" 0 $status
check_eq "the images of the job once more" "$before" "$(state_of images/a.img; state_of images/b.img)"
printf 'QFI\373' >images/broken.qcow2
head -c 1000 /dev/zero >>images/broken.qcow2
job fix-job.yaml IMAGES=images
check_eq "the job with a broken image: $(cat log)" 8 $status

# the job for a device, which a file stands for
cp old/b.img images/device
device_journal=$WORK/journals/device.imgmend-journal
job fix-block-device-job.yaml DEVICE=images/device JOURNAL="$device_journal"
check_eq "the job for a device: $(cat log)" 0 $status
is_moved images/device 1 old/b.img
[ -e "$device_journal" ] || fail "the journal is not where the job says"
job fix-block-device-job.yaml DEVICE=images/device JOURNAL="$device_journal"
check_eq "the job for a device once more: $(cat log)" 0 $status

# The signal that ends a pod reaches imgmend, here a script in its place, and nothing else is begun.
mkdir bin-slow
cat >bin-slow/imgmend <<-'END'
	#!/bin/sh
	case $1 in
	status) echo '{"state":"none"}'; exit 0 ;;
	esac
	for image; do :; done
	echo "$image" >>journals/begun
	trap 'echo stopped >>journals/begun; exit 32' TERM
	# a signal that does not come must not hang the test
	n=0
	while [ $((n += 1)) -lt 200 ]; do sleep 0.05; done
	exit 8
END
chmod 755 bin-slow bin-slow/imgmend
for file in fix-job.yaml fix-block-device-job.yaml; do
	rm -f journals/begun
	[ "${#pod[@]}" = 2 ] || chown -R 1000:1000 journals
	"${pod[@]}" env PATH="$WORK/bin-slow:$PATH" IMAGES=images DEVICE=images/a.img JOURNAL=j /bin/sh -c \
		"$("$PYTHON" "$HERE/../support/kube.py" script "$kubernetes/$file")" >out 2>err </dev/null &
	CHILDREN=($!)
	for ((i = 0; i < 200; i++)); do [ ! -s journals/begun ] || break; sleep 0.05; done
	kill -TERM "${CHILDREN[0]}"
	status=0
	wait "${CHILDREN[0]}" || status=$?
	CHILDREN=()
	check_eq "$file: the end of a pod that is stopped" 32 $status
	check_eq "$file: what was begun" "images/a.img stopped" "$(paste -sd ' ' journals/begun)"
done

# ---- none was forgotten, but for those of ansible.sh

sed -n 's/^\.\\" recipe: //p' "$page" | grep -v '^ansible' | sort >listed
sort -u used | diff listed - || fail "not every recipe was followed"
check_eq "displays without a name" "$(grep -c '^\.Bd -literal' "$page")" "$(grep -c '^\.\\" recipe: ' "$page")"
