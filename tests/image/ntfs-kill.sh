#!/usr/bin/env bash
# ntfs-kill.sh - SIGKILL at calls spread over the repair of an NTFS boot area; half resumed, half undone, byte-equal.
#
# Such a repair takes milliseconds, so no clock chooses the point: strace kills at the Nth write or flush of the volume or its journal.
# What a power cut between any two writes does is the crash campaign's business.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/ntfs-lib.sh"
find_ntfs_helpers
needs strace
points=$(sample 12 40)
CALLS=pwrite64,pwritev,fdatasync,fsync

ntfs_make 512
quiet mkbadntfs -o /plain -n 2 -o /shattered -v 1900 -n 2 -o 0 -n 1 -o 1 -n 1 -o '9:$SDS' -n 1 -o 6 -n 1 vol
ntfs_remember
ntfs_map vol >bad.map
cp vol old.img

# traced STRACE-OPTION...: fix, of which strace sees the calls on the volume and its journal; sets rc
traced() {
	under_strace -e trace=$CALLS -P "$WORK/vol" -P "$WORK/vol.imgmend-journal" "$@" -- fix --yes vol
}

traced
check_eq "exit status of an unkilled repair" 1 $rc
ntfs_good vol
ntfs_same_files vol bad.map
cp vol new.img
# Calls are counted by kind, in the thread that makes them: "KIND NUMBER", as many as there are of the thread with the most.
sed 's/^\([0-9]*\) *\([a-z0-9]*\)(.*/\1 \2/' calls | sort | uniq -c | sort -n |
	awk '{ n[$3] = $1 } END { for (kind in n) for (i = 1; i <= n[kind]; i++) print kind, i }' | sort -k1,1 -k2,2n >all-points
[ "$(wc -l <all-points)" -ge 40 ] || fail "only $(wc -l <all-points) calls were seen in a repair: the test says little"
awk -v of="$(wc -l <all-points)" -v want=$points 'int(NR * want / of) > int((NR - 1) * want / of)' all-points >points
run 0 undo --yes vol
cmp old.img vol || fail "undo of an unkilled repair did not restore the image"

# resumed WHERE: the planned image; a repair that had not begun is begun again
resumed() {
	"$IMGMEND" resume --yes vol >out 2>err </dev/null || true
	cmp -s old.img vol && run 1 fix --yes vol
	cmp new.img vol || { show_last; fail "$1: after resume the image is not the planned one"; }
	run 0 undo --yes vol
}

killed=0 touched=0 i=0
while read -r kind n; do
	i=$((i + 1))
	traced -e inject="$kind:signal=KILL:when=$n"
	case $rc in
	137) killed=$((killed + 1)) ;;
	1) ;;
	*) show_last; fail "$kind $n: a repair that was not killed ended with status $rc" ;;
	esac
	[ $rc = 1 ] || cmp -s old.img vol || touched=$((touched + 1))
	if [ $((i % 2)) = 1 ]; then
		resumed "$kind $n"
	else
		"$IMGMEND" undo --yes vol >out 2>err </dev/null || true
	fi
	cmp old.img vol || { show_last; fail "$kind $n: undo is not byte-equal to the old image"; }
	no_journal vol
done <points
note "$killed of $i repairs were killed, $touched of them half done"
[ $killed -ge $((points * 3 / 4)) ] || fail "only $killed of $i repairs were killed: the test says little"
[ $touched -ge $((points / 4)) ] || fail "only $touched of $i kills hit a half-written image: the test says little"
