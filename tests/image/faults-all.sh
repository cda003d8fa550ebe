#!/usr/bin/env bash
# faults-all.sh - every fault point of faults.sh.
exec bash "$(dirname "${BASH_SOURCE[0]}")/faults.sh" -a
