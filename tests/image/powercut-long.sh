#!/usr/bin/env bash
# powercut-long.sh - the power is cut in repairs of images on ext4, xfs and btrfs: some hundreds of disks on each.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
skipped=
for fs in ext4 xfs btrfs; do
	rc=0
	bash "$here/powercut.sh" $fs "${CUTS:-25}" && bash "$here/powercut-clones.sh" $fs 25 || rc=$?
	case $rc in
	0) ;;
	77) skipped="$skipped $fs" ;;
	*) exit $rc ;;
	esac
done
[ -z "$skipped" ] || { echo "SKIP: not on$skipped (the reason is above)"; exit 77; }
