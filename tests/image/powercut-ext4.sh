#!/usr/bin/env bash
# powercut-ext4.sh - the power is cut in repairs of images on ext4: a few disks of each case.
exec bash "$(dirname "${BASH_SOURCE[0]}")/powercut.sh" ext4 2 direct journalled inside fills
