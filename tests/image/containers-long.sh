#!/usr/bin/env bash
# containers-long.sh - the images of the main job, each in every container and over NBD.
#
# The scripts image-*.sh make them; their round on the raw image is replaced by the one of containers-lib.sh, on an image with
# room at its end, as most containers cannot grow.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scripts=$(mktemp -d "${TMPDIR:-/tmp}/imgmend-containers.XXXXXX")
trap 'rm -rf "$scripts"' EXIT
cat >"$scripts/cycle.sh" <<-'END'
	. "$HERE/containers-lib.sh"
	full_cycle() {
		# a GPT keeps its backup at the end, and has room before that
		sfdisk -d "$1" 2>/dev/null | grep -q '^label: gpt' || truncate -s +4M "$1"
		container_round "$1"
		exit 0
	}
END
bad=0
for name in image-a-fat16-ntfs image-b-ntfs-lba8 image-c-logical image-d-4k image-e-gpt-short image-f-bare-volume; do
	sed "s|^\. \"\$(dirname .*/lib.sh\"|. \"$here/lib.sh\"|; s|^\. \"\$HERE/cycle.sh\"|. \"$scripts/cycle.sh\"|" "$here/$name.sh" >"$scripts/$name.sh"
	rc=0
	bash "$scripts/$name.sh" || rc=$?
	[ $rc = 0 ] || bad=$rc
	echo "$name in containers: exit status $rc"
done
exit $bad
