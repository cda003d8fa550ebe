/* ntfs_places.c - where the structures of an NTFS volume are that a repair of its boot area may change.
 *
 * What the repair changes must lie in one of them, or in clusters that were free. Anything else is a write that
 * nobody asked for, and the plan is refused.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "fmt/ntfs_runs.h"
#include "plan/inside.h"
#include "scan/ntfs_area.h"

enum kind { MFT, MIRROR, BITMAP, MFT_BITMAP, ROOT_INDEX, LIST };

/* Clusters of a structure. */
struct place {
	enum kind kind;
	struct im_ntfs_run run;
	size_t owner;			/* LIST: whose */
	bool is_new;			/* of the volume as it would be */
};

struct im_ntfs_places {
	const struct im_boot_area *area;
	struct im_ntfs old, new;
	struct im_ntfs_stream bitmap;	/* of the volume as it is */
	IM_VEC(struct place) list;
};

static const uint8_t i30[8] = { '$', 0, 'I', 0, '3', 0, '0', 0 };

static int add_runs(struct im_ntfs_places *p, enum kind kind, const im_ntfs_runs *runs, size_t owner, bool is_new,
		    struct im_error *err)
{
	for (size_t i = 0; i < runs->n; i++) {
		struct place *n = runs->v[i].lcn == IM_NTFS_HOLE ? NULL : im_vec_push(&p->list, err);

		if (n)
			*n = (struct place){ .kind = kind, .run = runs->v[i], .owner = owner, .is_new = is_new };
		else if (runs->v[i].lcn != IM_NTFS_HOLE)
			return -1;
	}
	return 0;
}

static int add_stream(struct im_ntfs_places *p, enum kind kind, struct im_ntfs *fs, uint64_t number, uint32_t type,
		      size_t owner, struct im_error *err)
{
	uint8_t len = type == IM_NTFS_INDEX_ALLOCATION ? sizeof(i30) / 2 : 0;
	struct im_ntfs_stream stream;
	struct im_ntfs_file file;
	int got = im_ntfs_file_open(fs, number, &file, err);

	if (got != IM_FOUND)
		return got < 0 ? -1 : 0;
	got = im_ntfs_stream(fs, &file, type, i30, len, &stream, err);
	im_ntfs_file_close(&file);
	if (got != IM_FOUND)
		return got < 0 ? -1 : 0;
	got = add_runs(p, kind, &stream.runs, owner, fs == &p->new, err);
	im_ntfs_stream_close(&stream);
	return got;
}

static int add_side(struct im_ntfs_places *p, struct im_ntfs *fs, struct im_error *err)
{
	if (add_runs(p, MFT, &fs->mft, 0, fs == &p->new, err) < 0 ||
	    add_stream(p, MIRROR, fs, IM_NTFS_MIRROR, IM_NTFS_DATA, 0, err) < 0 ||
	    add_stream(p, BITMAP, fs, IM_NTFS_BITMAP, IM_NTFS_DATA, 0, err) < 0 ||
	    add_stream(p, MFT_BITMAP, fs, IM_NTFS_MFT, IM_NTFS_BITMAP_ATTR, 0, err) < 0 ||
	    add_stream(p, ROOT_INDEX, fs, IM_NTFS_ROOT, IM_NTFS_INDEX_ALLOCATION, 0, err) < 0)
		return -1;
	for (size_t i = 0; i < p->area->owners.n; i++)
		if (add_stream(p, LIST, fs, p->area->owners.v[i].owner.record, IM_NTFS_ATTRIBUTE_LIST, i, err) < 0)
			return -1;
	return 0;
}

static int open_side(struct im_ntfs *fs, struct im_dev *vol, bool is_new, struct im_error *err)
{
	const char *why;
	int got = im_ntfs_open(fs, vol, &why, err);

	if (got == IM_DAMAGED)
		return im_error_set(err, IM_EREFUSED, is_new ? N_("in the volume as it would be, %s") : N_("in the volume as it is, %s"), why);
	return got == IM_FOUND ? 0 : -1;
}

struct im_ntfs_places *im_ntfs_places_new(struct im_dev *old, struct im_dev *new, const struct im_boot_area *area,
					  struct im_error *err)
{
	struct im_ntfs_places *p = calloc(1, sizeof(*p));
	int got = IM_FOUND;

	if (!p) {
		im_error_nomem(err);
		return NULL;
	}
	p->area = area;
	if (open_side(&p->old, old, false, err) < 0 || open_side(&p->new, new, true, err) < 0 ||
	    (got = im_ntfs_stream_of(&p->old, IM_NTFS_BITMAP, IM_NTFS_DATA, &p->bitmap, err)) != IM_FOUND ||
	    add_side(p, &p->old, err) < 0 || add_side(p, &p->new, err) < 0) {
		if (got == IM_DAMAGED || got == IM_ABSENT)
			im_error_set(err, IM_EREFUSED, "$Bitmap of the NTFS volume cannot be read; run chkdsk");
		im_ntfs_places_free(p);
		return NULL;
	}
	return p;
}

