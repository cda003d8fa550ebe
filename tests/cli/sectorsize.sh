#!/usr/bin/env bash
# sectorsize.sh - the sector size is recognised from the table; one that makes no sense of it is said so, and refused.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
needs mke2fs jq
find_helpers

# a 4096-byte-sector disk: ext4 in sector 3 of it, byte 12288; read as 512-byte sectors it would start at byte 1536
truncate -s 20M disk.img
mke2fs -q -F -E offset=12288 disk.img 8M >/dev/null 2>&1
mkmbr -s 4096 -c disk.img 83:3:2048
before=$(digest disk.img)

run 0 scan --json disk.img
check_eq "sector size recognised" 4096 "$(jq .sector_size out)"
run 0 scan --json --sector-size 4096 disk.img
check_eq "sector size given" 4096 "$(jq .sector_size out)"
run 4 scan --json --sector-size 512 disk.img
check_eq "finding for the wrong size" 1 "$(jq '[.findings[] | select(.id == "other-sector-size")] | length' out)"
run 4 fix --yes --sector-size 512 disk.img
says "a repair with the wrong sector size" 'sector-size 4096'
check_eq "content after the refusal" "$before" "$(digest disk.img)"
echo "sectorsize: all well"
