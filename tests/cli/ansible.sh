#!/usr/bin/env bash
# ansible.sh - the Ansible module: check mode, differences, a second run, undo, failures, what was interrupted.
#
# Hosts are folders here: each has its own images and its own temporary folder. contrib/ansible/repair.yml is what is
# run, as an admin would.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
. "$HERE/fault-lib.sh"
. "$HERE/../cli/recipe-lib.sh"
needs ansible ansible-playbook ansible-doc jq qemu-img sfdisk strace cmp pycodestyle pyflakes3
find_helpers
find_shim
contrib=$(cd "$HERE/../../contrib/ansible" && pwd)
export HOME=$WORK/home ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_RETRY_FILES_ENABLED=0
mkdir "$HOME"

# ---- the module as a file

validator=/usr/lib/python3/dist-packages/ansible_test/_util/controller/sanity/validate-modules/validate.py

check_file() {
	local module=$contrib/library/imgmend.py collection=ansible_collections/imgmend/imgmend
	cp "$module" copy.py
	"$PYTHON" -m py_compile copy.py || fail "the module does not compile"
	pycodestyle --max-line-length=120 --ignore=E402,W503 "$module" || fail "pycodestyle has something to say"
	pyflakes3 "$module" || fail "pyflakes has something to say"
	LC_ALL=C.UTF-8 ansible-doc -M "$contrib/library" imgmend >out 2>err || fail "ansible-doc: $(cat err)"
	for word in '^= path' '^- state' '^- resume' '^EXAMPLES' '^RETURN VALUES' '^- bytes_moved'; do
		grep -q -e "$word" out || fail "ansible-doc shows no line /$word/"
	done
	! grep -v 'failed to assign id' err | grep -q WARNING || fail "ansible-doc: $(cat err)"
	# Ansible's own test of modules: are the documents of the right form, and do they say what the module takes?
	mkdir -p "coll/$collection/plugins/modules"
	cp "$module" "coll/$collection/plugins/modules/"
	(cd "coll/$collection" && PYTHONPATH=$WORK/coll "$PYTHON" "$validator" --collection $collection \
		--collection-version 1.0.0 plugins/modules/imgmend.py) >validate.out 2>&1 || fail "validate-modules: $(cat validate.out)"
	"$PYTHON" -c 'import sys, yaml; [yaml.safe_load(open(f)) for f in sys.argv[1:]]' "$contrib/repair.yml" "$contrib/inventory.example"
}

check_file

# ---- the hosts

# host NAME IMAGE...: add it to the inventory
host() {
	local name=$1
	shift
	{
		printf '    %s:\n      ansible_connection: local\n' "$name"
		printf '      ansible_python_interpreter: "%s"\n' "$PYTHON"
		printf '      ansible_remote_tmp: "%s/hosts/%s/tmp"\n      imgmend_images:\n' "$WORK" "$name"
		jq -n --args '$ARGS.positional[]' "$@" | sed 's/^/        - /'
	} >>inventory.yml
}

# data_disk IMAGE SECTOR: a disk with a partition of random bytes
data_disk() {
	truncate -s $((8 * MIB)) "$1"
	head -c $((4 * MIB)) /dev/urandom | dd of="$1" bs=1M oflag=seek_bytes seek=$(($2 * 512)) conv=notrunc iflag=fullblock status=none
	mkmbr -c -i c0ffee2a "$1" "da:$2:8192"
}

