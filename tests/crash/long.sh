#!/usr/bin/env bash
# long.sh - the whole crash campaign: more than 100,000 crash states, and tampered journals by the thousand.
set -eu
crash=$IMGMEND_TEST_SUPPORT/../crash
"$crash/campaign" --plans 300 --seed 20000
"$crash/alter" --plans 600 --seed 20000