void im_ntfs_places_free(struct im_ntfs_places *p)
{
	if (!p)
		return;
	im_ntfs_close(&p->old);
	im_ntfs_close(&p->new);
	im_ntfs_stream_close(&p->bitmap);
	im_vec_free(&p->list);
	free(p);
}

/* Is this cluster free in the volume as it is? */
static int is_free_now(struct im_ntfs_places *p, uint64_t lcn, bool *is_free, struct im_error *err)
{
	uint8_t byte;
	int got = im_ntfs_read_runs(&p->old, &p->bitmap.runs, lcn / 8, &byte, 1, err);

	if (got < 0)
		return -1;
	*is_free = got == IM_FOUND && lcn < p->old.g.clusters && !(byte >> (lcn % 8) & 1);
	return 0;
}

/* May the repair change this record? The system files that it concerns, the owners' records, and new ones. */
static int is_record_of_ours(struct im_ntfs_places *p, uint64_t number, bool *yes, struct im_error *err)
{
	uint8_t buf[IM_NTFS_MAX_RECORD];
	uint64_t base = number;
	int got = im_ntfs_record(&p->old, number, buf, err);

	if (got < 0)
		return -1;
	if (got == IM_FOUND && im_ntfs_record_base(buf) != UINT64_MAX)
		base = im_ntfs_record_base(buf);
	*yes = got == IM_ABSENT || im_boot_area_is_system(number) ||
	       (got == IM_FOUND && im_boot_area_has_owner(p->area, base));
	return 0;
}

static int name_record(struct im_ntfs_places *p, uint64_t number, bool is_copy, char *reason, size_t size,
		       struct im_error *err)
{
	char path[300];
	bool yes;

	if (is_record_of_ours(p, number, &yes, err) < 0 || im_ntfs_path(&p->new, number, path, sizeof(path), err) < 0)
		return -1;
	if (!yes)
		return 0;
	im_say(reason, size, is_copy ? N_("$MFTMirr: copy of record %" PRIu64 " (%s): %s") : N_("$MFT record %" PRIu64 " (%s): %s"), number, path,
	       number == IM_NTFS_BOOT ? _("the boot area is its own") :
	       number == IM_NTFS_VOLUME ? _("marked dirty, so that Windows checks the volume") : _("records the new places"));
	return 1;
}

static int reason_of(struct im_ntfs_places *p, const struct place *at, uint64_t off, char *reason, size_t size,
		     struct im_error *err)
{
	uint64_t in_stream = at->run.vcn * p->old.g.cluster + (off - at->run.lcn * p->old.g.cluster);

	switch (at->kind) {
	case MFT:
		return name_record(p, in_stream / p->old.g.record, false, reason, size, err);
	case MIRROR:
		return name_record(p, in_stream / p->old.g.record, true, reason, size, err);
	case BITMAP:
		im_say(reason, size, "$Bitmap: clusters that come into use, and those of the boot area");
		return 1;
	case MFT_BITMAP:
		im_say(reason, size, "$MFT's bitmap: records that come into use");
		return 1;
	case ROOT_INDEX:
		im_say(reason, size, "root directory: the size of $Boot");
		return 1;
	case LIST:
		im_say(reason, size, "attribute list of %s", p->area->owners.v[at->owner].name);
		return 1;
	}
	return 0;
}

/* The structure of the one or the other volume that has this cluster. */
static const struct place *find(const struct im_ntfs_places *p, uint64_t lcn, bool is_new)
{
	for (size_t i = 0; i < p->list.n; i++) {
		const struct place *at = &p->list.v[i];

		if (at->is_new == is_new && lcn >= at->run.lcn && lcn - at->run.lcn < at->run.len)
			return at;
	}
	return NULL;
}

int im_ntfs_places_reason(struct im_ntfs_places *p, uint64_t off, char *reason, size_t size, struct im_error *err)
{
	uint64_t cluster = p->old.g.cluster;
	const struct place *at;
	bool is_free;

	if (off < p->old.g.sector || off - off % p->old.g.sector == p->old.g.size) {
		im_say(reason, size, off < p->old.g.sector ? N_("NTFS boot sector: new place of $MFT or $MFTMirr") :
		       N_("NTFS backup boot sector: new place of $MFT or $MFTMirr"));
		return 1;
	}
	if (off < IM_RESERVED) {
		im_say(reason, size, "boot area: user data has left this place");
		return 1;
	}
	at = find(p, off / cluster, true);
	if (at)
		return reason_of(p, at, off, reason, size, err);
	if (find(p, off / cluster, false)) {
		im_say(reason, size, "old place of what had to leave the boot area as well");
		return 1;
	}
	if (is_free_now(p, off / cluster, &is_free, err) < 0)
		return -1;
	im_say(reason, size, "new place of what leaves the boot area");
	return is_free;
}
