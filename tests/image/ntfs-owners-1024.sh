#!/usr/bin/env bash
# ntfs-owners-1024.sh - owners of every kind in the boot area of a volume with clusters of 1024 bytes.
exec bash "$(dirname "${BASH_SOURCE[0]}")/ntfs-owners.sh" 1024
