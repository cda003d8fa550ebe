/* ntfsmap.c - a test helper that tells what an NTFS volume holds, cluster by cluster.
 *
 *	ntfsmap VOLUME		a line for each attribute: MFT record, type, name, flags, data size,
 *				initialized size, and the FNV-1a sum of its value as it lies on the disk
 *				(of the clusters' raw bytes, whether compressed or encrypted; "hole" marks count)
 *	ntfsmap -r VOLUME	a line for each run: MFT record, type, name, VCN, LCN, clusters
 *	ntfsmap -f VOLUME	the number of free clusters
 *	ntfsmap -b VOLUME	what lies below byte 8192: as -r, the parts below only; "free" and
 *				"lost" for clusters that nobody owns, as $Bitmap has them
 *
 * $STANDARD_INFORMATION and $FILE_NAME are left out: they hold times and sizes. Fields are separated by tabs,
 * "-" stands for no name.
 */
#include "ntfstool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ntfs-3g/mft.h>

#define AREA 8192

struct view {
	ntfs_volume *vol;
	char mode;		/* 0, 'r' or 'b' */
	LCN end;		/* of the clusters below AREA */
	bool is_owned[AREA / 512];
};

static uint64_t add_bytes(uint64_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum = (sum ^ p[i]) * 0x100000001b3;
	return sum;
}

static void print_head(u64 record, const ATTR_RECORD *a, const char *name)
{
	printf("%" PRIu64 "\t0x%x\t%s", (uint64_t)record, (unsigned)le32_to_cpu(a->type), name);
}

static uint64_t sum_runs(struct view *view, const ntfs_attr *na)
{
	uint8_t *buf = ntfstool_alloc(view->vol->cluster_size);
	uint64_t sum = 0xcbf29ce484222325;

	for (const runlist_element *r = na->rl; r->length; r++) {
		/* Neighbouring holes are one or several runs as it pleases: their clusters count. */
		for (s64 i = 0; i < r->length; i++) {
			if (r->lcn < 0) {
				sum = add_bytes(sum, (const uint8_t *)"hole", 4);
				continue;
			}
			ntfstool_read_cluster(view->vol, r->lcn + i, buf);
			sum = add_bytes(sum, buf, view->vol->cluster_size);
		}
	}
	free(buf);
	return sum;
}

static void print_runs(struct view *view, u64 record, const ATTR_RECORD *a, const char *name, const ntfs_attr *na)
{
	for (const runlist_element *r = na->rl; r->length; r++) {
		s64 n = r->length;

		if (view->mode == 'b') {
			if (r->lcn < 0 || r->lcn >= view->end)
				continue;
			if (n > view->end - r->lcn)
				n = view->end - r->lcn;
			memset(view->is_owned + r->lcn, true, (size_t)n);
		}
		print_head(record, a, name);
		printf("\t%lld\t%lld\t%lld\n", (long long)r->vcn, (long long)r->lcn, (long long)n);
	}
}

static void print_non_resident(struct view *view, ntfs_inode *ni, const ATTR_RECORD *a, const char *name)
{
	ntfschar *copy = ntfstool_alloc((size_t)a->name_length * sizeof(ntfschar) + 1);
	ntfs_attr *na;

	/* The record that holds the name may be read anew. */
	memcpy(copy, (const uint8_t *)a + le16_to_cpu(a->name_offset), a->name_length * sizeof(ntfschar));
	na = ntfs_attr_open(ni, a->type, a->name_length ? copy : AT_UNNAMED, a->name_length);
	if (!na || ntfs_attr_map_whole_runlist(na))
		ntfstool_die("cannot read a runlist of record %llu: %s", (unsigned long long)ni->mft_no,
			     strerror(errno));
	if (view->mode) {
		print_runs(view, ni->mft_no, a, name, na);
	} else {
		print_head(ni->mft_no, a, name);
		printf("\t0x%x\t%lld\t%lld\t%016" PRIx64 "\n", le16_to_cpu(a->flags), (long long)na->data_size,
		       (long long)na->initialized_size, sum_runs(view, na));
	}
	ntfs_attr_close(na);
	free(copy);
}

