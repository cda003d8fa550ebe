/* vss.c - the header of the shadow copies, the head of every other record, and lists of blocks. */
#include "fmt/vss.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/fs_util.h"

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

struct record {
	uint8_t guid[16];
	le32 version;
	le32 type;
	le64 relative, own, next;	/* 24, 32, 40 */
	le64 info;			/* 48 */
};

_Static_assert(offsetof(struct header, catalog) == 48, "catalog offset at 48");
_Static_assert(sizeof(struct header) == IM_VSS_HEADER_SIZE, "the header is one sector of 512 bytes");
_Static_assert(sizeof(struct record) == 56, "the head of a record");

bool im_vss_is_marked(const uint8_t *p)
{
	return memcmp(p, guid, sizeof(guid)) == 0;
}

bool im_vss_record_decode(const uint8_t *p, struct im_vss_record *r)
{
	const struct record *d = (const void *)p;

	*r = (struct im_vss_record){
		.version = im_le32(d->version), .type = im_le32(d->type), .relative = im_le64(d->relative),
		.own = im_le64(d->own), .next = im_le64(d->next), .info = im_le64(d->info),
	};
	return im_vss_is_marked(p) && (r->version == 1 || r->version == 2) && r->type >= IM_VSS_VOLUME &&
	       r->type <= IM_VSS_BITMAP;
}

int im_vss_header_decode(const uint8_t sector[IM_VSS_HEADER_SIZE], struct im_vss_header *h)
{
	const struct header *d = (const void *)sector;

	if (!im_vss_is_marked(sector))
		return IM_ABSENT;
	*h = (struct im_vss_header){
		.version = im_le32(d->version), .catalog = im_le64(d->catalog), .max_size = im_le64(d->max_size),
	};
	memcpy(h->volume, d->volume, 16);
	memcpy(h->storage, d->storage, 16);
	return (h->version == 1 || h->version == 2) && im_le32(d->type) == IM_VSS_VOLUME && im_le64(d->off) == IM_VSS_HEADER &&
		       im_le64(d->own_off) == IM_VSS_HEADER && !im_le64(d->next) && h->catalog % IM_VSS_BLOCK == 0 &&
		       im_is_zero(d->zero, sizeof(d->zero)) ? IM_FOUND : IM_DAMAGED;
}

void im_vss_header_encode(uint8_t sector[IM_VSS_HEADER_SIZE], const struct im_vss_header *h)
{
	struct header d = {
		.version = im_to_le32(h->version), .type = im_to_le32(IM_VSS_VOLUME), .off = im_to_le64(IM_VSS_HEADER),
		.own_off = im_to_le64(IM_VSS_HEADER), .catalog = im_to_le64(h->catalog), .max_size = im_to_le64(h->max_size),
	};

	memcpy(d.guid, guid, sizeof(guid));
	memcpy(d.volume, h->volume, 16);
	memcpy(d.storage, h->storage, 16);
	memcpy(sector, &d, sizeof(d));
}

/* Every now and then a place is remembered, ever more seldom: a list that comes to it again runs in a circle. */
struct rounds {
	uint64_t mark, n, limit;
};

static bool comes_again(struct rounds *r, uint64_t off)
{
	if (off == r->mark)
		return true;
	if (++r->n > r->limit) {
		r->mark = off;
		r->limit = 2 * r->n;
	}
	return false;
}

/* Read and check one block; *next: the place of the one behind it. */
static int load(struct im_dev *vol, uint64_t off, enum im_vss_type type, uint8_t *block, uint64_t *next, const char **why,
		struct im_error *err)
{
	struct im_vss_record r;
	int there;

	*why = _("it leads to where no block of it can be");
	there = off % IM_VSS_BLOCK ? 0 : im_fs_peek(vol, off, block, IM_VSS_BLOCK, err);
	if (there <= 0)
		return there < 0 ? -1 : IM_DAMAGED;
	*why = _("what it leads to is no block of it");
	if (!im_vss_record_decode(block, &r) || r.type != type)
		return IM_DAMAGED;
	*why = _("a block of it says that it lies elsewhere");
	*next = r.next;
	return r.own == off ? IM_FOUND : IM_DAMAGED;
}

int im_vss_walk(struct im_dev *vol, uint64_t off, enum im_vss_type type, im_vss_block_fn *each, void *arg, const char **why,
		struct im_error *err)
{
	struct rounds rounds = { .mark = UINT64_MAX };
	uint8_t *block = malloc(IM_VSS_BLOCK);
	int got = IM_FOUND;

	if (!block)
		return im_error_nomem(err);
	for (uint64_t next = 0; off && got == IM_FOUND; off = next) {
		if (comes_again(&rounds, off)) {
			*why = _("it runs in a circle");
			got = IM_DAMAGED;
			break;
		}
		got = load(vol, off, type, block, &next, why, err);
		if (got == IM_FOUND)
			got = each(arg, block, off, why, err);
	}
	free(block);
	return got;
}
