/* ntfs3g_move.c - give clusters of a stream another place.
 *
 * The content is copied before the runlist changes, and the library's own metafiles go by the attributes that
 * it has open: from the moment their runlists change it reads and writes them at the new place.
 */
#include <config.h>

#ifdef HAVE_LIBNTFS_3G
#include "adapt/ntfs3g_move.h"
#include "fmt/vss.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ntfs-3g/bitmap.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/lcnalloc.h>
#include <ntfs-3g/runlist.h>

#define FIRST_RECORDS 16	/* that must lie in the first extent of $MFT */
#define RUNLIST_GRAIN 4096	/* bytes: the library takes every runlist to be allocated in these */

/* An opened stream; what the library itself has open is borrowed. */
struct stream {
	ntfs_inode *ni;
	ntfs_attr *na;
	bool is_ours_ni, is_ours_na;
};

static ntfs_inode *own_inode(const ntfs_volume *vol, uint64_t record)
{
	switch (record) {
	case FILE_MFT: return vol->mft_ni;
	case FILE_MFTMirr: return vol->mftmirr_ni;
	case FILE_Bitmap: return vol->lcnbmp_ni;
	case FILE_Secure: return vol->secure_ni;
	default: return NULL;
	}
}

static ntfs_attr *own_attr(const ntfs_volume *vol, const struct im_ntfs_wanted *s)
{
	bool is_data = s->type == const_le32_to_cpu(AT_DATA) && !s->name_len;

	if (s->record == FILE_MFT)
		return is_data ? vol->mft_na : s->type == const_le32_to_cpu(AT_BITMAP) ? vol->mftbmp_na : NULL;
	if (s->record == FILE_MFTMirr)
		return is_data ? vol->mftmirr_na : NULL;
	return s->record == FILE_Bitmap && is_data ? vol->lcnbmp_na : NULL;
}

/* The name as ntfs_attr_open wants it: it keeps it, and frees what is none of its constants. */
static ntfschar *name_of(const struct im_ntfs_wanted *s)
{
	ntfschar *name;

	if (!s->name_len)
		return AT_UNNAMED;
	name = malloc(2u * s->name_len);
	if (name)
		memcpy(name, s->name, 2u * s->name_len);
	return name;
}

static int open_stream(struct im_ntfs_work *w, size_t i, struct stream *st)
{
	const struct im_ntfs_wanted *s = &w->wish->streams[i];
	ntfschar *name;

	*st = (struct stream){ .ni = own_inode(w->vol, s->record), .na = own_attr(w->vol, s) };
	if (!st->ni) {
		st->ni = ntfs_inode_open(w->vol, (MFT_REF)s->record);
		st->is_ours_ni = true;
	}
	if (st->ni && !st->na) {
		name = name_of(s);
		st->na = name || !s->name_len ? ntfs_attr_open(st->ni, (ATTR_TYPES)cpu_to_le32(s->type), name, s->name_len) : NULL;
		st->is_ours_na = true;
	}
	if (!st->na || !NAttrNonResident(st->na) || ntfs_attr_map_whole_runlist(st->na))
		return im_ntfs_work_fail(w, "libntfs-3g cannot open attribute 0x%x of MFT record %llu: %s", s->type,
					 (unsigned long long)s->record, im_errno_text(errno));
	return 0;
}

static int close_stream(struct im_ntfs_work *w, size_t i, struct stream *st)
{
	/* sizes and names stay as they are: the entry in the directory need not be touched */
	if (st->ni)
		NInoFileNameClearDirty(st->ni);
	if (st->is_ours_na && st->na)
		ntfs_attr_close(st->na);
	if (!st->ni || (st->is_ours_ni ? ntfs_inode_close(st->ni) : ntfs_inode_sync(st->ni)) == 0)
		return 0;
	return im_ntfs_work_fail(w, "libntfs-3g cannot write MFT record %llu: %s",
				 (unsigned long long)w->wish->streams[i].record, im_errno_text(errno));
}

/* The part of one run that lies in the boot area, and for $MFT all of the first records with it. */
struct piece {
	VCN vcn;
	s64 len;
	bool in_one;		/* must lie in one run */
};

/* The first piece at or behind VCN `from`; false when there is none. */
static bool find_piece(const struct im_ntfs_work *w, const ntfs_attr *na, VCN from, struct piece *p)
{
	s64 area = (s64)w->wish->area, cluster = w->vol->cluster_size;
	s64 first = (FIRST_RECORDS * (s64)w->vol->mft_record_size + cluster - 1) / cluster;

	for (const runlist_element *r = na->rl; r->length; r++) {
		VCN vcn = r->vcn > from ? r->vcn : from;

		if (r->lcn < 0 || vcn >= r->vcn + r->length || r->lcn + (vcn - r->vcn) >= area)
			continue;
		*p = (struct piece){ .vcn = vcn, .len = r->length - (vcn - r->vcn) };
		if (p->len > area - (r->lcn + (vcn - r->vcn)))
			p->len = area - (r->lcn + (vcn - r->vcn));
		if (na == w->vol->mft_na && p->vcn < first) {
			s64 end = p->vcn + p->len > first ? p->vcn + p->len : first, all = na->allocated_size / cluster;

			*p = (struct piece){ .vcn = 0, .len = end < all ? end : all, .in_one = true };
		}
		return true;
	}
	return false;
}

