#!/usr/bin/env bash
# bench.sh - imgmend beside the floor, sfdisk, dd and blkid, in turns.
#
#	bench.sh [-n TURNS] [-m MIB] [-M MIB] [-o FOLDER] [GROUP...]
#
# With -M all of it has that much memory, page cache included, as beside images that are larger than the machine's.
# GROUPs: dense large hosts loop sparse throttled metadata extents containers scan deep memory owner; without one, all. MIB is the size of the dense
# partition (1024). The results go to FOLDER (the current one) as results.json and results.svg.
#
#	dense		a partition of random data moves: by 1 MiB - 512, 4096, 7680 bytes and 16 MiB - 512, on this file system
#	large		… of four times as many bytes, beside the floor and sfdisk
#	hosts		the same by 7680 bytes and 1 MiB - 512, the image lying on ext4, xfs and btrfs
#	loop		… on a loop device
#	sparse		64 GiB of which one in a hundred MiB is data
#	throttled	the same by 7680 bytes on ext4, xfs and btrfs, on a disk of 100 MB/s
#	metadata	by 1044480 bytes on ext4, xfs and btrfs, where no data need move
#	extents		the same on ext4, of images of many pieces: 1, 4 and 16 GiB, 8192 and 32768 pieces
#	containers	a raw file over NBD, a qcow2 and a vhdx, beside the raw file, nbdcopy and qemu-img convert
#	scan		1000 images
#	deep		a search for shadow copies: 4 GiB of random data, and 64 GiB of which one in a hundred MiB is data
#	memory		peak memory of a repair and of a scan
#	owner		a scan that names the owner of a cluster among 200,000 files, beside ntfscluster and a read of the MFT
set -eu
TURNS=7 MIB=1024 OUT=$PWD
LIMIT=
while getopts n:m:M:o: option; do
	case $option in
	n) TURNS=$OPTARG ;;
	m) MIB=$OPTARG ;;
	M) LIMIT=$OPTARG ;;
	o) OUT=$(cd "$OPTARG" && pwd) ;;
	*) exit 16 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- dense large hosts loop sparse throttled metadata extents containers scan deep memory owner
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"
. "$here/moving.sh"
. "$here/hosts.sh"
. "$here/looking.sh"
. "$here/containers.sh"
. "$here/owner.sh"
find_program
[ -z "$LIMIT" ] || limit_memory "$LIMIT"
: >"$OUT/results.ndjson"
truncate -s 16M warm.img
echo 'start=8, type=83' | sfdisk -q warm.img
for group; do
	declare -F "bench_$group" >/dev/null || stop "there is no group $group"
	"bench_$group"
done
jq -s . "$OUT/results.ndjson" >"$OUT/results.json"
rm "$OUT/results.ndjson"
bash "$here/chart.sh" <"$OUT/results.json" >"$OUT/results.svg"
echo "results: $OUT/results.json, $OUT/results.svg"