static void print_resident(u64 record, const ATTR_RECORD *a, const char *name)
{
	u32 len = le32_to_cpu(a->value_length);

	print_head(record, a, name);
	printf("\t0x%x\t%u\t%u\t%016" PRIx64 "\n", le16_to_cpu(a->flags), len, len,
	       add_bytes(0xcbf29ce484222325, (const uint8_t *)a + le16_to_cpu(a->value_offset), len));
}

static void print_attribute(struct view *view, ntfs_inode *ni, const ATTR_RECORD *a)
{
	const ntfschar *u = (const ntfschar *)((const uint8_t *)a + le16_to_cpu(a->name_offset));
	char *name = a->name_length ? ntfs_attr_name_get(u, a->name_length) : NULL;

	if (a->type == AT_STANDARD_INFORMATION || a->type == AT_FILE_NAME)
		;
	else if (!a->non_resident && !view->mode)
		print_resident(ni->mft_no, a, name ? name : "-");
	else if (a->non_resident && !a->lowest_vcn)
		print_non_resident(view, ni, a, name ? name : "-");
	if (name)
		ntfs_attr_name_free(&name);
}

static void print_file(struct view *view, u64 record)
{
	char number[24];
	bool is_borrowed;
	ntfs_inode *ni;
	ntfs_attr_search_ctx *ctx;

	snprintf(number, sizeof(number), "%llu", (unsigned long long)record);
	ni = ntfstool_inode(view->vol, number, &is_borrowed);
	ctx = ntfs_attr_get_search_ctx(ni, NULL);
	if (!ctx)
		ntfstool_die("out of memory");
	while (!ntfs_attrs_walk(ctx))
		print_attribute(view, ni, ctx->attr);
	if (errno != ENOENT)
		ntfstool_die("cannot read the attributes of record %s: %s", number, strerror(errno));
	ntfs_attr_put_search_ctx(ctx);
	if (!is_borrowed)
		ntfs_inode_close(ni);
}

static void print_files(struct view *view)
{
	MFT_RECORD *m = ntfstool_alloc(view->vol->mft_record_size);
	s64 n = view->vol->mft_na->initialized_size >> view->vol->mft_record_size_bits;

	for (s64 i = 0; i < n; i++) {
		if (ntfs_mft_records_read(view->vol, (MFT_REF)i, 1, m))
			ntfstool_die("cannot read MFT record %lld: %s", (long long)i, strerror(errno));
		if (ntfs_is_file_record(m->magic) && m->flags & MFT_RECORD_IN_USE && !m->base_mft_record)
			print_file(view, (u64)i);
	}
	free(m);
}

static void print_ownerless(struct view *view)
{
	for (LCN lcn = 0; lcn < view->end; lcn++)
		if (!view->is_owned[lcn])
			printf("-\t-\t%s\t-\t%lld\t1\n", ntfstool_is_used(view->vol, lcn) ? "lost" : "free",
			       (long long)lcn);
}

int main(int argc, char **argv)
{
	struct view view = { 0 };
	bool is_count = false;
	int opt;

	ntfstool_name = "ntfsmap";
	while ((opt = getopt(argc, argv, "rbf")) != -1) {
		if (opt == '?')
			return 2;
		is_count = opt == 'f';
		view.mode = (char)opt;
	}
	if (optind + 1 != argc)
		ntfstool_die("usage: ntfsmap [-r|-b|-f] VOLUME");
	view.vol = ntfstool_mount(argv[optind], false);
	view.end = (AREA + view.vol->cluster_size - 1) >> view.vol->cluster_size_bits;
	if (is_count)
		printf("%lld\n", (long long)view.vol->free_clusters);
	else
		print_files(&view);
	if (view.mode == 'b')
		print_ownerless(&view);
	ntfstool_umount(view.vol);
	return 0;
}
