#!/usr/bin/env bash
# ntfs-owners-2048.sh - owners of every kind in the boot area of a volume with clusters of 2048 bytes.
exec bash "$(dirname "${BASH_SOURCE[0]}")/ntfs-owners.sh" 2048
