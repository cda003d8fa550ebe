/* luks.c - LUKS 1 and LUKS 2, recognised only.
 *
 * Sources: "LUKS On-Disk Format Specification" version 1.2.3 (section 2.4.2) and "LUKS2 On-Disk
 * Format Specification" version 1 (section 2.1). All numbers are big-endian. All places are relative
 * to the volume, and so survive a move. LUKS 2's SHA-256 is not computed; its metadata must begin
 * as JSON.
 */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/fs_types.h"
#include "fmt/fs_util.h"

#define KEY_SLOTS 8
#define SLOT_ACTIVE 0x00ac71f3u
#define SLOT_EMPTY 0x0000deadu
#define LUKS1_SECTOR 512u
#define LUKS2_JSON_OFF 4096u
#define LUKS2_MIN_HEADER 16384u
#define LUKS2_MAX_HEADER (4u << 20)

struct luks1_header {
	uint8_t magic[6];		/* 0 */
	be16 version;			/* 6 */
	uint8_t names[96];		/* 8 cipher, mode, hash */
	be32 payload;			/* 104 512-byte sectors, 0: elsewhere */
	be32 key_bytes;			/* 108 */
	uint8_t digest[56];		/* 112 */
	char uuid[40];			/* 168 */
	struct { be32 state; uint8_t rest[44]; } slot[KEY_SLOTS];	/* 208 */
};

struct luks2_header {
	uint8_t magic[6];		/* 0 */
	be16 version;			/* 6 */
	be64 size;			/* 8 bytes: this and the JSON area */
	be64 sequence;			/* 16 */
	uint8_t label[48];		/* 24 */
	uint8_t checksum_name[32];	/* 72 */
	uint8_t salt[64];		/* 104 */
	char uuid[40];			/* 168 */
	uint8_t subsystem[48];		/* 208 */
	be64 offset;			/* 256 bytes: where this header lies */
};

static_assert(offsetof(struct luks1_header, slot) == 208, "key slots at 208");
static_assert(sizeof(struct luks1_header) == 592, "a LUKS 1 header has 592 bytes");
static_assert(offsetof(struct luks2_header, uuid) == 168, "UUID at 168");
static_assert(offsetof(struct luks2_header, offset) == 256, "header offset at 256");

static bool is_good_1(struct im_dev *vol, const struct luks1_header *h)
{
	for (int i = 0; i < KEY_SLOTS; i++)
		if (im_be32(h->slot[i].state) != SLOT_ACTIVE && im_be32(h->slot[i].state) != SLOT_EMPTY)
			return false;
	return im_be32(h->key_bytes) && im_be32(h->key_bytes) <= 1024 &&
	       (uint64_t)im_be32(h->payload) * LUKS1_SECTOR <= vol->size;
}

/* 1, 0, -1 */
static int is_good_2(struct im_dev *vol, const struct luks2_header *h, struct im_error *err)
{
	uint64_t size = im_be64(h->size);
	uint8_t first;
	int got;

	if (!im_is_pow2(size) || size < LUKS2_MIN_HEADER || size > LUKS2_MAX_HEADER || im_be64(h->offset))
		return 0;
	got = im_fs_peek(vol, LUKS2_JSON_OFF, &first, 1, err);
	return got <= 0 ? got : first == '{';
}

static int probe(struct im_dev *vol, struct im_fs_info *info, struct im_error *err)
{
	struct im_fs_info out = { .name = "luks" };
	struct luks1_header h;		/* the longer one: both begin alike */
	const struct luks2_header *h2 = (const void *)&h;
	int got = im_fs_peek(vol, 0, &h, sizeof(h), err), good = 0;

	if (got <= 0 || memcmp(h.magic, "LUKS\xba\xbe", 6))
		return got < 0 ? -1 : IM_ABSENT;
	if (im_be16(h.version) == 1)
		good = is_good_1(vol, &h);
	else if (im_be16(h.version) == 2)
		good = is_good_2(vol, h2, err);
	if (good < 0)
		return -1;
	im_fs_label(out.uuid, sizeof(out.uuid), (const uint8_t *)h.uuid, sizeof(h.uuid));
	if (im_be16(h.version) == 2)
		im_fs_label(out.label, sizeof(out.label), h2->label, sizeof(h2->label));
	*info = out;
	return good ? IM_FOUND : IM_DAMAGED;
}

const struct im_fs_type im_fs_luks = {
	.name = "luks",
	.probe = probe,
};
