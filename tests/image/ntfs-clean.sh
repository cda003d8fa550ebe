#!/usr/bin/env bash
# ntfs-clean.sh - NTFS volumes whose boot area is as it should be: no finding, whatever the cluster size.
#
# Made by mkntfs with cluster sizes from 512 bytes to 2 MiB, full of files where they fit, and
# other people's images. Where $Boot is short though nobody is harmed yet, that is told apart.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/ntfs-lib.sh"
find_ntfs_helpers
needs xz

area_ids='"boot-file-short", "data-in-boot-area", "volsnap-collision"'

# clean IMAGE: nothing to say of any boot area
clean() {
	local before
	before=$(state_of "$1")
	run '0|4' scan --json "$1"
	check_eq "findings on the boot area of $1" "" \
		"$(jq -c ".findings[] | select(.id | IN($area_ids))" out)"
	check_eq "$1 after scan" "$before" "$(state_of "$1")"
}

# healthy CLUSTER BYTES [MKNTFS-OPTION...]
healthy() {
	ntfs_format "$@"
	quiet ntfsfill vol plain /plain 100000 directory /dir 60
	clean vol
	run 0 scan vol
	run 0 fix --yes vol
}

for c in 512 1024 2048 4096; do
	ntfs_make $c
	clean vol
	ntfs_good vol
	run 0 fix --yes vol
done
for c in $(sample 8192 "8192 16384 32768 65536"); do healthy $c $((24 * MIB)); done
for c in $(sample 131072 "131072 262144 524288"); do healthy $c $((96 * MIB)); done
for c in $(sample "" 1048576); do healthy $c $((384 * MIB)); done
healthy 2097152 $((512 * MIB))
for c in $(sample 65536 "4096 8192 65536"); do healthy $c $((24 * MIB)) -s 4096; done

# What mkbadntfs can do short of an owner: told apart by ids, never data in the area.
only() {
	run '0|4' scan --json vol
	check_eq "data in the boot area, where nobody owns it" 0 \
		"$(jq '[.findings[] | select(.id == "data-in-boot-area")] | length' out)"
	check_eq "$1: boot-file-short" "$2" "$(jq '[.findings[] | select(.id == "boot-file-short")] | length' out)"
}
for c in 512 4096; do
	ntfs_make $c
	cp --sparse=always vol healthy.vol
	quiet mkbadntfs vol
	only "the clusters behind \$Boot are free" 1
	for options in -k "-b size" "-b moved"; do
		cp --sparse=always healthy.vol vol
		quiet mkbadntfs $options vol # split into words on purpose
		only "mkbadntfs $options" 1
	done
done
rm -f vol healthy.vol

# ---- other people's images, with the cluster sizes that they are known for
images=${IMGMEND_SHARED_IMAGES:-$HERE/../../../shared/images}
[ -e "$images/INDEX.tsv" ] || skip "the shared images are not here; volumes of mkntfs scan clean"

# cluster_of IMAGE START
cluster_of() {
	local per
	per=$(le "$1" $(($2 + 13)) 1)
	[ "$per" -le 128 ] || per=$((1 << 256 - per))
	echo $((per * $(le "$1" $(($2 + 11)) 2)))
}

# NAME START CLUSTER...: the volumes of an image
known() {
	cat <<-'END'
		dftt7-undel-ntfs.dd 0:1024
		vr-ntfs-4k.raw 0:4096
		dfir-ntfs-2k.raw 65536:2048
		tsk-mmls1-2ntfs.raw 65536:4096
		ntfs-2m-clusters-win10.raw 65536:2097152
		ntfs-ptrn256m-win10.raw 65536:4096
		tiny-ntfs-512.dd 0:512
		dftt10-ntfs-ext2-ufs-disk.dd 32256:512
		ldm-2003r2-simple.img 32256:512
		etcher-gpt-win.img -
	END
}
known >known
while read -r name volumes; do
	[ -e "$images/$name.xz" ] || fail "$name is in this test, but not among the shared images"
	xz -dc "$images/$name.xz" | cp --sparse=always /dev/stdin "$name"
	for v in $volumes; do
		[ "$v" = - ] || check_eq "cluster size of $name at ${v%:*}" "${v#*:}" "$(cluster_of "$name" "${v%:*}")"
	done
	clean "$name"
	rm "$name"
done <known
# Every raw image of the index that holds NTFS is one of them.
while IFS=$'\t' read -r name _ _ _ _ format _ fs _; do
	[ "$format" != raw ] || [[ $fs != *NTFS* ]] || grep -q "^$name " known ||
		fail "$name is an NTFS image of the index, but not in this test"
done <"$images/INDEX.tsv"
