/* chs-mbr.S - a master boot record that knows its disk by cylinder, head and sector only.
 *
 * As the oldest ones do, it reads the first sector of the active partition by the CHS fields of its entry and starts it. It
 * hands over nothing but the drive in DL: SI, in which others leave the address of the entry, is cleared, so that the boot
 * sector depends on its own record of where it lies.
 */
	.code16
	.globl	_start
_start:
	cli
	xor	%ax, %ax
	mov	%ax, %ss
	mov	$0x7c00, %sp
	mov	%ax, %ds
	mov	%ax, %es
	sti
	cld
	mov	$0x7c00, %si		/* make room for the boot sector */
	mov	$0x600, %di
	mov	$256, %cx
	rep movsw
	ljmp	$0, $0x600 + (moved - _start)
moved:	mov	$0x600 + 446, %si
	mov	$4, %bl
entry:	testb	$0x80, (%si)
	jnz	found
	add	$16, %si
	dec	%bl
	jnz	entry
stop:	hlt
	jmp	stop
found:	mov	1(%si), %dh		/* head */
	mov	2(%si), %cx		/* sector, and the high bits of the cylinder; cylinder */
	mov	$0x7c00, %bx
	mov	$0x0201, %ax		/* read one sector */
	int	$0x13
	jc	stop
	cmpw	$0xaa55, 0x7c00 + 510
	jne	stop
	xor	%si, %si
	ljmp	$0, $0x7c00
	.org	440
