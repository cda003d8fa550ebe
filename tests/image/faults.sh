#!/usr/bin/env bash
# faults.sh - the Nth read, write, sync, allocation … of a repair, a resume or an undo fails: never silent, nothing lost.
#
#	faults.sh [-a] [-s SEED] [-t SECONDS] [-k] [WORD...]
#
# Every system call that the program makes on the image, on its journal and on their folder, and every
# allocation, is made to fail in every way that suits it. Then: the run has ended well and the image is exactly
# as planned; or it says what failed, status tells the truth, resume gives the planned image and, from the same
# state, undo the old one. Interrupted calls and short transfers must not show at all.
# Takes points in an order that SEED gives, one of each class first, for SECONDS (20); -a, and make check-long: all there are.
# -k goes on after a failure; a WORD is an extended regular expression that a point's line must match.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/fault-lib.sh"
needs jq mkfs.fat mcopy cmp shuf openssl
find_helpers
find_shim

seed=1 seconds=20 all=$(sample "" all) keep=
while getopts as:t:k option; do
	case $option in
	a) all=1 ;;
	s) seed=$OPTARG ;;
	t) seconds=$OPTARG ;;
	k) keep=1 ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))

# ---- the cases: one that grows and moves straight, one that moves through the journal, one that only edits

make_fat bad.img 8193
make_case direct bad.img
make_fat bad.img 8300
make_case journalled bad.img --align 8K
make_fat bad.img 12288
run 1 fix --yes bad.img
run 0 discard --yes bad.img
printf '\1' | dd of=bad.img bs=1 seek=$((MIB + 28)) conv=notrunc status=none
make_case edit bad.img --only hidden-sectors-mismatch

# before_end COMMAND...: the command fails at the fourth to last write to its journal
before_end() {
	local n
	n=$(calls_of write journal)
	shim write journal $((n - 3)) EIO "$@" >out 2>err && fail "\"$*\" does not mind a write that fails"
	return 0
}

# States to begin with: interrupted on the way forward, repaired, interrupted on the way back.
make_states() {
	put_state "$1" old
	shim_counts "$IMGMEND" fix --yes --plan "$WORK/$1/plan.json" "$DISK" >out 2>err || true
	put_state "$1" old
	before_end "$IMGMEND" fix --yes --plan "$WORK/$1/plan.json" "$DISK"
	keep_state "$1" repairing
	put_state "$1" repaired
	shim_counts "$IMGMEND" undo --yes "$DISK" >out 2>err
	put_state "$1" repaired
	before_end "$IMGMEND" undo --yes "$DISK"
	keep_state "$1" undoing
}

# A verb, the state it begins with, and the image that it comes to with the exit status.
starts="fix:old:new:1 plan+fix:old:new:1 resume:repairing:new:1 undo:repairing:old:0 undo:repaired:old:0
	resume:undoing:old:0 undo:undoing:old:0"

# run_verb VERB COMMAND...
run_verb() {
	local verb=$1 options=()
	shift
	case $verb in
	fix) options=(--plan "$WORK/$CASE/plan.json") ;;
	plan+fix) verb=fix options=("${PLAN_OPTIONS[@]}") ;;
	esac
	LAST=("${@:1:5}" imgmend "$verb")
	"$@" "$IMGMEND" "$verb" --yes ${options[@]+"${options[@]}"} "$DISK" >"$WORK/out" 2>"$WORK/err" </dev/null
}

use_case() {
	CASE=$1
	case $1 in
	journalled) PLAN_OPTIONS=(--align 8K) ;;
	edit) PLAN_OPTIONS=(--only hidden-sectors-mismatch) ;;
	*) PLAN_OPTIONS=() ;;
	esac
}

# ---- the points

hows() {
	case $1 in
	read) echo EIO EINTR SHORT SHORT+ ;;
	write) echo EIO EIO+ ENOSPC ENOSPC+ EINTR SHORT SHORT+ KILL ;;
	sync) echo EIO EIO+ ENOSPC EINTR KILL ;;
	truncate) echo EIO ENOSPC ENOSPC+ EINTR ;;
	fallocate) echo EIO ENOSPC ENOSPC+ EINTR EOPNOTSUPP EOPNOTSUPP+ ;;
	seek) echo EIO EINVAL+ ;;
	open) echo EIO EACCES EMFILE EINTR ;;
	unlink) echo EIO EACCES ;;
	malloc) echo ENOMEM ENOMEM+ ;;
	esac
}

# The kinds of calls, by file.
pairs="read:image read:journal write:image write:journal sync:image sync:journal sync:folder truncate:image
	truncate:journal fallocate:image fallocate:journal seek:image open:image open:journal open:folder
	unlink:journal malloc:any"