static int note_move(struct im_ntfs_work *w, s64 from, s64 to, s64 len, VCN vcn, size_t stream)
{
	struct im_ntfs_move *last = w->n_moves ? &w->moves[w->n_moves - 1] : NULL;

	if (len <= 0)
		return 0;
	if (last && last->stream == stream && last->from + last->len == (uint64_t)from && last->to + last->len == (uint64_t)to) {
		last->len += (uint64_t)len;
		return 0;
	}
	if (w->n_moves == IM_NTFS_MOVES_MAX)
		return im_ntfs_work_fail(w, "the clusters in the boot area are in too many pieces");
	w->moves[w->n_moves++] = (struct im_ntfs_move){
		.from = (uint64_t)from, .to = (uint64_t)to, .len = (uint64_t)len, .vcn = (uint64_t)vcn, .stream = stream,
	};
	return 0;
}

/* Copy one cluster and leave zeros behind, but for the shadow copies' header. */
static int copy_cluster(struct im_ntfs_work *w, LCN from, LCN to, VCN vcn, size_t stream, u8 *buf)
{
	s64 cluster = w->vol->cluster_size, src = from * cluster, dst = to * cluster;
	s64 hole = w->wish->keep_header ? IM_VSS_HEADER - src : -1;
	bool has_header = hole >= 0 && hole < cluster;

	if (ntfs_pread(w->vol->dev, src, cluster, buf) != cluster)
		return im_ntfs_work_fail(w, "cluster %lld cannot be read", (long long)from);
	if (has_header)
		memset(buf + hole, 0, IM_VSS_HEADER_SIZE);
	if (ntfs_pwrite(w->vol->dev, dst, cluster, buf) != cluster)
		return im_ntfs_work_fail(w, "cluster %lld cannot be written", (long long)to);
	memset(buf, 0, (size_t)cluster);
	if (!has_header)
		return ntfs_pwrite(w->vol->dev, src, cluster, buf) == cluster ? note_move(w, src, dst, cluster, vcn, stream) :
		       im_ntfs_work_fail(w, "cluster %lld cannot be written", (long long)from);
	if (ntfs_pwrite(w->vol->dev, src, hole, buf) != hole ||
	    ntfs_pwrite(w->vol->dev, src + hole + IM_VSS_HEADER_SIZE, cluster - hole - IM_VSS_HEADER_SIZE, buf) !=
	    cluster - hole - IM_VSS_HEADER_SIZE)
		return im_ntfs_work_fail(w, "cluster %lld cannot be written", (long long)from);
	if (note_move(w, src, dst, hole, vcn, stream) < 0)
		return -1;
	return note_move(w, src + hole + IM_VSS_HEADER_SIZE, dst + hole + IM_VSS_HEADER_SIZE, cluster - hole - IM_VSS_HEADER_SIZE, vcn, stream);
}

static int copy_piece(struct im_ntfs_work *w, const ntfs_attr *na, const runlist_element *to, const struct piece *p,
		      size_t stream)
{
	u8 *buf = malloc(w->vol->cluster_size);
	int rc = buf ? 0 : im_ntfs_work_fail(w, "no memory");

	for (VCN vcn = p->vcn; rc == 0 && vcn < p->vcn + p->len; vcn++) {
		LCN old = ntfs_rl_vcn_to_lcn(na->rl, vcn), new = ntfs_rl_vcn_to_lcn(to, vcn);

		if (old < 0 || new < (LCN)w->wish->area)
			rc = im_ntfs_work_fail(w, "libntfs-3g gave a place that cannot be used for VCN %lld", (long long)vcn);
		else
			rc = copy_cluster(w, old, new, vcn, stream, buf);
		/* what moves along from outside of the boot area is free afterwards */
		if (rc == 0 && old >= (LCN)w->wish->area && ntfs_bitmap_clear_run(w->vol->lcnbmp_na, old, 1))
			rc = im_ntfs_work_fail(w, "cluster %lld cannot be freed: %s", (long long)old, im_errno_text(errno));
	}
	free(buf);
	return rc;
}

/* Append [vcn, vcn+len) at lcn to the list of *n elements, joined with the last one where that fits. */
static void append(runlist_element *list, size_t *n, VCN vcn, LCN lcn, s64 len)
{
	runlist_element *last = *n ? &list[*n - 1] : NULL;

	if (len <= 0)
		return;
	if (last && ((lcn >= 0 && last->lcn >= 0 && last->lcn + last->length == lcn) || (lcn < 0 && last->lcn == lcn))) {
		last->length += len;
		return;
	}
	list[(*n)++] = (runlist_element){ .vcn = vcn, .lcn = lcn, .length = len };
}

static size_t count(const runlist_element *rl)
{
	size_t n = 0;

	while (rl[n].length)
		n++;
	return n;
}

