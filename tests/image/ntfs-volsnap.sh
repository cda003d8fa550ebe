#!/usr/bin/env bash
# ntfs-volsnap.sh - Volsnap has written its header over a file in the boot area: the header stays, the file moves.
#
# The 512 bytes that the header took are lost: the moved file has zeros there, and nothing else of it changes.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/ntfs-lib.sh"
find_ntfs_helpers

# 0x1E00 lies 3584 bytes behind 4096, and so does the damage in the file.
damage=3584

for c in 512 4096; do
	ntfs_format $c $((16 * MIB))
	quiet ntfsfill vol plain /plain 100000 plain /other 300000
	ntfscat vol /plain >expected
	dd if=/dev/zero of=expected bs=512 seek=$((damage / 512)) count=1 conv=notrunc status=none
	ntfscat vol /other >other
	quiet mkbadntfs -V 0 -o /plain vol
	ntfs_content vol
	dd if=vol of=header bs=512 skip=15 count=1 status=none
	ntfscat vol /plain >bad
	cmp -s -n 512 -i $damage:0 bad header || fail "the header is not in the file's bytes: a fault of the test"

	ntfs_scan vol 0 plain
	check_eq "severity of volsnap-collision" error "$(finding volsnap-collision severity)"
	ntfs_fix vol
	ntfs_good vol
	cmp -n 512 -i 7680:0 vol header || fail "the Volsnap header is not where it was"
	ntfscat -f vol /plain >got 2>err
	cmp expected got || fail "the file is not the old one with 512 zero bytes where the header lay"
	ntfscat -f vol /other >got 2>err
	cmp other got || fail "another file changed"
	ntfs_undo vol
done

# The identifier alone is no header: it may stand in anybody's file, all of which moves.
ntfs_format 4096 $((16 * MIB))
{
	head -c $damage /dev/urandom
	printf '\153\207\010\070\166\301\110\116\267\256\004\004\156\154\307\122'
	head -c 90000 /dev/urandom
} >expected
quiet ntfscp vol expected plain
quiet mkbadntfs -o /plain vol
ntfs_scan vol 0 plain
check_eq "a collision with what is no header" "" "$(finding volsnap-collision severity)"
ntfs_fix vol
ntfs_good vol
ntfscat -f vol /plain >got 2>err
cmp expected got || fail "the file is not what it was, though no header lay over it"
ntfs_undo vol
