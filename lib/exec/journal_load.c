/* journal_load.c - a journal is read and checked, nothing of it being believed before; see journal.h for the layout. */
#include "exec/head.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "exec/saved.h"
#include "exec/stash.h"

#define SUM_CHUNK (1u << 20)

static int broken(struct im_error *err, const char *what)
{
	return im_error_set(err, IM_EFORMAT, "the journal is damaged: %s; nothing is written on its word", what);
}

/* Read a section that is held in memory and check it. The caller frees *out. */
static int get_section(struct im_dev *dev, const struct im_section *s, uint8_t **out, size_t *len, const char *what,
		       struct im_error *err)
{
	uint64_t off = im_le64(s->off), n = im_le64(s->len), end;

	if (n > IM_SECTION_MAX || !im_add(off, n, &end) || end > dev->size)
		return broken(err, what);
	*out = malloc(n ? n : 1);
	if (!*out)
		return im_error_nomem(err);
	*len = n;
	if (im_dev_read(dev, off, *out, n, err) == 0) {
		if (im_crc32c(0, *out, n) == im_le32(s->crc))
			return 0;
		broken(err, what);
	}
	free(*out);
	*out = NULL;
	return -1;
}

int im_journal_sum(struct im_journal *j, uint64_t off, uint64_t len, uint32_t *crc, struct im_error *err)
{
	uint8_t *buf = malloc(SUM_CHUNK);
	struct im_extent ext;
	int rc = buf ? 0 : im_error_nomem(err);

	*crc = 0;
	for (uint64_t n; len && rc == 0; off += n, len -= n) {
		rc = im_dev_extent(j->dev, off, len, &ext, err);
		n = ext.is_zero ? ext.len : im_min(ext.len, SUM_CHUNK);
		if (rc == 0 && !ext.is_zero)
			rc = im_dev_read(j->dev, off, buf, n, err);
		if (rc == 0)
			*crc = ext.is_zero ? im_crc32c_zeros(*crc, n) : im_crc32c(*crc, buf, n);
	}
	free(buf);
	return rc;
}

static int check_saved(struct im_journal *j, const struct im_section *s, struct im_error *err)
{
	uint64_t off = im_le64(s->off), len = im_le64(s->len), end;
	uint32_t crc;

	if (!im_add(off, len, &end) || end > j->dev->size)
		return broken(err, _("the saved bytes are cut off"));
	if (im_journal_sum(j, off, len, &crc, err) < 0)
		return -1;
	return crc == im_le32(s->crc) ? 0 : broken(err, _("the saved bytes fail their checksum"));
}

static int get_map(struct im_journal *j, const struct im_head *h, struct im_error *err)
{
	struct im_exec_params params = {
		.buffer = im_le64(h->buffer), .direct_min = im_le64(h->direct_min), .manifest = im_le64(h->manifest.len) != 0,
		.shift_unit = im_le32(h->shift_unit), .fill_gap = im_le32(h->fill_gap), .strands = im_le32(h->strands),
	};
	uint32_t ss = im_le32(h->sector_size);
	uint64_t end;
	uint8_t *p;
	size_t len;
	int rc;

	if ((ss != 512 && ss != 4096) || params.buffer < 512 || params.buffer > 64 << 20 ||
	    (params.shift_unit & (params.shift_unit - 1)) || (params.shift_unit && params.shift_unit < ss) ||
	    (params.fill_gap && !params.shift_unit) || params.strands > IM_STRANDS)
		return broken(err, _("its parameters"));
	if (get_section(j->dev, &h->plan, &p, &len, _("the plan"), err) < 0)
		return -1;
	rc = im_map_decode(&j->map, p, len, err);
	free(p);
	if (rc < 0)
		return -1;
	if (j->map.old_size != im_le64(h->old_size) || j->map.new_size != im_le64(h->new_size))
		return broken(err, _("head and plan disagree about the sizes"));
	if (im_program_build(&j->prog, &j->map, ss, &params, err) < 0)
		return -1;
	return im_add(j->stash_off, j->prog.stash_bytes, &end) && end <= j->slots_off ? 0 : broken(err, "its layout");
}

static int get_sectors(struct im_journal *j, const struct im_head *h, struct im_error *err)
{
	uint32_t ss = j->prog.sector_size;
	uint8_t *p;
	size_t len;

	if (get_section(j->dev, &h->sectors, &p, &len, _("the sectors"), err) < 0)
		return -1;
	if (len == 2 * ss) {
		memcpy(j->old0, p, ss);
		memcpy(j->new0, p + ss, ss);
	}
	free(p);
	return len == 2 * ss ? 0 : broken(err, _("the sectors"));
}

static int get_index(struct im_journal *j, const struct im_head *h, struct im_error *err)
{
	uint8_t *p;
	size_t len;
	int rc;

	if (check_saved(j, &h->saved, err) < 0 ||
	    get_section(j->dev, &h->index, &p, &len, _("the index"), err) < 0)
		return -1;
	rc = im_saved_decode(j, p, len, im_le64(h->saved.off), im_le64(h->saved.len), err);
	free(p);
	return rc;
}

