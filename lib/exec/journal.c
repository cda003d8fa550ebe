/* journal.c - creating and loading a journal; see journal.h for the layout.
 *
 * The head is written last, after the sections are durable: a journal with a valid head is whole. Until then
 * its block holds only the magic, or a part of the head and the log nothing, so that a journal whose making was
 * interrupted is known for one.
 */
#include "exec/journal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/fence.h"
#include "exec/saved.h"
#include "exec/stash.h"

static const char magic[16] = "imgmend journal\n";

/* 2: the plan may hold FILL segments, and there may be a manifest; 3: a run may go by a clone, and batches are smaller;
 * 4: a run may move blocks of the host; 5: and fill gaps among them; 6: a slot may announce many batches; 7: in waves;
 * 8: what goes by way of the journal stands apart, and there are strands. Older ones cut their batches in another way. */
#define VERSION 8
#define SECTION_MAX (8u << 20)		/* of PLAN and INDEX: held in memory */
#define SUM_CHUNK (1u << 20)

struct section {
	le64 off, len;
	le32 crc;
	le32 zero;
};

struct head {
	char magic[16];			/* 0 */
	le32 version;			/* 16 */
	le32 sector_size;		/* 20 */
	uint8_t uuid[16];		/* 24 */
	le64 old_size, new_size;	/* 40, 48 */
	struct section plan;		/* 56 */
	struct section sectors;		/* 80 */
	struct section saved;		/* 104 */
	struct section index;		/* 128 */
	le64 log_off;			/* 152 */
	le64 slots_off, slot_size;	/* 160, 168 */
	le64 buffer, direct_min;	/* 176, 184 */
	le64 total;			/* 192: least size of the file */
	le64 created;			/* 200 */
	struct section manifest;	/* 208: of length 0 where there is none */
	le32 shift_unit;		/* 232 */
	le32 fill_part;			/* 236 */
	le64 stash_off;			/* 240 */
	le32 strands;			/* 248 */
	uint8_t zero[772];		/* 252 */
	char image[1024];		/* 1024 */
	uint8_t zero2[2044];		/* 2048 */
	le32 crc;			/* 4092: of the 4092 bytes before it */
};

_Static_assert(sizeof(struct head) == IM_JOURNAL_BLOCK, "the head fills one block");
_Static_assert(__builtin_offsetof(struct head, log_off) == 152, "head layout");
_Static_assert(__builtin_offsetof(struct head, manifest) == 208, "head layout");
_Static_assert(__builtin_offsetof(struct head, image) == 1024, "head layout");
_Static_assert(__builtin_offsetof(struct head, crc) == 4092, "head layout");

static uint64_t blocks(uint64_t len)
{
	return (len + IM_JOURNAL_BLOCK - 1) / IM_JOURNAL_BLOCK * IM_JOURNAL_BLOCK;
}

/* Append a section to the file; *at is where the next one may begin. */
static int put_section(struct im_dev *dev, uint64_t *at, const void *p, uint64_t len, struct section *s,
		       struct im_error *err)
{
	*s = (struct section){ im_to_le64(*at), im_to_le64(len), im_to_le32(im_crc32c(0, p, len)), { { 0 } } };
	if (im_dev_resize(dev, *at + blocks(len), err) < 0 || im_dev_write(dev, *at, p, len, err) < 0)
		return -1;
	*at += blocks(len);
	return 0;
}

