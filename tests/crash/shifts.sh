#!/usr/bin/env bash
# shifts.sh - every cut point of a repair by the shifts that matter: one sector, the 4096-byte assumption, LBA 1 to
# byte 8192, and LBA 1 to 1 MiB.
set -eu
for shift in 512 4096 7680 1048064; do
	printf 'shift by %s bytes: ' "$shift"
	"$IMGMEND_TEST_SUPPORT/../crash/campaign" --shift "$shift" --plans 1 --seed 7
done
