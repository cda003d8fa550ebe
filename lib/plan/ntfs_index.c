/* ntfs_index.c - the root directory before and after: only what the entry of $Boot says of sizes and times may differ.
 *
 * Sources as in ntfs.h. An index entry: file reference 8 bytes, length u16 at 8, length of its key u16 at 10, flags
 * u16 at 12 (2: the last one), then the key, which is a $FILE_NAME: parent 8 bytes, times, sizes and attributes up
 * to byte 0x40, then the name.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "plan/ntfs_check.h"

#define NODE_IN_ROOT 0x10u	/* where the node's head is in the value of $INDEX_ROOT */
#define NODE_IN_BLOCK 0x18u	/* … and in an index block */
#define ENTRY_HEAD 16u
#define KEY_FROM 8u		/* what of the key may differ: behind the parent's reference … */
#define KEY_TO 0x40u		/* … and before the name */
#define LAST 2u

/* The offset of the entry of $Boot behind the node's head; 0: there is none. */
static size_t find_boot(const uint8_t *p, size_t len, size_t node)
{
	size_t at;

	if (node + 16 > len)
		return 0;
	at = node + im_get32(p + node);
	while (at + ENTRY_HEAD <= len) {
		size_t size = im_get16(p + at + 8);

		if (im_get16(p + at + 12) & LAST || size < ENTRY_HEAD || size > len - at)
			return 0;
		if ((im_get64(p + at) & 0xffffffffffff) == IM_NTFS_BOOT)
			return im_get16(p + at + 10) >= KEY_TO && ENTRY_HEAD + KEY_TO <= size ? at : 0;
		at += size;
	}
	return 0;
}

static bool same_node(const uint8_t *a, const uint8_t *b, size_t len, size_t node)
{
	size_t at = find_boot(a, len, node), from = at + ENTRY_HEAD + KEY_FROM, to = at + ENTRY_HEAD + KEY_TO;

	if (!at)
		return memcmp(a, b, len) == 0;
	return memcmp(a, b, from) == 0 && memcmp(a + to, b + to, len - to) == 0;
}

bool im_ntfs_same_root(const uint8_t *a, const uint8_t *b, size_t len)
{
	return same_node(a, b, len, NODE_IN_ROOT);
}

bool im_ntfs_same_block(const uint8_t *a, const uint8_t *b, size_t len)
{
	return same_node(a, b, len, NODE_IN_BLOCK);
}

/* A sound index block without what seals it: the true last bytes of its strides, and zeros for their list. */
static bool unseal(uint8_t *block, size_t len)
{
	if (memcmp(block, "INDX", 4) != 0 || !im_ntfs_undo_fixups(block, (uint32_t)len))
		return false;
	memset(block + im_get16(block + 4), 0, 2u * im_get16(block + 6));
	return true;
}

static bool same_sealed(uint8_t *a, uint8_t *b, size_t len)
{
	if (memcmp(a, b, len) == 0)
		return true;
	return unseal(a, len) && unseal(b, len) && im_ntfs_same_block(a, b, len);
}

int im_ntfs_check_index(struct im_ntfs_check *c, const struct im_ntfs_stream *old, const struct im_ntfs_stream *new,
			struct im_error *err)
{
	/* blocks of 4096 bytes are all that Windows makes; with others the comparison must be exact */
	const size_t size = 4096;
	uint8_t *a = malloc(size), *b = malloc(size);
	int rc = a && b ? 0 : im_error_nomem(err);

	for (uint64_t off = 0; rc == 0 && off < old->size; off += size) {
		size_t n = (size_t)im_min(size, old->size - off);

		if (im_ntfs_read_runs(&c->old, &old->runs, off, a, n, err) != IM_FOUND ||
		    im_ntfs_read_runs(&c->new, &new->runs, off, b, n, err) != IM_FOUND)
			rc = im_ntfs_check_fail(err, "the index of the root directory cannot be read");
		else if (n == size ? !same_sealed(a, b, n) : memcmp(a, b, n) != 0)
			rc = im_ntfs_check_fail(err, "the root directory would change in more than the sizes of $Boot");
	}
	free(a);
	free(b);
	return rc;
}
