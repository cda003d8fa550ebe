/* journal_make.c - a journal is made; see journal.h for the layout.
 *
 * The head is written last, after the sections are durable: a journal with a valid head is whole. Until then
 * its block holds only the magic, or a part of the head and the log nothing, so that a journal whose making was
 * interrupted is known for one.
 */
#include "exec/head.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/crc.h"
#include "base/fence.h"
#include "exec/saved.h"
#include "exec/stash.h"

/* Append a section to the file; *at is where the next one may begin. */
static int put_section(struct im_dev *dev, uint64_t *at, const void *p, uint64_t len, struct im_section *s,
		       struct im_error *err)
{
	*s = (struct im_section){ im_to_le64(*at), im_to_le64(len), im_to_le32(im_crc32c(0, p, len)), { { 0 } } };
	if (im_dev_resize(dev, *at + im_journal_blocks(len), err) < 0 || im_dev_write(dev, *at, p, len, err) < 0)
		return -1;
	*at += im_journal_blocks(len);
	return 0;
}

static int put_sectors(struct im_journal *j, struct im_dev *image, uint64_t *at, struct im_section *s,
		       struct im_error *err)
{
	uint32_t ss = j->prog.sector_size;
	struct im_dev *view = im_map_view(&j->map, image, err);
	uint8_t both[2 * sizeof(j->old0)];
	int rc = -1;

	if (!view)
		return -1;
	if (im_dev_read(image, 0, j->old0, ss, err) == 0 && im_dev_read(view, 0, j->new0, ss, err) == 0) {
		memcpy(both, j->old0, ss);
		memcpy(both + ss, j->new0, ss);
		rc = put_section(j->dev, at, both, 2 * ss, s, err);
	}
	im_dev_close(view);
	return rc;
}

static int put_plan(struct im_journal *j, uint64_t *at, struct im_section *s, struct im_error *err)
{
	uint8_t *p = NULL;
	size_t len = 0;
	int rc;

	if (im_map_encode(&j->map, &p, &len, err) < 0)
		return -1;
	rc = len > IM_SECTION_MAX ? im_error_set(err, IM_EREFUSED, "the plan is too large for a journal") :
				 put_section(j->dev, at, p, len, s, err);
	free(p);
	return rc;
}

/* SAVED, then INDEX. */
static int put_saved(struct im_journal *j, struct im_dev *image, uint64_t *at, struct im_head *h, struct im_error *err)
{
	uint8_t *index = NULL;
	size_t index_len = 0;
	uint64_t start = *at;
	uint32_t crc = 0;
	int rc;

	if (im_saved_write(j, image, at, &crc, err) < 0 || im_saved_encode(j, &index, &index_len, err) < 0)
		return -1;
	h->saved = (struct im_section){ im_to_le64(start), im_to_le64(*at - start), im_to_le32(crc), { { 0 } } };
	*at = im_journal_blocks(*at);
	rc = index_len > IM_SECTION_MAX ? im_error_set(err, IM_EREFUSED, "too many pieces to save for undo") :
				       put_section(j->dev, at, index, index_len, &h->index, err);
	free(index);
	return rc;
}

static int put_manifest(struct im_journal *j, struct im_dev *image, uint64_t *at, struct im_section *s, struct im_error *err)
{
	uint8_t *p = NULL;
	size_t len = 0;
	int rc;

	if (!j->prog.params.manifest)
		return 0;
	j->manifest = im_manifest_make(&j->map, image, j->prog.params.watch, err);
	/* the caller's, who may be gone by the time of the next use */
	j->prog.params.watch = NULL;
	if (!j->manifest || im_manifest_encode(j->manifest, &p, &len, err) < 0)
		return -1;
	rc = put_section(j->dev, at, p, len, s, err);
	free(p);
	return rc;
}

static int put_head(struct im_journal *j, uint64_t at, struct im_head *h, struct im_error *err)
{
	struct im_layout l = im_journal_layout(&j->prog, at);

	j->slots_off = l.slots_off;
	j->slot_size = l.slot_size;
	j->log_off = l.log_off;
	memcpy(h->magic, IM_JOURNAL_MAGIC, sizeof(h->magic));
	h->version = im_to_le32(IM_JOURNAL_VERSION);
	h->sector_size = im_to_le32(j->prog.sector_size);
	memcpy(h->uuid, j->uuid, 16);
	h->old_size = im_to_le64(j->map.old_size);
	h->new_size = im_to_le64(j->map.new_size);
	h->slots_off = im_to_le64(j->slots_off);
	h->slot_size = im_to_le64(j->slot_size);
	h->log_off = im_to_le64(j->log_off);
	h->stash_off = im_to_le64(j->stash_off);
	h->buffer = im_to_le64(j->prog.params.buffer);
	h->direct_min = im_to_le64(j->prog.params.direct_min);
	h->shift_unit = im_to_le32(j->prog.params.shift_unit);
	h->fill_gap = im_to_le32(j->prog.params.fill_gap);
	h->strands = im_to_le32(j->prog.params.strands);
	h->total = im_to_le64(l.total);
	h->created = im_to_le64(j->created);
	memcpy(h->image, j->image, sizeof(j->image));
	h->crc = im_to_le32(im_crc32c(0, h, sizeof(*h) - 4));
	/* real blocks for all of it now: a full disk must show before the image is touched, not after */
	if (im_dev_reserve(j->dev, l.total, err) < 0 || im_dev_flush(j->dev, err) < 0)
		return -1;
	return im_dev_write(j->dev, 0, h, sizeof(*h), err) < 0 ? -1 : im_dev_flush(j->dev, err);
}

int im_journal_create(struct im_journal *j, struct im_dev *dev, struct im_dev *image, const struct im_map *map,
		      const struct im_exec_params *params, const char *image_name, struct im_error *err)
{
	uint64_t at = IM_JOURNAL_BLOCK;
	struct im_head h;
	_Static_assert(sizeof(h.image) == sizeof(j->image), "the same field");

	memset(&h, 0, sizeof(h));
	*j = (struct im_journal){ .dev = dev, .created = (uint64_t)time(NULL) };
	strncpy(j->image, image_name, sizeof(j->image) - 1);
	im_uuid_random(j->uuid);
	j->io = calloc(2, IM_JOURNAL_BLOCK);
	if (!j->io)
		return im_error_nomem(err);
	if (im_map_copy(&j->map, map, err) < 0 ||
	    im_program_build(&j->prog, &j->map, image->sector_size, params, err) < 0 ||
	    im_dev_resize(dev, at, err) < 0 || im_dev_write(dev, 0, IM_JOURNAL_MAGIC, sizeof(h.magic), err) < 0 ||
	    im_dev_flush(dev, err) < 0 ||
	    put_plan(j, &at, &h.plan, err) < 0 || put_sectors(j, image, &at, &h.sectors, err) < 0 ||
	    put_saved(j, image, &at, &h, err) < 0 || put_manifest(j, image, &at, &h.manifest, err) < 0 ||
	    im_stash_create(j, image, &at, err) < 0 || put_head(j, at, &h, err) < 0) {
		im_journal_free(j);
		return im_error_prefix(err, "journal");
	}
	return 0;
}

void im_journal_cost(const struct im_program *prog, struct im_dev *image, struct im_journal_cost *cost)
{
	cost->undo = im_saved_estimate(prog, image);
	/* a few blocks for head, plan, sectors and index */
	cost->total = im_journal_layout(prog, cost->undo + 8 * IM_JOURNAL_BLOCK + prog->stash_bytes).total;
	cost->scratch = cost->total - cost->undo;
}
