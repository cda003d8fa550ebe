/* fat_code.c - whose boot code a FAT boot sector holds, and what it takes for granted.
 *
 * The formatting tools write a stub that prints a message. Microsoft's and FreeDOS's code works out where the
 * root directory and the files are from the parameter block, on every start; it is known by the files that it
 * looks for. SYSLINUX is installed with the sector numbers of its next stage. What is not recognised
 * may have any number built in.
 */
#include <string.h>

#include "base/bytes.h"
#include "fmt/fat.h"

/* A stub: its code as the tool writes it; the operand at `hole`, of two bytes, is the address of its text or of
 * its next instruction, which differs with the kind of FAT. */
struct stub {
	uint8_t code[48];
	size_t len, hole;
};

static const struct stub stubs[] = {
	{	/* mkfs.fat of dosfstools and busybox: "This is not a bootable disk." */
		.code = {
			0x0e, 0x1f, 0xbe, 0x5b, 0x7c, 0xac, 0x22, 0xc0, 0x74, 0x0b, 0x56, 0xb4, 0x0e, 0xbb, 0x07, 0x00,
			0xcd, 0x10, 0x5e, 0xeb, 0xf0, 0x32, 0xe4, 0xcd, 0x16, 0xcd, 0x19, 0xeb, 0xfe,
		},
		.len = 29, .hole = 3,
	}, {	/* newfs_msdos of the BSDs: "Non-system disk" */
		.code = {
			0xfa, 0x31, 0xc0, 0x8e, 0xd0, 0xbc, 0x00, 0x7c, 0xfb, 0x8e, 0xd8, 0xe8, 0x00, 0x00, 0x5e, 0x83,
			0xc6, 0x19, 0xbb, 0x07, 0x00, 0xfc, 0xac, 0x84, 0xc0, 0x74, 0x06, 0xb4, 0x0e, 0xcd, 0x10, 0xeb,
			0xf5, 0x30, 0xe4, 0xcd, 0x16, 0xcd, 0x19,
		},
		.len = 39, .hole = 12,	/* no hole: the operand is zero in all of them */
	}, {	/* mformat of mtools: starts the first hard disk */
		.code = {
			0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0xfc, 0xb9, 0x00, 0x01, 0xbe, 0x00, 0x7c, 0xbf, 0x00,
			0x80, 0xf3, 0xa5, 0xea, 0x56, 0x00, 0x00, 0x08, 0xb8, 0x01, 0x02, 0xbb, 0x00, 0x7c, 0xba, 0x80,
			0x00, 0xb9, 0x01, 0x00, 0xcd, 0x13, 0x72, 0x05, 0xea, 0x00, 0x7c, 0x00, 0x00, 0xcd, 0x19,
		},
		.len = 47, .hole = 20,
	},
};

/* Names in directory form that only loaders which read the root directory hold. */
static const char *const loaders[] = {
	"NTLDR      ", "BOOTMGR    ", "IO      SYS", "MSDOS   SYS", "WINBOOT SYS", "KERNEL  SYS",
};

/* Where the code begins: behind the parameter block, or where the jump leads if that is sooner. */
static size_t start_of_code(const struct im_bpb *bpb)
{
	bool is_fat32 = !im_le16(bpb->fat_size16);
	size_t start = is_fat32 ? 0x5a : 0x3e, target = 0;

	if (bpb->jump[0] == 0xeb)
		target = 2u + bpb->jump[1];
	else if (bpb->jump[0] == 0xe9)
		target = 3u + im_get16(bpb->jump + 1);
	return target >= 0x1c && target < start ? target : start;
}

static bool is_stub(const uint8_t *code, const struct stub *s)
{
	return memcmp(code, s->code, s->hole) == 0 &&
		memcmp(code + s->hole + 2, s->code + s->hole + 2, s->len - s->hole - 2) == 0;
}

enum im_fat_code im_fat_code_of(const struct im_bpb *bpb)
{
	const uint8_t *sector = (const uint8_t *)bpb, *code = sector + start_of_code(bpb);
	size_t len = (size_t)(bpb->mark - code);

	if (memcmp(bpb->oem, "SYSLINUX", 8) == 0 || memmem(code, len, "LDLINUX SYS", 11))
		return IM_FAT_CODE_SYSLINUX;
	if (im_is_zero(code, len))
		return IM_FAT_CODE_NONE;
	for (size_t i = 0; i < sizeof(stubs) / sizeof(stubs[0]); i++)
		if (is_stub(code, &stubs[i]))
			return IM_FAT_CODE_NONE;
	for (size_t i = 0; i < sizeof(loaders) / sizeof(loaders[0]); i++)
		if (memmem(code, len, loaders[i], 11))
			return IM_FAT_CODE_BPB;
	return IM_FAT_CODE_UNKNOWN;
}
