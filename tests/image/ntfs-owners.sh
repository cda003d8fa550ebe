#!/usr/bin/env bash
# ntfs-owners.sh - owners of every kind in an NTFS volume's boot area, for cluster sizes below 8 KiB.
#
#	ntfs-owners.sh [-f|-s] [CLUSTER]...
#
# -f makes and judges the fixtures only, -s goes on to scan and no further, -k goes on after a failure. make check takes one owner of
# each way to be moved; make check-long, and a CLUSTER, all of them.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/ntfs-lib.sh"
find_ntfs_helpers
extent=full
keep_going=
failed=0
while getopts fsk opt; do
	case $opt in
	f) extent=fixtures ;;
	s) extent=scan ;;
	k) keep_going=yes ;;
	*) exit 16 ;;
	esac
done
shift $((OPTIND - 1))

# owner KIND NAME OPTION...: a volume spoiled with these options, and its round. ntfscluster must
# give NAME clusters of the first 8 KiB, the findings must name its path and its MFT record.
owner() {
	note "clusters of $CLUSTER, $1"
	if [ -n "$keep_going" ]; then
		# In a shell of its own, without the work folder's trap; in the background, or -e would not count.
		(trap - EXIT; try_owner "$@") &
		wait $! || failed=$((failed + 1))
		rm -f vol.imgmend-journal*
	else
		try_owner "$@"
	fi
}

try_owner() {
	local kind=$1 named=$2 record
	shift 2
	cp --sparse=always healthy.vol vol
	ntfs_spoil "$@"
	grep -qF -- "$named" owners || fail "$kind: ntfscluster does not find $named in the first 8 KiB: $(cat owners)"
	record=$(grep -v '^7 ' owners | head -n 1 | cut -d' ' -f1)
	case $extent in
	scan) ntfs_scan vol 0 "$(words "$named")" "record $record" ;;
	full) ntfs_round "$(words "$named")" "record $record" ;;
	esac
}

# words NAME: the path in it, without the first slash and without what ntfscluster puts behind
words() {
	echo "$1" | sed 's,/\$[A-Z_]*\((.*)\)\?$,,; s,^/\./\?,/,; s,^/,,'
}

some_owners() {
	owner "in a folder" '/dir/inner/$DATA' -o /dir/inner
	owner compressed '/compressed/$DATA' -o /compressed -v 1
	owner "root directory" '/./$INDEX_ALLOCATION($I30)' -o 5 -t index
	owner "its attribute list" '/shattered/$ATTRIBUTE_LIST' -o /shattered -t list
	owner '$MFT' '/$MFT/$DATA' -o 0
	owner '$LogFile' '/$LogFile/$DATA' -o 2
	[ "$CLUSTER" = 4096 ] || owner "two owners" '/dir/inner/$DATA' -o /plain -n 1 -o /dir/inner -n 1
}

every_owner() {
	owner plain '/plain/$DATA' -o /plain
	owner "in the midst" '/plain/$DATA' -o /plain -v 5
	owner "in a folder" '/dir/inner/$DATA' -o /dir/inner
	owner "a name beyond ASCII" '/dir/Grüße/$DATA' -o /dir/Grüße
	owner sparse '/sparse/$DATA' -o /sparse
	owner compressed '/compressed/$DATA' -o /compressed -v 1
	owner encrypted '/encrypted/$DATA' -o /encrypted
	owner "its keys" '/encrypted/$LOGGED_UTILITY_STREAM($EFS)' -o '/encrypted:$EFS' -t efs
	owner "named stream" '/plain/$DATA(extra)' -o /plain:extra
	owner directory '/dir/$INDEX_ALLOCATION($I30)' -o /dir -t index
	owner "root directory" '/./$INDEX_ALLOCATION($I30)' -o 5 -t index
	owner "attribute list" '/streams/$ATTRIBUTE_LIST' -o /streams -t list
	owner "fragmented" '/fragmented/$DATA' -o /fragmented -v 20
	owner "fragmented over many records" '/shattered/$DATA' -o /shattered
	owner "its last record" '/shattered/$DATA' -o /shattered -v 1900
	owner "its attribute list" '/shattered/$ATTRIBUTE_LIST' -o /shattered -t list
	owner '$MFT' '/$MFT/$DATA' -o 0
	owner 'start of $MFT' '/$MFT/$DATA' -o 0 -t bitmap -l any -o 0 -v 0 -n 16 -l any -o 0 -v 0 -n "$MFT_CLUSTERS"
	owner 'bitmap of $MFT' '/$MFT/$BITMAP' -o 0 -t bitmap
	owner '$MFTMirr' '/$MFTMirr/$DATA' -o 1
	owner '$LogFile' '/$LogFile/$DATA' -o 2
	owner '$Bitmap' '/$Bitmap/$DATA' -o 6
	owner '$Secure' '/$Secure/$DATA($SDS)' -o '9:$SDS'
	owner "past the area's end" '/plain/$DATA' -o 0 -t bitmap -l any -o /plain -n $((4096 / CLUSTER + 1))
	[ "$CLUSTER" = 4096 ] || owner "two owners" '/dir/inner/$DATA' -o /plain -n 1 -o /dir/inner -n 1
	[ "$CLUSTER" = 4096 ] || small_boot
}

# Only one cluster is left to $Boot, and every other one below 8192 has an owner.
small_boot() {
	BOOT_LEFT=$CLUSTER
	owner "behind a single cluster" '/plain/$DATA' -s "$CLUSTER" -o /plain
	BOOT_LEFT=4096
}

# healthy CLUSTER [MKNTFS-OPTION...]
healthy() {
	ntfs_make "$@"
	ntfs_good vol
	ntfs_remember
	cp --sparse=always vol healthy.vol
}

extensive=$(sample "" yes)
if [ $# -gt 0 ]; then extensive=yes; else set -- $(sample "512 4096" "512 1024 2048 4096"); fi
for c; do
	healthy "$c"
	MFT_CLUSTERS=$((16384 / c < 16 ? 16384 / c : 16))
	if [ -n "$extensive" ]; then every_owner; else some_owners; fi
done

# Sectors of 4096 bytes: the boot area is two of them.
if [ "$CLUSTER" = 4096 ]; then
	SECTOR=4096
	healthy 4096 -s 4096
	owner "on sectors of 4096 bytes" '/plain/$DATA' -o /plain
	[ -z "$extensive" ] || owner '$MFTMirr on sectors of 4096 bytes' '/$MFTMirr/$DATA' -o 1
fi
[ $failed = 0 ] || fail "$failed owners"
