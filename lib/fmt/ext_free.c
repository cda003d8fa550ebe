/* ext_free.c - the free blocks of ext2, ext3 and ext4: the clear bits of the groups' bitmaps.
 *
 * A group whose bitmap was never written (BLOCK_UNINIT) is free but for what belongs to the file system itself: backups of the
 * super block and of the descriptors, and the bitmaps and inode tables of any group that lie in it.
 * Source: the kernel's Documentation/filesystems/ext4 ("Block Group Descriptors", "Block and Inode Bitmaps", "Flexible Block
 * Groups", "Lazy Block Group Initialization").
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/free.h"
#include "fmt/fs_util.h"

#define STATE_VALID 1u
#define STATE_ERRORS 2u
#define COMPAT_SPARSE2 0x200u
#define INCOMPAT_RECOVER 0x4u
#define INCOMPAT_META_BG 0x10u
#define INCOMPAT_64BIT 0x80u
#define RO_SPARSE 0x1u
#define RO_BIGALLOC 0x200u
#define BLOCK_UNINIT 0x2u
#define DESCRIPTORS_MAX (64u << 20)	/* bytes: those of 128 TiB in blocks of 4096 bytes */

struct ext {
	struct im_dev *vol;
	uint64_t block, blocks, first;		/* bytes; number; number of the first one that belongs to a group */
	uint64_t per_group, groups;
	uint32_t descriptor, inode_blocks;	/* bytes; blocks of one inode table */
	uint64_t reserved;			/* descriptor blocks kept for growth */
	bool is_wide, is_sparse;
	uint8_t *descriptors;			/* of all groups */
};

static int open_ext(struct ext *x, struct im_dev *vol, struct im_free *f, struct im_error *err)
{
	uint32_t incompat, ro, log, inodes, inode;
	uint8_t s[1024];
	int got = im_fs_peek(vol, 1024, s, sizeof(s), err);

	if (got <= 0)
		return got < 0 ? -1 : im_free_unknown(f, _("it has no super block"));
	incompat = im_get32(s + 0x60);
	ro = im_get32(s + 0x64);
	log = im_get32(s + 0x18);
	inodes = im_get32(s + 0x28);
	inode = im_get32(s + 0x4c) ? im_get16(s + 0x58) : 128;
	if (!(im_get16(s + 0x3a) & STATE_VALID) || im_get16(s + 0x3a) & STATE_ERRORS || incompat & INCOMPAT_RECOVER)
		return im_free_unknown(f, _("it was not left cleanly"));
	if (incompat & INCOMPAT_META_BG || ro & RO_BIGALLOC || im_get32(s + 0x5c) & COMPAT_SPARSE2 || log > 6)
		return im_free_unknown(f, _("it has features (meta_bg, bigalloc, sparse_super2) with which this is not known"));
	*x = (struct ext){
		.vol = vol, .block = 1024ull << log, .first = im_get32(s + 0x14), .per_group = im_get32(s + 0x20),
		.is_wide = incompat & INCOMPAT_64BIT, .is_sparse = ro & RO_SPARSE, .reserved = im_get16(s + 0xce),
	};
	x->blocks = im_get32(s + 4) | (x->is_wide ? (uint64_t)im_get32(s + 0x150) << 32 : 0);
	x->descriptor = x->is_wide ? im_get16(s + 0xfe) : 32;
	if (!x->per_group || x->per_group > 8 * x->block || x->first > 1 || x->blocks <= x->first || !inode || x->blocks > vol->size / x->block ||
	    x->descriptor < (x->is_wide ? 64 : 32) || x->descriptor > x->block)
		return im_free_unknown(f, _("its super block makes no sense"));
	x->groups = (x->blocks - x->first + x->per_group - 1) / x->per_group;
	x->inode_blocks = (uint32_t)(((uint64_t)inodes * inode + x->block - 1) / x->block);
	if (x->inode_blocks > x->per_group)
		return im_free_unknown(f, _("its super block makes no sense"));
	if (x->groups > DESCRIPTORS_MAX / x->descriptor)
		return im_free_unknown(f, _("its group descriptors are more than are read here"));
	return IM_FOUND;
}

