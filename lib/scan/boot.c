/* boot.c - how a disk boots: by the BIOS through the code in sector 0 and the active partition, by UEFI through an EFI
 * system partition, or not at all. */
#include "scan/boot.h"

#include <stdio.h>
#include <strings.h>

#include "base/intl.h"
#include "fmt/fatdir.h"

#define ACTIVE 0x80
#define MBR_ESP 0xef
#define GPT_ESP "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
#define GPT_LEGACY (1ull << 2)	/* attribute "legacy BIOS bootable" (UEFI specification, GPT partition entry) */

int im_boot_of_volume(struct im_dev *dev, const struct im_volume *v, const struct im_boot_code **code, struct im_error *err)
{
	uint8_t sector[IM_BOOT_SECTOR] = { 0 };

	if (v->there >= sizeof(sector) && im_dev_read(dev, v->start, sector, sizeof(sector), err) < 0)
		return -1;
	*code = im_boot_code_of_volume(sector, v->n_formats ? v->info[0].name : NULL);
	return 0;
}

static bool has_esp_type(const struct im_scan *scan, const struct im_volume *v)
{
	if (scan->table == IM_TABLE_GPT)
		return v->entry < scan->gpt.parts.n && strcasecmp(scan->gpt.parts.v[v->entry].type, GPT_ESP) == 0;
	return scan->table == IM_TABLE_DOS && v->entry < scan->mbr.parts.n && scan->mbr.parts.v[v->entry].type == MBR_ESP;
}

/* Is this a partition that UEFI looks for boot loaders in: an EFI system partition by its type, with a FAT that has \EFI? 1, 0, -1. */
static int is_esp(const struct im_scan *scan, struct im_dev *dev, const struct im_volume *v, struct im_error *err)
{
	struct im_dev *vol;
	int found;

	if (!has_esp_type(scan, v) || v->n_formats != 1 || v->state != IM_FOUND)
		return 0;
	vol = im_dev_window(dev, v->start, v->there, err);
	if (!vol)
		return -1;
	found = im_fat_find(vol, "EFI", err);
	im_dev_close(vol);
	return found < 0 ? -1 : found == IM_FAT_DIRECTORY;
}

/* Is it the partition that code in sector 0 starts when nobody chooses? */
static bool is_active(const struct im_scan *scan, const struct im_volume *v)
{
	if (scan->table == IM_TABLE_GPT)
		return v->entry < scan->gpt.parts.n && scan->gpt.parts.v[v->entry].attributes & GPT_LEGACY;
	return scan->table == IM_TABLE_DOS && v->entry < scan->mbr.parts.n && !v->is_logical &&
	       scan->mbr.parts.v[v->entry].status == ACTIVE;
}

/* Code that starts without an active partition: it brings its own next stage. */
static bool starts_alone(const struct im_boot_code *code)
{
	return code->way == IM_BOOT_GRUB || code->way == IM_BOOT_SECTORS || code->way == IM_BOOT_UNKNOWN;
}

static int look_at_volume(struct im_scan *scan, struct im_dev *dev, const struct im_volume *v, struct im_error *err)
{
	struct im_boot *b = &scan->boot;
	int esp;

	if (!b->active && is_active(scan, v)) {
		b->active = v->number;
		if (im_boot_of_volume(dev, v, &b->volume, err) < 0)
			return -1;
	}
	if (b->esp)
		return 0;
	esp = is_esp(scan, dev, v, err);
	if (esp > 0)
		b->esp = v->number;
	return esp < 0 ? -1 : 0;
}

int im_scan_boot(struct im_scan *scan, struct im_dev *dev, struct im_error *err)
{
	struct im_boot *b = &scan->boot;
	uint8_t sector[IM_BOOT_SECTOR];

	*b = (struct im_boot){ 0 };
	if (scan->is_fenced || scan->table == IM_TABLE_OTHER || dev->size < sizeof(sector))
		return 0;
	if (scan->table == IM_TABLE_NONE) {
		if (!scan->volumes.n)
			return 0;
		if (im_boot_of_volume(dev, &scan->volumes.v[0], &b->volume, err) < 0)
			return -1;
		b->by_bios = b->volume->way != IM_BOOT_NOTHING;
		return 0;
	}
	if (im_dev_read(dev, 0, sector, sizeof(sector), err) < 0)
		return -1;
	b->disk = im_boot_code_of_disk(sector);
	for (size_t i = 0; i < scan->volumes.n; i++)
		if (look_at_volume(scan, dev, &scan->volumes.v[i], err) < 0)
			return -1;
	b->by_bios = starts_alone(b->disk) || b->disk->traits & IM_BOOT_MENU ||
		     (b->disk->way == IM_BOOT_TABLE && b->active && b->volume->way != IM_BOOT_NOTHING);
	return 0;
}

/* What boots it from BIOS. */
static void say_bios(const struct im_boot *b, char *out, size_t len)
{
	if (!b->disk)
		im_say(out, len, "from BIOS, by %s in its first sector", _(b->volume->title));
	else if (starts_alone(b->disk))
		im_say(out, len, "from BIOS, by %s in sector 0", _(b->disk->title));
	else if (b->disk->traits & IM_BOOT_MENU)
		im_say(out, len, "from BIOS, by %s in sector 0, which lets a person choose a partition", _(b->disk->title));
	else
		im_say(out, len, "from BIOS, by %s in sector 0, which starts active partition %d (%s)", _(b->disk->title), b->active,
		       _(b->volume->title));
}

void im_boot_text(const struct im_scan *scan, char *out, size_t len)
{
	const struct im_boot *b = &scan->boot;
	char bios[240];

	if (b->by_bios)
		say_bios(b, bios, sizeof(bios));
	if (b->by_bios && b->esp)
		im_say(out, len, "%s; from UEFI, by the EFI system partition %d", bios, b->esp);
	else if (b->by_bios)
		snprintf(out, len, "%s", bios);
	else if (b->esp)
		im_say(out, len, "from UEFI, by the EFI system partition %d", b->esp);
	else
		im_say(out, len, "not, as far as its first sectors tell");
}
