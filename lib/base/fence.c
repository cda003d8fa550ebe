/* fence.c - making and knowing the marker of a repair in progress. */
#include "base/fence.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/crc.h"

/* magic 0, journal UUID 16, run 32, then a token made of both, then text */
#define FENCE_TOKEN 40
#define FENCE_TEXT 72

static const char magic[16] = "IMGMEND FENCE 1\n";

void im_uuid_text(const uint8_t u[16], char text[IM_UUID_TEXT])
{
	char *p = text;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += snprintf(p, 3, "%02x", u[i]);
	}
}

void im_uuid_random(uint8_t uuid[16])
{
	size_t got = 0;

	while (got < 16) {
		ssize_t n = getrandom(uuid + got, 16 - got, 0);

		if (n > 0)
			got += (size_t)n;
	}
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

void im_fence_make(uint8_t *sector, size_t len, const uint8_t uuid[16], uint64_t run)
{
	char text[IM_UUID_TEXT];

	im_uuid_text(uuid, text);
	memset(sector, 0, len);
	memcpy(sector, magic, sizeof(magic));
	memcpy(sector + 16, uuid, 16);
	im_put64(sector + 32, run);
	/* a sector that is torn between two fences, or a fence and something else, must not pass for one of them */
	for (size_t at = FENCE_TOKEN; at < FENCE_TEXT; at += 4)
		im_put32(sector + at, im_crc32c((uint32_t)at, sector + 16, 24));
	snprintf((char *)sector + FENCE_TEXT, 420,
		 "\nThis disk is being repaired by imgmend and is not complete.\n"
		 "Do not mount, boot or write it. Its journal is %s.\n"
		 "To finish the repair:    imgmend resume IMAGE\n"
		 "To take the repair back: imgmend undo IMAGE\n", text);
}

bool im_fence_is(const uint8_t *sector, uint8_t uuid[16])
{
	if (memcmp(sector, magic, sizeof(magic)) != 0)
		return false;
	memcpy(uuid, sector + 16, 16);
	return true;
}