static int get_manifest(struct im_journal *j, const struct im_head *h, struct im_error *err)
{
	uint8_t *p;
	size_t len;

	if (!im_le64(h->manifest.len))
		return 0;
	if (get_section(j->dev, &h->manifest, &p, &len, "the manifest", err) < 0)
		return -1;
	j->manifest = im_manifest_decode(p, len, &j->map, err);
	free(p);
	return j->manifest ? 0 : -1;
}

static bool is_sound_head(const struct im_head *h)
{
	return im_crc32c(0, h, sizeof(*h) - 4) == im_le32(h->crc);
}

enum im_journal_kind im_journal_kind_of(struct im_dev *dev)
{
	uint8_t block[IM_JOURNAL_BLOCK];
	const struct im_head *h = (const struct im_head *)block;

	if (!dev->size)
		return IM_JOURNAL_UNFINISHED;
	if (dev->size < sizeof(block))
		return IM_JOURNAL_NOT;
	if (im_dev_read(dev, 0, block, sizeof(block), NULL) < 0)
		return IM_JOURNAL_UNREADABLE;
	/* the size may be durable before the magic is */
	if (dev->size == sizeof(block) && im_is_zero(block, sizeof(block)))
		return IM_JOURNAL_UNFINISHED;
	if (memcmp(block, IM_JOURNAL_MAGIC, sizeof(h->magic)) != 0)
		return IM_JOURNAL_NOT;
	if (im_is_zero(block + sizeof(h->magic), sizeof(block) - sizeof(h->magic)))
		return IM_JOURNAL_UNFINISHED;
	/* a power cut may leave a part of the head, and PREPARED is only written behind the whole of it */
	return is_sound_head(h) || !im_log_is_empty(dev) ? IM_JOURNAL_WHOLE : IM_JOURNAL_UNFINISHED;
}

/* Is everything where it may be: STASH, which an undo writes to, behind all sections, the slots behind it, then the log? */
static bool is_layout(const struct im_journal *j, const struct im_head *h)
{
	const struct im_section *const sections[] = { &h->plan, &h->sectors, &h->saved, &h->index, &h->manifest };
	uint64_t end;

	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
		if (!im_add(im_le64(sections[i]->off), im_le64(sections[i]->len), &end) || end > j->stash_off)
			return false;
	if ((j->stash_off | j->slots_off | j->slot_size | j->log_off) % IM_JOURNAL_BLOCK)
		return false;
	return j->stash_off >= IM_JOURNAL_BLOCK && j->slot_size >= 2 * IM_JOURNAL_BLOCK && j->slot_size <= 128 << 20 &&
	       j->slots_off >= j->stash_off && im_add(j->slots_off, 2 * j->slot_size, &end) && end <= j->log_off &&
	       j->log_off <= im_le64(h->total);
}

static int get_head(struct im_journal *j, struct im_head *h, struct im_error *err)
{
	if (j->dev->size < sizeof(*h))
		return im_error_set(err, IM_EFORMAT, "not a journal of imgmend: only %" PRIu64 " bytes long",
				    j->dev->size);
	if (im_dev_read(j->dev, 0, h, sizeof(*h), err) < 0)
		return -1;
	if (memcmp(h->magic, IM_JOURNAL_MAGIC, sizeof(h->magic)) != 0)
		return im_error_set(err, IM_EFORMAT, "not a journal of imgmend, or one that was never finished");
	if (!is_sound_head(h))
		return broken(err, _("the head fails its checksum"));
	if (im_le32(h->version) != IM_JOURNAL_VERSION)
		return im_error_set(err, IM_EFORMAT, "the journal has format version %u; this imgmend reads version %u; use the"
				    " imgmend that wrote it", im_le32(h->version), IM_JOURNAL_VERSION);
	if (im_le64(h->total) > j->dev->size)
		return broken(err, _("the file is cut off"));
	j->slots_off = im_le64(h->slots_off);
	j->slot_size = im_le64(h->slot_size);
	j->log_off = im_le64(h->log_off);
	j->stash_off = im_le64(h->stash_off);
	if (!is_layout(j, h))
		return broken(err, "its layout");
	memcpy(j->uuid, h->uuid, 16);
	memcpy(j->image, h->image, sizeof(j->image) - 1);
	j->created = im_le64(h->created);
	return 0;
}

int im_journal_load(struct im_journal *j, struct im_dev *dev, struct im_error *err)
{
	struct im_head h;

	*j = (struct im_journal){ .dev = dev };
	j->io = calloc(2, IM_JOURNAL_BLOCK);
	if (!j->io)
		return im_error_nomem(err);
	if (get_head(j, &h, err) == 0 && get_map(j, &h, err) == 0 && get_sectors(j, &h, err) == 0 &&
	    get_index(j, &h, err) == 0 && get_manifest(j, &h, err) == 0 && im_log_load(j, err) == 0 &&
	    im_stash_load(j, err) == 0) {
		if (j->slot_size == im_journal_layout(&j->prog, j->slots_off).slot_size)
			return 0;
		broken(err, _("the slots"));
	}
	im_journal_free(j);
	return -1;
}

void im_journal_free(struct im_journal *j)
{
	im_program_free(&j->prog);
	im_map_free(&j->map);
	im_vec_free(&j->saved);
	im_vec_free(&j->log);
	im_manifest_free(j->manifest);
	j->manifest = NULL;
	free(j->io);
	j->io = NULL;
}
