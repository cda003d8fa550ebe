/* boot_code.c - boot code is recognised by what it prints, looks for, or begins with.
 *
 * What no row knows is looked through for an instruction that loads the address of a partition table: code that does
 * so walks the table, whoever wrote it.
 */
#include "fmt/boot_code.h"

#include <string.h>

#include "base/bytes.h"
#include "base/intl.h"
#include "fmt/fat.h"
#include "fmt/fs.h"

#define CODE_END 440	/* of sector 0: the disk identifier follows */
#define MARK 510

enum { EITHER, DISK, VOLUME };

static const struct im_boot_code
	none = { "none", N_("no boot code"), NULL, IM_BOOT_NOTHING, 0 },
	message = { "message", N_("a message"), NULL, IM_BOOT_NOTHING, 0 },
	grub2 = { "grub2", "GRUB 2", "grub-install", IM_BOOT_GRUB, 0 },
	grub = { "grub", "GRUB Legacy", "grub-install", IM_BOOT_SECTORS, IM_BOOT_FILES },
	lilo = { "lilo", "LILO", "lilo", IM_BOOT_SECTORS, IM_BOOT_FILES },
	isolinux = { "isolinux", "ISOLINUX", "isohybrid", IM_BOOT_SECTORS, 0 },
	syslinux = { "syslinux", "SYSLINUX", "syslinux --install", IM_BOOT_TABLE, IM_BOOT_FILES },
	extlinux = { "extlinux", "EXTLINUX", "extlinux --install", IM_BOOT_TABLE, IM_BOOT_FILES },
	syslinux_disk = { "syslinux", "SYSLINUX", NULL, IM_BOOT_TABLE, 0 },
	shoelace = { "shoelace", "ShoeLace", NULL, IM_BOOT_TABLE, 0 },
	winiboot = { "winiboot", "WiniBoot", NULL, IM_BOOT_TABLE, IM_BOOT_MENU },
	windows_disk = { "windows", "Windows", "bootrec /fixmbr", IM_BOOT_TABLE, 0 },
	windows = { "windows", "Windows", "bootsect", IM_BOOT_TABLE, 0 },
	bootmgr = { "windows", "Windows", "bootsect /nt60", IM_BOOT_TABLE, 0 },
	ntldr = { "windows", "Windows", "bootsect /nt52", IM_BOOT_TABLE, 0 },
	table = { "table", N_("generic code"), NULL, IM_BOOT_TABLE, 0 },
	bpb = { "dos", "DOS", NULL, IM_BOOT_TABLE, 0 },
	unknown = { "unknown", N_("unknown code"), NULL, IM_BOOT_UNKNOWN, IM_BOOT_FILES };

/* What SYSLINUX leaves at the end of a volume's first sector, whatever the file system (core/diskboot.inc: LDLINUX_MAGIC). */
#define SYSLINUX_MAGIC "\xfe\x02\xb2\x3e"
#define SYSLINUX_AT 0x1f8
#define ANYWHERE (-1)

/* Recognised by text (at `at`, or anywhere) in the code of a disk's or a volume's sector; the first row that fits. */
static const struct row {
	const struct im_boot_code *code;
	int where;
	int at;
	const char *text;
} rows[] = {
	{ &extlinux, VOLUME, 3, "EXTLINUX" },
	{ &syslinux, VOLUME, 3, "SYSLINUX" },
	{ &syslinux, VOLUME, SYSLINUX_AT, SYSLINUX_MAGIC },
	{ &lilo, EITHER, 6, "LILO" },
	{ &lilo, EITHER, 2, "LILO" },
	{ &isolinux, DISK, ANYWHERE, "isolinux.bin missing or corrupt" },
	{ &shoelace, VOLUME, 3, "ShoeLace" },
	{ &winiboot, DISK, ANYWHERE, "WiniBoot" },
	{ &bootmgr, VOLUME, ANYWHERE, "BOOTMGR" },
	{ &ntldr, VOLUME, ANYWHERE, "NTLDR" },
	/* of BitLocker, exFAT, NTFS: localised messages aside, these stand in Microsoft's */
	{ &windows, VOLUME, ANYWHERE, "Press any key to restart" },
	{ &windows, VOLUME, ANYWHERE, "A disk read error" },
	/* written by mkfs and mkntfs */
	{ &message, VOLUME, ANYWHERE, "This is not a bootable disk" },
	/* a kernel's own first sector, from when it could be started from a floppy disk */
	{ &message, VOLUME, ANYWHERE, "Direct booting from floppy is no" },
	{ &message, VOLUME, ANYWHERE, "Direct floppy boot is not supp" },
};

static bool has(const uint8_t *sector, size_t len, const char *text)
{
	return memmem(sector, len, text, strlen(text)) != NULL;
}

/* GRUB's first sector: both kinds print the same. GRUB 2 has the address of its next stage, always 0x8000, at 0x5A
 * (grub-core/boot/i386/pc/boot.S); GRUB Legacy the version of its interface, 3, at 0x3E (stage1.S). */