static int put_sectors(struct im_journal *j, struct im_dev *image, uint64_t *at, struct section *s,
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

static int put_plan(struct im_journal *j, uint64_t *at, struct section *s, struct im_error *err)
{
	uint8_t *p = NULL;
	size_t len = 0;
	int rc;

	if (im_map_encode(&j->map, &p, &len, err) < 0)
		return -1;
	rc = len > SECTION_MAX ? im_error_set(err, IM_EREFUSED, "the plan is too large for a journal") :
				 put_section(j->dev, at, p, len, s, err);
	free(p);
	return rc;
}

/* SAVED, then INDEX. */
static int put_saved(struct im_journal *j, struct im_dev *image, uint64_t *at, struct head *h, struct im_error *err)
{
	uint8_t *index = NULL;
	size_t index_len = 0;
	uint64_t start = *at;
	uint32_t crc = 0;
	int rc;

	if (im_saved_write(j, image, at, &crc, err) < 0 || im_saved_encode(j, &index, &index_len, err) < 0)
		return -1;
	h->saved = (struct section){ im_to_le64(start), im_to_le64(*at - start), im_to_le32(crc), { { 0 } } };
	*at = blocks(*at);
	rc = index_len > SECTION_MAX ? im_error_set(err, IM_EREFUSED, "too many pieces to save for undo") :
				       put_section(j->dev, at, index, index_len, &h->index, err);
	free(index);
	return rc;
}

static int put_manifest(struct im_journal *j, struct im_dev *image, uint64_t *at, struct section *s, struct im_error *err)
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

static uint64_t slot_size_of(const struct im_program *prog)
{
	return IM_JOURNAL_BLOCK + (prog->has_journalled ? blocks(prog->params.buffer) : IM_JOURNAL_BLOCK);
}

static uint64_t log_size_of(const struct im_program *prog)
{
	return (IM_JOURNAL_LOG_BLOCKS + prog->steps.list.n) * IM_JOURNAL_BLOCK;
}

static int put_head(struct im_journal *j, uint64_t at, struct head *h, struct im_error *err)
{
	uint64_t total;

	j->slots_off = at;
	j->slot_size = slot_size_of(&j->prog);
	j->log_off = at + 2 * j->slot_size;
	total = j->log_off + log_size_of(&j->prog);
	memcpy(h->magic, magic, sizeof(magic));
	h->version = im_to_le32(VERSION);
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
	h->fill_part = im_to_le32(j->prog.params.fill_part);
	h->strands = im_to_le32(j->prog.params.strands);
	h->total = im_to_le64(total);
	h->created = im_to_le64(j->created);
	memcpy(h->image, j->image, sizeof(j->image));
	h->crc = im_to_le32(im_crc32c(0, h, sizeof(*h) - 4));
	/* real blocks for all of it now: a full disk must show before the image is touched, not after */
	if (im_dev_reserve(j->dev, total, err) < 0 || im_dev_flush(j->dev, err) < 0)
		return -1;
	return im_dev_write(j->dev, 0, h, sizeof(*h), err) < 0 ? -1 : im_dev_flush(j->dev, err);
}

int im_journal_create(struct im_journal *j, struct im_dev *dev, struct im_dev *image, const struct im_map *map,
		      const struct im_exec_params *params, const char *image_name, struct im_error *err)
{
	uint64_t at = IM_JOURNAL_BLOCK;
	struct head h;
	_Static_assert(sizeof(h.image) == sizeof(j->image), "the same field");

	memset(&h, 0, sizeof(h));
	*j = (struct im_journal){ .dev = dev, .created = (uint64_t)time(NULL) };
	strncpy(j->image, image_name, sizeof(j->image) - 1);
	im_uuid_random(j->uuid);
	j->io = calloc(1, IM_JOURNAL_BLOCK);
	if (!j->io)
		return im_error_nomem(err);
	if (im_map_copy(&j->map, map, err) < 0 ||
	    im_program_build(&j->prog, &j->map, image->sector_size, params, err) < 0 ||
	    im_dev_resize(dev, at, err) < 0 || im_dev_write(dev, 0, magic, sizeof(magic), err) < 0 ||
	    im_dev_flush(dev, err) < 0 ||
	    put_plan(j, &at, &h.plan, err) < 0 || put_sectors(j, image, &at, &h.sectors, err) < 0 ||
	    put_saved(j, image, &at, &h, err) < 0 || put_manifest(j, image, &at, &h.manifest, err) < 0 ||
	    im_stash_create(j, image, &at, err) < 0 || put_head(j, at, &h, err) < 0) {
		im_journal_free(j);
		return im_error_prefix(err, "journal");
	}
	return 0;
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

static int broken(struct im_error *err, const char *what)
{
	return im_error_set(err, IM_EFORMAT, "the journal is damaged: %s; nothing is written on its word", what);
}

/* Read a section that is held in memory and check it. The caller frees *out. */
static int get_section(struct im_dev *dev, const struct section *s, uint8_t **out, size_t *len, const char *what,
		       struct im_error *err)
{
	uint64_t off = im_le64(s->off), n = im_le64(s->len), end;

	if (n > SECTION_MAX || !im_add(off, n, &end) || end > dev->size)
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

static int check_saved(struct im_journal *j, const struct section *s, struct im_error *err)
{
	uint64_t off = im_le64(s->off), len = im_le64(s->len), end;
	uint32_t crc;

	if (!im_add(off, len, &end) || end > j->dev->size)
		return broken(err, _("the saved bytes are cut off"));
	if (im_journal_sum(j, off, len, &crc, err) < 0)
		return -1;
	return crc == im_le32(s->crc) ? 0 : broken(err, _("the saved bytes fail their checksum"));
}

static int get_map(struct im_journal *j, const struct head *h, struct im_error *err)
{
	struct im_exec_params params = {
		.buffer = im_le64(h->buffer), .direct_min = im_le64(h->direct_min), .manifest = im_le64(h->manifest.len) != 0,
		.shift_unit = im_le32(h->shift_unit), .fill_part = im_le32(h->fill_part), .strands = im_le32(h->strands),
	};
	uint32_t ss = im_le32(h->sector_size);
	uint64_t end;
	uint8_t *p;
	size_t len;
	int rc;

	if ((ss != 512 && ss != 4096) || params.buffer < 512 || params.buffer > 64 << 20 ||
	    (params.shift_unit & (params.shift_unit - 1)) || (params.shift_unit && params.shift_unit < ss) ||
	    (params.fill_part && !params.shift_unit) || params.strands > IM_STRANDS)
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

static int get_sectors(struct im_journal *j, const struct head *h, struct im_error *err)
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

static int get_index(struct im_journal *j, const struct head *h, struct im_error *err)
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

static int get_manifest(struct im_journal *j, const struct head *h, struct im_error *err)
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

static bool is_sound_head(const struct head *h)
{
	return im_crc32c(0, h, sizeof(*h) - 4) == im_le32(h->crc);
}

enum im_journal_kind im_journal_kind_of(struct im_dev *dev)
{
	uint8_t block[IM_JOURNAL_BLOCK];

	if (!dev->size)
		return IM_JOURNAL_UNFINISHED;
	if (dev->size < sizeof(block))
		return IM_JOURNAL_NOT;
	if (im_dev_read(dev, 0, block, sizeof(block), NULL) < 0)
		return IM_JOURNAL_UNREADABLE;
	/* the size may be durable before the magic is */
	if (dev->size == sizeof(block) && im_is_zero(block, sizeof(block)))
		return IM_JOURNAL_UNFINISHED;
	if (memcmp(block, magic, sizeof(magic)) != 0)
		return IM_JOURNAL_NOT;
	if (im_is_zero(block + sizeof(magic), sizeof(block) - sizeof(magic)))
		return IM_JOURNAL_UNFINISHED;
	/* a power cut may leave a part of the head, and PREPARED is only written behind the whole of it */
	return is_sound_head((const struct head *)block) || !im_log_is_empty(dev) ? IM_JOURNAL_WHOLE : IM_JOURNAL_UNFINISHED;
}

/* Is everything where it may be: STASH, which an undo writes to, behind all sections, the slots behind it, then the log? */
static bool is_layout(const struct im_journal *j, const struct head *h)
{
	const struct section *const sections[] = { &h->plan, &h->sectors, &h->saved, &h->index, &h->manifest };
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

static int get_head(struct im_journal *j, struct head *h, struct im_error *err)
{
	if (j->dev->size < sizeof(*h))
		return im_error_set(err, IM_EFORMAT, "not a journal of imgmend: only %" PRIu64 " bytes long",
				    j->dev->size);
	if (im_dev_read(j->dev, 0, h, sizeof(*h), err) < 0)
		return -1;
	if (memcmp(h->magic, magic, sizeof(magic)) != 0)
		return im_error_set(err, IM_EFORMAT, "not a journal of imgmend, or one that was never finished");
	if (!is_sound_head(h))
		return broken(err, _("the head fails its checksum"));
	if (im_le32(h->version) != VERSION)
		return im_error_set(err, IM_EFORMAT, "the journal has format version %u; this imgmend reads version %u; use the"
				    " imgmend that wrote it", im_le32(h->version), VERSION);
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
	struct head h;

	*j = (struct im_journal){ .dev = dev };
	j->io = calloc(1, IM_JOURNAL_BLOCK);
	if (!j->io)
		return im_error_nomem(err);
	if (get_head(j, &h, err) == 0 && get_map(j, &h, err) == 0 && get_sectors(j, &h, err) == 0 &&
	    get_index(j, &h, err) == 0 && get_manifest(j, &h, err) == 0 && im_log_load(j, err) == 0 &&
	    im_stash_load(j, err) == 0) {
		if (j->slot_size == slot_size_of(&j->prog))
			return 0;
		broken(err, _("the slots"));
	}
	im_journal_free(j);
	return -1;
}

void im_journal_cost(const struct im_program *prog, struct im_dev *image, struct im_journal_cost *cost)
{
	cost->undo = im_saved_estimate(prog, image);
	/* beside the slots: the log, and a few blocks for head, plan, sectors and index */
	cost->scratch = prog->stash_bytes + 2 * slot_size_of(prog) + 8 * IM_JOURNAL_BLOCK + log_size_of(prog);
	cost->total = cost->undo + cost->scratch;
}
