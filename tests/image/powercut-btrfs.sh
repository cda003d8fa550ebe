#!/usr/bin/env bash
# powercut-btrfs.sh - the power is cut in repairs of images on btrfs: a few disks of two cases.
exec bash "$(dirname "${BASH_SOURCE[0]}")/powercut.sh" btrfs 1 journalled reflink