mkdir -p hosts/alpha hosts/beta hosts/gamma hosts/delta hosts/epsilon
alpha=$WORK/hosts/alpha/disk.img
beta="$WORK/hosts/beta/-a \$NOPE; 'touch' \"x\".img"
gamma1=$WORK/hosts/gamma/one.img
gamma2=$WORK/hosts/gamma/good.img
delta=$WORK/hosts/delta/disk.qcow2
epsilon=$WORK/hosts/epsilon/cut.img
fat16_then_ntfs "$alpha" 4096
make_volume ext4 EXTVOL $((16 * MIB)) 1
truncate -s $((20 * MIB)) "$beta"
mkmbr -c -i c0ffee2b "$beta" 83:1:32768
place EXTVOL "$beta" 512
data_disk "$gamma1" 8
data_disk "$gamma2" 2048
data_disk delta.img 1
qemu-img convert -O qcow2 delta.img "$delta"
head -c 5000000 "$alpha" >"$epsilon"
printf 'all:\n  hosts:\n' >inventory.yml
host alpha "$alpha"
host beta "$beta"
host gamma "$gamma1" "$gamma2"
host delta "$delta"
cp inventory.yml good.yml
host epsilon "$epsilon"
images=("$alpha" "$beta" "$gamma1" "$gamma2" "$delta" "$epsilon")
mkdir old
for i in "${images[@]}"; do cp --sparse=always "$i" "old/$(basename "$i")"; done
program=$(command -v "$IMGMEND")

# states: content, size and time of every image, and the names beside them
states() {
	for i in "${images[@]}"; do state_of "$i"; done
	find hosts -path '*/tmp' -prune -o -type f -print | sort
}

