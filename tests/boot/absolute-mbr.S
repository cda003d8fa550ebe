/* absolute-mbr.S - a master boot record that nobody knows: it starts the sector STAGE of the disk. */
	.code16
	.globl	_start
_start:
	cli
	xor	%ax, %ax
	mov	%ax, %ss
	mov	$0x7c00, %sp
	mov	%ax, %ds
	sti
	mov	$packet, %si
	mov	$0x42, %ah
	int	$0x13
	jc	stop
	ljmp	$0, $0x8000
stop:	hlt
	jmp	stop
packet:	.byte	16, 0
	.word	1, 0x8000, 0
	.long	STAGE, 0
	.org	440