static int read_descriptors(struct ext *x, struct im_free *f, struct im_error *err)
{
	size_t len = (size_t)(x->groups * x->descriptor);
	int got;

	x->descriptors = malloc(len);
	if (!x->descriptors)
		return im_error_nomem(err);
	got = im_fs_peek(x->vol, (x->first + 1) * x->block, x->descriptors, len, err);
	return got > 0 ? IM_FOUND : got < 0 ? -1 : im_free_unknown(f, _("its group descriptors cannot be read"));
}

/* The block number at off of a descriptor, its upper half at high. */
static uint64_t number_at(const struct ext *x, uint64_t group, unsigned off, unsigned high)
{
	const uint8_t *d = x->descriptors + group * x->descriptor;

	return im_get32(d + off) | (x->is_wide ? (uint64_t)im_get32(d + high) << 32 : 0);
}

/* Is n a power of base? */
static bool is_power(uint64_t n, uint64_t base)
{
	while (n % base == 0)
		n /= base;
	return n == 1;
}

static bool has_super(const struct ext *x, uint64_t group)
{
	return !x->is_sparse || group <= 1 || is_power(group, 3) || is_power(group, 5) || is_power(group, 7);
}

/* Mark what of [from, from+len) lies in the group's bitmap. Returns how many blocks that are. */
static uint64_t mark(uint8_t *map, uint64_t size, uint64_t start, uint64_t from, uint64_t len)
{
	uint64_t n = 0;

	for (uint64_t b = im_max(from, start); b - from < len && b >= from && b < start + size; b++, n++)
		map[(b - start) / 8] |= (uint8_t)(1u << (b - start) % 8);
	return n;
}

/* The bitmap that a group without one would have. All groups' own blocks may lie in any: with flex_bg they lie together, a few
 * groups before theirs. False when more lie here than there is room for. */
static bool make_bitmap(const struct ext *x, uint64_t group, uint64_t count, uint8_t *map)
{
	uint64_t start = x->first + group * x->per_group, table = (x->groups * x->descriptor + x->block - 1) / x->block, n = 0;

	memset(map, 0, (size_t)x->block);
	if (has_super(x, group))
		mark(map, count, start, start, 1 + table + x->reserved);
	for (uint64_t g = 0; g < x->groups && n <= count; g++) {
		n += mark(map, count, start, number_at(x, g, 0, 0x20), 1);
		n += mark(map, count, start, number_at(x, g, 4, 0x24), 1);
		n += mark(map, count, start, number_at(x, g, 8, 0x28), x->inode_blocks);
	}
	return n <= count;
}

static int look(const struct ext *x, uint8_t *map, struct im_free *f, struct im_error *err)
{
	uint64_t made = 0;

	for (uint64_t g = 0; g < x->groups; g++) {
		uint64_t start = x->first + g * x->per_group, count = im_min(x->per_group, x->blocks - start);
		const uint8_t *d = x->descriptors + g * x->descriptor;

		if (im_get16(d + 0x12) & BLOCK_UNINIT) {
			/* each looks at every group: on a large volume only for the first ones */
			if (made++ > (64ull << 20) / x->groups)
				continue;
			if (!make_bitmap(x, g, count, map))
				return im_free_unknown(f, _("its group descriptors make no sense"));
		} else {
			uint64_t at = number_at(x, g, 0, 0x20);
			int got = at < x->blocks ? im_fs_peek(x->vol, at * x->block, map, (size_t)x->block, err) : 0;

			if (got <= 0)
				return got < 0 ? -1 : im_free_unknown(f, _("a bitmap of it cannot be read"));
		}
		if (im_free_add_bits(f, map, start, count, 0, x->block, err) < 0)
			return -1;
	}
	return IM_FOUND;
}

int im_free_ext(struct im_dev *vol, struct im_free *f, struct im_error *err)
{
	struct ext x = { 0 };
	uint8_t *map = NULL;
	int rc = open_ext(&x, vol, f, err);

	if (rc == IM_FOUND)
		rc = read_descriptors(&x, f, err);
	if (rc == IM_FOUND) {
		map = malloc(x.block);
		rc = map ? look(&x, map, f, err) : im_error_nomem(err);
	}
	free(map);
	free(x.descriptors);
	return rc;
}
