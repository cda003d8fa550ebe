#!/usr/bin/env bash
# ntfs-refusals.sh - data in the boot area of NTFS volumes that must not be edited: each is refused, and nothing written.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/ntfs-lib.sh"
. "$HERE/vss-lib.sh"
find_ntfs_helpers

healthy() {
	ntfs_format "$1" $((16 * MIB))
	quiet ntfsfill vol plain /plain 100000 plain /other 300000
}

# bad CLUSTER [OPTION...]: the volume that everything below would repair if it could
bad() {
	healthy "$1"
	quiet mkbadntfs "${@:2}" -o /plain vol
}

bad 4096
ntfs_scan vol 0 plain
run 4 plan vol

# ---- not clean
bad 4096 -d
ntfs_refused "a dirty volume" 'dirty|chkdsk|check'

# ---- changes in $LogFile that were not carried out: two restart pages, with a client and not clean
# restart_page LOG-SIZE FLAGS: in hex, up to the end of its client "NTFS"; the fix-ups are all zero
restart_page() {
	local bits=0 n
	for ((n = $1; n; n >>= 1)); do bits=$((bits + 1)); done
	printf 52535452					# RSTR
	number 30 2; number 9 2; number 0 8; number 4096 4; number 4096 4; number 48 2; number 1 2; number 1 2
	number 0 18					# fix-ups
	number 4096 8; number 1 2; number 65535 2; number 0 2; number "$2" 2; number $((67 - bits)) 4; number 208 2
	number 48 2; number "$1" 8; number 0 4; number 48 2; number 64 2; number 1 4; number 0 4
	number 0 16; number 65535 2; number 65535 2; number 0 8; number 8 4; printf 4e00540046005300
}

# log_with FLAGS
log_with() {
	local start size page
	bad 4096
	start=$(($(ntfs_start vol 2) * 4096))
	size=$(ntfsinfo -f -i 2 vol 2>/dev/null | sed -n 's/.*Data size:[^0-9]*\([0-9]*\).*/\1/p' | tail -n 1)
	page=$(restart_page "$size" "$1")
	dd if=/dev/zero of=vol bs=4096 seek=$((start / 4096)) count=2 conv=notrunc status=none
	put vol "$start" "$page"
	put vol $((start + 4096)) "$page"
}

log_with 0
ntfs_refused "a volume with an unclean log" 'LogFile'
log_with 2
run 4 plan vol
says "a clean log is reset" 'LogFile is reset'

head -c 4096 /dev/zero >hiberfil.sys
for word in hibr HIBR; do
	bad 4096
	printf %s $word | dd of=hiberfil.sys conv=notrunc status=none
	quiet ntfscp vol hiberfil.sys hiberfil.sys
	ntfs_refused "a hibernated volume ($word)" 'hibernat|fast start'
done

# ---- no room: as many clusters free as given; the message tells how many are missing
full() {
	quiet ntfsfill vol full /full "$1"
	check_eq "free clusters" "$1" "$(ntfsmap -f vol 2>/dev/null)"
}
bad 4096
full 0
ntfs_refused "a full volume" '\b1 (more |free )*cluster|no (room|space|free)'
says "a full volume: how many are missing" '\b1 (more |free )*cluster|4096 bytes'
bad 512
full 5
ntfs_refused "a volume with too few free clusters" 'cluster'
says "too few free clusters: how many are missing" '\b3 (more |free )*cluster|1536 bytes'
# One more would have been enough.
bad 4096
full 1
ntfs_round plain
bad 512
full 8
ntfs_round plain

# ---- clusters that $Bitmap calls free, and that are another file's: found by the whole MFT, not by $Bitmap
bad 4096
full 0
map=$(ntfsmap -r vol 2>/dev/null | awk -F'\t' '$1 == 6 && $2 == "0x80" { print $5 * 4096; exit }')
lcn=$(ntfs_start vol 65)
printf '\0\0' | dd of=vol bs=1 seek=$((map + lcn / 8 + 1)) conv=notrunc status=none
ntfs_refused "clusters that are free by \$Bitmap alone" 'belong to .*other.*Bitmap calls them free'

# ---- two owners of one cluster: which of them is right, nobody knows
bad 4096
quiet mkbadntfs -b whole -o /other -x -l 1 -n 1 vol
run 4 scan --json vol
ntfs_refused "a cluster with two owners" 'plain|other|two|both|cross|share'

# ---- snapshots: their catalog holds absolute offsets, their stores would see the change
# with_snapshot [OPTION...]: the same, and catalog and store are where their entries say
with_snapshot() {
	healthy 4096
	vss_files vol
	quiet mkbadntfs "$@" -o "$VSS_FOLDER/$VSS_NAME" -l 1024 -o "$VSS_FOLDER/$VSS_STORE_NAME$VSS_NAME" -l 1028 \
		-o /plain vol
	vss_fill vol 4194304 $((4194304 + 16384))
}
with_snapshot -V 4194304
ntfs_refused "a volume with a snapshot in its catalog" 'snapshot|shadow'
# The header is gone, under the owner's bytes: the store's file still is one.
with_snapshot
ntfs_refused "a volume with a store, whose header is lost" 'snapshot|shadow'

# ---- clean after all: a hiberfil.sys that Windows has woken from is no reason
bad 4096
head -c 4096 /dev/zero >hiberfil.sys
quiet ntfscp vol hiberfil.sys hiberfil.sys
ntfs_round plain
