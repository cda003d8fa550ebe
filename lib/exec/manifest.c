/* manifest.c - hashing both sides of a map, and comparing one of them. */
#include "exec/manifest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/sha256.h"

#define CHUNK (1u << 20)

static size_t count_ranges(const struct im_map *map)
{
	size_t n = 0;

	for (size_t i = 0; i < map->segs.n; i++)
		n += map->segs.v[i].kind != IM_KEEP;
	return n;
}

/* n more bytes are hashed. */
static int step(struct im_watch *watch, size_t n, struct im_error *err)
{
	if (!watch || im_watch_step(watch, watch->done + n, watch->total, NULL) == 0)
		return 0;
	return im_error_set(err, IM_ECANCELLED, "stopped while the image was read for its SHA-256");
}

/* Add [off, off+len) of dev to one or two hashes; b may be NULL. Holes are not read. */
static int hash_range(struct im_dev *dev, uint64_t off, uint64_t len, struct im_sha256 *a, struct im_sha256 *b, uint8_t *buf,
		      struct im_watch *watch, struct im_error *err)
{
	while (len) {
		struct im_extent ext;
		size_t n;

		if (im_dev_extent(dev, off, len, &ext, err) < 0)
			return -1;
		n = (size_t)im_min(ext.len, CHUNK);
		if (ext.is_zero)
			memset(buf, 0, n);
		else if (im_dev_read(dev, off, buf, n, err) < 0)
			return -1;
		im_sha256_add(a, buf, n);
		if (b)
			im_sha256_add(b, buf, n);
		if (step(watch, n, err) < 0)
			return -1;
		off += n;
		len -= n;
	}
	return 0;
}

/* The hash of one range, which goes into the whole one as well. */
static int hash_both(struct im_dev *dev, uint64_t off, uint64_t len, struct im_sha256 *whole, uint8_t digest[32], uint8_t *buf,
		     struct im_watch *watch, struct im_error *err)
{
	struct im_sha256 *h = im_sha256_new(err);
	int rc = h ? hash_range(dev, off, len, whole, h, buf, watch, err) : -1;

	if (h)
		im_sha256_end(h, digest);
	return rc;
}

/* One side of the map: all of dev, and each changed range clipped to it. The digests go to out[i] at `side`. */
static int hash_side(const struct im_map *map, struct im_dev *dev, uint8_t whole[32], struct im_hashes *out, size_t side,
		     struct im_watch *watch, struct im_error *err)
{
	struct im_sha256 *h = im_sha256_new(err);
	uint8_t *buf = h ? malloc(CHUNK) : NULL;
	int rc = buf ? 0 : im_error_nomem(err);
	uint64_t at = 0;
	size_t k = 0;

	for (size_t i = 0; rc == 0 && i < map->segs.n; i++) {
		const struct im_segment *s = &map->segs.v[i];
		uint64_t n = at < dev->size ? im_min(s->len, dev->size - at) : 0;

		rc = s->kind == IM_KEEP ? hash_range(dev, at, n, h, NULL, buf, watch, err) :
					  hash_both(dev, at, n, h, (uint8_t *)&out[k++] + side, buf, watch, err);
		at += n;
	}
	/* what a shrinking image loses belongs to the old side alone */
	if (rc == 0 && at < dev->size)
		rc = hash_range(dev, at, dev->size - at, h, NULL, buf, watch, err);
	if (h)
		im_sha256_end(h, whole);
	free(buf);
	return rc;
}

static struct im_manifest *new_manifest(size_t n, struct im_error *err)
{
	struct im_manifest *m = calloc(1, sizeof(*m));

	for (size_t i = 0; m && i < n; i++)
		if (!im_vec_push(&m->ranges, err)) {
			im_manifest_free(m);
			return NULL;
		}
	if (!m)
		im_error_nomem(err);
	return m;
}

struct im_manifest *im_manifest_make(const struct im_map *map, struct im_dev *image, struct im_watch *watch, struct im_error *err)
{
	struct im_manifest *m = new_manifest(count_ranges(map), err);
	struct im_dev *view = m ? im_map_view(map, image, err) : NULL;

	if (watch && view)
		watch->total = image->size + view->size;
	if (view && hash_side(map, image, m->whole.old, m->ranges.v, offsetof(struct im_hashes, old), watch, err) == 0 &&
	    hash_side(map, view, m->whole.new, m->ranges.v, offsetof(struct im_hashes, new), watch, err) == 0) {
		im_dev_close(view);
		return m;
	}
	im_dev_close(view);
	im_manifest_free(m);
	return NULL;
}

void im_manifest_free(struct im_manifest *m)
{
	if (!m)
		return;
	im_vec_free(&m->ranges);
	free(m);
}

static int differs(uint64_t off, const char *what, struct im_error *err)
{
	return im_error_at(err, IM_EIO, off, "what was written does not read back: %s at byte %" PRIu64 " has another SHA-256"
			   " than planned; the storage cannot be trusted: undo the repair, or restore the image from a"
			   " backup", what, off);
}

int im_manifest_check(const struct im_manifest *m, const struct im_map *map, struct im_dev *image, struct im_watch *watch,
		      struct im_error *err)
{
	struct im_manifest *now = new_manifest(m->ranges.n, err);
	size_t k = 0;
	int rc = -1;

	if (watch)
		watch->total = image->size;
	if (!now || hash_side(map, image, now->whole.new, now->ranges.v, offsetof(struct im_hashes, new), watch, err) < 0)
		goto out;
	for (size_t i = 0; i < map->segs.n; i++) {
		if (map->segs.v[i].kind == IM_KEEP)
			continue;
		if (memcmp(now->ranges.v[k].new, m->ranges.v[k].new, 32) != 0) {
			differs(map->segs.v[i].start, map->segs.v[i].reason ? map->segs.v[i].reason : _("a range"), err);
			goto out;
		}
		k++;
	}
	rc = memcmp(now->whole.new, m->whole.new, 32) == 0 ? 0 : differs(0, "the part that was to stay as it was", err);
out:
	im_manifest_free(now);
	return rc;
}

int im_manifest_encode(const struct im_manifest *m, uint8_t **out, size_t *len, struct im_error *err)
{
	size_t n = m->ranges.n * sizeof(*m->ranges.v);

	*len = sizeof(m->whole) + n;
	*out = malloc(*len);
	if (!*out)
		return im_error_nomem(err);
	memcpy(*out, &m->whole, sizeof(m->whole));
	if (n)
		memcpy(*out + sizeof(m->whole), m->ranges.v, n);
	return 0;
}

struct im_manifest *im_manifest_decode(const uint8_t *p, size_t len, const struct im_map *map, struct im_error *err)
{
	size_t n = count_ranges(map), bytes = n * sizeof(struct im_hashes);
	struct im_manifest *m;

	if (len != sizeof(m->whole) + bytes) {
		im_error_set(err, IM_EFORMAT, "the journal is damaged: its manifest does not fit the plan");
		return NULL;
	}
	m = new_manifest(n, err);
	if (!m)
		return NULL;
	memcpy(&m->whole, p, sizeof(m->whole));
	if (n)
		memcpy(m->ranges.v, p + sizeof(m->whole), bytes);
	return m;
}
