/* ntfs_record.c - file records, their attributes, and mapping pairs. */
#include <string.h>

#include "fmt/ntfs.h"

#define FIXUP_STRIDE 512u
#define ATTR_END 0xffffffffu
#define IN_USE 0x0001u

struct record {
	uint8_t magic[4];		/* 0x00 "FILE" */
	le16 fixups;			/* 0x04 where the array of fix-ups begins */
	le16 n_fixups;			/* 0x06 one more than the record has strides */
	le64 lsn;			/* 0x08 */
	le16 sequence;			/* 0x10 */
	le16 links;			/* 0x12 */
	le16 attributes;		/* 0x14 where they begin */
	le16 flags;			/* 0x16 */
	le32 used;			/* 0x18 bytes */
	le32 allocated;			/* 0x1C bytes */
	le64 base;			/* 0x20 48 bits of record number, 16 of sequence number; 0: is one */
};

struct attribute {
	le32 type;			/* 0x00 */
	le32 len;			/* 0x04 */
	uint8_t not_resident;		/* 0x08 */
	uint8_t name_len;		/* 0x09 */
	le16 name;			/* 0x0A */
	le16 flags;			/* 0x0C */
	le16 id;			/* 0x0E */
	union {
		struct {
			le32 value_len;	/* 0x10 */
			le16 value;	/* 0x14 */
			le16 unused;
		} resident;
		struct {
			le64 first_vcn;	/* 0x10 */
			le64 last_vcn;	/* 0x18 -1: none */
			le16 pairs;	/* 0x20 */
			uint8_t unit;	/* 0x22 */
			uint8_t unused[5];
			le64 allocated;	/* 0x28 */
			le64 size;	/* 0x30 */
			le64 initialized;	/* 0x38 */
		} mapped;
	};
};

static_assert(sizeof(struct record) == 0x28, "the fixed head of a record");
static_assert(offsetof(struct attribute, resident.value) == 0x14, "value at 0x14");
static_assert(offsetof(struct attribute, mapped.pairs) == 0x20, "mapping pairs at 0x20");
static_assert(sizeof(struct attribute) == 0x40, "the head of an attribute that is not resident");

#define RESIDENT_HEAD 0x18u

bool im_ntfs_undo_fixups(uint8_t *block, uint32_t size)
{
	const struct record *r = (const void *)block;
	uint32_t array = im_le16(r->fixups), count = im_le16(r->n_fixups);

	if (count != size / FIXUP_STRIDE + 1 || array < 0x28 || array + 2 * count > FIXUP_STRIDE - 2)
		return false;
	for (uint32_t i = 1; i < count; i++) {
		uint8_t *end = block + i * FIXUP_STRIDE - 2;

		if (memcmp(end, block + array, 2))
			return false;
		memcpy(end, block + array + 2 * i, 2);
	}
	return true;
}

int im_ntfs_record_open(uint8_t *record, uint32_t size)
{
	const struct record *r = (const void *)record;

	if (memcmp(r->magic, "BAAD", 4) == 0)
		return IM_DAMAGED;
	if (memcmp(r->magic, "FILE", 4) != 0)
		return IM_ABSENT;
	if (!(im_le16(r->flags) & IN_USE))
		return IM_ABSENT;
	if (!im_ntfs_undo_fixups(record, size) || im_le32(r->used) > size || im_le32(r->used) < 0x30 ||
	    im_le16(r->attributes) < 0x28 || im_le16(r->attributes) % 8 || im_le16(r->attributes) + 4u > im_le32(r->used))
		return IM_DAMAGED;
	return IM_FOUND;
}

uint16_t im_ntfs_record_sequence(const uint8_t *record)
{
	return im_le16(((const struct record *)record)->sequence);
}

uint64_t im_ntfs_record_base(const uint8_t *record)
{
	uint64_t base = im_le64(((const struct record *)record)->base);

	return base ? base & 0xffffffffffff : UINT64_MAX;
}

/* The part that differs; len is the attribute's, checked to hold the head. */
static bool decode_resident(const struct attribute *a, uint32_t len, struct im_ntfs_attr *out)
{
	uint32_t value = im_le16(a->resident.value);

	out->is_resident = true;
	out->value_len = im_le32(a->resident.value_len);
	out->value = (const uint8_t *)a + value;
	out->allocated = out->size = out->initialized = out->value_len;
	return value <= len && out->value_len <= len - value;
}

