/* vss.c - the header of the shadow copies, and how many snapshots its catalog lists. */
#include "fmt/vss.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/fs_util.h"

#define BLOCK 0x4000u
#define BLOCKS_MAX 256		/* of one catalog: some 30,000 entries */
#define ENTRY 128u

enum { RECORD_HEADER = 1, RECORD_CATALOG = 2 };

/* {3808876b-c176-4e48-b7ae-04046e6cc752} as it lies on disk. */
static const uint8_t guid[16] = {
	0x6b, 0x87, 0x08, 0x38, 0x76, 0xc1, 0x48, 0x4e, 0xb7, 0xae, 0x04, 0x04, 0x6e, 0x6c, 0xc7, 0x52,
};

struct header {
	uint8_t guid[16];
	le32 version;			/* 16: 1 or 2 */
	le32 type;			/* 20 */
	le64 off, own_off, next;	/* 24, 32, 40 */
	le64 catalog;			/* 48 */
	le64 max_size;			/* 56 */
	uint8_t volume[16], storage[16];	/* 64, 80 */
	uint8_t flags[32];		/* 96 */
	uint8_t zero[384];		/* 128 */
};

struct catalog {
	uint8_t guid[16];
	le32 version;
	le32 type;
	le64 relative, own_off, next;	/* 24, 32, 40: next 0 at the end */
	uint8_t unused[0x80 - 48];
};

_Static_assert(offsetof(struct header, catalog) == 48, "catalog offset at 48");
_Static_assert(sizeof(struct header) == IM_VSS_HEADER_SIZE, "the header is one sector of 512 bytes");
_Static_assert(sizeof(struct catalog) == 0x80, "entries begin at 0x80");

static bool is_version(le32 version)
{
	return im_le32(version) == 1 || im_le32(version) == 2;
}

/* Count the entries of one block that are in use. *next: the block after it. false: not a catalog's block. */
static bool count(const uint8_t *block, uint64_t off, uint64_t *next, unsigned *n)
{
	const struct catalog *c = (const void *)block;

	if (memcmp(c->guid, guid, sizeof(guid)) || !is_version(c->version) || im_le32(c->type) != RECORD_CATALOG ||
	    im_le64(c->own_off) != off)
		return false;
	for (size_t at = sizeof(*c); at + ENTRY <= BLOCK; at += ENTRY) {
		uint64_t type = im_get64(block + at);

		*n += type == 2 || type == 3;
	}
	*next = im_le64(c->next);
	return true;
}

static int read_catalog(struct im_dev *vol, struct im_vss *vss, struct im_error *err)
{
	uint8_t *block = malloc(BLOCK);
	uint64_t off = vss->catalog;
	int got = 1;

	if (!block)
		return im_error_nomem(err);
	for (int i = 0; off && got == 1; i++) {
		got = off % BLOCK || i == BLOCKS_MAX ? 0 : im_fs_peek(vol, off, block, BLOCK, err);
		if (got == 1 && !count(block, off, &off, &vss->entries))
			got = 0;
	}
	free(block);
	vss->catalog_is_damaged = got == 0;
	return got < 0 ? -1 : 0;
}

int im_vss_look(struct im_dev *vol, struct im_vss *vss, struct im_error *err)
{
	uint8_t sector[IM_VSS_HEADER_SIZE];
	const struct header *h = (const void *)sector;
	int got = im_fs_peek(vol, IM_VSS_HEADER, sector, sizeof(sector), err);

	*vss = (struct im_vss){ 0 };
	if (got <= 0)
		return got < 0 ? -1 : IM_ABSENT;
	if (memcmp(h->guid, guid, sizeof(guid)))
		return IM_ABSENT;
	vss->is_sound = is_version(h->version) && im_le32(h->type) == RECORD_HEADER && im_le64(h->off) == IM_VSS_HEADER &&
			im_le64(h->own_off) == IM_VSS_HEADER && !im_le64(h->next) && im_le64(h->catalog) % BLOCK == 0 &&
			im_is_zero(h->zero, sizeof(h->zero));
	if (!vss->is_sound)
		return IM_FOUND;
	vss->catalog = im_le64(h->catalog);
	return read_catalog(vol, vss, err) < 0 ? -1 : IM_FOUND;
}
