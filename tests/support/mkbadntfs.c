/* mkbadntfs.c - a test helper that turns a healthy NTFS volume into the bad layout of the first 8 KiB.
 *
 *	mkbadntfs [-b BOOT] [-s BYTES] [-k|-f] [-d] [-V CATALOG] [OWNER-OPTIONS]... VOLUME
 *
 *	-b short	(default) $Boot covers and declares only BYTES
 *	-b size		$Boot keeps its clusters, but declares only BYTES
 *	-b moved	$Boot lies elsewhere, whole; the clusters of the first 8 KiB stay in use, but for -f
 *	-b whole	$Boot is left alone
 *	-s BYTES	what is left of it (4096), a multiple of the cluster size unless -b size
 *	-k		keep the area's clusters that nobody has marked in use (default: free where
 *			$Boot gave them up)
 *	-f		mark the area's clusters free, whoever owns them
 *	-d		mark the volume dirty
 *	-V CATALOG	a Volsnap header at 0x1E00 over what is there, with this catalog offset (0: none)
 *
 * Options for each owner, in this order; owners are handled as they come, each takes the next
 * clusters of the area that starts at BYTES:
 *	-o OWNER	path from the root or MFT record, then perhaps ":STREAM"
 *	-t TYPE		data (default), index, bitmap, list, ea, efs, reparse, or a number
 *	-v VCN		the first VCN to move; default 0, for $MFT what follows 16 records
 *	-n COUNT	clusters to move; default: what is left of the area and the stream has. More go
 *			past the area as long as the clusters behind are free.
 *	-l LCN|any	move them there instead, or to where there is room
 *	-x		a cross-link: let them point there without moving them; the cluster stays its owner's
 *
 * What is moved is copied, its old clusters are freed, both boot sectors follow $MFT and $MFTMirr.
 * Source: NTFS documentation of the Linux-NTFS project, and layout.h of libntfs-3g.
 */
#include "ntfstool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AREA 8192
#define MAX_OWNERS 32

enum boot { BOOT_SHORT, BOOT_SIZE, BOOT_MOVED, BOOT_WHOLE };

struct owner {
	const char *name;
	ATTR_TYPES type;
	VCN vcn;			/* -1: the default */
	s64 count;			/* -1: the default */
	LCN lcn;			/* -1: the area, -2: any */
	bool is_cross;
};

struct job {
	enum boot boot;
	s64 left;			/* bytes of $Boot */
	bool is_kept, is_freed, is_dirty, has_header;
	uint64_t catalog;
	struct owner owners[MAX_OWNERS];
	int n;
	LCN next, end;			/* of the area: the next cluster to give away, the first behind */
};

static s64 clusters(const ntfs_volume *vol, s64 bytes)
{
	return (bytes + vol->cluster_size - 1) >> vol->cluster_size_bits;
}

/* ---- $Boot */

/* Its sizes in the MFT record; the runs are another matter. */
static void declare_boot(struct stream *boot, s64 bytes)
{
	ntfs_attr_search_ctx *ctx = ntfs_attr_get_search_ctx(boot->ni, NULL);

	if (!ctx || ntfs_attr_lookup(AT_DATA, NULL, 0, CASE_SENSITIVE, 0, NULL, 0, ctx) || !ctx->attr->non_resident)
		ntfstool_die("$Boot has no $DATA outside its MFT record");
	ctx->attr->data_size = ctx->attr->initialized_size = cpu_to_sle64(bytes);
	boot->na->data_size = boot->na->initialized_size = boot->ni->data_size = bytes;
	ntfs_attr_put_search_ctx(ctx);
	NInoFileNameSetDirty(boot->ni);
	ntfs_inode_mark_dirty(boot->ni);
}

static void move_boot(ntfs_volume *vol, struct stream *boot)
{
	uint8_t *buf = ntfstool_alloc(vol->cluster_size);
	LCN from, to = vol->nr_clusters / 4;

	for (VCN v = 0; (v = ntfstool_next(boot->na, v, &from)) >= 0; v++) {
		to = ntfstool_take(vol, to);
		ntfstool_read_cluster(vol, from, buf);
		ntfstool_write_cluster(vol, to, buf);
		ntfstool_set_lcn(boot->na, v, to);
	}
	free(buf);
	ntfstool_store_runs(boot);
}

