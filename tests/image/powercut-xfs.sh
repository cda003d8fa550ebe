#!/usr/bin/env bash
# powercut-xfs.sh - the power is cut in repairs of images on xfs: a few disks of three cases.
exec bash "$(dirname "${BASH_SOURCE[0]}")/powercut.sh" xfs 1 journalled writeonce fills
