#!/usr/bin/env bash
# ntfs-findings.sh - boot areas of NTFS that are wrong without user data in them, and what only --deep finds.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/ntfs-lib.sh"
find_ntfs_helpers

# fresh CLUSTER [MKNTFS-OPTION...]
fresh() {
	ntfs_format "$1" $((64 * MIB)) "${@:2}"
	quiet ntfsfill vol plain /plain 100000
}

# found ID REGEX [OPTION...]: the only error finding of scan
found() {
	local id=$1 regex=$2
	shift 2
	run 4 scan "$@" --json vol
	check_eq "error findings" "$id" "$(jq -r '[.findings[] | select(.severity == "error") | .id] | unique | join(" ")' out)"
	run 4 scan "$@" vol
	says "scan" "$regex"
}

# repaired: fix leaves nothing, undo brings it back
repaired() {
	ntfs_fix vol
	ntfs_good vol
	ntfs_undo vol
}

# $Boot declares too little, whatever the cluster size: also where one cluster is the whole boot area.
for c in 512 4096 8192 65536 2097152; do
	fresh $c
	quiet mkbadntfs -b size -s 4096 vol
	found boot-file-short 'declares a size of 4096'
	ntfs_fix vol
	ntfsmap vol 2>/dev/null | awk -F'\t' '$1 == 7 && $2 == "0x80" { exit !($5 >= 8192 && $6 >= 8192) }' ||
		fail "\$Boot declares fewer than 8192 bytes with clusters of $c"
	ntfs_undo vol
done

# It covers too little, and nobody is there.
fresh 1024
quiet mkbadntfs -s 2048 vol
found boot-file-short 'covers 2048 bytes, .* bytes 2048 to 8191'
repaired
fresh 4096 -s 4096
quiet mkbadntfs vol
run 4 scan --sector-size 4096 vol
says "4096-byte sectors" 'covers 4096 bytes'

# $Bitmap would give the boot area away.
fresh 2048
quiet mkbadntfs -b whole -f vol
found boot-area-free 'marks 2 clusters of the boot area as free'
repaired

# Elsewhere: not for us.
fresh 4096
quiet mkbadntfs -b moved vol
found boot-file-short 'does not start at cluster 0'
ntfs_refused "a \$Boot elsewhere" 'chkdsk'

# A second owner of a cluster that is $Boot's: nothing but a walk of all records shows it.
fresh 4096
quiet mkbadntfs -b whole -o /plain -x vol
run 0 scan vol
found data-in-boot-area 'plain.*somebody else owns' --deep
run 4 plan --deep vol
says "a cross-link" 'two owners'

# One volume of several, and only the finding that is asked for.
fresh 4096
quiet mkbadntfs -o /plain vol
run 16 plan --only data-in-the-boot-area vol
run 0 plan --only hidden-sectors-mismatch vol
run 4 plan --only data-in-boot-area vol
says "a plan" 'leaves the boot area'