static void spoil_boot(ntfs_volume *vol, struct job *job)
{
	struct stream boot;

	job->next = clusters(vol, job->left);
	job->end = clusters(vol, AREA);
	if (job->boot == BOOT_WHOLE)
		return;
	ntfstool_open(vol, "7", AT_DATA, &boot);
	if (job->boot == BOOT_SIZE) {
		declare_boot(&boot, job->left);
	} else if (job->boot == BOOT_MOVED) {
		move_boot(vol, &boot);
	} else {
		if (job->left % vol->cluster_size || !job->left || job->next >= job->end)
			ntfstool_die("$Boot cannot be cut to %lld bytes of clusters of %u", (long long)job->left,
				     vol->cluster_size);
		if (ntfs_attr_truncate(boot.na, job->left))
			ntfstool_die("cannot cut $Boot short: %s", strerror(errno));
		/* Until the owners have theirs, libntfs-3g must not hand them out. */
		ntfstool_mark(vol, job->next, job->end - job->next, true);
	}
	ntfstool_close(&boot);
}

/* ---- owners */

static VCN first_vcn(const ntfs_volume *vol, const struct owner *o, const struct stream *s)
{
	if (o->vcn >= 0)
		return o->vcn;
	return s->na == vol->mft_na ? clusters(vol, 16 * (s64)vol->mft_record_size) : 0;
}

/* Where the next cluster of this owner goes, marked in use; -1 when the area is full. */
static LCN next_place(ntfs_volume *vol, struct job *job, struct owner *o)
{
	LCN to;

	if (o->lcn == -2) {
		return ntfstool_take(vol, vol->nr_clusters / 3);
	} else if (o->lcn >= 0) {
		to = o->lcn++;
	} else {
		if (job->next >= job->end && o->count < 0)
			return -1;
		to = job->next++;
		if (to < job->end)
			return to;
	}
	if (ntfstool_is_used(vol, to))
		ntfstool_die("cluster %lld is in use", (long long)to);
	ntfstool_mark(vol, to, 1, true);
	return to;
}

static void move_cluster(ntfs_volume *vol, const struct owner *o, ntfs_attr *na, VCN vcn, LCN from, LCN to)
{
	uint8_t *buf = ntfstool_alloc(vol->cluster_size);

	ntfstool_read_cluster(vol, from, buf);
	if (!o->is_cross)
		ntfstool_write_cluster(vol, to, buf);
	ntfstool_set_lcn(na, vcn, to);
	free(buf);
}

static void move_owner(ntfs_volume *vol, struct job *job, struct owner *o)
{
	LCN *old = NULL, from, to;
	struct stream s;
	s64 n = 0;
	VCN v;

	ntfstool_open(vol, o->name, o->type, &s);
	if (!NAttrNonResident(s.na))
		ntfstool_die("the attribute of \"%s\" is resident: it has no clusters", o->name);
	for (v = first_vcn(vol, o, &s); o->count < 0 || n < o->count; v++) {
		v = ntfstool_next(s.na, v, &from);
		if (v < 0)
			break;
		/* A cross-linked cluster is another owner's already. */
		to = o->is_cross && o->lcn >= 0 ? o->lcn++ : next_place(vol, job, o);
		if (to < 0)
			break;
		move_cluster(vol, o, s.na, v, from, to);
		old = realloc(old, (size_t)(n + 1) * sizeof(*old));
		if (!old)
			ntfstool_die("out of memory");
		old[n++] = from;
	}
	if (!n || (o->count > 0 && n < o->count))
		ntfstool_die("\"%s\" has too few clusters from VCN %lld on", o->name, (long long)first_vcn(vol, o, &s));
	ntfstool_store_runs(&s);
	ntfstool_close(&s);
	for (s64 i = 0; i < n; i++)
		ntfstool_mark(vol, old[i], 1, false);
	free(old);
}

/* ---- what is written behind libntfs-3g's back */

