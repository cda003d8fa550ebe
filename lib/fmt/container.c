/* container.c - virtual disk containers and compressed files, by their marks.
 *
 * Repairing one as if it were raw would destroy it; growing a fixed VHD would cut its footer off from the
 * end, where it must be.
 */
#include <string.h>

#include "base/bytes.h"
#include "fmt/label.h"

static const struct {
	const char *name, *title;
	uint32_t off;
	uint32_t len;
	const char *magic;
} marks[] = {
	{ "qcow2", "qcow2", 0, 4, "QFI\xfb" },
	{ "qed", "QED", 0, 4, "QED\0" },
	{ "vpc", "VHD", 0, 8, "conectix" },
	{ "vhdx", "VHDX", 0, 8, "vhdxfile" },
	{ "vmdk", "VMDK", 0, 4, "KDMV" },
	{ "vmdk", "VMDK", 0, 4, "COWD" },
	{ "vmdk", "VMDK", 0, 21, "# Disk DescriptorFile" },
	{ "vdi", "VDI", 0x40, 4, "\x7f\x10\xda\xbe" },
	{ "parallels", "Parallels", 0, 16, "WithoutFreeSpace" },
	{ "parallels", "Parallels", 0, 16, "WithouFreSpacExt" },
	{ "ewf", "EWF (EnCase)", 0, 8, "EVF\x09\x0d\x0a\xff\x00" },
	{ "ewf", "EWF (EnCase)", 0, 8, "LVF\x09\x0d\x0a\xff\x00" },
	{ "ewf", "EWF (EnCase)", 0, 8, "EVF2\x0d\x0a\x81\x00" },
	{ "aff", "AFF", 0, 6, "AFF10\x0d" },
	{ "gzip", "gzip", 0, 3, "\x1f\x8b\x08" },
	{ "xz", "xz", 0, 6, "\xfd""7zXZ\0" },
	{ "zstd", "zstd", 0, 4, "\x28\xb5\x2f\xfd" },
	{ "bzip2", "bzip2", 4, 6, "1AY&SY" },	/* behind "BZh" and the level */
	{ "7z", "7z", 0, 6, "7z\xbc\xaf\x27\x1c" },
};

/* VHD footer: the last 512 bytes, or 511 as some old writers left it. DMG: the last 512. */
static const char *by_tail(struct im_dev *dev, struct im_error *err)
{
	uint8_t tail[512];

	if (dev->size < sizeof(tail) || im_dev_read(dev, dev->size - sizeof(tail), tail, sizeof(tail), err) < 0)
		return NULL;
	if (memcmp(tail, "conectix", 8) == 0 || memcmp(tail + 1, "conectix", 8) == 0)
		return "vpc";
	return memcmp(tail, "koly\0\0\0\4", 8) == 0 ? "dmg" : NULL;
}

const char *im_container_name(struct im_dev *dev, struct im_error *err)
{
	uint8_t head[512] = { 0 };

	if (dev->is_block)
		return NULL;
	if (im_dev_read(dev, 0, head, (size_t)im_min(sizeof(head), dev->size), err) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (memcmp(head + marks[i].off, marks[i].magic, marks[i].len) == 0)
			return marks[i].name;
	return by_tail(dev, err);
}

bool im_container_is_fixed_vhd(struct im_dev *dev, struct im_error *err)
{
	uint8_t head[8] = { 0 };
	const char *name = im_container_name(dev, err);

	return name && strcmp(name, "vpc") == 0 && im_dev_read(dev, 0, head, sizeof(head), err) == 0 &&
	       memcmp(head, "conectix", 8) != 0;
}

bool im_container_has_vhd_tail(struct im_dev *dev, struct im_error *err)
{
	const char *name = by_tail(dev, err);

	return name && strcmp(name, "vpc") == 0;
}

const char *im_container_title(const char *name)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strcmp(marks[i].name, name) == 0)
			return marks[i].title;
	return strcmp(name, "dmg") == 0 ? "DMG" : name;
}
