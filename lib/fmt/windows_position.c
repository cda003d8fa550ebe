/* windows_position.c - finds Windows' records of partitions in the values of its registry. */
#include "fmt/windows_position.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

/* What names a device, in the value of an element behind 16 bytes of options; a nested one stands further behind. */
struct device {
	le32 type;		/* 0x00 (0x10 of the value) */
	le32 flags;		/* 0x04 */
	le32 size;		/* 0x08 bytes of all this */
	le32 unused;		/* 0x0C */
	le64 position;		/* 0x10 (0x20) of a disk with an MBR: the partition's byte offset, in 16 bytes */
	uint8_t guid_rest[8];	/* 0x18 */
	le32 bus;		/* 0x20 (0x30) */
	le32 style;		/* 0x24 (0x34) */
	le32 signature;		/* 0x28 (0x38) of the disk, in 16 bytes */
	uint8_t signature_rest[12];
};

static_assert(sizeof(struct device) == 0x38, "a device of a disk takes 0x38 bytes");

#define OPTIONS 16
#define PARTITION 6		/* type */
#define STYLE_MBR 1
#define MOUNTED 12		/* bytes: signature le32, offset le64 */

/* Bits 24 to 27 of an element's type tell the form of its value. */
bool im_bcd_is_device(uint32_t type)
{
	return (type >> 24 & 0xf) == 1;
}

bool im_bcd_next_position(const uint8_t *value, size_t len, uint32_t signature, size_t *at)
{
	size_t from = *at < OPTIONS + offsetof(struct device, position) ? OPTIONS : *at - offsetof(struct device, position);

	for (size_t pos = from + (4 - from % 4) % 4; pos <= len && len - pos >= sizeof(struct device); pos += 4) {
		const struct device *d = (const void *)(value + pos);

		if (im_le32(d->type) != PARTITION || im_le32(d->style) != STYLE_MBR || im_le32(d->signature) != signature ||
		    im_le32(d->size) < sizeof(*d) || im_le64(d->position) % 512)
			continue;
		*at = pos + offsetof(struct device, position);
		return true;
	}
	return false;
}

bool im_mounted_position(const uint8_t *value, size_t len, uint32_t signature, size_t *at)
{
	*at = 4;
	return len == MOUNTED && im_get32(value) == signature;
}

bool im_windows_may_name(const uint8_t *value, size_t len, uint32_t signature, uint64_t offset)
{
	uint8_t a[4], b[8];

	im_put32(a, signature);
	im_put64(b, offset);
	return memmem(value, len, a, sizeof(a)) && memmem(value, len, b, sizeof(b));
}