static const struct im_boot_code *grub_of(const uint8_t *sector)
{
	if (!has(sector, MARK, "GRUB ") || !has(sector, MARK, "Geom"))
		return NULL;
	if (im_get16(sector + 0x5a) == 0x8000)
		return &grub2;
	return sector[0x3e] == 3 ? &grub : NULL;
}

static const struct im_boot_code *row_of(const uint8_t *sector, size_t len, int where)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];

		if (r->where != EITHER && r->where != where)
			continue;
		if (r->at == ANYWHERE ? has(sector, len, r->text) : memcmp(sector + r->at, r->text, strlen(r->text)) == 0)
			return r->code;
	}
	return NULL;
}

/* Is there "mov register, address of the table"? The sector lies at 0x7C00, or where the code has copied it to: 0, 0x500
 * and 0x600 are in use, or a segment of its own begins with it. */
static bool asks_table(const uint8_t *sector)
{
	static const uint8_t pages[] = { 0x01, 0x06, 0x07, 0x7d };	/* high bytes of those places + 0x1BE */

	for (size_t i = 0; i + 2 < CODE_END; i++)
		if (sector[i] >= 0xb8 && sector[i] <= 0xbf && sector[i + 1] == 0xbe && memchr(pages, sector[i + 2], sizeof(pages)))
			return true;
	return false;
}

/* What syslinux' mbr.bin, altmbr.bin and gptmbr.bin have in common: how they set up their stack and copy themselves. */
static bool is_syslinux_disk(const uint8_t *sector)
{
	static const uint8_t head[] = { 0x33, 0xc0, 0xfa, 0x8e, 0xd8, 0x8e, 0xd0, 0xbc, 0x00, 0x7c, 0x89, 0xe6, 0x06, 0x57, 0x8e, 0xc0 };

	return memcmp(sector, head, sizeof(head)) == 0;
}

/* Windows' code knows the trusted computing group's BIOS call by this word. */
static bool is_windows_disk(const uint8_t *sector)
{
	return has(sector, CODE_END, "TCPA") && asks_table(sector);
}

const struct im_boot_code *im_boot_code_of_disk(const uint8_t sector[IM_BOOT_SECTOR])
{
	const struct im_boot_code *code = grub_of(sector);

	if (!code)
		code = row_of(sector, CODE_END, DISK);
	if (code)
		return code;
	if (im_is_zero(sector, CODE_END))
		return &none;
	if (is_syslinux_disk(sector))
		return &syslinux_disk;
	if (is_windows_disk(sector))
		return &windows_disk;
	return asks_table(sector) ? &table : &unknown;
}

static const struct im_boot_code *fat_code(const uint8_t *sector)
{
	switch (im_fat_code_of((const struct im_bpb *)sector)) {
	case IM_FAT_CODE_NONE:
		return &message;
	case IM_FAT_CODE_BPB:
		return &bpb;
	case IM_FAT_CODE_SYSLINUX:
		return &syslinux;
	case IM_FAT_CODE_UNKNOWN:
		break;
	}
	return NULL;
}

/* The volume's sector without what is data: the jump and the parameter block, or a label (XFS, swap), stand first. */
static bool has_code(const uint8_t *sector, const char *fs)
{
	bool has_mark = sector[MARK] == 0x55 && sector[MARK + 1] == 0xaa;

	/* without the mark no firmware and no loader starts it */
	return has_mark && !im_is_zero(sector + 0x5a, MARK - 0x5a) && (!fs || strcmp(fs, "xfs") != 0);
}

const struct im_boot_code *im_boot_code_of_volume(const uint8_t sector[IM_BOOT_SECTOR], const char *fs)
{
	const struct im_boot_code *code = grub_of(sector);

	if (!code)
		code = row_of(sector, MARK, VOLUME);
	if (!code && !has_code(sector, fs))
		code = &none;
	if (!code && im_fs_is_fat(fs))
		code = fat_code(sector);
	return code ? code : &unknown;
}

bool im_boot_code_reads_chs(const uint8_t sector[IM_BOOT_SECTOR])
{
	static const uint8_t disk_call[] = { 0xcd, 0x13 }, extended[] = { 0xb4, 0x42 };

	if (!memmem(sector, CODE_END, disk_call, sizeof(disk_call)) || memmem(sector, CODE_END, extended, sizeof(extended)))
		return false;
	/* the same by way of AX */
	for (size_t i = 0; i + 2 < CODE_END; i++)
		if (sector[i] == 0xb8 && sector[i + 2] == 0x42)
			return false;
	return true;
}

bool im_boot_code_is_extlinux(const uint8_t sector[IM_BOOT_SECTOR], const char *fs)
{
	const struct im_boot_code *code = im_boot_code_of_volume(sector, fs);

	return (code == &extlinux || code == &syslinux) && has_code(sector, fs) && !im_fs_is_fat(fs) && !(fs && strcmp(fs, "ntfs") == 0);
}
