/* ntfstool.c - opens volumes, files and streams through libntfs-3g, and edits runlists cluster by cluster. */
#include "ntfstool.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ntfs-3g/bitmap.h>
#include <ntfs-3g/device.h>
#include <ntfs-3g/dir.h>
#include <ntfs-3g/logging.h>
#include <ntfs-3g/unistr.h>

const char *ntfstool_name = "ntfstool";

void ntfstool_die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", ntfstool_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

void *ntfstool_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		ntfstool_die("out of memory");
	return p;
}

ntfs_volume *ntfstool_mount(const char *path, bool is_write)
{
	ntfs_volume *vol;

	ntfs_log_set_handler(ntfs_log_handler_stderr);
	vol = ntfs_mount(path, is_write ? NTFS_MNT_NONE : NTFS_MNT_RDONLY | NTFS_MNT_FORENSIC);
	if (!vol)
		ntfstool_die("libntfs-3g does not mount \"%s\": %s", path, strerror(errno));
	if (ntfs_volume_get_free_space(vol))
		ntfstool_die("cannot count the free clusters: %s", strerror(errno));
	return vol;
}

void ntfstool_umount(ntfs_volume *vol)
{
	if (ntfs_umount(vol, FALSE))
		ntfstool_die("the volume cannot be unmounted: %s", strerror(errno));
}

ATTR_TYPES ntfstool_type(const char *word)
{
	static const struct {
		const char *word;
		ATTR_TYPES type;
	} types[] = {
		{ "data", AT_DATA }, { "index", AT_INDEX_ALLOCATION }, { "bitmap", AT_BITMAP },
		{ "list", AT_ATTRIBUTE_LIST }, { "ea", AT_EA }, { "efs", AT_LOGGED_UTILITY_STREAM },
		{ "reparse", AT_REPARSE_POINT },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(word, types[i].word))
			return types[i].type;
	if (!isdigit((unsigned char)*word))
		ntfstool_die("there is no attribute type \"%s\"", word);
	return (ATTR_TYPES)cpu_to_le32((u32)strtoul(word, NULL, 0));
}

/* A second inode of a record that the volume keeps open would write over what the first one wrote. */
static ntfs_inode *lent_inode(ntfs_volume *vol, u64 record)
{
	ntfs_inode *lent[] = { vol->mft_ni, vol->mftmirr_ni, vol->lcnbmp_ni, vol->vol_ni, vol->secure_ni };

	for (size_t i = 0; i < sizeof(lent) / sizeof(lent[0]); i++)
		if (lent[i] && lent[i]->mft_no == record)
			return lent[i];
	return NULL;
}

ntfs_inode *ntfstool_inode(ntfs_volume *vol, const char *owner, bool *is_borrowed)
{
	ntfs_inode *ni;

	*is_borrowed = false;
	if (*owner == '/') {
		ni = ntfs_pathname_to_inode(vol, NULL, owner);
	} else {
		ni = lent_inode(vol, strtoull(owner, NULL, 10));
		*is_borrowed = ni;
		if (!ni)
			ni = ntfs_inode_open(vol, strtoull(owner, NULL, 10));
	}
	if (!ni)
		ntfstool_die("there is no file \"%s\": %s", owner, strerror(errno));
	return ni;
}

void ntfstool_inode_close(ntfs_inode *ni, bool is_borrowed)
{
	if (is_borrowed ? ntfs_inode_sync(ni) : ntfs_inode_close(ni))
		ntfstool_die("a file cannot be written back: %s", strerror(errno));
}

static ntfs_attr *lent_attr(ntfs_volume *vol, const ntfs_inode *ni, ATTR_TYPES type)
{
	if (ni == vol->mft_ni && type == AT_DATA)
		return vol->mft_na;
	if (ni == vol->mft_ni && type == AT_BITMAP)
		return vol->mftbmp_na;
	if (ni == vol->mftmirr_ni && type == AT_DATA)
		return vol->mftmirr_na;
	if (ni == vol->lcnbmp_ni && type == AT_DATA)
		return vol->lcnbmp_na;
	return NULL;
}

/* A directory's index and its bitmap are called $I30. */
static ntfs_attr *open_attr(ntfs_inode *ni, ATTR_TYPES type, const char *word)
{
	bool is_index = ni->mrec->flags & MFT_RECORD_IS_DIRECTORY && (type == AT_INDEX_ALLOCATION || type == AT_BITMAP);
	ntfschar *name = NULL;
	ntfs_attr *na;
	int n;

	if (!*word)
		return is_index ? ntfs_attr_open(ni, type, NTFS_INDEX_I30, 4) : ntfs_attr_open(ni, type, AT_UNNAMED, 0);
	n = ntfs_mbstoucs(word, &name);
	if (n < 0)
		ntfstool_die("\"%s\" cannot be the name of a stream", word);
	na = ntfs_attr_open(ni, type, name, (u32)n);
	free(name);
	return na;
}