# points_of CASE START: "CASE VERB STATE GOAL STATUS KIND WHICH HOW N" for every call of one run of fix; of planning
# only what it adds, and of the verbs behind it at most SAMPLE calls of a kind
SAMPLE=12
points_of() {
	local verb from goal status pair kind which n how i step
	IFS=: read -r verb from goal status <<<"$2"
	put_state "$1" "$from"
	run_verb "$verb" shim_counts || [ $? = "$status" ] || { show_last; fail "$1 $verb without a fault fails"; }
	for pair in $pairs; do
		IFS=: read -r kind which <<<"$pair"
		n=$(calls_of "$kind" "$which")
		echo "$pair $n" >>counts
		# a build that counts its lines crashes in libgcov where that finds no memory
		[ "$kind" != malloc ] || [[ ${MUTANT_CFLAGS-} != *--coverage* ]] || continue
		case $verb:$kind in
		fix:malloc) continue ;; # json-c 0.16 itself crashes where it finds no memory while it reads the plan
		fix:*) step=1 ;;
		plan+fix:read | plan+fix:open | plan+fix:malloc) step=1 ;;
		plan+fix:*) continue ;;
		*) step=$((n / SAMPLE + 1)) ;;
		esac
		for how in $(hows "$kind"); do
			for ((i = 1 + n % step; i <= n; i += step)); do
				echo "$1 $verb $from $goal $status $kind $which $how $i"
			done
		done
	done
}

for CASE in direct journalled edit; do
	use_case "$CASE"
	make_states "$CASE"
	for start in $starts; do points_of "$CASE" "$start"; done
done >points

# every kind of call must be seen, or the shim stands beside what the program calls
awk '{ n[$1] += $2 } END { for (k in n) if (!n[k]) print k }' counts >unseen
[ ! -s unseen ] || fail "the shim has seen no call of $(tr '\n' ' ' <unseen)"

# ---- one point

# ended_well: the exit status says so; then it must be so
ended_well() {
	cmp -s "$WORK/$CASE/$goal.img" "$DISK" || oops "exit status $status, but the image is not the $goal one"
	if [ "$goal" = old ]; then
		no_journal "$DISK"
		return
	fi
	[ -e "$JOURNAL" ] || oops "a repair without a journal"
	status_is_true
	can_be_undone
}

# what failed, and of which file, must be said
said_so() {
	[ -s "$WORK/err" ] || oops "ended with $1 and said nothing"
	if [ "$kind" = malloc ]; then
		says "$POINT" "memory"
	else
		says "$POINT" "$DISK|journal|$T"
		says "$POINT" "input/output error|no space left|permission denied|too many open files|invalid argument|not supported"
	fi
}

try_point() {
	local verb from goal status kind which how n rc=0 called
	read -r CASE verb from goal status kind which how n <<<"$1"
	POINT=$1
	use_case "$CASE"
	put_state "$CASE" "$from"
	run_verb "$verb" shim "$kind" "$which" "$n" "$how" || rc=$?
	case $how:$rc in
	KILL:137)
		both_ways
		return
		;;
	ENOMEM*:134) # libgcrypt ends the process where it finds no memory to set itself up
		grep -qiE '^fatal(:| error:).*cannot allocate memory' err || oops "aborted"
		both_ways
		return
		;;
	EINTR*:"$status" | SHORT*:"$status" | *:"$status") ended_well ;;
	EINTR*:* | SHORT*:*) oops "ended with $rc, expected $status" ;;
	*:4 | *:8)
		said_so $rc
		both_ways
		;;
	*) oops "ended with $rc" ;;
	esac
	[ -s report ] || oops "faultshim has not counted"
	! grep -q '0$' report || missed=$((missed + 1))
}

shuf --random-source=<(openssl enc -aes-128-ctr -pass pass:"$seed" -nosalt -pbkdf2 </dev/zero 2>/dev/null) points |
	awk '{ c = $1 $2 $3 $6 $7 $8; print ++n[c], $0 }' | sort -n -s -k1,1 | cut -d' ' -f2- >order
[ $# = 0 ] || for word; do grep -E -- "$word" order >picked || true; mv picked order; done

began=$(date +%s)
tried=0 missed=0 bad=0
while read -r point; do
	[ -n "$all" ] || [ $(($(date +%s) - began)) -lt "$seconds" ] || break
	tried=$((tried + 1))
	if [ -z "$keep" ]; then
		try_point "$point"
	else
		(trap - EXIT; try_point "$point") >one.log 2>&1 || { bad=$((bad + 1)); cat one.log; }
	fi
done <order
note "$tried fault points of $(wc -l <points) tried (seed $seed), $missed of them not reached"
awk '{ print $6 ":" $7 }' order | head -n $tried | sort | uniq -c | awk '{ printf "%s %s, ", $2, $1 } END { print "" }'
[ $bad = 0 ] || fail "$bad of $tried fault points came to a bad end"