static bool decode_mapped(const struct attribute *a, uint32_t len, struct im_ntfs_attr *out)
{
	uint32_t pairs = im_le16(a->mapped.pairs);

	if (len < sizeof(*a) || pairs < sizeof(*a) || pairs >= len || im_le64(a->mapped.first_vcn) > INT64_MAX ||
	    im_le64(a->mapped.last_vcn) + 1 > (uint64_t)INT64_MAX ||
	    im_le64(a->mapped.last_vcn) + 1 < im_le64(a->mapped.first_vcn))
		return false;
	out->value = (const uint8_t *)a + pairs;
	out->value_len = len - pairs;
	out->first_vcn = im_le64(a->mapped.first_vcn);
	out->end_vcn = im_le64(a->mapped.last_vcn) + 1;
	out->compression_unit = a->mapped.unit;
	if (!out->first_vcn) {
		out->allocated = im_le64(a->mapped.allocated);
		out->size = im_le64(a->mapped.size);
		out->initialized = im_le64(a->mapped.initialized);
		if (out->flags & (IM_NTFS_COMPRESSED | IM_NTFS_SPARSE) && pairs >= sizeof(*a) + 8)
			out->compressed = im_get64((const uint8_t *)a + sizeof(*a));
	}
	return out->size <= INT64_MAX && out->allocated <= INT64_MAX && out->initialized <= out->size &&
	       out->compression_unit < 32;
}

int im_ntfs_attr_next(const uint8_t *record, uint32_t *pos, struct im_ntfs_attr *attr)
{
	const struct record *r = (const void *)record;
	const struct attribute *a;
	uint32_t len, used = im_le32(r->used), name;

	if (!*pos)
		*pos = im_le16(r->attributes);
	if (*pos + 4 > used)
		return -1;
	a = (const void *)(record + *pos);
	if (im_le32(a->type) == ATTR_END)
		return 0;
	if (used - *pos < RESIDENT_HEAD)
		return -1;
	len = im_le32(a->len);
	name = im_le16(a->name);
	if (len < RESIDENT_HEAD || len % 8 || len > used - *pos)
		return -1;
	if (a->name_len && (name > len || 2u * a->name_len > len - name))
		return -1;
	*attr = (struct im_ntfs_attr){
		.type = im_le32(a->type), .flags = im_le16(a->flags), .name_len = a->name_len,
		.name = a->name_len ? (const uint8_t *)a + name : (const uint8_t *)a,
	};
	if (!(a->not_resident ? decode_mapped(a, len, attr) : decode_resident(a, len, attr)))
		return -1;
	*pos += len;
	return 1;
}

bool im_ntfs_attr_is(const struct im_ntfs_attr *attr, uint32_t type, const uint8_t *name, uint8_t name_len)
{
	return attr->type == type && attr->name_len == name_len &&
	       (!name_len || memcmp(attr->name, name, 2u * name_len) == 0);
}

void im_ntfs_pairs_init(struct im_ntfs_pairs *pairs, const struct im_ntfs_attr *attr, uint64_t clusters)
{
	*pairs = (struct im_ntfs_pairs){
		.p = attr->value, .end = attr->value + attr->value_len,
		.vcn = attr->first_vcn, .end_vcn = attr->end_vcn, .clusters = clusters,
	};
}

/* A signed little-endian number of n bytes (1 to 8). */
static int64_t get_signed(const uint8_t *p, unsigned n)
{
	uint64_t v = p[n - 1] & 0x80 ? UINT64_MAX : 0;

	while (n--)
		v = v << 8 | p[n];
	return (int64_t)v;
}

int im_ntfs_pairs_next(struct im_ntfs_pairs *pairs, struct im_ntfs_run *run)
{
	unsigned n_len, n_off;
	int64_t len, lcn;

	if (pairs->p >= pairs->end || !*pairs->p)
		return pairs->vcn == pairs->end_vcn ? 0 : -1;
	n_len = *pairs->p & 0xf;
	n_off = *pairs->p >> 4;
	if (!n_len || n_len > 8 || n_off > 8 || n_len + n_off >= (size_t)(pairs->end - pairs->p))
		return -1;
	len = get_signed(pairs->p + 1, n_len);
	if (len <= 0 || (uint64_t)len > pairs->end_vcn - pairs->vcn)
		return -1;
	*run = (struct im_ntfs_run){ .vcn = pairs->vcn, .lcn = IM_NTFS_HOLE, .len = (uint64_t)len };
	if (n_off) {
		if (__builtin_add_overflow((int64_t)pairs->lcn, get_signed(pairs->p + 1 + n_len, n_off), &lcn) || lcn < 0 ||
		    (uint64_t)lcn >= pairs->clusters || (uint64_t)len > pairs->clusters - (uint64_t)lcn)
			return -1;
		run->lcn = pairs->lcn = (uint64_t)lcn;
	}
	pairs->vcn += (uint64_t)len;
	pairs->p += 1 + n_len + n_off;
	return 1;
}