static void put(uint8_t *p, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void write_at(int fd, const void *buf, size_t len, uint64_t off)
{
	if (pwrite(fd, buf, len, (off_t)off) != (ssize_t)len)
		ntfstool_die("cannot write at %llu: %s", (unsigned long long)off, strerror(errno));
}

/* libyal, "Volume Shadow Snapshot (VSS) format", section 3: the header of 512 bytes. */
static void write_header(int fd, uint64_t catalog)
{
	static const uint8_t guid[16] = { 0x6b, 0x87, 0x08, 0x38, 0x76, 0xc1, 0x48, 0x4e,
					  0xb7, 0xae, 0x04, 0x04, 0x6e, 0x6c, 0xc7, 0x52 };
	uint8_t header[512] = { 0 };

	memcpy(header, guid, sizeof(guid));
	put(header + 16, 1, 4);
	put(header + 20, 1, 4);
	put(header + 24, 0x1e00, 8);
	put(header + 32, 0x1e00, 8);
	put(header + 48, catalog, 8);
	memset(header + 64, 0x5a, 16);	/* volume and storage volume: equal */
	memset(header + 80, 0x5a, 16);
	write_at(fd, header, sizeof(header), 0x1e00);
}

static LCN lcn_of(ntfs_volume *vol, const char *record)
{
	struct stream s;
	LCN lcn = -1;

	ntfstool_open(vol, record, AT_DATA, &s);
	ntfstool_next(s.na, 0, &lcn);
	ntfstool_close(&s);
	return lcn;
}

/* Both boot sectors name $MFT at 0x30 and $MFTMirr at 0x38; the backup is the sector behind the counted ones. */
static void patch_boot_sectors(int fd, LCN mft, LCN mirror)
{
	uint8_t sector[512], places[16];
	uint64_t total = 0;

	if (pread(fd, sector, sizeof(sector), 0) != sizeof(sector))
		ntfstool_die("cannot read the boot sector: %s", strerror(errno));
	for (int i = 7; i >= 0; i--)
		total = total << 8 | sector[0x28 + i];
	put(places, (uint64_t)mft, 8);
	put(places + 8, (uint64_t)mirror, 8);
	write_at(fd, places, sizeof(places), 0x30);
	write_at(fd, places, sizeof(places), total * (sector[0x0b] | sector[0x0c] << 8) + 0x30);
}

/* ---- the command line */

static struct owner *last_owner(struct job *job)
{
	if (!job->n)
		ntfstool_die("-t, -v, -n, -l and -x belong behind an -o");
	return &job->owners[job->n - 1];
}

static enum boot parse_boot(const char *word)
{
	static const char *const words[] = { "short", "size", "moved", "whole" };

	for (int i = 0; i < 4; i++)
		if (!strcmp(word, words[i]))
			return (enum boot)i;
	ntfstool_die("-b takes short, size, moved or whole");
}

static void parse_owner(struct job *job, int opt, const char *arg)
{
	if (opt == 'o') {
		if (job->n == MAX_OWNERS)
			ntfstool_die("too many owners");
		job->owners[job->n++] = (struct owner){
			.name = arg, .type = AT_DATA, .vcn = -1, .count = -1, .lcn = -1,
		};
	} else if (opt == 't') {
		last_owner(job)->type = ntfstool_type(arg);
	} else if (opt == 'v') {
		last_owner(job)->vcn = strtoll(arg, NULL, 0);
	} else if (opt == 'n') {
		last_owner(job)->count = strtoll(arg, NULL, 0);
	} else if (opt == 'l') {
		last_owner(job)->lcn = strcmp(arg, "any") ? strtoll(arg, NULL, 0) : -2;
	} else if (opt == 'x') {
		last_owner(job)->is_cross = true;
	} else {
		ntfstool_die("unknown option; the head of mkbadntfs.c tells the usage");
	}
}

static void parse(struct job *job, int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "b:s:kfdV:o:t:v:n:l:x")) != -1) {
		if (opt == 'b') {
			job->boot = parse_boot(optarg);
		} else if (opt == 's') {
			job->left = strtoll(optarg, NULL, 0);
		} else if (opt == 'k') {
			job->is_kept = true;
		} else if (opt == 'f') {
			job->is_freed = true;
		} else if (opt == 'd') {
			job->is_dirty = true;
		} else if (opt == 'V') {
			job->has_header = true;
			job->catalog = strtoull(optarg, NULL, 0);
		} else {
			parse_owner(job, opt, optarg);
		}
	}
	if (optind + 1 != argc)
		ntfstool_die("usage: mkbadntfs [-b BOOT] [-s BYTES] [-kfd] [-V CATALOG] [-o OWNER [-t TYPE] [-v VCN] "
			     "[-n COUNT] [-l LCN|any] [-x]]... VOLUME");
}

static void settle_area(ntfs_volume *vol, const struct job *job)
{
	if (job->is_freed)
		ntfstool_mark(vol, clusters(vol, job->left), job->end - clusters(vol, job->left), false);
	else if (!job->is_kept && job->boot == BOOT_SHORT && job->next < job->end)
		ntfstool_mark(vol, job->next, job->end - job->next, false);
}

int main(int argc, char **argv)
{
	static struct job job = { .left = 4096 };
	LCN mft, mirror;
	ntfs_volume *vol;
	int fd;

	ntfstool_name = "mkbadntfs";
	parse(&job, argc, argv);
	vol = ntfstool_mount(argv[optind], true);
	spoil_boot(vol, &job);
	for (int i = 0; i < job.n; i++)
		move_owner(vol, &job, &job.owners[i]);
	settle_area(vol, &job);
	mft = lcn_of(vol, "0");
	mirror = lcn_of(vol, "1");
	if (job.is_dirty && ntfs_volume_write_flags(vol, vol->flags | VOLUME_IS_DIRTY))
		ntfstool_die("cannot mark the volume dirty: %s", strerror(errno));
	ntfstool_umount(vol);
	fd = open(argv[optind], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		ntfstool_die("cannot open the volume again: %s", strerror(errno));
	patch_boot_sectors(fd, mft, mirror);
	if (job.has_header)
		write_header(fd, job.catalog);
	return close(fd) ? 2 : 0;
}
