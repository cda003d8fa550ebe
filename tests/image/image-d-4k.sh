#!/usr/bin/env bash
# image-d-4k.sh - sectors of 4096 bytes, MBR, NTFS of 4096-byte sectors at LBA 1.
set -eu
SECTOR=4096
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/cycle.sh"
needs fdisk parted jq mkntfs ntfscp ntfscat ntfsfix
find_helpers

ntfs=4096 # sectors
truncate -s $(((1 + ntfs + 300) * 4096)) disk.img
mkmbr -s 4096 -c -i 4b4b4b4b disk.img 7:1:$ntfs:active
make_volume ntfs NTFSVOL $((ntfs * 4096)) 1
place NTFSVOL disk.img 4096

# The sector size must be recognised from the table ...
VOLUMES=(1:ntfs:NTFSVOL:abs)
NO_SECTOR_OPTION=1
full_cycle disk.img partition-in-reserved-area

# ... and the same plan comes out where it is given.
mv plan.json recognised.json
run 4 plan --json --sector-size 4096 disk.img
check_eq "segments with --sector-size 4096, beside those of the recognised size" \
	"$(jq -cS .segments recognised.json)" "$(jq -cS .segments out)"
