/* shadow_header.c - the shadow copies' header, from copies of the volume's first block, or from what is known.
 *
 * Volsnap copies that block, header and all, into a store when it is first written to. Such a copy has the identifiers that nothing
 * else on the volume has; which catalog it names must be the one that was proven.
 */
#include <string.h>

#include "base/bytes.h"
#include "fmt/fs_util.h"
#include "scan/shadows.h"

struct copies {
	struct im_shadows *s;
	struct im_dev *vol;
	struct im_vss_header best;
	uint64_t at;			/* of the header in the best copy; 0: none yet */
	bool is_verbatim;		/* it names the proven catalog */
};

/* A header may lie at byte `at`. One that names the proven catalog is better than one that does not, a later one than an earlier. */
static int consider(struct copies *c, uint64_t at, struct im_error *err)
{
	uint8_t sector[IM_VSS_HEADER_SIZE];
	struct im_vss_header h;
	int got = im_fs_peek(c->vol, at, sector, sizeof(sector), err);
	bool fits;

	if (got <= 0 || im_vss_header_decode(sector, &h) != IM_FOUND)
		return got < 0 ? -1 : 0;
	fits = h.catalog == c->s->catalog.off;
	if (c->is_verbatim && !fits)
		return 0;
	c->best = h;
	c->at = at;
	c->is_verbatim = fits;
	if (fits)
		memcpy(c->s->rebuilt, sector, sizeof(sector));
	return 0;
}

static int consider_block(void *arg, const struct im_vss_block *b, uint64_t at, const char **why, struct im_error *err)
{
	bool has_header = !(b->flags & IM_VSS_OVERLAY) || b->sectors >> IM_VSS_HEADER / 512 & 1;

	(void)at;
	(void)why;
	if (b->original || b->flags & (IM_VSS_FORWARDER | IM_VSS_UNUSED) || !has_header)
		return IM_FOUND;
	return consider(arg, b->copy + IM_VSS_HEADER, err) < 0 ? -1 : IM_FOUND;
}

/* In the stores: what else looks like one may be of another volume, or of another time. */
static int search(struct copies *c, struct im_error *err)
{
	const char *why;

	for (size_t i = 0; i < c->s->catalog.list.n; i++)
		if (im_vss_store_blocks(c->vol, &c->s->catalog.list.v[i], consider_block, c, &why, err) < 0)
			return -1;
	return 0;
}

/* Why the catalog does not count as proven, a clause; NULL: it does. */
static const char *doubt(const struct im_shadows *s)
{
	if (s->way == IM_BY_NONE)
		return _("no catalog was found");
	if (s->catalog_fault)
		return _("the catalog that was found is damaged");
	if (!s->catalog.list.n)
		return _("the catalog that was found is empty");
	for (size_t i = 0; i < s->catalog.list.n; i++)
		if (s->catalog.list.v[i].fault)
			return _("a snapshot that the catalog names does not hold together");
	if (s->lost_files)
		return _("there are stores that the catalog which was found does not name");
	return s->in_the_way;
}

int im_shadow_rebuild(struct im_shadows *s, struct im_dev *vol, const struct im_scan *scan, struct im_error *err)
{
	struct copies c = { .s = s, .vol = vol };

	if (s->state == IM_HEADER_VALID)
		return 0;
	s->why_not = doubt(s);
	if (s->why_not)
		return 0;
	if (search(&c, err) < 0)
		return -1;
	s->is_told = scan->has_volume_id && (!c.at || memcmp(c.best.volume, scan->volume_id, 16) != 0);
	c.is_verbatim &= !s->is_told;
	if (!c.is_verbatim) {
		/* the version that catalogs have is 1 whatever the header's; Windows knows both */
		c.best.version = c.at ? c.best.version : 1;
		c.best.catalog = s->catalog.off;
		if (s->is_told) {
			memcpy(c.best.volume, scan->volume_id, 16);
			memcpy(c.best.storage, scan->volume_id, 16);
		}
		im_vss_header_encode(s->rebuilt, &c.best);
	}
	s->can_rebuild = true;
	s->copy = c.is_verbatim ? c.at : 0;
	s->knows_volume = c.at || s->is_told;
	return 0;
}
