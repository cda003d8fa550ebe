/* vss_carve.c - what is left of shadow copies, found by their identifier, wherever their volumes begin. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/pages.h"
#include "fmt/fs_util.h"
#include "fmt/vss.h"

#define PIECE (4u << 20)
#define SECTOR 512u

struct carving {
	struct im_dev *dev;
	struct im_vss_carving *out;
	uint8_t *buf;
};

/* Is a header at byte `at` in its place in a first block of an NTFS volume? */
static int is_in_first_block(struct im_dev *dev, uint64_t at, bool *yes, struct im_error *err)
{
	uint8_t boot[16];
	int got = at < IM_VSS_HEADER ? 0 : im_fs_peek(dev, at - IM_VSS_HEADER, boot, sizeof(boot), err);

	*yes = got == 1 && memcmp(boot + 3, "NTFS    ", 8) == 0;
	return got < 0 ? -1 : 0;
}

static int look(struct carving *c, const uint8_t *sector, uint64_t at, struct im_error *err)
{
	struct im_vss_header header;
	struct im_vss_found *n;
	struct im_vss_record r;
	bool wanted;

	if (!im_vss_record_decode(sector, &r))
		return 0;
	c->out->records++;
	wanted = r.type == IM_VSS_CATALOG || r.type == IM_VSS_STORE;
	if (r.type == IM_VSS_VOLUME && im_vss_header_decode(sector, &header) == IM_FOUND && is_in_first_block(c->dev, at, &wanted, err) < 0)
		return -1;
	if (!wanted || c->out->list.n == IM_VSS_FOUND_MAX)
		return 0;
	n = im_vec_push(&c->out->list, err);
	if (!n)
		return -1;
	*n = (struct im_vss_found){ at, r.own, r.relative, r.type };
	return 0;
}

static int search(struct carving *c, uint64_t off, uint64_t len, struct im_error *err)
{
	if (im_dev_read(c->dev, off, c->buf, len, err) < 0)
		return -1;
	c->out->read += len;
	for (uint64_t at = 0; at + SECTOR <= len; at += SECTOR)
		if (im_vss_is_marked(c->buf + at) && look(c, c->buf + at, off + at, err) < 0)
			return -1;
	return 0;
}

/* The next stretch of whole sectors: a hole, or at most a piece of what may be data. */
static int stretch(struct carving *c, uint64_t off, uint64_t size, uint64_t *n, bool *is_hole, struct im_error *err)
{
	struct im_extent ext;

	if (im_dev_extent(c->dev, off, size - off, &ext, err) < 0)
		return -1;
	*n = ext.len - ext.len % SECTOR;
	*is_hole = ext.is_zero && *n;
	if (!*is_hole)
		*n = im_min(im_min(ext.len, PIECE) + SECTOR - 1, PIECE - off % PIECE) / SECTOR * SECTOR;
	return 0;
}

static int carve(struct carving *c, struct im_error *err)
{
	uint64_t size = c->dev->size & -(uint64_t)SECTOR, n;

	for (uint64_t off = 0; off < size; off += n) {
		bool is_hole;

		if (stretch(c, off, size, &n, &is_hole, err) < 0 || (!is_hole && search(c, off, n, err) < 0))
			return -1;
		if (im_watch_step(c->dev->watch, off + n, size, err) < 0)
			return -1;
	}
	im_watch_end(c->dev->watch);
	return 0;
}

int im_vss_carve(struct im_dev *dev, struct im_vss_carving *out, struct im_error *err)
{
	struct carving c = { dev, out, im_pages(PIECE) };
	int rc;

	*out = (struct im_vss_carving){ 0 };
	if (!c.buf)
		return im_error_nomem(err);
	rc = carve(&c, err);
	free(c.buf);
	return rc;
}

void im_vss_carving_free(struct im_vss_carving *c)
{
	im_vec_free(&c->list);
}
