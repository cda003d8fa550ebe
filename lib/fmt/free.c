/* free.c - see free.h. */
#include "fmt/free.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static int by_len(const void *a, const void *b)
{
	const struct im_free_range *x = a, *y = b;

	return (x->len < y->len) - (x->len > y->len);
}

static int by_off(const void *a, const void *b)
{
	const struct im_free_range *x = a, *y = b;

	return (x->off > y->off) - (x->off < y->off);
}

/* Keep the longest n; what is not longer than those that were dropped is not taken any more. */
static void keep_longest(struct im_free *f, size_t n)
{
	if (f->list.n > n) {
		qsort(f->list.v, f->list.n, sizeof(*f->list.v), by_len);
		f->least = im_max(f->least, f->list.v[n].len);
		f->list.n = n;
	}
	if (f->list.n)
		qsort(f->list.v, f->list.n, sizeof(*f->list.v), by_off);
}

int im_free_unknown(struct im_free *f, const char *why)
{
	f->why = why;
	return IM_ABSENT;
}

int im_free_add(struct im_free *f, uint64_t off, uint64_t len, struct im_error *err)
{
	struct im_free_range *last = f->list.n ? &f->list.v[f->list.n - 1] : NULL, *next;

	if (off >= f->limit)
		return 0;
	len = im_min(len, f->limit - off);
	if (!len)
		return 0;
	if (last && last->off + last->len == off) {
		last->len += len;
		return 0;
	}
	/* the one before is complete now */
	if (last && last->len < im_max(f->least, IM_FREE_LEAST))
		f->list.n--;
	if (f->list.n >= 8 * IM_FREE_MAX)
		keep_longest(f, IM_FREE_MAX);
	next = im_vec_push(&f->list, err);
	if (!next)
		return -1;
	*next = (struct im_free_range){ off, len };
	return 0;
}

int im_free_add_bits(struct im_free *f, const uint8_t *bits, uint64_t n, uint64_t count, uint64_t start, uint64_t unit,
		     struct im_error *err)
{
	for (uint64_t i = 0; i < count;) {
		uint64_t first = i;

		/* eight at a time, where they are alike */
		if (i % 8 == 0 && count - i >= 8 && bits[i / 8] == 0xff) {
			i += 8;
			continue;
		}
		while (i < count && !(bits[i / 8] >> i % 8 & 1))
			i += i % 8 == 0 && count - i >= 8 && !bits[i / 8] ? 8 : 1;
		if (i > first && im_free_add(f, start + (n + first) * unit, (i - first) * unit, err) < 0)
			return -1;
		i += i == first;
	}
	return 0;
}

int im_free_find(struct im_dev *vol, const struct im_fs_info *info, struct im_free *f, struct im_error *err)
{
	static const struct {
		const char *name;
		int (*find)(struct im_dev *vol, struct im_free *f, struct im_error *err);
	} readers[] = {
		{ "ntfs", im_free_ntfs }, { "fat12", im_free_fat }, { "fat16", im_free_fat }, { "fat32", im_free_fat },
		{ "exfat", im_free_exfat }, { "ext2", im_free_ext }, { "ext3", im_free_ext }, { "ext4", im_free_ext },
	};
	int rc = IM_ABSENT;

	*f = (struct im_free){ .limit = vol->size, .why = _("what is free is not known of this file system") };
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (strcmp(info->name, readers[i].name) == 0)
			rc = readers[i].find(vol, f, err);
	if (rc == IM_FOUND) {
		if (f->list.n && f->list.v[f->list.n - 1].len < im_max(f->least, IM_FREE_LEAST))
			f->list.n--;
		keep_longest(f, IM_FREE_MAX);
	} else {
		im_free_done(f);
	}
	return rc;
}

void im_free_done(struct im_free *f)
{
	im_vec_free(&f->list);
}