# play STATUS ARGUMENT...: run the playbook; its results are, one a line, in results.ndjson with the host's name
play() {
	local want=$1 rc=0
	shift
	LAST=(ansible-playbook "$@")
	LC_ALL=C.UTF-8 ansible-playbook -v -i "${inventory:-good.yml}" -e "imgmend_executable=$program" "$contrib/repair.yml" "$@" >out 2>err </dev/null ||
		rc=$?
	sed -n 's/^\(ok\|changed\): \[\([a-z]*\)\] => {/{"host": "\2", /p
		s/^fatal: \[\([a-z]*\)\]: FAILED! => {/{"host": "\1", /p' out >results.ndjson
	[ $rc = "$want" ] || { show_last; fail "\"ansible-playbook $*\": expected exit status $want, got $rc"; }
}

# value HOST FILTER: of its last result
value() {
	jq -r "select(.host == \"$1\") | $2" results.ndjson
}

# recap HOST WORD...: the line of the summary has these
recap() {
	local line word
	line=$(grep "^$1  *:" out) || { show_last; fail "$1 has no line in the summary"; }
	for word in "${@:2}"; do
		[[ " $line " = *" $word "* ]] || { show_last; fail "$1 is not $word: $line"; }
	done
}

all_hosts() {
	for h in alpha beta gamma delta; do recap $h "$@"; done
}

# ---- check mode with differences

before=$(states)
play 0 --check --diff
all_hosts changed=1 failed=0
check_eq "the images after check mode" "$before" "$(states)"
for line in '-partition 1: bytes 512 to 8389119' '+partition 1: bytes 1048576 to 9437183' \
	'+partition 2: bytes 9437184 to 22020095' "+write 512 bytes at 0: partition table: new positions"; do
	grep -qxF -e "$line" out || { show_last; fail "the difference lacks \"$line\""; }
done
grep -qF -e '+move 8388096 bytes at 1049088 (from 1024): partition 1 moves right' out || fail "the difference lacks the move"
check_eq "findings of alpha" partition-in-reserved-area "$(value alpha '.findings[] | select(.severity == "error").id')"
check_eq "status of alpha" 4 "$(value alpha .rc)"
check_eq "plan of alpha" "1048576 9437184" "$(value alpha '.images[0].plan.partitions | map(.new_start) | join(" ")')"
check_eq "images of gamma that would change" "true false" "$(value gamma '.images | map(.changed) | join(" ")')"

# the images are not even opened for writing; a sanitizer cannot look for leaks in what is traced
LC_ALL=C.UTF-8 strace -f -qq -e trace=open,openat -o opens ansible-playbook -i good.yml -e "imgmend_executable=$program" \
	"$contrib/repair.yml" --check --limit alpha >out 2>err </dev/null || { show_last; fail "check mode under strace"; }
grep -F "$alpha\"" opens | grep -q O_RDONLY || fail "strace did not see the image opened"
! grep -F "$alpha\"" opens | grep -E 'O_RDWR|O_WRONLY' || fail "check mode opened the image for writing"

# ---- repair

play 0 --diff
all_hosts changed=1 failed=0
cp results.ndjson fixed.ndjson
check_eq "status" "1 1 1 1" "$(jq -r .rc fixed.ndjson | paste -sd ' ')"
check_eq "bytes moved of gamma" $((4 * MIB)) "$(value gamma .bytes_moved)"
check_eq "journal of alpha" "$alpha.imgmend-journal" "$(value alpha '.images[0].journal')"
check_eq "journal of beta" "$beta.imgmend-journal" "$(value beta '.images[0].journal')"
check_eq "state of delta" repaired "$(value delta '.images[0].journal_state')"
grep -qxF -e '+partition 1: bytes 1048576 to 9437183' out || fail "the difference of the repair lacks the move"

# start NUMBER IMAGE: where the partition begins, by sfdisk
start() {
	sfdisk -J "$2" | jq ".partitiontable.partitions[$1 - 1].start * 512"
}

sfdisk --verify "$alpha" >sfdisk.log 2>&1 || fail "sfdisk: $(cat sfdisk.log)"
check_eq "partitions of alpha" "1048576 9437184" "$(start 1 "$alpha") $(start 2 "$alpha")"
cut_out "$alpha" 1048576 $((16384 * 512)) fat.vol
check_fs fat16 fat.vol FATVOL
check_position fat16 fat.vol 2048 FATVOL
cut_out "$alpha" 9437184 $((24576 * 512)) ntfs.vol
check_fs ntfs ntfs.vol NTFSVOL
check_eq "partition of beta" 1048576 "$(start 1 "$beta")"
cut_out "$beta" 1048576 $((16 * MIB)) ext.vol
check_fs ext4 ext.vol EXTVOL
check_eq "partition of gamma" 1048576 "$(start 1 "$gamma1")"
cmp -n $((4 * MIB)) -i 4096:1048576 old/one.img "$gamma1" || fail "gamma's data is not what it was"
qemu-img convert -O raw "$delta" delta.new
check_eq "partition of delta" 1048576 "$(start 1 delta.new)"
cmp -n $((4 * MIB)) -i 512:1048576 delta.img delta.new || fail "delta's data is not what it was"

# ---- a second run

before=$(states)
play 0 --diff
all_hosts changed=0 failed=0
check_eq "the images after a second run" "$before" "$(states)"
check_eq "status of the second run" "0 0 0 0" "$(jq -r .rc results.ndjson | paste -sd ' ')"
! grep -q '^[-+]' out || fail "a second run has a difference"
cp --sparse=always "$alpha" alpha.new

# ---- back

play 0 -e imgmend_state=undone --check
all_hosts changed=1 failed=0
check_eq "the images after check mode of undone" "$before" "$(states)"
play 0 -e imgmend_state=undone
all_hosts changed=1 failed=0
for i in "$alpha" "$beta" "$gamma1" "$gamma2"; do
	cmp "$i" "old/$(basename "$i")" || fail "undone: $i is not byte-equal to what it was"
	no_journal "$i"
done
qemu-img compare -q "$delta" delta.img || fail "undone: the inside of $delta is not what it was"
before=$(states)
play 0 -e imgmend_state=undone
all_hosts changed=0 failed=0
check_eq "the images after a second undone" "$before" "$(states)"

# ---- a bad image on one host

inventory=inventory.yml
play 2 --check
recap epsilon changed=0 failed=1
check_eq "the images after check mode with a bad one" "$before" "$(states)"
play 2
all_hosts changed=1 failed=0
recap epsilon changed=0 failed=1
message=$(value epsilon .msg)
for word in "$epsilon" "exit status 4" "the image is cut off"; do
	[[ $message = *"$word"* ]] || fail "the message does not name \"$word\": $message"
done
check_eq "the bad image" "$(digest old/cut.img)" "$(digest "$epsilon")"
no_journal "$epsilon"
inventory=good.yml
play 0 -e imgmend_state=discarded --check
all_hosts changed=1
[ -e "$alpha.imgmend-journal" ] || fail "check mode of discarded removed a journal"
play 0 -e imgmend_state=discarded
all_hosts changed=1
no_journal "$alpha"
no_journal "$beta"
play 0 -e imgmend_state=discarded
all_hosts changed=0
cmp "$alpha" alpha.new || fail "discarded: the image changed"

# ---- what was interrupted

# interrupt: alpha is its old image, and a repair was killed in the middle
interrupt() {
	cp --sparse=always old/disk.img "$alpha"
	DISK=$alpha
	shim write image 3 KILL "$IMGMEND" fix --yes -q "$alpha" >out 2>err </dev/null && fail "the repair was not killed"
	check_eq "state" repairing "$("$IMGMEND" status --json "$alpha" | jq -r .state)"
	before=$(state_of "$alpha")
}

interrupt
for check in --check --diff; do
	play 2 --limit alpha $check
	recap alpha changed=0 failed=1
	[[ $(value alpha .msg) = *"a repair was interrupted (its journal is $alpha.imgmend-journal)"*"resume: true"* ]] ||
		fail "an interrupted repair: $(value alpha .msg)"
done
play 2 --limit alpha -e imgmend_state=discarded
[[ $(value alpha .msg) = *"only this journal can end it"* ]] || fail "discarded: $(value alpha .msg)"
play 0 --limit alpha -e imgmend_state=scanned
check_eq "a scan of an interrupted repair" repair-in-progress "$(value alpha '.findings[0].id')"
play 0 --limit alpha -e imgmend_resume=true --check --diff
recap alpha changed=1 failed=0
grep -qxF -e '+the interrupted repair is finished' out || fail "the difference does not speak of the interrupted repair"
check_eq "the image after check mode" "$before" "$(state_of "$alpha")"
play 0 --limit alpha -e imgmend_resume=true
recap alpha changed=1 failed=0
cmp "$alpha" alpha.new || fail "the resumed image is not the repaired one"
play 0 --limit alpha -e imgmend_resume=true
recap alpha changed=0 failed=0

# the image is used after the repair: no way back, and check mode knows it
printf 'used' | dd of="$alpha" bs=1 seek=1048580 conv=notrunc status=none
for check in --check --diff; do
	play 2 --limit alpha -e imgmend_state=undone $check
	[[ $(value alpha .msg) = *"$alpha"*"has been used since the repair"* ]] || fail "a used image: $(value alpha .msg)"
done
rm "$alpha.imgmend-journal"
interrupt
play 0 --limit alpha -e imgmend_state=undone
recap alpha changed=1 failed=0
cmp "$alpha" old/disk.img || fail "undone: an interrupted repair is not taken back"
no_journal "$alpha"

# ---- options and exit statuses, one task at a time

# task STATUS JSON: run the module on alpha
task() {
	local want=$1 rc=0
	LAST=(ansible -a "$2")
	LC_ALL=C.UTF-8 ansible alpha -i good.yml -M "$contrib/library" -m imgmend -o -a "$2" >out 2>err </dev/null || rc=$?
	sed -n 's/^alpha | [A-Z!]* *\(=> \)*{/{"host": "alpha", /p' out >results.ndjson
	[ $rc = "$want" ] || { show_last; fail "\"$2\": expected exit status $want, got $rc"; }
}

# arguments FILTER: the program, the image, and what the filter adds, as JSON
arguments() {
	jq -nc --arg program "$program" --arg image "$alpha" '{ executable: $program, path: [$image] } + '"$1"
}

# message WORD...: of a task that failed
message() {
	for word; do
		[[ $(value alpha .msg) = *"$word"* ]] || { show_last; fail "the message does not name \"$word\""; }
	done
}

task 0 "$(arguments '{ state: "fixed", align: "4096s", grow: false, strategy: "direct", deep: true, verify: true, allow: ["dirty"],
	format: "raw", sector_size: 512, journal: "'"$WORK"'/the.journal", manifest: "'"$WORK"'/manifest.json" }')"
check_eq "where partition 1 begins with another alignment" 2097152 "$(start 1 "$alpha")"
check_eq "the journal" "$WORK/the.journal" "$(value alpha '.images[0].journal')"
check_eq "the manifest" "$(sha256sum <old/disk.img | cut -d' ' -f1)" "$(jq -r .old_sha256 manifest.json)"
check_eq "strategy" direct "$(value alpha '.images[0].plan.strategy')"
no_journal "$alpha"
task 0 "$(arguments '{ state: "undone", journal: "'"$WORK"'/the.journal" }')"
cmp "$alpha" old/disk.img || fail "undone with a journal elsewhere"
[ ! -e the.journal ] || fail "the journal elsewhere was left"
task 2 "$(arguments '{ state: "fixed", only: ["fat-reserved-short"], grow: false }')"
message "imgmend plan refused (exit status 4)" "$alpha" "no room"
task 2 "$(arguments '{ state: "fixed", align: "nonsense" }')"
message "was called wrongly (exit status 16)" nonsense
task 2 "$(arguments '{ state: "fixed", path: ["'"$WORK"'/missing.img"] }')"
message "failed (exit status 8)" "$WORK/missing.img" "No such file"
task 2 "$(arguments '{ state: "fixed", path: ["x", "y"], journal: "z" }')"
message 'the option "journal" takes one image'
task 2 "$(arguments '{ executable: "no-such-imgmend" }')"
message no-such-imgmend
for i in 32 9; do
	printf '#!/bin/sh\n[ %d = 32 ] && echo "imgmend: stopped on request" >&2 && exit 32\nkill -9 $$\n' $i >fake$i
	chmod +x fake$i
done
task 2 "$(arguments '{ state: "undone", executable: "'"$WORK"'/fake32" }')"
message "was cancelled (exit status 32)" "$alpha" "stopped on request"
task 2 "$(arguments '{ state: "fixed", executable: "'"$WORK"'/fake9" }')"
message "was ended by signal 9" "$alpha"

# a folder: the good are in the result, the bad in the message, and a finding is no failure
mkdir folder
cp --sparse=always old/one.img old/good.img folder/
task 0 "$(arguments '{ path: ["'"$WORK"'/folder"], jobs: 2 }')"
check_eq "a folder" "good.img 0 one.img 4 false" "$(value alpha '[(.images[] | (.path | split("/")[-1]), .rc), .changed] | join(" ")')"
printf 'QFI\373' >folder/bad.qcow2
head -c 1000 /dev/zero >>folder/bad.qcow2
task 2 "$(arguments '{ path: ["'"$WORK"'/folder"] }')"
message folder/bad.qcow2
check_eq "the good ones of a folder" "good.img one.img" "$(value alpha '[.images[].path | split("/")[-1]] | join(" ")')"

# ---- what imgmend-many(7) says about it, in a copy of the folder

cp -r "$contrib" examples
cp good.yml examples/inventory
cp --sparse=always old/disk.img "$alpha"
cd examples
export LC_ALL=C.UTF-8 PATH=$(dirname "$program"):$PATH
follow 0 ansible
check_eq "alpha, first in check mode" "changed=1 changed=1" "$(grep '^alpha  *:' "$WORK/out" | grep -o 'changed=.' | paste -sd ' ')"
check_eq "partitions of alpha" "1048576 9437184" "$(start 1 "$alpha") $(start 2 "$alpha")"
grep -qxF -e '-partition 1: bytes 512 to 8389119' "$WORK/out" || fail "the recipe shows no difference"
follow 0 ansible-doc
grep -q '^= path' "$WORK/out" || fail "the recipe shows no documentation"
