#!/usr/bin/env bash
# long.sh - the whole crash and fault campaigns: more than 100,000 crash states, and tampered journals by the thousand.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
crash=$IMGMEND_TEST_SUPPORT/../crash
"$crash/campaign" --plans 300 --seed 20000
for shift in 512 65536 1048576 16777216 67108864; do
	printf 'shift by %s bytes: ' "$shift"
	"$crash/campaign" --shift "$shift" --plans 1 --seed 20000 --cuts 12
done
bash "$here/layouts.sh" 150 20000
"$crash/faults" --plans 120 --seed 20000 --points 2000
"$crash/alter" --plans 600 --seed 20000
"$crash/badblock" --plans 5000 --seed 20000
