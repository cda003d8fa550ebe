/* chs-vbr.S - the boot sector of a FAT12 or FAT16 volume that starts what lies in its first cluster.
 *
 * As those of DOS do, it adds the hidden sectors to the sector within the volume and reads by cylinder, head and
 * sector, which it works out with the heads and the sectors of a track in its own BIOS parameter block. Without a
 * file system's block in bytes 3 to 61, which the test puts there.
 */
	.code16
	.globl	_start
	.set	reserved, 0x7c0e
	.set	fats, 0x7c10
	.set	root_entries, 0x7c11
	.set	fat_sectors, 0x7c16
	.set	track, 0x7c18
	.set	heads, 0x7c1a
	.set	hidden, 0x7c1c
_start:
	jmp	code
	nop
	.org	62
code:	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	fats, %al		/* the first cluster: behind reserved sectors, FATs and root directory */
	mulw	fat_sectors
	add	reserved, %ax
	mov	root_entries, %cx
	shr	$4, %cx
	add	%cx, %ax
	xor	%dx, %dx
	add	hidden, %ax
	adc	hidden + 2, %dx
	divw	track			/* DX: sector in the track, AX: number of the track */
	mov	%dx, %cx
	inc	%cx
	xor	%dx, %dx
	divw	heads			/* DX: head, AX: cylinder */
	mov	%al, %ch
	shl	$6, %ah
	or	%ah, %cl
	mov	%dl, %dh
	mov	$0x80, %dl
	mov	$0x8000, %bx
	mov	$0x0201, %ax
	int	$0x13
	jc	stop
	ljmp	$0, $0x8000
stop:	hlt
	jmp	stop
	.org	510
	.word	0xaa55
