#!/usr/bin/env bash
# powercut-btrfs.sh - the power is cut in repairs of images on btrfs: a few disks of each case.
exec bash "$(dirname "${BASH_SOURCE[0]}")/powercut.sh" btrfs 2 direct journalled inside writeonce reflink
