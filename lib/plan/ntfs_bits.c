/* ntfs_bits.c - $Bitmap before and after, bit by bit, and who owns the clusters that differ.
 *
 * $Bitmap is not believed: a cluster that it calls free may be somebody's on a damaged volume, and only a walk of
 * the whole MFT tells.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "plan/ntfs_check.h"

#define PIECE (64u << 10)

bool im_ntfs_ranges_have(const im_ntfs_runs *ranges, uint64_t lcn)
{
	for (size_t i = 0; i < ranges->n; i++)
		if (lcn >= ranges->v[i].lcn && lcn - ranges->v[i].lcn < ranges->v[i].len)
			return true;
	return false;
}

static int add_cluster(im_ntfs_runs *ranges, uint64_t lcn, struct im_error *err)
{
	struct im_ntfs_run *last = ranges->n ? &ranges->v[ranges->n - 1] : NULL, *n;

	if (last && last->lcn + last->len == lcn) {
		last->len++;
		return 0;
	}
	n = im_vec_push(ranges, err);
	if (!n)
		return -1;
	*n = (struct im_ntfs_run){ .lcn = lcn, .len = 1 };
	return 0;
}

/* The bits of one byte that differ; first is the cluster of its lowest bit. The boot area has a rule of its own.
 * (By what differs, not bit against bit: gcc 12.2 compiles that comparison wrongly at -O2.) */
static int compare_byte(struct im_ntfs_check *c, uint64_t first, uint8_t old, uint8_t new, struct im_error *err)
{
	unsigned differ = old ^ new;

	for (unsigned k = 0; differ >> k; k++) {
		bool comes = new >> k & 1;

		if (!(differ >> k & 1) || (comes && first + k < c->area->clusters))
			continue;
		if (first + k >= c->old.g.clusters)
			return im_ntfs_check_fail(err, "$Bitmap would change behind the last cluster");
		if (add_cluster(comes ? &c->gained : &c->lost, first + k, err) < 0)
			return -1;
	}
	return 0;
}

static int compare(struct im_ntfs_check *c, const struct im_ntfs_stream *old, const struct im_ntfs_stream *new, uint8_t *a,
		   uint8_t *b, struct im_error *err)
{
	if (old->size != new->size || old->is_resident || new->is_resident)
		return im_ntfs_check_fail(err, "$Bitmap would have another size");
	for (uint64_t off = 0, n; off < old->size; off += n) {
		n = im_min(PIECE, old->size - off);
		if (im_ntfs_read_runs(&c->old, &old->runs, off, a, n, err) != IM_FOUND ||
		    im_ntfs_read_runs(&c->new, &new->runs, off, b, n, err) != IM_FOUND)
			return im_ntfs_check_fail(err, "$Bitmap cannot be read");
		for (uint64_t i = 0; i < n; i++)
			if (a[i] != b[i] && compare_byte(c, 8 * (off + i), a[i], b[i], err) < 0)
				return -1;
	}
	return 0;
}

static int fill(struct im_ntfs_check *c, struct im_error *err)
{
	struct im_ntfs_stream old = { 0 }, new = { 0 };
	uint8_t *a = malloc(PIECE), *b = malloc(PIECE);
	int rc = a && b ? 0 : im_error_nomem(err);

	if (rc == 0 && (im_ntfs_stream_of(&c->old, IM_NTFS_BITMAP, IM_NTFS_DATA, &old, err) != IM_FOUND ||
			im_ntfs_stream_of(&c->new, IM_NTFS_BITMAP, IM_NTFS_DATA, &new, err) != IM_FOUND))
		rc = im_ntfs_check_fail(err, "$Bitmap cannot be read");
	if (rc == 0)
		rc = compare(c, &old, &new, a, b, err);
	im_ntfs_stream_close(&old);
	im_ntfs_stream_close(&new);
	free(a);
	free(b);
	return rc;
}

struct question {
	struct im_ntfs_check *c;
	uint64_t owned;			/* clusters with an owner */
};

/* Nobody may own a cluster that $Bitmap calls free. */
static int is_owned(void *arg, const struct im_ntfs_owner *o, struct im_error *err)
{
	struct question *q = arg;
	char path[300];

	if (im_ntfs_path(&q->c->old, o->record, path, sizeof(path), err) < 0)
		return -1;
	return im_error_set(err, IM_EREFUSED, "clusters %" PRIu64 " to %" PRIu64 " of the NTFS volume belong to %s (MFT record %"
			    PRIu64 "), but its $Bitmap calls them free: it would be overwritten by what leaves the boot area;"
			    " run chkdsk first", o->run.lcn, o->run.lcn + o->run.len - 1, path, o->record);
}

static int is_lost(void *arg, const struct im_ntfs_owner *o, struct im_error *err)
{
	(void)arg;
	return im_ntfs_check_fail(err, "cluster %" PRIu64 " would be called free though MFT record %" PRIu64 " has it", o->run.lcn,
				  o->record);
}

static int count(void *arg, const struct im_ntfs_owner *o, struct im_error *err)
{
	(void)err;
	((struct question *)arg)->owned += o->run.len;
	return 0;
}

static uint64_t clusters_of(const im_ntfs_runs *ranges)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ranges->n; i++)
		sum += ranges->v[i].len;
	return sum;
}

int im_ntfs_check_bits(struct im_ntfs_check *c, struct im_error *err)
{
	struct question q = { .c = c };
	struct im_ntfs_search search = { .arg = &q };

	if (fill(c, err) < 0)
		return -1;
	search.ranges = c->gained.v;
	search.n = c->gained.n;
	search.found = is_owned;
	if (im_ntfs_search(&c->old, &search, err) < 0)
		return -1;
	/* what is counted is every owner of every cluster: more than there are means two of one */
	search.found = count;
	if (im_ntfs_search(&c->new, &search, err) < 0)
		return -1;
	if (q.owned != clusters_of(&c->gained))
		return im_ntfs_check_fail(err, "%" PRIu64 " clusters would come into use, with %" PRIu64 " owners", clusters_of(&c->gained),
					  q.owned);
	search.ranges = c->lost.v;
	search.n = c->lost.n;
	search.found = is_lost;
	return im_ntfs_search(&c->new, &search, err) < 0 ? -1 : 0;
}
