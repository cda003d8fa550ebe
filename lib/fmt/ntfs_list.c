/* ntfs_list.c - attribute lists: where the attributes of a file are that do not fit its base record. */
#include "fmt/ntfs_list.h"

#include <stdlib.h>

#include "fmt/ntfs_runs.h"

#define LIST_MAX (256u << 10)	/* bytes; Windows allows no more */

struct entry {
	le32 type;		/* 0x00 */
	le16 len;		/* 0x04 */
	uint8_t name_len;	/* 0x06 */
	uint8_t name;		/* 0x07 */
	le64 first_vcn;		/* 0x08 */
	le64 record;		/* 0x10 48 bits of number, 16 of sequence */
	le16 id;		/* 0x18 */
};

static_assert(sizeof(struct entry) == 0x1a, "the fixed part of an entry");

static int parse(const uint8_t *p, uint64_t len, im_ntfs_list *list, struct im_error *err)
{
	while (len) {
		const struct entry *e = (const void *)p;
		struct im_ntfs_list_entry *n;

		if (len < sizeof(*e) || im_le16(e->len) < sizeof(*e) || im_le16(e->len) > len)
			return IM_DAMAGED;
		n = im_vec_push(list, err);
		if (!n)
			return -1;
		*n = (struct im_ntfs_list_entry){
			.type = im_le32(e->type), .name_len = e->name_len, .first_vcn = im_le64(e->first_vcn),
			.record = im_le64(e->record) & 0xffffffffffff,
		};
		len -= im_le16(e->len);
		p += im_le16(e->len);
	}
	return IM_FOUND;
}

/* The list's own content lies in clusters. */
static int read_mapped(struct im_ntfs *fs, const struct im_ntfs_attr *attr, im_ntfs_list *list, struct im_error *err)
{
	im_ntfs_runs runs = { 0 };
	uint8_t *buf = NULL;
	int got = IM_DAMAGED;

	if (attr->first_vcn || attr->size > LIST_MAX)
		return IM_DAMAGED;
	got = im_ntfs_runs_add(&runs, attr, &fs->g, err);
	if (got == IM_FOUND) {
		buf = malloc(attr->size ? attr->size : 1);
		got = buf ? im_ntfs_read_runs(fs, &runs, 0, buf, attr->size, err) : im_error_nomem(err);
	}
	if (got == IM_FOUND)
		got = parse(buf, attr->size, list, err);
	free(buf);
	im_vec_free(&runs);
	return got;
}

int im_ntfs_list_read(struct im_ntfs *fs, const uint8_t *record, im_ntfs_list *list, struct im_error *err)
{
	struct im_ntfs_attr attr;
	uint32_t pos = 0;
	int got;

	while ((got = im_ntfs_attr_next(record, &pos, &attr)) == 1) {
		if (attr.type != IM_NTFS_ATTRIBUTE_LIST)
			continue;
		return attr.is_resident ? parse(attr.value, attr.value_len, list, err) : read_mapped(fs, &attr, list, err);
	}
	return got < 0 ? IM_DAMAGED : IM_ABSENT;
}
