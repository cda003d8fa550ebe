/* label.c - partition maps other than DOS and GPT. */
#include "fmt/label.h"

#include <string.h>

#include "base/bytes.h"

#define HEAD 8192

/* Sun disk label: big-endian magic at 508, and the 16-bit words of the sector XOR to zero. */
static bool is_sun(const uint8_t *p)
{
	uint16_t sum = 0;

	if (im_get16be(p + 508) != 0xdabe)
		return false;
	for (int i = 0; i < 512; i += 2)
		sum ^= im_get16be(p + i);
	return sum == 0;
}

/* SGI volume header: magic at 0, and its 128 big-endian words add up to zero. */
static bool is_sgi(const uint8_t *p)
{
	uint32_t sum = 0;

	if (im_get32be(p) != 0x0be5a941)
		return false;
	for (int i = 0; i < 512; i += 4)
		sum += im_get32be(p + i);
	return sum == 0;
}

/* BSD disk label: both magics, in sector 1 or at 64 (Alpha) of the disk. */
static bool is_bsd(const uint8_t *p)
{
	static const int places[] = { 512, 64, 0 };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (im_get32(p + places[i]) == 0x82564557 && im_get32(p + places[i] + 132) == 0x82564557)
			return true;
	return false;
}

/* Apple: the driver descriptor "ER" in block 0, map entries "PM" at block 1 (512 or its own block size). */
static bool is_mac(const uint8_t *p)
{
	uint16_t block = im_get16be(p + 2);

	if (memcmp(p, "ER", 2) != 0)
		return false;
	return memcmp(p + 512, "PM", 2) == 0 || (block >= 512 && block <= HEAD - 2 && memcmp(p + block, "PM", 2) == 0);
}

/* Amiga: the rigid disk block "RDSK" in one of the first 16 sectors, whose words add up to zero. */
static bool is_amiga(const uint8_t *p)
{
	for (int s = 0; s < HEAD / 512; s++, p += 512) {
		uint32_t words = im_get32be(p + 4), sum = 0;

		if (memcmp(p, "RDSK", 4) != 0 || !words || words > 128)
			continue;
		for (uint32_t i = 0; i < words; i++)
			sum += im_get32be(p + 4 * i);
		if (sum == 0)
			return true;
	}
	return false;
}

const char *im_label_name(struct im_dev *dev, struct im_error *err)
{
	uint8_t head[HEAD] = { 0 };

	if (dev->size < 1024 || im_dev_read(dev, 0, head, (size_t)im_min(HEAD, dev->size), err) < 0)
		return NULL;
	return is_sun(head) ? "sun" : is_sgi(head) ? "sgi" : is_mac(head) ? "mac" : is_amiga(head) ? "amiga" :
	       is_bsd(head) ? "bsd" : NULL;
}