void ntfstool_open(ntfs_volume *vol, const char *owner, ATTR_TYPES type, struct stream *s)
{
	char *file = strdup(owner), *colon = file ? strchr(file, ':') : NULL;

	if (!file)
		ntfstool_die("out of memory");
	if (colon)
		*colon++ = '\0';
	s->ni = ntfstool_inode(vol, file, &s->is_inode_borrowed);
	s->na = colon ? NULL : lent_attr(vol, s->ni, type);
	s->is_borrowed = s->na;
	if (!s->na)
		s->na = open_attr(s->ni, type, colon ? colon : "");
	if (!s->na)
		ntfstool_die("\"%s\" has no such attribute: %s", owner, strerror(errno));
	if (NAttrNonResident(s->na) && ntfs_attr_map_whole_runlist(s->na))
		ntfstool_die("cannot read the runlist of \"%s\": %s", owner, strerror(errno));
	free(file);
}

void ntfstool_close(struct stream *s)
{
	if (!s->is_borrowed)
		ntfs_attr_close(s->na);
	ntfstool_inode_close(s->ni, s->is_inode_borrowed);
}

VCN ntfstool_next(const ntfs_attr *na, VCN vcn, LCN *lcn)
{
	for (const runlist_element *r = na->rl; r && r->length; r++) {
		if (r->lcn < 0 || r->vcn + r->length <= vcn)
			continue;
		if (vcn < r->vcn)
			vcn = r->vcn;
		*lcn = r->lcn + (vcn - r->vcn);
		return vcn;
	}
	return -1;
}

/* Append a run; one that goes on where the last ended makes that longer. */
static void append_run(runlist_element *rl, size_t *n, VCN vcn, LCN lcn, s64 length)
{
	runlist_element *last = *n ? &rl[*n - 1] : NULL;

	if (length <= 0)
		return;
	if (last && ((last->lcn >= 0 && last->lcn + last->length == lcn) || (last->lcn == LCN_HOLE && lcn == LCN_HOLE)))
		last->length += length;
	else
		rl[(*n)++] = (runlist_element){ .vcn = vcn, .lcn = lcn, .length = length };
}

/* libntfs-3g takes a runlist's room for its size rounded up to 4096 bytes. */
static runlist_element *alloc_runs(size_t n)
{
	return ntfstool_alloc((n * sizeof(runlist_element) + 4095) / 4096 * 4096);
}

void ntfstool_set_lcn(ntfs_attr *na, VCN vcn, LCN lcn)
{
	runlist_element *rl, *old = na->rl, *r;
	size_t n = 0;

	for (r = old; r->length; r++)
		n++;
	rl = alloc_runs(n + 3);
	n = 0;
	for (r = old; r->length; r++) {
		s64 before = vcn - r->vcn;

		if (r->lcn < 0 || before < 0 || before >= r->length) {
			append_run(rl, &n, r->vcn, r->lcn, r->length);
			continue;
		}
		append_run(rl, &n, r->vcn, r->lcn, before);
		append_run(rl, &n, vcn, lcn, 1);
		append_run(rl, &n, vcn + 1, r->lcn + before + 1, r->length - before - 1);
	}
	rl[n] = *r;
	na->rl = rl;
	na->unused_runs = 0;
	free(old);
}

void ntfstool_store_runs(struct stream *s)
{
	if (ntfs_attr_update_mapping_pairs(s->na, 0))
		ntfstool_die("cannot write the mapping pairs: %s", strerror(errno));
	ntfs_inode_mark_dirty(s->ni);
	if (ntfs_inode_sync(s->ni))
		ntfstool_die("cannot write the MFT record: %s", strerror(errno));
}

bool ntfstool_is_used(ntfs_volume *vol, LCN lcn)
{
	u8 byte;

	if (ntfs_attr_pread(vol->lcnbmp_na, lcn / 8, 1, &byte) != 1)
		ntfstool_die("cannot read $Bitmap: %s", strerror(errno));
	return byte >> lcn % 8 & 1;
}

void ntfstool_mark(ntfs_volume *vol, LCN lcn, s64 count, bool is_used)
{
	if (count > 0 && (is_used ? ntfs_bitmap_set_run(vol->lcnbmp_na, lcn, count) :
			  ntfs_bitmap_clear_run(vol->lcnbmp_na, lcn, count)))
		ntfstool_die("cannot write $Bitmap: %s", strerror(errno));
}

LCN ntfstool_take(ntfs_volume *vol, LCN from)
{
	u8 byte;

	for (LCN lcn = from; lcn < vol->nr_clusters; lcn = (lcn / 8 + 1) * 8) {
		if (ntfs_attr_pread(vol->lcnbmp_na, lcn / 8, 1, &byte) != 1)
			break;
		for (LCN l = lcn; l / 8 == lcn / 8 && l < vol->nr_clusters; l++)
			if (!(byte >> l % 8 & 1)) {
				ntfstool_mark(vol, l, 1, true);
				vol->free_clusters--;
				return l;
			}
	}
	ntfstool_die("there is no free cluster at %lld or behind", (long long)from);
}

void ntfstool_read_cluster(ntfs_volume *vol, LCN lcn, void *buf)
{
	if (ntfs_pread(vol->dev, lcn << vol->cluster_size_bits, vol->cluster_size, buf) != (s64)vol->cluster_size)
		ntfstool_die("cannot read cluster %lld: %s", (long long)lcn, strerror(errno));
}

void ntfstool_write_cluster(ntfs_volume *vol, LCN lcn, const void *buf)
{
	if (ntfs_pwrite(vol->dev, lcn << vol->cluster_size_bits, vol->cluster_size, buf) != (s64)vol->cluster_size)
		ntfstool_die("cannot write cluster %lld: %s", (long long)lcn, strerror(errno));
}