/* The runlist with the piece at its new place. malloc'd, ended as the library ends its own. */
static runlist_element *replace(const runlist_element *old, const runlist_element *to, const struct piece *p)
{
	size_t bytes = (count(old) + count(to) + 4) * sizeof(*old);
	runlist_element *list = calloc(1, (bytes + RUNLIST_GRAIN - 1) / RUNLIST_GRAIN * RUNLIST_GRAIN);
	VCN end = p->vcn + p->len, last = 0;
	size_t n = 0;

	for (const runlist_element *r = old; list && r->length; r++) {
		VCN r_end = r->vcn + r->length;

		append(list, &n, r->vcn, r->lcn, r->vcn < p->vcn ? (r_end < p->vcn ? r_end : p->vcn) - r->vcn : 0);
		if (r->vcn <= p->vcn && p->vcn < r_end)
			for (const runlist_element *t = to; t->length; t++)
				append(list, &n, t->vcn, t->lcn, t->length);
		if (r_end > end) {
			VCN vcn = r->vcn > end ? r->vcn : end;

			append(list, &n, vcn, r->lcn < 0 ? r->lcn : r->lcn + (vcn - r->vcn), r_end - vcn);
		}
		last = r_end;
	}
	if (list)
		list[n] = (runlist_element){ .vcn = last, .lcn = LCN_ENOENT };
	return list;
}

/* The library takes the sparse attribute from a stream that has no hole, though Windows leaves it there. While the
 * compressed bit is set as well it does not look. */
static int pretend_compressed(struct im_ntfs_work *w, ntfs_attr *na, bool on)
{
	ntfs_attr_search_ctx *ctx = ntfs_attr_get_search_ctx(na->ni, NULL);

	if (!ctx || ntfs_attr_lookup(na->type, na->name, na->name_len, CASE_SENSITIVE, 0, NULL, 0, ctx))
		return im_ntfs_work_fail(w, "libntfs-3g cannot find an attribute that it just had: %s", im_errno_text(errno));
	if (on)
		ctx->attr->flags |= ATTR_IS_COMPRESSED;
	else
		ctx->attr->flags &= ~ATTR_IS_COMPRESSED;
	ntfs_inode_mark_dirty(ctx->ntfs_ino);
	ntfs_attr_put_search_ctx(ctx);
	return 0;
}

/* Write the runlist into the records. */
static int record_runs(struct im_ntfs_work *w, ntfs_attr *na, size_t stream)
{
	bool is_sparse = (na->data_flags & ATTR_IS_SPARSE) && !(na->data_flags & ATTR_IS_COMPRESSED);

	if (is_sparse && pretend_compressed(w, na, true) < 0)
		return -1;
	if (ntfs_attr_update_mapping_pairs(na, 0))
		return im_ntfs_work_fail(w, "libntfs-3g cannot record the new place of attribute 0x%x of MFT record %llu: %s",
					 w->wish->streams[stream].type,
					 (unsigned long long)w->wish->streams[stream].record, im_errno_text(errno));
	return is_sparse ? pretend_compressed(w, na, false) : 0;
}

static int move_piece(struct im_ntfs_work *w, ntfs_attr *na, const struct piece *p, size_t stream)
{
	runlist_element *to = ntfs_cluster_alloc(w->vol, p->vcn, p->len, -1, DATA_ZONE), *list;

	/* it may call a zone full while single clusters of it are free */
	if (!to && errno == ENOSPC)
		to = ntfs_cluster_alloc(w->vol, p->vcn, p->len, -1, MFT_ZONE);
	if (!to)
		return im_ntfs_work_fail(w, "the NTFS volume has no %lld free clusters: %s", (long long)p->len, im_errno_text(errno));
	if (p->in_one && to->length != p->len)
		return im_ntfs_work_fail(w, "the NTFS volume has no %lld free clusters in a row for the first records of $MFT",
					 (long long)p->len);
	if (copy_piece(w, na, to, p, stream) < 0)
		return -1;
	list = replace(na->rl, to, p);
	free(to);
	if (!list)
		return im_ntfs_work_fail(w, "no memory");
	free(na->rl);
	na->rl = list;
	if (na == w->vol->mft_na)
		w->vol->mft_lcn = na->rl->lcn;
	if (na == w->vol->mftmirr_na)
		w->vol->mftmirr_lcn = na->rl->lcn;
	return record_runs(w, na, stream);
}

int64_t im_ntfs3g_need(struct im_ntfs_work *w, size_t i)
{
	struct stream st;
	struct piece p;
	int64_t need = 0;
	VCN from = 0;

	if (open_stream(w, i, &st) < 0)
		return -1;
	while (find_piece(w, st.na, from, &p)) {
		need += p.len;
		from = p.vcn + p.len;
	}
	return close_stream(w, i, &st) < 0 ? -1 : need;
}

int im_ntfs3g_move(struct im_ntfs_work *w, size_t i)
{
	struct stream st;
	struct piece p;

	if (open_stream(w, i, &st) < 0)
		return -1;
	while (find_piece(w, st.na, 0, &p))
		if (move_piece(w, st.na, &p, i) < 0)
			return -1;
	return close_stream(w, i, &st);
}

#else

typedef int im_ntfs3g_move_is_missing;	/* a file must not be empty */

#endif
