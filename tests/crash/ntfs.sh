#!/usr/bin/env bash
# ntfs.sh - the crash campaign over real plans: user data leaves the boot area of an NTFS volume, which moves or not.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../image/lib.sh"
. "$here/../image/ntfs-lib.sh"
find_ntfs_helpers

# The log is not empty: 2 MiB of it are filled anew.
quiet_log() {
	local lcn
	lcn=$(ntfs_start vol 2)
	printf 'used before' | dd of=vol bs=1 seek=$((lcn * CLUSTER + 300000)) conv=notrunc status=none
}

# cut NAME IMAGE: cut the power in the repair of the image
cut() {
	run 4 plan -o "$1.plan" "$2"
	jq -e '[.segments[] | select(.kind == "fill")] | length > 0' "$1.plan" >/dev/null || fail "$1: no fill in the plan"
	jq -e '[.segments[] | select(.reason | test("leaves the boot area"))] | length > 0' "$1.plan" >/dev/null ||
		fail "$1: nothing leaves the boot area in the plan"
	"$IMGMEND_TEST_SUPPORT/../crash/campaign" --seed "${SEED:-7}" --cuts "$3" --image "$2" --plan "$1.plan" >campaign.log 2>&1 || {
		cat campaign.log
		fail "$1: the campaign over the plan"
	}
	cat campaign.log
	[ "$(sed -n 's/^crash states: \([0-9]*\),.*/\1/p' campaign.log)" -ge "$4" ] || fail "$1: too few crash states"
}

for c in 512 4096; do
	ntfs_format $c $((4 * MIB)) -p 8 -H 255 -S 63
	quiet ntfsfill vol plain /plain 100000
	quiet mkbadntfs -o /plain vol
	quiet_log
	cut "bare-$c" vol 60 400
done

truncate -s $((5 * MIB)) disk.img
mkmbr -c -i 4096b8b8 disk.img 7:8:8192:active
cp vol v.vol
place v disk.img 4096
cut combined disk.img 40 300
