/* payload.S - what the boot loaders of the tests start: it says "BOOTED TOKEN" on the first serial port and halts.
 *
 * A sector of real-mode code with the mark of a boot sector, so that it can be started as one. It runs at any address, as
 * long as CS:IP is where it was loaded to. TOKEN is a string that the test defines, another for every disk.
 */
	.code16
	.globl	_start
_start:
	cld
	call	1f
1:	pop	%si
	add	$(text - 1b), %si
	push	%cs
	pop	%ds
next:	lodsb
	test	%al, %al
	jz	halt
	mov	%al, %ah
	mov	$0x3fd, %dx		/* line status: may a byte be sent? */
wait:	in	%dx, %al
	test	$0x20, %al
	jz	wait
	mov	$0x3f8, %dx
	mov	%ah, %al
	out	%al, %dx
	jmp	next
halt:	cli
	hlt
	jmp	halt
text:
	.ascii	"BOOTED ", TOKEN, "\r\n\0"
	.org	510
	.word	0xaa55
